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

Status plan_share(const Vault& vault, WritersShare& share, const std::vector<const RecoveryPoint*>& to_fold_for, const std::unordered_set<PackId>& retired_before,
                  const ClaimSet* only_with, RepackLimits limits, int compression_level, Marker& marker, Progress& progress) {
  const auto counts = [&](const PackId& id) { return share.stock.listed.contains(id) && !share.stock.doubtful.contains(id) && !retired_before.contains(id); };
  const Footing footing = HF_TRY(marker.footing(vault, *share.index, counts));
  RepackPlan& plan = share.plan;
  std::unordered_set<PackId> goes;
  const auto plan_anew = [&]() -> Status {
    plan = HF_TRY(plan_repack(*share.index, share.stock, retired_before, share.needed, only_with, footing, limits));
    goes = retired_before;
    goes.insert(plan.dead.begin(), plan.dead.end());
    goes.insert(plan.repack.begin(), plan.repack.end());
    return {};
  };

  // What folding would give back is waste, too.
  std::vector<FoldGroup> groups;
  double left = 0;  // of it
  if (!to_fold_for.empty()) groups = HF_TRY(marker.fold(vault, *share.index, to_fold_for, counts));
  if (!groups.empty()) {
    HF_TRY(plan_anew());
    const auto is_too_little = [&] {
      left = 0;
      for (const FoldGroup& g : groups) left += g.gain();
      return static_cast<double>(plan.bytes_unused) + left <= static_cast<double>(plan.bytes_unused_max);
    };
    if (!is_too_little()) weigh(vault, *share.index, compression_level, groups, progress);
    if (is_too_little()) groups.clear();
  }

  // A pack that stays keeps every delta in it readable, so its bases stay too; and then other packs may. What is live in packs
  // that go is copied.
  const auto standing = [&](const PackId& id) { return share.stock.listed.contains(id) && !goes.contains(id) ? NeedGraph::Standing::all : NeedGraph::Standing::as_used; };
  bool marked_for_folds = false;
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
    limits.first = first;
    if (marked_for_folds || !groups.empty()) {
      marked_for_folds = true;
      share.needed.clear();
      HF_TRY(marker.mark(vault, *share.index, to_fold_for, Marker::Scope::some_points, share.needed.of(to_fold_for[0]->domain), progress, &alone));
    }
    for (bool again = true; again;) {
      HF_TRY(plan_anew());
      if (plan.dead.empty() && plan.repack.empty()) break;
      again = HF_TRY(marker.hold_up(vault, *share.index, standing, share.needed.last(), &alone));
    }
    // Folded are those only of which all may be copied, and for whose sake alone all that they stood on was kept.
    const std::size_t before = groups.size();
    std::erase_if(groups, [&](const FoldGroup& g) {
      return std::any_of(g.folds.begin(), g.folds.end(), [&](const Fold& f) { return !goes.contains(f.at.pack); }) ||
             std::any_of(g.kept_in.begin(), g.kept_in.end(), [&](const PackId& id) { return !goes.contains(id); }) ||
             std::any_of(g.kept_chunks.begin(), g.kept_chunks.end(), [&](const ChunkKey& key) { return share.needed.last().contains(key); });
    });
    settled = groups.size() == before;
    if (!settled) continue;
    for (const FoldGroup& g : groups) {
      left -= g.gain();
      plan.deltas_folded += g.folds.size();
      for (const Fold& f : g.folds)
        for (const ChunkKey& key : f.chunks) plan.alone->insert(key);
    }
  }
  plan.bytes_unused_left += static_cast<std::uint64_t>(std::max(left, 0.0));
  return {};
}

}  // namespace hf
