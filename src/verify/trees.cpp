#include <algorithm>
#include <unordered_set>

#include "base/units.hpp"
#include "point/tree_graph.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

/// Walks every tree, and where something is damaged, finds out which names of which points it costs.
class TreeCheck {
 public:
  TreeCheck(const Vault& vault, Survey& survey) : survey_(survey), chunks_(vault, *survey.index), graph_(chunks_, survey.options.jobs, &survey.progress), references_(std::max(1u, survey.options.jobs)) {}

  /// Looks at everything, and tells nothing yet.
  Status walk() {
    std::vector<GraphNode> roots;
    for (const RecoveryPoint& p : survey_.points)
      if (p.root.directory) roots.push_back({*p.root.directory, 0});
    HF_TRY(graph_.walk(
        roots, [this](unsigned worker, const GraphNode& node, ByteView content, std::vector<GraphNode>& children) { return look(worker, node, content, children); },
        [this](const GraphNode& node, const Error& error) -> Status {
          failed_.emplace_back(node, error);
          return {};
        }));
    return {};
  }

  bool all_well() {
    Lock lock(unknown_mutex_);
    return failed_.empty() && unknown_.empty();
  }

  /// Tells what was found, and what it costs.
  Status tell() {
    for (const auto& [node, error] : failed_) failed(node, error);
    report_unknown();
    {
      Lock lock(survey_.mutex);
      survey_.report.nodes = graph_.nodes();
      for (const Count& c : references_) survey_.report.references += c.n;
      survey_.report.trees_checked = true;
    }
    return graph_.marks() > 0 ? cost() : Status();
  }

 private:
  struct alignas(64) Count {
    std::uint64_t n = 0;
  };

  /// The damage that hits a chunk; kUnknown where no index run tells of it; nothing where it is well.
  static constexpr std::size_t kUnknown = SIZE_MAX - 1;
  std::optional<std::size_t> damage_of(const ChunkId& id) const {
    const ChunkKey key = ChunkKey::of(id);
    if (!survey_.bad_chunks.empty())
      if (const auto bad = survey_.bad_chunks.find(id_of(key)); bad != survey_.bad_chunks.end()) return bad->second;
    if (survey_.known) return survey_.known->contains(key) ? std::nullopt : std::optional(kUnknown);
    const auto place = survey_.index->find(id);
    return place && *place ? std::nullopt : std::optional(kUnknown);
  }

  bool check_refs(unsigned worker, const std::vector<ChunkRef>& refs) {
    references_[worker].n += refs.size();
    bool all_well = true;
    for (const ChunkRef& r : refs) {
      const auto damage = damage_of(r.id);
      if (!damage) continue;
      all_well = false;
      if (*damage == kUnknown) remember_unknown(r.id);
    }
    return all_well;
  }

  Result<bool> look(unsigned worker, const GraphNode& node, ByteView content, std::vector<GraphNode>& children) {
    if (node.list_level > 0) {
      const auto refs = HF_TRY(decode_ref_list(content));
      if (node.list_level == 1) return !check_refs(worker, refs);
      for (const ChunkRef& r : refs) children.push_back({r, static_cast<std::uint8_t>(node.list_level - 1)});
      return false;
    }
    const TreeNode tree = HF_TRY(decode_node(content));
    add_children(tree, true, children);
    bool well = true;
    for (const Entry& e : tree.entries)
      if (e.is_regular() && e.content.level == 0 && !check_refs(worker, e.content.refs)) well = false;
    return !well;
  }

  void remember_unknown(const ChunkId& id) {
    constexpr std::size_t kRemembered = 1u << 20;
    Lock lock(unknown_mutex_);
    if (unknown_.size() < kRemembered) unknown_.insert(id);
  }

  void failed(const GraphNode& node, const Error& error) {
    std::size_t damage;
    if (const auto known = damage_of(node.ref.id)) {
      damage = *known;
      if (damage == kUnknown) remember_unknown(node.ref.id);
    } else {
      const auto [at, is_new] = told_.try_emplace(error.message, Survey::kUnlisted);
      if (is_new) {
        Damage d;
        const bool in_pack = error.object.starts_with("packs/");
        d.kind = in_pack ? DamageKind::damaged_pack : DamageKind::wrong_tree;
        d.object = in_pack ? error.object : "chunk " + node.ref.id.hex();
        d.chunks = 1;
        d.message = (node.list_level > 0 ? "a list of the chunks of a file can't be read (" : "a directory can't be read (") + error.message + ")";
        d.hint = in_pack ? "read all of the vault to see how far it goes: holdfast verify --full" : "please report this: the bytes are those that were stored, and yet they make no sense";
        at->second = survey_.add(std::move(d));
      }
      damage = at->second;
    }
    node_damage_[node.ref.id] = damage;
  }

  void report_unknown() {
    Lock unknown_lock(unknown_mutex_);
    if (unknown_.empty()) return;
    Damage d;
    d.kind = DamageKind::missing_chunk;
    d.chunks = unknown_.size();
    d.object = "chunk " + unknown_.begin()->hex();
    d.message = human_count(unknown_.size()) + (unknown_.size() == 1 ? " chunk" : " chunks") + " that recovery points name " + (unknown_.size() == 1 ? "is" : "are") + " in no pack that the index knows";
    bool rebuild = survey_.index_damaged;
    {
      Lock lock(survey_.mutex);
      rebuild = rebuild || survey_.report.orphan_packs > 0 || survey_.report.index_runs == 0;
    }
    d.hint = rebuild ? "the packs may hold them: holdfast rebuild, then verify again" : "bring the missing packs back from a copy of the vault, then: holdfast rebuild";
    unknown_damage_ = survey_.add(std::move(d));
  }

  // --- what it costs ---

  struct Loss {
    std::set<std::size_t> damages;
    std::uint64_t bytes = 0;
  };
  void add_loss(const std::vector<ChunkRef>& refs, std::uint8_t level, Loss& loss) {
    for (const ChunkRef& r : refs) {
      if (level == 0) {
        if (const auto damage = damage_of(r.id)) {
          loss.damages.insert(*damage);
          loss.bytes += r.bytes;
        }
        continue;
      }
      if (!graph_.leads_to_mark(r.id, level)) continue;
      if (const auto at = node_damage_.find(r.id); at != node_damage_.end()) {
        loss.damages.insert(at->second);
        loss.bytes += r.bytes;  // of the list: how much it listed nobody knows
        continue;
      }
      const auto list = chunks_.read(r.id);
      if (!list) continue;
      if (const auto inner = decode_ref_list(list->bytes)) add_loss(*inner, static_cast<std::uint8_t>(level - 1), loss);
    }
  }

  /// Points with the same tree in the same place.
  struct Group {
    const RecoveryPoint* newest = nullptr;
    std::vector<const RecoveryPoint*> points;
  };

  Status cost() {
    std::map<std::tuple<ChunkId, std::string, std::string>, Group> by_tree;
    for (const RecoveryPoint& p : survey_.points) {
      if (!p.root.directory) continue;
      Group& g = by_tree[{p.root.directory->id, p.base_path, p.host}];
      g.newest = &p;  // they come oldest first
      g.points.push_back(&p);
    }
    std::vector<Group> groups;
    for (auto& [key, group] : by_tree) groups.push_back(std::move(group));
    std::sort(groups.begin(), groups.end(), [](const Group& a, const Group& b) { return a.newest->started_ns > b.newest->started_ns; });

    const auto wanted = [this](const Entry& e) {
      if (!e.is_regular()) return false;
      return std::any_of(e.content.refs.begin(), e.content.refs.end(), [&](const ChunkRef& r) { return e.content.level == 0 ? damage_of(r.id).has_value() : graph_.leads_to_mark(r.id, e.content.level); });
    };
    for (const Group& g : groups) {
      if (survey_.stopped()) return Error(Code::cancelled, "stopped");
      std::uint64_t paths = 0;
      std::set<std::size_t> damages;
      const std::string base = g.newest->base_path == "/" ? "" : g.newest->base_path;
      const auto traced = graph_.trace(g.newest->root, wanted, [&](const std::string& path, const Entry* entry, const TreeGraph::Lost* lost) -> Status {
        ++paths;
        Loss loss;
        if (entry != nullptr) {
          add_loss(entry->content.refs, entry->content.level, loss);
        } else if (const auto at = node_damage_.find(lost->node); at != node_damage_.end()) {
          loss.damages.insert(at->second);
        }
        damages.insert(loss.damages.begin(), loss.damages.end());
        affect(g, base + (path.empty() ? "" : "/" + path), lost, loss);
        return {};
      });
      if (!traced && traced.error().code == Code::cancelled) return traced;
      Lock lock(survey_.mutex);
      VerifyReport& r = survey_.report;
      for (std::size_t d : damages)
        if (Damage* listed = listed_damage(d)) listed->points += g.points.size();
      if (paths == 0) continue;
      for (const RecoveryPoint* p : g.points) r.affected_points.push_back({p->id, p->started_ns, p->source(), paths});
    }
    Lock lock(survey_.mutex);
    VerifyReport& r = survey_.report;
    r.affected_count = places_.size();
    std::sort(r.affected_points.begin(), r.affected_points.end(), [](const AffectedPoint& a, const AffectedPoint& b) { return a.time_ns > b.time_ns; });
    return {};
  }

  Damage* listed_damage(std::size_t d) HF_REQUIRES(survey_.mutex) {
    if (d == kUnknown) d = unknown_damage_;
    return d < survey_.report.damage.size() ? &survey_.report.damage[d] : nullptr;
  }

  void affect(const Group& g, const std::string& path, const TreeGraph::Lost* lost, const Loss& loss) {
    Lock lock(survey_.mutex);
    VerifyReport& r = survey_.report;
    const std::string key = g.newest->host + '\0' + path + '\0' + (lost != nullptr ? lost->from : "");
    const auto [at, is_new] = places_.try_emplace(std::hash<std::string>()(key), r.affected.size());
    if (is_new && r.affected.size() < VerifyReport::kListed) {
      AffectedPath a;
      a.path = path;
      a.source = g.newest->source();
      a.directory = lost != nullptr;
      if (lost != nullptr) a.lost_from = lost->from;
      a.bytes_lost = loss.bytes;
      a.newest = g.newest->id;
      r.affected.push_back(std::move(a));
    }
    if (at->second < r.affected.size()) r.affected[at->second].points += g.points.size();
    for (std::size_t d : loss.damages) {
      Damage* damage = listed_damage(d);
      if (damage == nullptr || !counted_.insert(std::hash<std::string>()(key) ^ (d + 1) * 0x9E3779B97F4A7C15u).second) continue;
      ++damage->files;
      if (damage->first_files.size() < 3) damage->first_files.push_back(path + (lost != nullptr ? "/" : ""));
    }
  }

  Survey& survey_;
  ChunkReader chunks_;
  TreeGraph graph_;
  std::vector<Count> references_;  // by worker
  Mutex unknown_mutex_;
  std::unordered_set<ChunkId> unknown_ HF_GUARDED_BY(unknown_mutex_);
  std::vector<std::pair<GraphNode, Error>> failed_;
  std::size_t unknown_damage_ = Survey::kUnlisted;
  std::map<std::string, std::size_t> told_;  // message → damage
  std::unordered_map<ChunkId, std::size_t> node_damage_;
  std::unordered_map<std::size_t, std::size_t> places_;  // hash of host and path → position in report.affected, or beyond
  std::unordered_set<std::size_t> counted_;              // hash of damage and path
};

}  // namespace

Status check_trees(const Vault& vault, Survey& survey) {
  constexpr int kLooks = 5;
  for (int look = 1;; ++look) {
    TreeCheck check(vault, survey);
    HF_TRY(check.walk());
    // A prune may have removed a point since we listed it, with all that it alone needed; or moved what we look for.
    const bool moved = !check.all_well() && look < kLooks && (HF_TRY(drop_removed_points(vault, survey)) || HF_TRY(has_moved(vault, survey)));
    if (!moved) return check.tell();
    static_cast<void>(HF_TRY(check_index(vault, survey)));  // what is damaged was told
  }
}

}  // namespace hf
