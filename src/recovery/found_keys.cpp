#include "recovery/found_keys.hpp"


namespace hf {
namespace {

/// The root keys that the first slot gives which the secret opens.
Result<std::vector<RootKey>> unwrap(const FoundVault& found, const Secret& secret) {
  for (const Buffer& raw : found.slots) {
    const KeySlot slot = HF_TRY(KeySlot::decode(raw));
    if (slot.kind != secret.kind) continue;
    Digest key = HF_TRY(wrapping_key(slot, secret.bytes));
    auto roots = unwrap_root_keys(slot, key);
    wipe(key);
    if (roots || roots.error().code != Code::wrong_secret) return roots;
  }
  return Error(Code::wrong_secret, "the secret opens no key slot that was found of vault " + found.id.brief(),
               "try the recovery key from the recovery sheet (--key-file), or another passphrase: several may have been in use");
}

/// A vault's description without its old one: sizes of chunks matter to later backups alone.
Buffer new_description(Env& env, const VaultId& id, const std::vector<RootKey>& roots) {
  const VaultKeys keys(id, roots);
  FrameHeader h;
  h.kind = SealedKind::parameters;
  h.cipher = preferred_cipher();
  h.epoch = keys.current_epoch();
  env.random(h.salt);
  VaultConfig config;
  config.id = id;
  config.created_ns = env.wall_ns();
  config.sealed_params = seal_object(h, id, *keys.object_key(h), encode_params({}));
  return config.encode();
}

/// Does it open with these keys? A forged one, or one of a vault that bears the same id, does not.
bool opens(const Buffer& description, const std::vector<RootKey>& roots) {
  const auto config = VaultConfig::decode(description);
  if (!config) return false;
  const auto header = peek_object(config->sealed_params, SealedKind::parameters);
  if (!header) return false;
  const VaultKeys keys(config->id, roots);
  const auto key = keys.object_key(*header);
  if (!key) return false;
  const auto params = open_object(config->sealed_params, SealedKind::parameters, config->id, *key);
  return params && decode_params(*params);
}

}  // namespace

Result<VaultBeginnings> open_found(Env& env, const FoundVault& found, const Secret& secret) {
  if (found.slots.empty()) return Error(Code::not_found, "no key slot of vault " + found.id.brief() + " was found");
  std::vector<RootKey> roots = HF_TRY(unwrap(found, secret));
  VaultBeginnings out;
  out.id = found.id;
  for (const Buffer& d : found.descriptions)
    if (out.description.empty() && opens(d, roots)) out.description = d;
  if (out.description.empty()) {
    out.description = new_description(env, found.id, roots);
    out.description_made = true;
  }
  for (RootKey& r : roots) wipe(r.key);
  for (const Buffer& raw : found.slots) out.slots.emplace_back(ObjectName{ObjectKind::key, KeySlot::decode(raw)->id.hex()}, raw);
  out.secret = ProvenSecret(secret);
  return out;
}

Result<std::unique_ptr<Vault>> begin_vault(Env& env, std::unique_ptr<ObjectStore> store, const VaultBeginnings& beginnings) {
  for (const auto& [name, slot] : beginnings.slots)
    if (auto put = store->put(name, slot); !put && put.error().code != Code::already_exists) return put.error();
  return Vault::open(env, std::move(store), {beginnings.secret.kind, beginnings.secret.bytes});
}

}  // namespace hf
