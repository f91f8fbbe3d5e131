#include "codec/aead.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <new>

#include "base/assert.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hf {
namespace {
using Nonce = std::array<std::uint8_t, 12>;
/// Four zero bytes, then the counter, little-endian (docs/format/sealing.md).
Nonce nonce_of(std::uint64_t counter) {
  Nonce n{};
  for (std::size_t i = 0; i < 8; ++i) n[4 + i] = static_cast<std::uint8_t>(counter >> (8 * i));
  return n;
}
const EVP_CIPHER* evp(Cipher cipher) { return cipher == Cipher::aes_256_gcm ? EVP_aes_256_gcm() : EVP_chacha20_poly1305(); }
}  // namespace

Cipher preferred_cipher() {
#if defined(__x86_64__)
  unsigned a, b, c, d;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 25)) != 0 && (c & (1u << 1)) != 0) return Cipher::aes_256_gcm;
  return Cipher::chacha20_poly1305;
#else
  return Cipher::chacha20_poly1305;
#endif
}

struct Aead::State {
  EVP_CIPHER_CTX* seal = EVP_CIPHER_CTX_new();
  EVP_CIPHER_CTX* open = EVP_CIPHER_CTX_new();
  Cipher cipher = Cipher::aes_256_gcm;
  std::array<std::uint8_t, kKeyBytes> key{};
  bool seal_keyed = false, open_keyed = false;  // a context is keyed at its first use
  ~State() {
    EVP_CIPHER_CTX_free(seal);
    EVP_CIPHER_CTX_free(open);
    wipe(key);
  }
};

Aead::Aead() : state_(std::make_unique<State>()) {
  if (state_->seal == nullptr || state_->open == nullptr) throw std::bad_alloc();
}
Aead::~Aead() = default;
Aead::Aead(Aead&&) noexcept = default;

void Aead::set_key(Cipher cipher, ByteView key) {
  HF_ASSERT(key.size() == kKeyBytes);
  state_->cipher = cipher;
  std::copy(key.begin(), key.end(), state_->key.begin());
  state_->seal_keyed = state_->open_keyed = false;
}

void Aead::seal(std::uint64_t counter, ByteView associated, ByteView begin, ByteView rest, MutableBytes out) {
  State& s = *state_;
  const std::size_t bytes = begin.size() + rest.size();
  HF_ASSERT(out.size() == bytes + kTagBytes);
  const Nonce nonce = nonce_of(counter);
  int n = 0;
  bool good = s.seal_keyed ? EVP_EncryptInit_ex(s.seal, nullptr, nullptr, nullptr, nonce.data()) == 1
                           : EVP_EncryptInit_ex(s.seal, evp(s.cipher), nullptr, s.key.data(), nonce.data()) == 1;
  s.seal_keyed = true;
  if (!associated.empty()) good = good && EVP_EncryptUpdate(s.seal, nullptr, &n, associated.data(), static_cast<int>(associated.size())) == 1;
  if (!begin.empty()) good = good && EVP_EncryptUpdate(s.seal, out.data(), &n, begin.data(), static_cast<int>(begin.size())) == 1;
  if (!rest.empty()) good = good && EVP_EncryptUpdate(s.seal, out.data() + begin.size(), &n, rest.data(), static_cast<int>(rest.size())) == 1;
  good = good && EVP_EncryptFinal_ex(s.seal, out.data() + bytes, &n) == 1;
  good = good && EVP_CIPHER_CTX_ctrl(s.seal, EVP_CTRL_AEAD_GET_TAG, kTagBytes, out.data() + bytes) == 1;
  HF_ASSERT(good);  // only a bug can make it fail: sizes and keys are ours
}

Status Aead::open(std::uint64_t counter, ByteView associated, ByteView sealed, MutableBytes out) {
  State& s = *state_;
  if (sealed.size() < kTagBytes || sealed.size() > (1u << 30)) return Error(Code::corrupt, "sealed data has an impossible size");
  HF_ASSERT(out.size() == sealed.size() - kTagBytes);
  const Nonce nonce = nonce_of(counter);
  int n = 0;
  bool good = s.open_keyed ? EVP_DecryptInit_ex(s.open, nullptr, nullptr, nullptr, nonce.data()) == 1
                           : EVP_DecryptInit_ex(s.open, evp(s.cipher), nullptr, s.key.data(), nonce.data()) == 1;
  s.open_keyed = true;
  std::array<std::uint8_t, kTagBytes> tag;
  std::copy(sealed.end() - kTagBytes, sealed.end(), tag.begin());
  good = good && EVP_CIPHER_CTX_ctrl(s.open, EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) == 1;
  if (!associated.empty()) good = good && EVP_DecryptUpdate(s.open, nullptr, &n, associated.data(), static_cast<int>(associated.size())) == 1;
  if (!out.empty()) good = good && EVP_DecryptUpdate(s.open, out.data(), &n, sealed.data(), static_cast<int>(out.size())) == 1;
  std::uint8_t none[16];
  good = good && EVP_DecryptFinal_ex(s.open, none, &n) == 1;
  if (!good) {
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    return Error(Code::corrupt, "authentication failed");
  }
  return {};
}

}  // namespace hf
