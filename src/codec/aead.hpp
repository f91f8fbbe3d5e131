#pragma once
// Authenticated encryption with counter nonces. A key is used for one object only (it is derived from the object's
// salt), so that the counter alone makes every nonce unique.

#include <memory>

#include "base/bytes.hpp"

namespace hf {

/// Codes are stored in vaults: never reused.
enum class Cipher : std::uint8_t { aes_256_gcm = 1, chacha20_poly1305 = 2 };

/// The faster one on this CPU.
Cipher preferred_cipher();

/// Seals and opens under one key at a time. One per thread; `set_key` as often as wanted.
class Aead {
 public:
  static constexpr std::size_t kTagBytes = 16;
  static constexpr std::size_t kKeyBytes = 32;

  Aead();
  ~Aead();
  Aead(Aead&&) noexcept;
  void set_key(Cipher cipher, ByteView key);
  /// Writes ciphertext and tag: `out` must have plain.size() + kTagBytes places. May work in place.
  void seal(std::uint64_t counter, ByteView associated, ByteView plain, MutableBytes out) { seal(counter, associated, {}, plain, out); }
  /// Of a plaintext in two parts that lie apart: neither is copied.
  void seal(std::uint64_t counter, ByteView associated, ByteView begin, ByteView rest, MutableBytes out);
  /// `out` has sealed.size() - kTagBytes places; Corrupt where the tag is wrong, and then `out` holds zeros.
  Status open(std::uint64_t counter, ByteView associated, ByteView sealed, MutableBytes out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
