#include "vault/vault.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "vault/deletion.hpp"
#include "vault/key_objects.hpp"
#include "vault/point_book.hpp"

namespace hf {
namespace {

template <class T>
T random_id(Env& env) {
  T id;
  env.random(id.bytes);
  return id;
}

Result<VaultConfig> read_config(ObjectStore& store) {
  auto raw = store.get(config_name(), kConfigBytesMax);
  if (!raw && raw.error().code == Code::not_found)
    return Error(Code::not_a_vault, "there is no vault in " + store.place() + ": the object 'holdfast-vault' is missing",
                 "if packs are left, bring the vault back from them: holdfast rebuild --vault DIR");
  if (!raw) return raw.error();
  return VaultConfig::decode(*raw).context([&] { return "reading " + store.place() + "/" + std::string(kConfigName); });
}

/// Tells those that were forgotten apart. The tombstones are read after the points.
Result<PointList> sorted_points(const Vault& vault, std::map<std::string, RecoveryPoint> points, std::vector<DamagedPoint> damaged) {
  auto dead = HF_TRY(tombstones(vault));
  PointList list;
  list.damaged = std::move(damaged);
  list.points.reserve(points.size());
  for (auto& [name, p] : points) {
    if (const auto at = dead.find(p.id); at != dead.end()) list.forgotten.push_back({std::move(p), std::move(at->second.tombstone)});
    else list.points.push_back(std::move(p));
  }
  const auto earlier = [](const RecoveryPoint& a, const RecoveryPoint& b) { return std::tie(a.started_ns, a.id) < std::tie(b.started_ns, b.id); };
  std::sort(list.points.begin(), list.points.end(), earlier);
  std::sort(list.forgotten.begin(), list.forgotten.end(), [&](const ForgottenPoint& a, const ForgottenPoint& b) { return earlier(a.point, b.point); });
  return list;
}

void seal_as(FrameHeader& h, const WriterId& writer) {
  if (writer.is_zero()) return;
  h.by_writer = true;
  std::copy(writer.bytes.begin(), writer.bytes.end(), h.salt.begin());
}

/// Every writer must be able to read these, and nobody but who holds the vault's keys make them.
bool is_for_all(SealedKind kind) { return kind == SealedKind::epoch || kind == SealedKind::proof; }

/// A writer makes points and leases for all to read, and caches for itself. `reader`: who wants to open it.
bool may_make(const WriterId& writer, SealedKind kind, const WriterId& reader) {
  if (writer.is_zero()) return true;
  if (writer == kSharedWriter) return is_for_all(kind);
  return kind == SealedKind::point || kind == SealedKind::lease || (kind == SealedKind::cache && writer == reader);
}

Buffer signed_text(const VaultId& vault, SealedKind kind, ByteView plain) {
  Buffer out;
  append(out, as_bytes("holdfast for all"));
  append(out, vault.view());
  out.push_back(static_cast<std::uint8_t>(kind));
  append(out, plain);
  return out;
}

}  // namespace

std::vector<RecoveryPoint>::iterator newest_of(std::vector<RecoveryPoint>& points, const WriterId& writer, std::int64_t until_ns) {
  auto found = points.end();
  bool own = false;
  for (auto p = points.begin(); p != points.end(); ++p) {
    const bool ours = p->writer == writer;
    if (p->started_ns > until_ns || (own && !ours)) continue;
    found = p;
    own = ours;
  }
  return found;
}

Result<std::unique_ptr<Vault>> Vault::create(Env& env, std::unique_ptr<ObjectStore> store, const InitOptions& options, const Secret& secret) {
  auto vault = std::unique_ptr<Vault>(new Vault(env, std::move(store)));
  vault->id_ = random_id<VaultId>(env);
  vault->params_ = options.params;
  vault->created_ns_ = env.wall_ns();
  RootKey root;
  env.random(root.key);
  vault->keys_ = std::make_shared<const VaultKeys>(vault->id_, std::vector{root});
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
  const KeyObjects objects = HF_TRY(KeyObjects::read(*vault->store_, config.id));
  OpenedSlot opened = HF_TRY(open_slots(objects, secret));
  if (objects.unread) {
    // What could not be read may be the next rotation: without it everything newer would look damaged.
    const auto next = vault->store_->open({ObjectKind::key, rotation_name(config.id, opened.roots.back().epoch + 1)});
    if (next || next.error().code != Code::not_found) return Error(*objects.unread).in_context("reading the vault's keys");
  }
  vault->opened_by_ = opened.slot;
  vault->newest_epoch_ = std::max(objects.newest_epoch(), opened.roots.back().epoch);
  vault->keys_problem_ = std::move(opened.problem);
  Buffer params;
  if (opened.grant) {
    params = opened.grant->params;
    vault->writer_ = WriterId::from(opened.slot.view());
    vault->keys_ = std::make_shared<const VaultKeys>(config.id, vault->writer_, std::move(opened.roots), *opened.grant);
    wipe(opened.grant->chunk_key);
    wipe(opened.grant->cuts_key);
  } else {
    vault->keys_ = std::make_shared<const VaultKeys>(config.id, std::move(opened.roots));
    params = HF_TRY(vault->open_sealed(SealedKind::parameters, config.sealed_params).context([] { return "opening the vault's parameters"; }));
  }
  vault->params_ = HF_TRY(decode_params(params));
  return vault;
}

FrameHeader Vault::new_frame(SealedKind kind) const {
  FrameHeader h;
  h.kind = kind;
  h.cipher = preferred_cipher();
  h.epoch = keys_->current_epoch();
  env_.random(h.salt);
  seal_as(h, writer_);
  return h;
}

Buffer Vault::seal(SealedKind kind, ByteView plain) const {
  FrameHeader h = new_frame(kind);
  Buffer signed_plain;
  if (is_for_all(kind)) {
    HF_ASSERT(!is_write_only());
    seal_as(h, kSharedWriter);
    signed_plain.assign(plain.begin(), plain.end());
    append(signed_plain, sign(keys_->signing_seed(), signed_text(id_, kind, plain)));
    plain = signed_plain;
  }
  return seal_object(h, id_, *keys_->object_key(h), plain);
}

Result<Buffer> Vault::open_sealed(SealedKind kind, ByteView object) const {
  const FrameHeader h = HF_TRY(peek_object(object, kind));
  const bool for_all = h.writer() == kSharedWriter;
  if (!may_make(h.writer(), kind, keys_->writer())) return Error(Code::refused, "a write-only key made it, which may not");
  const Digest key = HF_TRY(keys_->object_key(h));
  Buffer plain = HF_TRY(open_object(object, kind, id_, key));
  if (!for_all) return plain;
  Signature signature;
  if (plain.size() < signature.size()) return Error(Code::corrupt, "it is not signed");
  const std::size_t bytes = plain.size() - signature.size();
  std::copy_n(plain.begin() + static_cast<std::ptrdiff_t>(bytes), signature.size(), signature.begin());
  plain.resize(bytes);
  if (!signature_holds(keys_->vault_signer(), signed_text(id_, kind, plain), signature)) return Error(Code::corrupt, "its signature does not hold");
  return plain;
}

Result<RecoveryPoint> Vault::open_point(ByteView object, bool looked_at) const {
  const FrameHeader h = HF_TRY(peek_object(object, SealedKind::point));
  const Buffer plain = HF_TRY(open_sealed(SealedKind::point, object));
  RecoveryPoint p = HF_TRY(looked_at ? decode_point_known(plain) : decode_point(plain, HF_TRY(keys_->signer_of(h))));
  p.writer = h.writer();
  return p;
}

Result<RecoveryPoint> Vault::point(const std::string& name) const { return read_point(*this, name, nullptr, nullptr); }

Result<PointList> Vault::points() const {
  PointBook book(*this);
  HF_TRY(book.refresh());
  return sorted_points(*this, book.take(), book.damaged());
}

Result<PointList> Vault::points(PointBook& book) const {
  HF_TRY(book.refresh());
  return sorted_points(*this, book.points(), book.damaged());
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
    return std::move(*newest_of(list.points, writer_));
  }
  std::vector<std::string> begin_so;
  HF_TRY(store_->list(ObjectKind::point, [&](std::string_view name, std::uint64_t) {
    if (name.starts_with(reference)) begin_so.emplace_back(name);
  }));
  const auto dead = HF_TRY(tombstones(*this));
  std::vector<std::string> found, forgotten, others;
  for (std::string& name : begin_so) {
    const auto id = PointId::parse(name);
    if (id && dead.contains(*id)) {
      forgotten.push_back(std::move(name));
    } else {
      const auto raw = store_->get({ObjectKind::point, name}, kPointBytesMax);
      if (raw && peek_object(*raw, SealedKind::tombstone)) continue;  // a fence
      if (const auto frame = raw ? peek_object(*raw, SealedKind::point) : Result<FrameHeader>(raw.error()); frame && !keys_->may_open(*frame)) {
        others.push_back(std::move(name));
        continue;
      }
      found.push_back(std::move(name));
    }
  }
  if (!reference.empty() && found.empty() && forgotten.size() == 1)
    return Error(Code::not_found, "recovery point " + forgotten[0].substr(0, 8) + " was forgotten", "bring it back: holdfast undelete " + forgotten[0].substr(0, 8));
  if (!reference.empty() && found.empty() && others.size() == 1) return point(others[0]);  // says that it is not for this key
  if (reference.empty() || found.empty())
    return Error(Code::not_found, "no recovery point begins with '" + printable(reference) + "'", "list them: holdfast points");
  if (found.size() > 1)
    return Error(Code::usage, std::to_string(found.size()) + " recovery points begin with '" + printable(reference) + "'", "give more digits: holdfast points");
  return point(found[0]);
}

std::unique_ptr<Vault> Vault::over(std::unique_ptr<ObjectStore> store) const { return twin(std::move(store)); }

std::unique_ptr<Vault> Vault::writing_as(const WriterId& writer) const {
  HF_ASSERT(!is_write_only() || keys_->writer() == writer);
  auto vault = twin(store_);
  vault->writer_ = writer;
  return vault;
}

std::unique_ptr<Vault> Vault::twin(std::shared_ptr<ObjectStore> store) const {
  auto vault = std::unique_ptr<Vault>(new Vault(env_, std::move(store)));
  vault->id_ = id_;
  vault->params_ = params_;
  vault->created_ns_ = created_ns_;
  vault->keys_ = keys_;
  vault->newest_epoch_ = newest_epoch_;
  vault->keys_problem_ = keys_problem_;
  vault->opened_by_ = opened_by_;
  vault->writer_ = writer_;
  vault->cache_directory_ = cache_directory_;
  return vault;
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

Status Vault::may_write() const {
  if (keys_->current_epoch() >= newest_epoch_) return {};
  Error error(Code::refused, "key slot " + opened_by_.brief() + " was left out when the keys were rotated: it opens only what is older",
              "use another key of the vault; to let this one in again, open with that one, remove this slot and add it anew: holdfast key list");
  error.detail = keys_problem_.empty() ? "it holds key epoch " + std::to_string(keys_->current_epoch()) + "; the vault writes under epoch " + std::to_string(newest_epoch_) : keys_problem_;
  return error;
}

Status Vault::opens_all(std::string_view for_what) const {
  if (!is_write_only()) return {};
  return Error(Code::refused, "key slot " + opened_by_.brief() + " is write-only: it makes recovery points and sees those that it made; " + std::string(for_what) + " is not for it",
               "use a key that opens all of the vault: --key-file FILE, --passphrase-file FILE");
}

Result<std::vector<SlotInfo>> Vault::key_slots() const {
  HF_TRY(opens_all("a list of the keys"));
  const KeyObjects objects = HF_TRY(KeyObjects::read(*store_, id_));
  if (objects.unread) return Error(*objects.unread).in_context("reading the vault's key slots");
  if (!objects.damaged.empty()) return Error(Code::corrupt, objects.damaged);
  std::vector<SlotInfo> out;
  for (const KeySlot& slot : objects.slots) {
    const auto reading = [&] { return "reading key slot " + slot.id.brief(); };
    SlotInfo info{slot.id, slot.kind, {}, slot.id == opened_by_, slot.version, objects.reach_of(slot), objects.in_force(slot)};
    if (info.opened_this_vault) info.epoch = keys_->current_epoch();  // a slot of version 1 told with its secret
    const auto label = open_sealed(SealedKind::slot_label, slot.label);
    if (!label && label.error().code == Code::unsupported) {  // made after the rotation that left out the slot that opened
      info.label = {"(sealed under a newer key)", 0, slot.id, slot.epoch, slot.public_key};
    } else {
      if (!label) return Error(label.error()).in_context(reading());
      info.label = HF_TRY(decode_label(*label).context(reading));
      if (info.label.slot != slot.id) return Error(Code::corrupt, "key slot " + slot.id.brief() + " carries the label of another slot");
      if (slot.version >= 2 && (info.label.epoch != slot.epoch || info.label.public_key != slot.public_key))
        return Error(Code::corrupt, "the public key of key slot " + slot.id.brief() + " was exchanged",
                     "someone who can write to the vault did that: remove the slot (holdfast key remove), and add its secret anew");
    }
    out.push_back(std::move(info));
  }
  return out;
}

Result<SlotId> Vault::add_key(const Secret& secret, const std::string& label, const Argon2Params& argon2) const {
  HF_TRY(opens_all("adding a key"));
  return put_slot(secret.kind, secret.bytes, label, argon2, [&](KeySlot& slot, const Digest& wrapping) { wrap_root_keys(slot, wrapping, keys_->roots()); });
}

Result<SlotId> Vault::add_writer(const Secret& secret, const std::string& label) const {
  HF_TRY(opens_all("adding a key"));
  HF_ASSERT(secret.kind == SlotKind::key_file);
  // An older program sealed the newest decision about deletion for itself. Another prune that comes first does as well.
  if (const EpochRecord newest = HF_TRY(newest_epoch(*this)); newest.number > 0) {
    EpochRecord again = newest;
    HF_TRY(decide(*this, newest, again));
  }
  return put_slot(SlotKind::write_only, secret.bytes, label, {}, [&](KeySlot& slot, const Digest& wrapping) {
    std::vector<RootKey> own = keys_->keys_for(slot.writer(), slot.epoch);
    wrap_writer_keys(slot, wrapping, own, keys_->grant(encode_params(params_)));
    for (RootKey& k : own) wipe(k.key);
  });
}

Result<SlotId> Vault::put_slot(SlotKind kind, ByteView secret, const std::string& label, const Argon2Params& argon2, const std::function<void(KeySlot&, const Digest& wrapping)>& wrap) const {
  HF_TRY(may_write());
  HF_TRY(settle_key_objects(*store_));
  KeySlot slot;
  slot.version = kSlotVersion;
  do slot.id = random_id<SlotId>(env_);
  while (slot.writer().is_zero() || slot.writer() == kSharedWriter);
  slot.vault = id_;
  slot.kind = kind;
  slot.argon2 = argon2;
  slot.cipher = preferred_cipher();
  slot.epoch = keys_->current_epoch();
  env_.random(slot.salt);
  Digest key = HF_TRY(wrapping_key(slot, secret));
  Digest slot_private = slot_private_key(slot, key);
  slot.public_key = agreement_public_key(slot_private);
  wipe(slot_private);
  wrap(slot, key);
  wipe(key);
  slot.label = seal(SealedKind::slot_label, encode_label({label, env_.wall_ns(), slot.id, slot.epoch, slot.public_key}));
  const ObjectName name{ObjectKind::key, slot.id.hex()};
  HF_TRY(store_->put(name, slot.encode()));
  // A rotation that listed the slots before ours was there does not name it. Either it sees ours at its end, or we see it now.
  if (const auto rotation = store_->open({ObjectKind::key, rotation_name(id_, slot.epoch + 1)}); rotation) {
    HF_TRY(store_->remove(name));
    return Error(Code::refused, "the keys were rotated while this one was added", "run it again");
  }
  return slot.id;
}

Status Vault::remove_key(const SlotId& id) const {
  HF_TRY(opens_all("removing a key"));
  // Counted are those that open all of this vault: not a damaged one, nor what an init that died or a rotation left.
  bool there = false;
  HF_TRY(store_->list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { there = there || name == id.hex(); }));
  const KeyObjects objects = HF_TRY(KeyObjects::read(*store_, id_));
  for (const Rotation& r : objects.rotations)
    if (rotation_name(id_, r.epoch) == id.hex()) return Error(Code::refused, id.brief() + " is no key slot but a rotation of the keys: without it no key opens what was written since");
  const auto others = std::count_if(objects.slots.begin(), objects.slots.end(), [&](const KeySlot& s) { return s.id != id && s.kind != SlotKind::write_only && (s.id == opened_by_ || objects.in_force(s)); });
  if (!there) return Error(Code::not_found, "there is no key slot " + id.brief(), "list them: holdfast key list");
  const bool writer = std::any_of(objects.slots.begin(), objects.slots.end(), [&](const KeySlot& s) { return s.id == id && s.kind == SlotKind::write_only; });
  if (others == 0 && !writer) return Error(Code::refused, "key slot " + id.brief() + " is the last one; without it nobody could open the vault", "add another key first: holdfast key add");
  return store_->remove({ObjectKind::key, id.hex()});
}

Result<SlotId> Vault::test_key(const Secret& secret) const {
  OpenedSlot opened = HF_TRY(open_slots(HF_TRY(KeyObjects::read(*store_, id_)), secret));
  const WriterId writer = opened.grant ? WriterId::from(opened.slot.view()) : WriterId();
  const RootKey& first = opened.roots[0];
  const bool derived = opened.grant && !is_write_only();
  const bool same = std::any_of(keys_->roots().begin(), keys_->roots().end(), [&](const RootKey& own) { return own.epoch == first.epoch && (derived ? writer_key(own, id_, writer).key : own.key) == first.key; });
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
