#pragma once
// Key slots: the vault's root keys, wrapped so that one secret opens them (docs/format/keys.md).

#include <vector>

#include "codec/kdf.hpp"
#include "format/sealed.hpp"

namespace hf {

enum class SlotKind : std::uint8_t { passphrase = 1, key_file = 2, recovery_key = 3 };
std::string_view name_of(SlotKind kind);

struct RootKey {
  std::uint32_t epoch = 1;
  Digest key{};
};

struct KeySlot {
  SlotId id;
  VaultId vault;
  SlotKind kind = SlotKind::passphrase;
  Argon2Params argon2;                  ///< passphrases only
  std::array<std::uint8_t, 32> salt{};
  Cipher cipher = Cipher::aes_256_gcm;
  Buffer wrapped;  ///< root keys, sealed under the key derived from the secret
  Buffer label;    ///< a small object sealed under the root key: what `key list` shows

  Buffer encode() const;
  static Result<KeySlot> decode(ByteView in);
  /// Everything before `wrapped`: the associated data of the wrapping.
  Buffer clear_part() const;
};

/// It names its slot, so that labels cannot be exchanged between slots by who can write to the store.
struct SlotLabel {
  std::string name;
  std::int64_t created_ns = 0;
  SlotId slot{};
};

/// The key that wraps: Argon2id for a passphrase, HKDF for secrets that are random already.
Result<Digest> wrapping_key(const KeySlot& slot, ByteView secret);
/// `keys` in order of epochs, from 1.
void wrap_root_keys(KeySlot& slot, const Digest& wrapping, const std::vector<RootKey>& keys);
/// WrongSecret where the key does not fit (or the slot is damaged: no one can tell these apart).
Result<std::vector<RootKey>> unwrap_root_keys(const KeySlot& slot, const Digest& wrapping);

Buffer encode_label(const SlotLabel& label);
/// The caller compares `slot` with the slot that held it.
Result<SlotLabel> decode_label(ByteView in);

}  // namespace hf
