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
  /// What a write-only key holds.
  VaultKeys(const VaultId& vault, const WriterId& writer, std::vector<RootKey> own, const WriterGrant& grant);
  ~VaultKeys();
  VaultKeys(const VaultKeys&) = delete;
  VaultKeys& operator=(const VaultKeys&) = delete;

  const KeyedHash& chunk_hash() const { return chunk_hash_; }
  const Digest& cuts_key() const { return cuts_key_; }
  /// Whose these are; zero: they open all of the vault.
  const WriterId& writer() const { return writer_; }
  /// What points made with these keys are signed with.
  const Digest& signing_seed() const { return signing_seed_; }
  /// Who signs what all must believe: who holds the vault's own keys.
  const PublicKey& vault_signer() const { return vault_signer_; }
  /// Who must have signed what is sealed so; an error as object_key().
  Result<PublicKey> signer_of(const FrameHeader& frame) const;
  std::uint32_t current_epoch() const { return roots_.back().epoch; }
  /// The vault's root keys; of a write-only key its own of each epoch.
  const std::vector<RootKey>& roots() const { return roots_; }
  /// The key of the object with this header; Unsupported for an epoch whose root key no slot gave, Refused for what a
  /// write-only key must not read.
  Result<Digest> object_key(const FrameHeader& frame) const;
  bool may_open(const FrameHeader& frame) const { return writer_.is_zero() || frame.writer() == writer_ || frame.writer() == kSharedWriter; }
  /// What a write-only key of this vault is given; only of keys that open all.
  std::vector<RootKey> keys_for(const WriterId& writer, std::uint32_t from_epoch) const;
  WriterGrant grant(Buffer params) const;

 private:
  /// What objects of this writer and epoch are sealed from.
  Result<Digest> secret_of(const FrameHeader& frame) const;

  const VaultId vault_;
  const WriterId writer_{};
  std::vector<RootKey> roots_;  // by epoch
  Digest chunk_key_;
  KeyedHash chunk_hash_;
  Digest cuts_key_, shared_, signing_seed_;
  PublicKey vault_signer_;
};

/// The key of one writer and one epoch.
RootKey writer_key(const RootKey& root, const VaultId& vault, const WriterId& writer);

}  // namespace hf
