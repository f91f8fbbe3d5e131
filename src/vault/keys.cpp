#include "vault/keys.hpp"

#include <algorithm>

#include "base/assert.hpp"

namespace hf {
namespace {
std::vector<RootKey> sorted(std::vector<RootKey> roots) {
  HF_ASSERT(!roots.empty());
  std::sort(roots.begin(), roots.end(), [](const RootKey& a, const RootKey& b) { return a.epoch < b.epoch; });
  return roots;
}
}  // namespace

VaultKeys::VaultKeys(const VaultId& vault, std::vector<RootKey> roots)
    : roots_(sorted(std::move(roots))),
      chunk_hash_(hkdf(roots_[0].key, vault.view(), "holdfast chunk id")),
      cuts_key_(hkdf(roots_[0].key, vault.view(), "holdfast cuts")),
      signing_seed_(hkdf(roots_[0].key, vault.view(), "holdfast point signing")),
      signer_(public_key_of(signing_seed_)) {}

VaultKeys::~VaultKeys() {
  for (RootKey& r : roots_) wipe(r.key);
  wipe(cuts_key_);
  wipe(signing_seed_);
}

Result<Digest> VaultKeys::object_key(std::uint32_t epoch, const Salt& salt) const {
  for (const RootKey& r : roots_)
    if (r.epoch == epoch) return hkdf(r.key, salt, "holdfast object");
  return Error(Code::unsupported, "it is sealed under key epoch " + std::to_string(epoch) + ", which this key slot does not open",
               "if the keys were rotated just now, run it again; else use a key that the rotation did not leave out: holdfast key list");
}

}  // namespace hf
