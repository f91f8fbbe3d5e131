#pragma once
// Key slots: the vault's root keys, wrapped so that one secret opens them (docs/format/keys.md).

#include <vector>

#include "codec/kdf.hpp"
#include "codec/sign.hpp"
#include "format/sealed.hpp"

namespace hf {

/// The last opens not the vault but its owner's share of it: what was written with it.
enum class SlotKind : std::uint8_t { passphrase = 1, key_file = 2, recovery_key = 3, shares = 4, write_only = 5 };
std::string_view name_of(SlotKind kind);

struct RootKey {
  std::uint32_t epoch = 1;
  Digest key{};
};

/// Version 1 can't follow a rotation without its secret. Version 2 has a public key, whose private key comes from the
/// secret: what is sealed to it reaches the slot while its secret lies in a drawer (format/rotation.hpp).
constexpr std::uint16_t kSlotVersion = 2;

/// What a write-only key needs beside its own keys: to name and cut chunks as everyone does, and to believe what who holds
/// the vault's keys has decided.
struct WriterGrant {
  Digest chunk_key{}, cuts_key{};
  PublicKey vault_signer{};
  Buffer params;  ///< the vault's parameters, which it can't open
};

struct KeySlot {
  std::uint16_t version = 1;
  SlotId id;
  VaultId vault;
  SlotKind kind = SlotKind::passphrase;
  Argon2Params argon2;                  ///< passphrases only
  std::array<std::uint8_t, 32> salt{};
  Cipher cipher = Cipher::aes_256_gcm;
  std::uint32_t epoch = 1;  ///< version 2: the newest root key in `wrapped`
  Digest public_key{};      ///< version 2: X25519
  Buffer wrapped;  ///< root keys, sealed under the key derived from the secret
  Buffer label;    ///< a small object sealed under the root key: what `key list` shows

  Buffer encode() const;
  static Result<KeySlot> decode(ByteView in);
  /// Everything before `wrapped`: the associated data of the wrapping.
  Buffer clear_part() const;
  /// Of a write-only slot: as what its objects are sealed.
  WriterId writer() const { return WriterId::from(id.view()); }
};

/// It names its slot, so that labels cannot be exchanged between slots by who can write to the store.
/// For a slot of version 2 it also repeats epoch and public key: who seals to that key has not opened the slot, and must
/// know that the key was not exchanged.
struct SlotLabel {
  std::string name;
  std::int64_t created_ns = 0;
  SlotId slot{};
  std::uint32_t epoch = 0;  ///< 0: of a slot of version 1, without the public key
  Digest public_key{};
};

/// The key that wraps: Argon2id for a passphrase, HKDF for secrets that are random already.
Result<Digest> wrapping_key(const KeySlot& slot, ByteView secret);
/// The X25519 private key of a slot of version 2; its public key belongs into the slot before anything is wrapped.
Digest slot_private_key(const KeySlot& slot, const Digest& wrapping);
/// `keys` in order of epochs, from 1.
void wrap_root_keys(KeySlot& slot, const Digest& wrapping, const std::vector<RootKey>& keys);
/// WrongSecret where the key does not fit (or the slot is damaged: no one can tell these apart).
Result<std::vector<RootKey>> unwrap_root_keys(const KeySlot& slot, const Digest& wrapping);

/// The same of a write-only slot: its own key of each epoch, and what it is granted.
void wrap_writer_keys(KeySlot& slot, const Digest& wrapping, const std::vector<RootKey>& own, const WriterGrant& grant);
struct WriterKeys {
  std::vector<RootKey> own;
  WriterGrant grant;
};
Result<WriterKeys> unwrap_writer_keys(const KeySlot& slot, const Digest& wrapping);

/// Root keys as they lie inside a seal: epochs strictly ascending, at least one.
Buffer encode_root_keys(const std::vector<RootKey>& keys);
Result<std::vector<RootKey>> decode_root_keys(ByteView in);

Buffer encode_label(const SlotLabel& label);
/// The caller compares `slot` with the slot that held it.
Result<SlotLabel> decode_label(ByteView in);

}  // namespace hf
