#pragma once
// Keeping packs in stripes: which packs go together, and when a stripe may go.
//
// INVARIANTS (MUST):
// (1) A stripe is removed only when each of its packs that stays is in another whole stripe, which is durable.
// (2) A pack that leaves on purpose (prune) leaves only when no stripe that others rely on needs it: see `held`.
// (3) A stripe that lacks a pack which nobody removed on purpose is never removed: it is what brings that pack back.
// Hence whatever is interrupted, a pack is in no worse a stripe than before; at worst it is in two.

#include <unordered_set>

#include "base/progress.hpp"
#include "vault/stripe.hpp"

namespace hf {

struct StripeOptions {
  unsigned data = kStripeData, parity = kStripeParity;
  unsigned jobs = 1;
  /// Packs that are about to be removed on purpose, or were. With these, only what relies on them is put into new stripes.
  const std::unordered_set<PackId>* leaving = nullptr;
};

/// What is to be done; pure.
struct StripePlan {
  std::vector<Stripe> make;
  std::vector<std::pair<StripeId, std::vector<bool>>> mend;  ///< parity packs that are missing in a stripe that stays
  std::vector<StripeId> replaced;                            ///< may go once each pack of theirs that stays is in another
  std::unordered_set<PackId> in_whole;                       ///< packs that are in a stripe that stays as it is
};
/// `present`: packs of the vault and their bytes. Packs of about one size go together, the largest first. A stripe that is
/// not full is filled up when packs come that are in none.
StripePlan plan_stripes(const VaultId& vault, const std::map<PackId, std::uint64_t>& present, const StripeList& list, const StripeOptions& options);

struct StripeWork {
  std::uint64_t made = 0, made_bytes = 0;        ///< stripes, and the bytes of their parity packs
  std::uint64_t mended = 0, mended_bytes = 0;    ///< stripes that lacked parity packs
  std::uint64_t removed = 0, removed_bytes = 0;  ///< stripes whose packs are in others now
  std::uint64_t bytes_read = 0;                  ///< of packs
  std::vector<std::pair<PackId, Error>> failed;  ///< packs that could not go into one
  std::unordered_set<PackId> held;               ///< packs that leave, and that some stripe still needs: they must stay
};
/// Does what plan_stripes() says. Cancelled where progress says so, with everything as protected as it was. An error where
/// `place` can't be written.
Result<StripeWork> keep_stripes(ObjectStore& packs, ObjectStore& place, const VaultId& vault, const StripeOptions& options, Progress& progress);

/// Removes all stripes of this vault.
Result<StripeWork> remove_stripes(ObjectStore& place, const VaultId& vault, Progress& progress);

/// How well packs are protected.
struct StripeCensus {
  struct Lacking {
    StripeId id;
    std::vector<PackId> packs;   ///< that are not there
    std::vector<unsigned> rows;  ///< likewise
    bool beyond = false;         ///< more is gone than the stripe can bring back
  };
  std::uint64_t stripes = 0, whole = 0;
  std::uint64_t packs_in = 0, packs_in_bytes = 0;        ///< of the vault, in some stripe
  std::uint64_t packs_without = 0, packs_without_bytes = 0;
  std::vector<Lacking> lacking;
};
StripeCensus stripe_census(const std::map<PackId, std::uint64_t>& present, const StripeList& list);
/// Packs of a store and their bytes.
Result<std::map<PackId, std::uint64_t>> list_pack_sizes(ObjectStore& packs);

}  // namespace hf
