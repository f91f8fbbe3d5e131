#pragma once
// A rotation: one new root key, sealed to every key slot at once (docs/format/keys.md, docs/decisions/0009-…).
//
// It is one object, whose name follows from vault and epoch. So it is there or not there, for all slots together; and of
// two rotations at once the store lets one win.

#include <vector>

#include "codec/agree.hpp"
#include "format/key_slot.hpp"

namespace hf {

struct Rotation {
  /// For one slot: the root keys of all epochs after that slot's own, to that of this rotation.
  struct Entry {
    SlotId slot;
    Digest ephemeral{};  ///< X25519 public key made for this seal
    Buffer sealed;
  };
  VaultId vault;
  std::uint32_t epoch = 2;  ///< of the new root key
  Cipher cipher = Cipher::aes_256_gcm;
  std::int64_t created_ns = 0;
  std::vector<Entry> entries;  ///< by slot id, ascending
  Digest proof{};              ///< MAC of all before under the root key of the epoch before

  Buffer encode() const;
  static Result<Rotation> decode(ByteView in);
  /// Everything before the entries: with slot and ephemeral key the associated data of each seal.
  Buffer clear_part() const;
  const Entry* entry_of(const SlotId& slot) const;  ///< null: left out
};

/// Does the object begin as a rotation does? They lie among the key slots.
bool is_rotation(ByteView object);
/// The object's name, for everyone who knows the vault: hexadecimal, as long as a slot's.
std::string rotation_name(const VaultId& vault, std::uint32_t epoch);

/// Seals `keys` to a slot of version 2, under the newest root key that the slot holds by itself: who has only an old
/// root key or only the slot's private key opens nothing. `ephemeral_private`: 32 fresh random bytes.
/// WrongSecret where the slot's public key is none.
Result<Rotation::Entry> seal_entry(const Rotation& rotation, const KeySlot& slot, const RootKey& slot_newest, const Digest& ephemeral_private, const std::vector<RootKey>& keys);
/// The other way, with the slot's private key. Corrupt where it does not open, or holds other epochs than it should.
Result<std::vector<RootKey>> open_entry(const Rotation& rotation, const KeySlot& slot, const RootKey& slot_newest, const Digest& slot_private);

/// What `proof` must be: `before` is the root key of the epoch before.
Digest rotation_proof(const Rotation& rotation, const Digest& before);

}  // namespace hf
