#include "codec/agree.hpp"

#include <openssl/evp.h>

#include <memory>

#include "base/assert.hpp"

namespace hf {
namespace {
struct Free {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(EVP_PKEY_CTX* c) const { EVP_PKEY_CTX_free(c); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
Key private_key_of(const Digest& bytes) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, bytes.data(), bytes.size()));
  HF_ASSERT(key != nullptr);
  return key;
}
}  // namespace

Digest agreement_public_key(const Digest& private_key) {
  Digest out{};
  std::size_t n = out.size();
  const bool good = EVP_PKEY_get_raw_public_key(private_key_of(private_key).get(), out.data(), &n) == 1;
  HF_ASSERT(good);
  return out;
}

std::optional<Digest> agree(const Digest& private_key, const Digest& other) {
  const Key own = private_key_of(private_key);
  const Key theirs(EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, nullptr, other.data(), other.size()));
  const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new(own.get(), nullptr));
  HF_ASSERT(theirs != nullptr && context != nullptr);
  Digest out{};
  std::size_t n = out.size();
  if (EVP_PKEY_derive_init(context.get()) != 1 || EVP_PKEY_derive_set_peer(context.get(), theirs.get()) != 1 ||
      EVP_PKEY_derive(context.get(), out.data(), &n) != 1 || n != out.size())
    return std::nullopt;  // OpenSSL refuses a shared secret of zeros
  return out;
}

}  // namespace hf
