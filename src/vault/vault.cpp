#include "vault/vault.hpp"

#include <algorithm>

namespace hf {
namespace {

template <class T>
T random_id(Env& env) {
  T id;
  env.random(id.bytes);
  return id;
}

struct Opened {
  std::vector<RootKey> roots;
  SlotId slot;
};

/// Tries the secret on each slot of its kind.
Result<Opened> open_slots(ObjectStore& store, const VaultId& vault, const Secret& secret) {
  std::vector<std::string> names;
  HF_TRY(store.list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  std::string damaged;
  std::optional<Error> unread;
  int of_kind = 0;
  for (const std::string& name : names) {
    auto raw = store.get({ObjectKind::key, name}, kSlotBytesMax);
    auto slot = raw ? KeySlot::decode(*raw) : Result<KeySlot>(raw.error());
    if (!slot) {
      // What the system could not read now says nothing about the secret.
      if (slot.error().code != Code::corrupt && slot.error().code != Code::not_found && slot.error().code != Code::unsupported) unread = slot.error();
      damaged += (damaged.empty() ? "key slot " : ", ") + name.substr(0, 8) + ": " + slot.error().message;
      continue;
    }
    if (slot->vault != vault || slot->kind != secret.kind) continue;
    ++of_kind;
    Digest key = HF_TRY(wrapping_key(*slot, secret.bytes));
    auto roots = unwrap_root_keys(*slot, key);
    wipe(key);
    if (roots) return Opened{std::move(*roots), slot->id};
    if (roots.error().code != Code::wrong_secret) return roots.error();
  }
  if (unread) return std::move(*unread).in_context("reading the vault's key slots");
  const std::string word = secret.kind == SlotKind::passphrase ? "passphrase" : secret.kind == SlotKind::key_file ? "key file" : "recovery key";
  Error error(Code::wrong_secret, of_kind == 0 ? "the vault has no key slot for a " + word : "the " + word + " does not open this vault",
              "try the recovery key from the recovery sheet (--key-file), or another passphrase: several may be in use");
  error.detail = damaged;
  return error;
}

Result<VaultConfig> read_config(ObjectStore& store) {
  auto raw = store.get(config_name(), kConfigBytesMax);
  if (!raw && raw.error().code == Code::not_found)
    return Error(Code::not_a_vault, "there is no vault in " + store.place() + ": the object 'holdfast-vault' is missing",
                 "if packs are left, bring the vault back from them: holdfast rebuild --vault DIR");
  if (!raw) return raw.error();
  return VaultConfig::decode(*raw).context([&] { return "reading " + store.place() + "/" + std::string(kConfigName); });
}

}  // namespace

Result<std::unique_ptr<Vault>> Vault::create(Env& env, std::unique_ptr<ObjectStore> store, const InitOptions& options, const Secret& secret) {
  auto vault = std::unique_ptr<Vault>(new Vault(env, std::move(store)));
  vault->id_ = random_id<VaultId>(env);
  vault->params_ = options.params;
  vault->created_ns_ = env.wall_ns();
  RootKey root;
  env.random(root.key);
  vault->keys_ = std::make_unique<VaultKeys>(vault->id_, std::vector{root});
  wipe(root.key);

  // Crash story: the key slot first, the description last; a vault without description is no vault, and init begins anew.
  // It removes the slots of one that died. Another init at this moment may remove ours; the description that comes first
  // decides whose vault it is, and so the slot is put again after it.
  const auto there = vault->store_->open(config_name());
  if (there) return Error(Code::already_exists, "there is a vault in " + vault->store_->place() + " already");
  if (there.error().code != Code::not_found) return there.error();  // nothing may be removed: it may well be a vault
  // An init that died left no packs and no points: where there are some, the slots open them.
  bool in_use = false;
  for (ObjectKind kind : {ObjectKind::pack, ObjectKind::point})
    HF_TRY(vault->store_->list(kind, [&](std::string_view, std::uint64_t) { in_use = true; }));
  if (in_use)
    return Error(Code::already_exists, vault->store_->place() + " holds a vault whose description, the file '" + std::string(kConfigName) + "', is missing",
                 "bring it back from its packs: holdfast rebuild --vault DIR; or choose another directory for a new vault");
  std::vector<std::string> left;
  HF_TRY(vault->store_->list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { left.emplace_back(name); }));
  for (const std::string& name : left) HF_TRY(vault->store_->remove({ObjectKind::key, name}));
  vault->opened_by_ = HF_TRY(vault->add_key(secret, options.label, options.argon2));
  VaultConfig config;
  config.id = vault->id_;
  config.created_ns = vault->created_ns_;
  config.sealed_params = vault->seal(SealedKind::parameters, encode_params(options.params));
  const ObjectName slot{ObjectKind::key, vault->opened_by_.hex()};
  const Buffer slot_bytes = HF_TRY(vault->store_->get(slot, kSlotBytesMax));
  HF_TRY(vault->store_->put(config_name(), config.encode()));
  HF_TRY(vault->store_->put(slot, slot_bytes));
  return vault;
}

Result<std::unique_ptr<Vault>> Vault::open(Env& env, std::unique_ptr<ObjectStore> store, const Secret& secret) {
  auto vault = std::unique_ptr<Vault>(new Vault(env, std::move(store)));
  const VaultConfig config = HF_TRY(read_config(*vault->store_));
  vault->id_ = config.id;
  vault->created_ns_ = config.created_ns;
  Opened opened = HF_TRY(open_slots(*vault->store_, config.id, secret));
  vault->opened_by_ = opened.slot;
  vault->keys_ = std::make_unique<VaultKeys>(config.id, std::move(opened.roots));
  const Buffer params = HF_TRY(vault->open_sealed(SealedKind::parameters, config.sealed_params).context([] { return "opening the vault's parameters"; }));
  vault->params_ = HF_TRY(decode_params(params));
  return vault;
}

FrameHeader Vault::new_frame(SealedKind kind) const {
  FrameHeader h;
  h.kind = kind;
  h.cipher = preferred_cipher();
  h.epoch = keys_->current_epoch();
  env_.random(h.salt);
  return h;
}

Buffer Vault::seal(SealedKind kind, ByteView plain) const {
  const FrameHeader h = new_frame(kind);
  return seal_object(h, id_, *keys_->object_key(h.epoch, h.salt), plain);
}

Result<Buffer> Vault::open_sealed(SealedKind kind, ByteView object) const {
  const FrameHeader h = HF_TRY(peek_object(object, kind));
  const Digest key = HF_TRY(keys_->object_key(h.epoch, h.salt));
  return open_object(object, kind, id_, key);
}

Result<RecoveryPoint> Vault::point(const std::string& name) const {
  const auto doing = [&] { return "reading recovery point " + name.substr(0, 8); };
  const Buffer raw = HF_TRY(store_->get({ObjectKind::point, name}, kPointBytesMax).context(doing));
  const Buffer plain = HF_TRY(open_sealed(SealedKind::point, raw).context(doing));
  RecoveryPoint p = HF_TRY(decode_point(plain, keys_->signer()).context(doing));
  // An old point copied over a newer name must not pass for it.
  if (p.id.hex() != name || p.vault != id_) return Error(Code::corrupt, "recovery point " + name.substr(0, 8) + " holds another point than its name says");
  return p;
}

Result<PointList> Vault::points() const {
  PointList list;
  std::vector<std::string> names;
  HF_TRY(store_->list(ObjectKind::point, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  for (const std::string& name : names) {
    auto p = point(name);
    if (p) list.points.push_back(std::move(*p));
    else if (p.error().code != Code::not_found) list.damaged.push_back({name, p.error()});
  }
  std::sort(list.points.begin(), list.points.end(), [](const RecoveryPoint& a, const RecoveryPoint& b) {
    return std::tie(a.started_ns, a.id) < std::tie(b.started_ns, b.id);
  });
  return list;
}

Result<RecoveryPoint> Vault::find_point(std::string_view reference) const {
  if (reference == "latest") {
    PointList list = HF_TRY(points());
    if (!list.damaged.empty()) {
      // Which of them is the newest can't be told: never pass an older one off as the latest.
      const std::string& name = list.damaged[0].name;
      return Error(Code::corrupt, "recovery point " + name.substr(0, 8) + " can't be read, and may be the newest: " + list.damaged[0].error.message,
                   (list.points.empty() ? std::string() : "name another one: the newest that can be read is " + list.points.back().id.brief() + "; or ") +
                       "move the file points/" + name + " away and bring it back from its copy: holdfast rebuild")
          .with_object("points/" + name);
    }
    if (list.points.empty()) return Error(Code::not_found, "the vault holds no recovery point yet", "make one: holdfast backup PATH");
    return std::move(list.points.back());
  }
  std::vector<std::string> found;
  HF_TRY(store_->list(ObjectKind::point, [&](std::string_view name, std::uint64_t) {
    if (name.starts_with(reference)) found.emplace_back(name);
  }));
  if (reference.empty() || found.empty())
    return Error(Code::not_found, "no recovery point begins with '" + printable(reference) + "'", "list them: holdfast points");
  if (found.size() > 1)
    return Error(Code::usage, std::to_string(found.size()) + " recovery points begin with '" + printable(reference) + "'", "give more digits: holdfast points");
  return point(found[0]);
}

Result<std::vector<Vault::StoredProof>> Vault::proofs() const {
  std::vector<std::string> names;
  HF_TRY(store_->list(ObjectKind::proof, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::vector<StoredProof> out;
  for (const std::string& name : names) {
    const auto raw = store_->get({ObjectKind::proof, name}, kProofBytesMax);
    if (!raw) continue;
    const auto plain = open_sealed(SealedKind::proof, *raw);
    if (!plain) continue;
    if (auto proof = decode_proof(*plain)) out.push_back({name, std::move(*proof)});
  }
  std::sort(out.begin(), out.end(), [](const StoredProof& a, const StoredProof& b) { return std::tie(a.proof.time_ns, a.name) < std::tie(b.proof.time_ns, b.name); });
  return out;
}

Result<std::vector<SlotInfo>> Vault::key_slots() const {
  std::vector<std::string> names;
  HF_TRY(store_->list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  std::vector<SlotInfo> out;
  for (const std::string& name : names) {
    const Buffer raw = HF_TRY(store_->get({ObjectKind::key, name}, kSlotBytesMax));
    const KeySlot slot = HF_TRY(KeySlot::decode(raw).context([&] { return "reading key slot " + name.substr(0, 8); }));
    if (slot.vault != id_) continue;  // of an init that died
    const Buffer label = HF_TRY(open_sealed(SealedKind::slot_label, slot.label).context([&] { return "reading key slot " + name.substr(0, 8); }));
    SlotLabel told = HF_TRY(decode_label(label));
    if (told.slot != slot.id) return Error(Code::corrupt, "key slot " + name.substr(0, 8) + " carries the label of another slot");
    out.push_back({slot.id, slot.kind, std::move(told), slot.id == opened_by_});
  }
  return out;
}

Result<SlotId> Vault::add_key(const Secret& secret, const std::string& label, const Argon2Params& argon2) const {
  KeySlot slot;
  slot.id = random_id<SlotId>(env_);
  slot.vault = id_;
  slot.kind = secret.kind;
  slot.argon2 = argon2;
  slot.cipher = preferred_cipher();
  env_.random(slot.salt);
  Digest key = HF_TRY(wrapping_key(slot, secret.bytes));
  wrap_root_keys(slot, key, keys_->roots());
  wipe(key);
  slot.label = seal(SealedKind::slot_label, encode_label({label, env_.wall_ns(), slot.id}));
  HF_TRY(store_->put({ObjectKind::key, slot.id.hex()}, slot.encode()));
  return slot.id;
}

Status Vault::remove_key(const SlotId& id) const {
  // Counted are those that may open this vault: not a damaged one, nor what an init that died left.
  bool there = false;
  std::vector<std::string> names;
  HF_TRY(store_->list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::size_t count = 0;
  for (const std::string& name : names) {
    there = there || name == id.hex();
    const auto raw = store_->get({ObjectKind::key, name}, kSlotBytesMax);
    const auto slot = raw ? KeySlot::decode(*raw) : Result<KeySlot>(raw.error());
    if (slot && slot->vault == id_ && name != id.hex()) ++count;
  }
  if (!there) return Error(Code::not_found, "there is no key slot " + id.brief(), "list them: holdfast key list");
  if (count == 0) return Error(Code::refused, "key slot " + id.brief() + " is the last one; without it nobody could open the vault", "add another key first: holdfast key add");
  return store_->remove({ObjectKind::key, id.hex()});
}

Result<SlotId> Vault::test_key(const Secret& secret) const {
  Opened opened = HF_TRY(open_slots(*store_, id_, secret));
  const bool same = opened.roots.size() == keys_->roots().size() && opened.roots[0].key == keys_->roots()[0].key;
  for (RootKey& r : opened.roots) wipe(r.key);
  if (!same) return Error(Code::corrupt, "key slot " + opened.slot.brief() + " opens, but holds other keys than this vault uses");
  return opened.slot;
}

Result<std::vector<std::pair<ObjectName, Buffer>>> Vault::replicas() const {
  std::vector<std::pair<ObjectName, Buffer>> out;
  out.emplace_back(config_name(), HF_TRY(store_->get(config_name(), kConfigBytesMax)));
  std::vector<std::string> names;
  HF_TRY(store_->list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  for (const std::string& name : names) {
    auto raw = store_->get({ObjectKind::key, name}, kSlotBytesMax);
    if (raw) out.emplace_back(ObjectName{ObjectKind::key, name}, std::move(*raw));
  }
  return out;
}

}  // namespace hf
