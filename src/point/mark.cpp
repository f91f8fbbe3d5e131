#include "point/mark.hpp"

#include "base/mutex.hpp"
#include "point/tree_graph.hpp"
#include "point/tree_reader.hpp"
#include "vault/local_cache.hpp"

namespace hf {
namespace {

/// What one node names.
struct Named {
  std::vector<GraphNode> nodes;
  std::vector<ChunkKey> contents;

  void take(const ChunkRef& ref, std::uint8_t list_level) {
    if (list_level == 0) contents.push_back(ChunkKey::of(ref.id));
    else nodes.push_back({ref, list_level});
  }
};

Result<Named> named_by(const GraphNode& node, ByteView content) {
  Named out;
  if (node.list_level > 0) {
    for (const ChunkRef& r : HF_TRY(decode_ref_list(content))) out.take(r, static_cast<std::uint8_t>(node.list_level - 1));
    return out;
  }
  const TreeNode tree = HF_TRY(decode_node(content));
  for (const NodeRange& r : tree.ranges) out.nodes.push_back({r.node, 0});
  for (const Entry& e : tree.entries) {
    if (e.directory) out.nodes.push_back({*e.directory, 0});
    for (const ChunkRef& r : e.content.refs) out.take(r, e.content.level);
  }
  return out;
}

}  // namespace

void TreeMarker::load(const Vault& vault) {
  if (loaded_) return;
  loaded_ = true;
  if (const auto cached = read_cache(vault, CacheKind::needs))
    if (auto graph = NeedGraph::decode(*cached)) graph_ = std::move(*graph);
}

Status TreeMarker::learn(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, Progress& progress) {
  std::vector<GraphNode> roots;
  for (const RecoveryPoint* p : points)
    if (p->root.directory && !graph_.knows_node(ChunkKey::of(p->root.directory->id))) roots.push_back({*p->root.directory, 0});
  if (roots.empty()) return {};
  ChunkReader chunks(vault, index);
  TreeGraph trees(chunks, jobs_, &progress);
  Mutex mutex;  // of graph_
  const auto look = [&](unsigned, const GraphNode& node, ByteView content, std::vector<GraphNode>& children) -> Result<bool> {
    Named named = HF_TRY(named_by(node, content));
    std::vector<ChunkKey> below;
    for (const GraphNode& child : named.nodes) below.push_back(ChunkKey::of(child.ref.id));
    Lock lock(mutex);
    // A child that is known is known with all below it, or its turn has come in this walk.
    for (std::size_t i = 0; i < below.size(); ++i) {
      const std::uint8_t level = named.nodes[i].list_level;
      if (!graph_.knows_node(below[i])) children.push_back(named.nodes[i]);
      else if (level > 0 && graph_.names_nodes(below[i]) != (level > 1))
        return Error(Code::corrupt, "chunk " + named.nodes[i].ref.id.brief() + " is named as a list of chunks, and as a list of lists: a recovery point is forged");
    }
    graph_.add_node(ChunkKey::of(node.ref.id), below, named.contents);
    return false;
  };
  const auto walked = trees.walk(roots, look, [](const GraphNode& node, const Error& error) -> Status {
    return Error(Code::corrupt, "chunk " + node.ref.id.brief() + " of a tree can't be read, so nobody knows what is needed below it; nothing was removed",
                 "see what is affected, and heal it first: holdfast verify --full")
        .with_detail(error.message);
  });
  nodes_read_ += trees.nodes();
  if (!walked) {
    graph_.drop_added();  // what is below some of them was not looked at
    return walked;
  }
  graph_.keep_added();
  learned_ = true;
  return {};
}

Result<KnownDeltas> TreeMarker::learn_deltas(const Vault& vault, const Index& index) {
  load(vault);
  KnownDeltas out = HF_TRY(hf::learn_deltas(vault, index, graph_));
  learned_ = learned_ || out.learned;
  return out;
}

NeedMarks TreeMarker::marks_below(std::span<const RecoveryPoint* const> points) const {
  NeedMarks out;
  for (const RecoveryPoint* p : points)
    if (p->root.directory) graph_.mark_below(ChunkKey::of(p->root.directory->id), out);
  return out;
}

NeedMarks TreeMarker::marks_of(const ClaimSet& chunks) const {
  NeedMarks out;
  graph_.mark_those([&](const ChunkKey& key) { return chunks.contains(key); }, out);
  return out;
}

void TreeMarker::mark_bases(const KnownDeltas& deltas, NeedMarks& marks, const std::function<NeedGraph::Standing(const PackId&)>& standing, const ClaimSet* alone) {
  graph_.mark(deltas.unclear, marks);
  const NeedMarks folded = alone == nullptr ? NeedMarks() : marks_of(*alone);
  graph_.mark_bases(deltas.packs, marks, standing, &folded);
}

Status TreeMarker::mark(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, Scope scope, ClaimSet& live, Progress& progress, const ClaimSet* alone) {
  load(vault);
  HF_TRY(learn(vault, index, points, progress));
  NeedMarks marks = marks_below(points);
  mark_bases(HF_TRY(learn_deltas(vault, index)), marks, nullptr, alone);
  graph_.for_each_marked(marks, [&](const ChunkKey& key) { live.insert(key); });
  if (scope == Scope::every_point && learned_) {
    std::vector<PackId> packs;
    for (const IndexedPack& p : index.packs()) packs.push_back(p.id);
    write_cache(vault, CacheKind::needs, graph_.encode(marks, packs));
    learned_ = false;
  }
  return {};
}

Result<bool> TreeMarker::hold_up(const Vault& vault, const Index& index, const std::function<NeedGraph::Standing(const PackId&)>& standing, ClaimSet& live, const ClaimSet* alone) {
  const KnownDeltas deltas = HF_TRY(learn_deltas(vault, index));
  NeedMarks marks = marks_of(live);
  mark_bases(deltas, marks, standing, alone);
  bool added = false;
  graph_.for_each_marked(marks, [&](const ChunkKey& key) { added = live.insert(key) || added; });
  return added;
}

Result<std::vector<FoldGroup>> TreeMarker::fold(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, const std::function<bool(const PackId&)>& counts) {
  const KnownDeltas deltas = HF_TRY(learn_deltas(vault, index));
  NeedMarks by_points = marks_below(points);
  graph_.mark(deltas.unclear, by_points);
  NeedMarks needed = by_points;
  graph_.mark_bases(deltas.packs, needed);
  return worth_folding(index, graph_, deltas.packs, by_points, needed, counts);
}

Result<Turnable> TreeMarker::turn(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> newest, const std::function<bool(const PackId&)>& counts,
                                  const MayTurn& may_turn) {
  const KnownDeltas deltas = HF_TRY(learn_deltas(vault, index));
  // What stands on what in a pack that nobody can look into might come to lie too deep, should it come back.
  if (deltas.packs.size() < index.packs().size()) return Turnable{.groups = {}, .left = {}, .unclear = true};
  const auto order = [&](std::vector<std::uint32_t>& part) -> Status {
    std::uint64_t at = 0;
    return for_each_content(vault, index, newest, [&](const ChunkRef& ref) -> Status {
      const auto n = graph_.find(ChunkKey::of(ref.id));
      if (n && *n < part.size() && part[*n] == UINT32_MAX) part[*n] = static_cast<std::uint32_t>(at / kLaidPartBytes);
      at += ref.bytes;
      return {};
    });
  };
  return worth_turning(index, graph_, deltas.packs, marks_below(newest), order, counts, may_turn);
}

Status TreeMarker::for_each_content(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, const std::function<Status(const ChunkRef&)>& visit) {
  ChunkReader chunks(vault, index);
  for (const RecoveryPoint* p : points)
    HF_TRY(walk_tree(chunks, p->root, [&](const std::string&, const Entry& e) -> Result<Walk> {
      HF_TRY(for_each_chunk(chunks, e, [&](const ChunkRef& ref, std::uint64_t) { return visit(ref); }));  // what fails is mostly the visitor's
      return Walk::descend;
    }));
  return {};
}

Result<Footing> TreeMarker::footing(const Vault& vault, const Index& index, const std::function<bool(const PackId&)>& counts) {
  const KnownDeltas deltas = HF_TRY(learn_deltas(vault, index));
  return Footing::of(index, graph_, deltas.packs, deltas.damaged, counts);
}

}  // namespace hf
