#pragma once
// From key slots that lay somewhere, and a secret, to a vault that opens.

#include "recovery/catalogue.hpp"
#include "vault/vault.hpp"

namespace hf {

/// A copy of a secret that opened a slot; wiped when it goes. Move only.
struct ProvenSecret {
  ProvenSecret() = default;
  explicit ProvenSecret(const Secret& secret) : kind(secret.kind), bytes(secret.bytes.begin(), secret.bytes.end()) {}
  ProvenSecret(ProvenSecret&&) = default;
  ProvenSecret& operator=(ProvenSecret&&) = default;
  ~ProvenSecret() { wipe(bytes); }
  SlotKind kind = SlotKind::passphrase;
  Buffer bytes;
};

/// The small objects with which a store becomes this vault.
struct VaultBeginnings {
  VaultId id;
  Buffer description;
  bool description_made = false;  ///< none was found that opens: a new one, with the usual sizes of chunks
  std::vector<std::pair<ObjectName, Buffer>> slots;
  ProvenSecret secret;
};

/// WrongSecret where no slot of the vault opens, NotFound where it has none. About 0.2 s for each slot of a passphrase.
Result<VaultBeginnings> open_found(Env& env, const FoundVault& found, const Secret& secret);

/// Puts the slots into `store`, which shows the description already, and opens it. Slots that are there stay.
Result<std::unique_ptr<Vault>> begin_vault(Env& env, std::unique_ptr<ObjectStore> store, const VaultBeginnings& beginnings);

}  // namespace hf
