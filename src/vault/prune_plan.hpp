#pragma once
// What a prune would do with what each writer wrote.

#include <memory>
#include <unordered_set>
#include <vector>

#include "vault/prune.hpp"
#include "vault/repack.hpp"
#include "vault/stock.hpp"

namespace hf {

/// What one writer wrote: its points need chunks in its packs, as its runs tell of them. So nobody can make another's packs
/// look needless, or say to hold what others need.
struct WritersShare {
  WriterId writer;
  std::unique_ptr<Index> index;
  Stock stock;
  Needed needed;
  RepackPlan plan;
  bool could_not_turn = false;  ///< what may have been worth it
};

/// The vault's own share, with the orphans, and that of each write-only key.
Result<std::vector<WritersShare>> shares_of(const Vault& vault, const Index& all, const std::vector<const RecoveryPoint*>& points);

/// What may be encoded in another way, where there are no other writers or domains: both empty else.
struct MayEncodeAnew {
  std::vector<const RecoveryPoint*> points;  ///< all, marked before: deltas may be folded for them
  std::vector<const RecoveryPoint*> newest;  ///< those of them whose content may be laid anew, and older content turned onto it
  double turned_share_min = 1;               ///< where that is at least so much of a pack
};

/// Plans for a share of which it is known what is needed, and makes that what is needed after it. `only_with` is plan_repack()'s.
Status plan_share(const Vault& vault, WritersShare& share, const MayEncodeAnew& may, const std::unordered_set<PackId>& retired_before, const ClaimSet* only_with, RepackLimits limits,
                  int compression_level, Marker& marker, Progress& progress);

}  // namespace hf
