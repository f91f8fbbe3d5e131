#pragma once
// Stripes as they are stored: finding them, making one, reading one back. None of it needs a key.
//
// A stripe's parity packs lie in the folder parity/ of the vault, or of another place (an ObjectStore of its own). They are
// immutable, and named after what they are of.
//
// Crash story: a stripe is made of packs that are durable, is proven against their names while it is made, and each of its
// parity packs is put in one step: after a crash some of them are there, whole, and the next `parity stripe` makes the rest.
// What it protects is never touched. A stripe is removed only when its packs are in another one (restripe.hpp).

#include <map>
#include <memory>
#include <optional>

#include "format/stripe.hpp"
#include "store/object_store.hpp"

namespace hf {

/// `parity/01`. Two digits: no pack and no stripe is called so.
inline ObjectName stripes_choice_name() { return {ObjectKind::parity, "01"}; }

/// nullopt: no stripes. Corrupt where the note is damaged: where the stripes lie is then not known.
Result<std::optional<StripesChoice>> stripes_choice(ObjectStore& store);
/// Puts the note, in place of one that may be there; nullopt removes it.
Status choose_stripes(ObjectStore& store, const std::optional<StripesChoice>& choice);

/// One stripe as a place has it.
struct FoundStripe {
  Stripe stripe;
  std::vector<bool> rows;   ///< which parity packs are there; as many as stripe.rows
  std::uint64_t bytes = 0;  ///< of them
  unsigned rows_missing() const;
};
struct StripeList {
  std::map<StripeId, FoundStripe> stripes;
  std::vector<std::string> unreadable;  ///< names of parity packs of which no head is left
  std::uint64_t objects = 0, bytes = 0; ///< also of those
};
/// The stripes of this vault (nullopt: of any) in a place. One head of each is read. Memory: 40 bytes a pack.
Result<StripeList> list_stripes(ObjectStore& place, const std::optional<VaultId>& vault);

/// Reads the packs and stores the parity packs of `rows` (in place of damaged ones that may be there), on the calling thread.
/// Corrupt, with the pack as object, where a pack is not what its name says or can't be read; nothing was stored then. NotFound, likewise,
/// where one is gone. Gives the bytes stored. Memory: a MiB a member, and 64 KiB a row.
Result<std::uint64_t> make_stripe(ObjectStore& packs, ObjectStore& place, const Stripe& stripe, const std::vector<bool>& rows);
/// All rows.
Result<std::uint64_t> make_stripe(ObjectStore& packs, ObjectStore& place, const Stripe& stripe);

/// The parity packs of one stripe, whole or in part. One thread at a time.
class StripeReader {
 public:
  /// Rows that are not there, or of another size at their beginning, give no records.
  static StripeReader open(ObjectStore& place, const Stripe& stripe);
  const Stripe& stripe() const { return stripe_; }
  /// Corrupt or NotFound where it is not whole, whatever the store says of it.
  Result<StripeRecord> record(unsigned row, std::uint64_t block) const;
  /// Everything of one parity pack, both heads too.
  Status check(unsigned row) const;

 private:
  explicit StripeReader(Stripe stripe) : stripe_(std::move(stripe)), id_(stripe_.id()) {}
  Stripe stripe_;
  StripeId id_;
  std::vector<std::unique_ptr<ObjectReader>> rows_;  // null: not there
};

}  // namespace hf
