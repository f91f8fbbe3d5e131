#include "codec/sign.hpp"

#include <openssl/evp.h>

#include <memory>

#include "base/assert.hpp"

namespace hf {
namespace {
struct Free {
  void operator()(EVP_PKEY* k) const { EVP_PKEY_free(k); }
  void operator()(EVP_MD_CTX* c) const { EVP_MD_CTX_free(c); }
};
using Key = std::unique_ptr<EVP_PKEY, Free>;
using Context = std::unique_ptr<EVP_MD_CTX, Free>;
Key private_key(const Digest& seed) {
  Key key(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()));
  HF_ASSERT(key != nullptr);
  return key;
}
}  // namespace

PublicKey public_key_of(const Digest& seed) {
  PublicKey out{};
  std::size_t n = out.size();
  const bool good = EVP_PKEY_get_raw_public_key(private_key(seed).get(), out.data(), &n) == 1;
  HF_ASSERT(good);
  return out;
}

Signature sign(const Digest& seed, ByteView message) {
  Signature out{};
  std::size_t n = out.size();
  const Key key = private_key(seed);
  const Context context(EVP_MD_CTX_new());
  const bool good = EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestSign(context.get(), out.data(), &n, message.data(), message.size()) == 1;
  HF_ASSERT(good);
  return out;
}

bool signature_holds(const PublicKey& key, ByteView message, const Signature& signature) {
  const Key k(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, key.data(), key.size()));
  const Context context(EVP_MD_CTX_new());
  return k != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, k.get()) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(), message.size()) == 1;
}

}  // namespace hf
