#pragma once
// Bringing a pack back from a stripe: one that is gone, or damaged beyond what its own parity can mend.
//
// Nothing that a stripe says is believed: whatever comes out must have the pack's name, which is the hash of all of it, or
// nothing is changed. So a damaged or forged stripe can fail to heal, and never makes a wrong pack.
//
// Crash story: as heal.hpp: beside what is there, proven, then put in its place in one step.

#include "base/progress.hpp"
#include "vault/heal.hpp"
#include "vault/stripe.hpp"

namespace hf {

struct StripeHealing {
  StripeId stripe;
  Healing pack;
  std::vector<std::pair<PackId, Healing>> neighbours;  ///< packs of the stripe that were mended from their own parity for it
  /// "all of it rebuilt from a stripe of 9 other packs": for people.
  std::string text() const;
  std::size_t others = 0;  ///< packs of the stripe beside it
};

/// Heals from the first of these stripes that can. The pack may be missing. Where too much of a stripe is lost, packs of it
/// that are damaged are first mended from their own parity. NotFound: no stripe holds it. Corrupt: none is enough; the
/// last reason is told, and the pack is as it was. Memory: a block of each pack of the stripe.
Result<StripeHealing> heal_from_stripes(ObjectStore& packs, ObjectStore& place, const PackId& pack, const std::vector<const Stripe*>& stripes);

struct StripeRecovery {
  std::uint64_t packs = 0, bytes = 0;            ///< that came back
  std::vector<std::pair<PackId, Error>> failed;  ///< that are missing still
};
/// Brings back every pack that a stripe of this vault (nullopt: any) names and that is not there: for a vault whose index
/// can't tell what should be. What a prune left in a stripe and removed comes back too, as waste. Cancelled where progress
/// says so; what came back stays.
Result<StripeRecovery> recover_missing(ObjectStore& packs, ObjectStore& place, const std::optional<VaultId>& vault, Progress& progress);

}  // namespace hf
