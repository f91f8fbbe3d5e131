#include "vault/prune_plan.hpp"

#include <algorithm>
#include <set>
#include <unordered_map>

namespace hf {

Result<std::vector<WritersShare>> shares_of(const Vault& vault, const Index& all, const std::vector<const RecoveryPoint*>& points) {
  std::vector<WritersShare> out;
  std::set<WriterId> writers{WriterId()};
  for (const WriterId& writer : all.writers()) writers.insert(writer);
  for (const RecoveryPoint* p : points) writers.insert(p->writer);
  const Stock listed = HF_TRY(list_stock(vault));
  for (const WriterId& writer : writers) {
    WritersShare& share = out.emplace_back();
    share.writer = writer;
    share.index = all.only(writer);
    share.stock = listed;
    compare_stock(share.stock, *share.index, all);
    if (!writer.is_zero()) share.stock.orphans.clear();
  }
  // Of a pack that runs of several tell, the header decides whose it is; where it is damaged, it is nobody's but the vault's.
  std::unordered_map<PackId, std::size_t> told_by;
  for (const WritersShare& share : out)
    for (const IndexedPack& p : share.index->packs()) ++told_by[p.id];
  for (WritersShare& share : out) {
    if (share.writer.is_zero()) continue;
    for (const IndexedPack& p : share.index->packs()) {
      if (!share.stock.listed.contains(p.id)) continue;
      const auto maker = HF_TRY(maker_of(vault, p.id));
      if (maker ? *maker != share.writer : told_by[p.id] > 1) share.stock.listed.erase(p.id);
    }
  }
  return out;
}

namespace {

/// One share's plan in the making.
class Planner {
 public:
  Planner(const Vault& vault, WritersShare& share, const std::unordered_set<PackId>& retired_before, const ClaimSet* only_with, const RepackLimits& limits, Marker& marker, Progress& progress)
      : vault_(vault), share_(share), plan_(share.plan), retired_before_(retired_before), only_with_(only_with), limits_(limits), marker_(marker), progress_(progress) {}
  Status begin() {
    footing_ = HF_TRY(marker_.footing(vault_, *share_.index, counts_));
    return {};
  }
  Status plain() { return settle({}, ClaimSet()); }
  /// True if something is folded; else there is no plan yet.
  Result<bool> fold(const std::vector<const RecoveryPoint*>& points, int compression_level);
  /// True if something is turned; likewise.
  Result<bool> turn(const MayEncodeAnew& may);

 private:
  /// The packs of these groups. Into `left_out` come groups that would go beyond what may be copied.
  std::vector<PackId> those_that_fit(const std::vector<TurnGroup>& groups, std::unordered_set<PackId>& left_out) const;
  Status plan_anew();
  Status mark_anew(const std::vector<const RecoveryPoint*>& points, const ClaimSet* alone) {
    share_.needed.clear();
    return marker_.mark(vault_, *share_.index, points, Marker::Scope::some_points, share_.needed.of(points[0]->domain), progress_, alone);
  }
  /// Plans until what is needed and what goes agree. A pack that stays keeps every delta in it readable, so its bases stay too; and
  /// then other packs may. What is live in packs that go is copied.
  Status settle(const std::vector<PackId>& first, const ClaimSet& alone);

  const Vault& vault_;
  WritersShare& share_;
  RepackPlan& plan_;
  const std::unordered_set<PackId>& retired_before_;
  const ClaimSet* const only_with_;
  RepackLimits limits_;
  Marker& marker_;
  Progress& progress_;
  const std::function<bool(const PackId&)> counts_ = [this](const PackId& id) {
    return share_.stock.listed.contains(id) && !share_.stock.doubtful.contains(id) && !retired_before_.contains(id);
  };
  Footing footing_;
  std::unordered_set<PackId> goes_;
};

Status Planner::plan_anew() {
  plan_ = HF_TRY(plan_repack(*share_.index, share_.stock, retired_before_, share_.needed, only_with_, footing_, limits_));
  goes_ = retired_before_;
  goes_.insert(plan_.dead.begin(), plan_.dead.end());
  goes_.insert(plan_.repack.begin(), plan_.repack.end());
  return {};
}

Status Planner::settle(const std::vector<PackId>& first, const ClaimSet& alone) {
  limits_.first = first;
  const auto standing = [&](const PackId& id) { return share_.stock.listed.contains(id) && !goes_.contains(id) ? NeedGraph::Standing::all : NeedGraph::Standing::as_used; };
  for (bool again = true; again;) {
    HF_TRY(plan_anew());
    if (plan_.dead.empty() && plan_.repack.empty()) break;
    again = HF_TRY(marker_.hold_up(vault_, *share_.index, standing, share_.needed.last(), &alone));
  }
  limits_.first = {};
  return {};
}

Result<bool> Planner::fold(const std::vector<const RecoveryPoint*>& points, int compression_level) {
  std::vector<FoldGroup> groups = HF_TRY(marker_.fold(vault_, *share_.index, points, counts_));
  if (groups.empty()) return false;
  // What folding would give back is waste, too.
  HF_TRY(plan_anew());
  double left = 0;
  const auto is_too_little = [&] {
    left = 0;
    for (const FoldGroup& g : groups) left += g.gain();
    return static_cast<double>(plan_.bytes_unused) + left <= static_cast<double>(plan_.bytes_unused_max);
  };
  if (!is_too_little()) weigh(vault_, *share_.index, compression_level, groups, progress_);
  const auto tell_what_is_left = [&] { plan_.bytes_unused_left += static_cast<std::uint64_t>(std::max(left, 0.0)); };
  if (is_too_little()) {
    HF_TRY(plain());
    tell_what_is_left();
    return true;
  }
  for (bool settled = false; !settled;) {
    ClaimSet alone;
    std::vector<PackId> first;
    for (const FoldGroup& g : groups) {
      for (const Fold& f : g.folds) {
        first.push_back(f.at.pack);
        for (const ChunkKey& key : f.chunks) alone.insert(key);
      }
      first.insert(first.end(), g.kept_in.begin(), g.kept_in.end());
    }
    HF_TRY(mark_anew(points, &alone));
    HF_TRY(settle(first, alone));
    // Folded are those only of which all may be copied, and for whose sake alone all that they stood on was kept.
    const std::size_t before = groups.size();
    std::erase_if(groups, [&](const FoldGroup& g) {
      return std::any_of(g.folds.begin(), g.folds.end(), [&](const Fold& f) { return !goes_.contains(f.at.pack); }) ||
             std::any_of(g.kept_in.begin(), g.kept_in.end(), [&](const PackId& id) { return !goes_.contains(id); }) ||
             std::any_of(g.kept_chunks.begin(), g.kept_chunks.end(), [&](const ChunkKey& key) { return share_.needed.last().contains(key); });
    });
    settled = groups.size() == before;
  }
  for (const FoldGroup& g : groups) {
    left -= g.gain();
    plan_.deltas_folded += g.folds.size();
    for (const Fold& f : g.folds)
      for (const ChunkKey& key : f.chunks) plan_.alone->insert(key);
  }
  tell_what_is_left();
  return true;
}

std::vector<PackId> Planner::those_that_fit(const std::vector<TurnGroup>& groups, std::unordered_set<PackId>& left_out) const {
  std::unordered_map<PackId, std::uint64_t> bytes_of;
  for (const IndexedPack& p : share_.index->packs()) bytes_of[p.id] = p.stored_bytes;
  std::vector<PackId> out;
  std::unordered_set<PackId> taken;
  std::uint64_t bytes = 0;
  for (const TurnGroup& g : groups) {
    std::uint64_t more = 0;
    for (const PackId& id : g.packs) more += taken.contains(id) ? 0 : bytes_of[id];
    if (limits_.bytes_max && bytes + more > *limits_.bytes_max) {
      left_out.insert(g.packs[0]);
      continue;
    }
    bytes += more;
    for (const PackId& id : g.packs)
      if (taken.insert(id).second) out.push_back(id);
  }
  return out;
}

Result<bool> Planner::turn(const MayEncodeAnew& may) {
  std::unordered_set<PackId> left_out;
  const auto may_turn = [&](const PackId& id, double share) { return share >= may.turned_share_min && !left_out.contains(id); };
  for (;;) {
    Turnable found = HF_TRY(marker_.turn(vault_, *share_.index, may.newest, counts_, may_turn));
    if (found.groups.empty()) {
      share_.could_not_turn = found.unclear || !left_out.empty();
      return false;
    }
    const std::size_t before = left_out.size();
    const std::vector<PackId> first = those_that_fit(found.groups, left_out);
    if (left_out.size() > before) continue;
    HF_TRY(settle(first, ClaimSet()));
    for (const TurnGroup& g : found.groups)
      if (std::any_of(g.packs.begin(), g.packs.end(), [&](const PackId& id) { return !goes_.contains(id); })) left_out.insert(g.packs[0]);
    if (left_out.size() > before) {
      HF_TRY(mark_anew(may.points, nullptr));  // what stayed for want of room is held up no longer
      continue;
    }
    for (TurnGroup& g : found.groups)
      for (TurnGroup::Turn& t : g.turns) {
        for (const ChunkKey& key : t.chunks) plan_.turned.emplace(key, static_cast<std::uint32_t>(plan_.turns.size()));
        plan_.turns.push_back(std::move(t));
      }
    plan_.not_laid.insert(found.left.begin(), found.left.end());
    return true;
  }
}

}  // namespace

Status plan_share(const Vault& vault, WritersShare& share, const MayEncodeAnew& may, const std::unordered_set<PackId>& retired_before, const ClaimSet* only_with, RepackLimits limits,
                  int compression_level, Marker& marker, Progress& progress) {
  Planner planner(vault, share, retired_before, only_with, limits, marker, progress);
  HF_TRY(planner.begin());
  if (!may.newest.empty() && HF_TRY(planner.turn(may))) return {};
  if (!may.points.empty() && HF_TRY(planner.fold(may.points, compression_level))) return {};
  return planner.plain();
}

}  // namespace hf
