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
Digest signing_seed_from(const Digest& key, const VaultId& vault) { return hkdf(key, vault.view(), "holdfast point signing"); }
}  // namespace

RootKey writer_key(const RootKey& root, const VaultId& vault, const WriterId& writer) {
  Buffer salt;
  append(salt, vault.view());
  append(salt, writer.view());
  return {root.epoch, hkdf(root.key, salt, "holdfast writer")};
}

VaultKeys::VaultKeys(const VaultId& vault, std::vector<RootKey> roots)
    : vault_(vault),
      roots_(sorted(std::move(roots))),
      chunk_key_(hkdf(roots_[0].key, vault.view(), "holdfast chunk id")),
      chunk_hash_(chunk_key_),
      cuts_key_(hkdf(roots_[0].key, vault.view(), "holdfast cuts")),
      shared_(hkdf(chunk_key_, vault.view(), "holdfast shared")),
      signing_seed_(signing_seed_from(roots_[0].key, vault)),
      vault_signer_(public_key_of(signing_seed_)) {}

VaultKeys::VaultKeys(const VaultId& vault, const WriterId& writer, std::vector<RootKey> own, const WriterGrant& grant)
    : vault_(vault),
      writer_(writer),
      roots_(sorted(std::move(own))),
      chunk_key_(grant.chunk_key),
      chunk_hash_(chunk_key_),
      cuts_key_(grant.cuts_key),
      shared_(hkdf(chunk_key_, vault.view(), "holdfast shared")),
      signing_seed_(signing_seed_from(roots_.back().key, vault)),
      vault_signer_(grant.vault_signer) {}

VaultKeys::~VaultKeys() {
  for (RootKey& r : roots_) wipe(r.key);
  wipe(chunk_key_);
  wipe(cuts_key_);
  wipe(shared_);
  wipe(signing_seed_);
}

Result<Digest> VaultKeys::secret_of(const FrameHeader& frame) const {
  const WriterId writer = frame.writer();
  if (writer == kSharedWriter) return shared_;
  if (!may_open(frame)) return Error(Code::refused, "it is not of this write-only key", "use a key that opens all of the vault: holdfast key list tells which there are");
  for (const RootKey& r : roots_) {
    if (r.epoch != frame.epoch) continue;
    return writer == writer_ ? r.key : writer_key(r, vault_, writer).key;
  }
  return Error(Code::unsupported, "it is sealed under key epoch " + std::to_string(frame.epoch) + ", which this key slot does not open",
               "if the keys were rotated just now, run it again; else use a key that the rotation did not leave out: holdfast key list");
}

Result<Digest> VaultKeys::object_key(const FrameHeader& frame) const {
  Digest secret = HF_TRY(secret_of(frame));
  const Digest key = hkdf(secret, frame.salt, "holdfast object");
  wipe(secret);
  return key;
}

Result<PublicKey> VaultKeys::signer_of(const FrameHeader& frame) const {
  if (!frame.by_writer) return vault_signer_;
  Digest secret = HF_TRY(secret_of(frame));
  Digest seed = signing_seed_from(secret, vault_);
  const PublicKey signer = public_key_of(seed);
  wipe(secret);
  wipe(seed);
  return signer;
}

std::vector<RootKey> VaultKeys::keys_for(const WriterId& writer, std::uint32_t from_epoch) const {
  HF_ASSERT(writer_.is_zero());
  std::vector<RootKey> out;
  out.reserve(roots_.size() + 1);  // no copy stays behind when it grows
  for (const RootKey& r : roots_)
    if (r.epoch >= from_epoch) out.push_back(writer_key(r, vault_, writer));
  return out;
}

WriterGrant VaultKeys::grant(Buffer params) const { return {chunk_key_, cuts_key_, vault_signer_, std::move(params)}; }

}  // namespace hf
