#pragma once
// What lies in keys/: slots and rotations, read together, and what a secret opens of them.

#include <optional>

#include "format/rotation.hpp"
#include "store/object_store.hpp"

namespace hf {

struct Secret;

/// All that can be read. Objects of other vaults (an init that died left them) are left out.
struct KeyObjects {
  std::vector<KeySlot> slots;       ///< by id
  std::vector<Rotation> rotations;  ///< by epoch
  std::string damaged;              ///< "key slot 3f2a…: …, …": for an error's detail
  std::optional<Error> unread;      ///< the system could not read one of them now

  static Result<KeyObjects> read(ObjectStore& store, const VaultId& vault);

  /// The newest epoch of all: what a vault's objects are to be sealed under.
  std::uint32_t newest_epoch() const;
  /// The newest epoch that this slot opens. Of a slot of version 1 only its secret tells more than 1.
  std::uint32_t reach_of(const KeySlot& slot) const;
  /// Does the slot open everything? One that a rotation left out opens only what is older.
  bool in_force(const KeySlot& slot) const { return reach_of(slot) >= newest_epoch(); }
};

/// Makes durable what is in keys/. Whoever writes what needs a rotation does this first: it may have been seen before it
/// was durable, and what is sealed under a lost epoch is lost.
Status settle_key_objects(ObjectStore& store);

struct OpenedSlot {
  SlotId slot;
  std::uint16_t version = 0;
  std::vector<RootKey> roots;  ///< by epoch, from 1; of a write-only slot its own keys
  std::optional<WriterGrant> grant;  ///< of a write-only slot
  std::string problem;         ///< a rotation that names the slot and does not open; empty: none
};

/// Tries the secret on each slot of its kind, the one that reaches furthest first; a key file also on write-only slots, after
/// the others. WrongSecret where none opens.
/// `only_version`: slots of this version alone; 0: all.
Result<OpenedSlot> open_slots(const KeyObjects& objects, const Secret& secret, std::uint16_t only_version = 0);

/// "passphrase", "key file", …: for sentences.
std::string words_of(SlotKind kind);

}  // namespace hf
