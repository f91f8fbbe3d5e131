#pragma once
// Parity objects beside the packs: making them, reading them, and the vault's choice whether there shall be any.
// None of it needs a key.
//
// Crash story: a pack is durable before its parity is begun, and parity is never a reason to lose a backup. A pack without
// it is whole and merely unprotected; the session that takes over the packs of one that died makes what those lack, and
// `parity add` fills in what is missing anywhere, and can be broken off at any time. Parity that no pack belongs to any more
// is a leftover that does no harm.

#include <map>
#include <memory>
#include <optional>

#include "base/progress.hpp"
#include "format/parity.hpp"
#include "store/object_store.hpp"

namespace hf {

/// `parity/00`. Two digits: no pack is called so.
inline ObjectName parity_choice_name() { return {ObjectKind::parity, "00"}; }
inline ObjectName parity_name(const PackId& pack) { return {ObjectKind::parity, pack.hex()}; }

/// Stores a note that may change, in place of an older one: the one kind of object that is not immutable. Whoever reads it
/// finds the old one or the new one.
Status write_note(ObjectStore& store, const ObjectName& name, ByteView note);

/// Do new packs get parity? Where the choice is there and can't be read, they do: better too much than too little.
Result<std::optional<ParityChoice>> parity_choice(ObjectStore& store);
/// Is the note of the choice, if there is one, what was written? parity_choice() makes do with a damaged one.
Status check_parity_choice(ObjectStore& store);
/// nullopt: no parity from now on; what is there stays.
Status choose_parity(ObjectStore& store, const std::optional<ParityChoice>& choice);

/// Reads a pack and stores its parity, in place of one that may be there. Corrupt where the pack is not what its name
/// says; gives the bytes of the parity.
Result<std::uint64_t> make_parity(ObjectStore& store, const PackId& pack, unsigned percent = kParityPercent);
/// Makes the parity of a pack that lacks it, where the vault wants any.
Status protect(ObjectStore& store, const PackId& pack);

/// Parity of a pack on its way to the store.
class ParityStream {
 public:
  /// Null where the vault wants none.
  static std::unique_ptr<ParityStream> begin(ObjectStore& store);
  void update(ByteView bytes) { builder_.update(bytes); }
  /// For ContentName.
  std::vector<Digest>* block_digests() { return &block_digests_; }
  /// Stores the parity of a pack that is durable by now. What fails leaves the pack unprotected, and nothing worse.
  Status finish(const PackId& pack);

 private:
  ParityStream(ObjectStore& store, unsigned percent);
  ObjectStore& store_;
  const unsigned percent_;
  ParityBuilder builder_;
  std::vector<Digest> block_digests_;
};

/// A parity object as it is stored, whole or in part. One thread at a time.
class StoredParity {
 public:
  /// NotFound where there is none; Corrupt where neither of the two heads, or neither of the two tables, is whole.
  static Result<StoredParity> open(ObjectStore& store, const PackId& pack);
  const ParityShape& shape() const { return head_.shape; }
  const ParityTable& table() const { return table_; }
  /// Corrupt where it is damaged, whatever the store says of it.
  Status read_block(std::uint64_t parity_block, Buffer& out) const;
  /// Everything, both heads and tables too. Damage that costs nothing yet counts.
  Status check() const;

 private:
  std::unique_ptr<ObjectReader> object_;
  ParityHead head_;
  ParityTable table_;
  bool one_sided_ = false;  // a head or a table is left once
};

/// Which packs have parity.
struct ParityList {
  std::map<PackId, std::uint64_t> objects;  ///< and their bytes
  std::uint64_t bytes = 0;
};
Result<ParityList> list_parity(ObjectStore& store);

struct ParityWork {
  std::uint64_t packs = 0, pack_bytes = 0;       ///< in the vault
  std::uint64_t made = 0, made_bytes = 0;        ///< parity objects
  std::uint64_t removed = 0, removed_bytes = 0;
  std::vector<std::pair<PackId, Error>> failed;  ///< packs whose parity could not be made
};
/// Makes the parity that packs lack, on `jobs` threads. Cancelled where progress says so; what was made stays.
Result<ParityWork> add_parity(ObjectStore& store, unsigned percent, unsigned jobs, Progress& progress);
/// Removes all of it.
Result<ParityWork> remove_parity(ObjectStore& store, Progress& progress);

}  // namespace hf
