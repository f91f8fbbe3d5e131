#pragma once
// The keys of an open vault, all derived from its root keys (docs/format/sealing.md).

#include <vector>

#include "codec/sign.hpp"
#include "format/key_slot.hpp"

namespace hf {

/// Immutable after construction: any thread.
class VaultKeys {
 public:
  /// `roots` holds at least the key of epoch 1, which names and cuts chunks for the vault's whole life.
  VaultKeys(const VaultId& vault, std::vector<RootKey> roots);
  ~VaultKeys();
  VaultKeys(const VaultKeys&) = delete;
  VaultKeys& operator=(const VaultKeys&) = delete;

  const KeyedHash& chunk_hash() const { return chunk_hash_; }
  const Digest& cuts_key() const { return cuts_key_; }
  const Digest& signing_seed() const { return signing_seed_; }
  const PublicKey& signer() const { return signer_; }
  std::uint32_t current_epoch() const { return roots_.back().epoch; }
  const std::vector<RootKey>& roots() const { return roots_; }
  /// The key of the object with this salt; Unsupported for an epoch whose root key no slot gave.
  Result<Digest> object_key(std::uint32_t epoch, const Salt& salt) const;

 private:
  std::vector<RootKey> roots_;  // by epoch
  KeyedHash chunk_hash_;
  Digest cuts_key_, signing_seed_;
  PublicKey signer_;
};

}  // namespace hf
