#include "vault/rotate.hpp"

#include <algorithm>

#include "vault/key_objects.hpp"

namespace hf {
namespace {

const SlotInfo* info_of(const std::vector<SlotInfo>& infos, const SlotId& id) {
  const auto at = std::find_if(infos.begin(), infos.end(), [&](const SlotInfo& i) { return i.id == id; });
  return at == infos.end() ? nullptr : &*at;
}

}  // namespace

Result<RotateReport> rotate_keys(const Vault& vault, const RotateOptions& options) {
  HF_TRY(vault.opens_all("a rotation of the keys"));
  HF_TRY(vault.may_write());
  ObjectStore& store = vault.store();
  HF_TRY(settle_key_objects(store));
  const std::vector<RootKey>& roots = vault.keys().roots();
  RotateReport report;
  report.epoch = vault.keys().current_epoch() + 1;

  const std::vector<SlotInfo> infos = HF_TRY(vault.key_slots());  // checks each label, and with it each public key
  const KeyObjects objects = HF_TRY(KeyObjects::read(store, vault.id()));
  // A slot that can't be read now would be left out for good.
  if (objects.unread) return Error(*objects.unread).in_context("reading the vault's key slots");
  if (!objects.damaged.empty()) return Error(Code::corrupt, objects.damaged);
  if (objects.newest_epoch() >= report.epoch) return Error(Code::refused, "another rotation of the keys came first", "look: holdfast key list");
  for (const SlotId& id : options.drop) {
    const SlotInfo* info = info_of(infos, id);
    if (info == nullptr) return Error(Code::not_found, "there is no key slot " + id.brief(), "list them: holdfast key list");
    if (id == vault.opened_by()) return Error(Code::refused, "key slot " + id.brief() + " opened the vault just now: it can't be dropped", "open the vault with another key");
    report.dropped.push_back(*info);
  }
  std::vector<const KeySlot*> named;
  std::string old;
  for (const KeySlot& slot : objects.slots) {
    const SlotInfo* info = info_of(infos, slot.id);
    if (info == nullptr) return Error(Code::refused, "key slot " + slot.id.brief() + " was added just now", "run it again");
    if (info_of(report.dropped, slot.id) != nullptr) continue;
    if (slot.version < 2) {
      old += (old.empty() ? "" : ", ") + slot.id.brief() + " (" + words_of(slot.kind) + " '" + printable(info->label.name) + "')";
    } else if (!objects.in_force(slot)) {
      report.left_out.push_back(*info);
    } else {
      named.push_back(&slot);
      report.reached.push_back(*info);
    }
  }
  if (!old.empty())
    return Error(Code::refused, "key slots of an older version can be rotated only with their secrets at hand",
                 "give each (--also-key-file FILE, --also-passphrase-file FILE), or do without the slot: --drop SLOT")
        .with_detail(old);

  for (const SlotInfo& info : report.dropped) HF_TRY(store.remove({ObjectKind::key, info.id.hex()}));

  Rotation rotation;
  rotation.vault = vault.id();
  rotation.epoch = report.epoch;
  rotation.cipher = preferred_cipher();
  rotation.created_ns = vault.env().wall_ns();
  RootKey fresh{report.epoch, {}};
  vault.env().random(fresh.key);
  const auto seal_all = [&]() -> Status {
    for (const KeySlot* slot : named) {
      std::vector<RootKey> newer;
      newer.reserve(roots.size() + 1);
      // A write-only slot has its own key of each epoch, not the root key.
      const auto theirs = [&](const RootKey& root) { return slot->kind == SlotKind::write_only ? writer_key(root, vault.id(), slot->writer()) : root; };
      std::optional<RootKey> own;
      for (const RootKey& k : roots) {
        if (k.epoch == slot->epoch) own = theirs(k);
        if (k.epoch > slot->epoch) newer.push_back(theirs(k));
      }
      newer.push_back(theirs(fresh));
      Digest ephemeral{};
      vault.env().random(ephemeral);
      auto entry = own ? seal_entry(rotation, *slot, *own, ephemeral, newer) : Result<Rotation::Entry>(Error(Code::corrupt, "key slot " + slot->id.brief() + " names an epoch that is none"));
      wipe(ephemeral);
      if (own) wipe(own->key);
      for (RootKey& k : newer) wipe(k.key);
      rotation.entries.push_back(HF_TRY(std::move(entry)));
    }
    return {};
  };
  const Status sealed = seal_all();
  wipe(fresh.key);
  HF_TRY(Status(sealed));
  std::sort(rotation.entries.begin(), rotation.entries.end(), [](const Rotation::Entry& a, const Rotation::Entry& b) { return a.slot < b.slot; });
  rotation.proof = rotation_proof(rotation, roots.back().key);
  if (auto put = store.put({ObjectKind::key, rotation_name(vault.id(), rotation.epoch)}, rotation.encode()); !put) {
    if (put.error().code == Code::already_exists) return Error(Code::refused, "another rotation of the keys came first", "look: holdfast key list");
    return std::move(put.error()).in_context("writing the new key epoch");
  }
  for (SlotInfo& info : report.reached) info.epoch = report.epoch;

  // Who added a key meanwhile saw our rotation and took it back, or we see it here.
  const KeyObjects after = HF_TRY(KeyObjects::read(store, vault.id()));
  for (const KeySlot& slot : after.slots)
    if (slot.epoch < report.epoch && rotation.entry_of(slot.id) == nullptr && info_of(report.left_out, slot.id) == nullptr) report.late.push_back(slot.id);
  return report;
}

Result<std::vector<SlotId>> renew_key(const Vault& vault, const Secret& secret) {
  HF_TRY(vault.may_write());
  std::vector<SlotId> gone;
  while (true) {
    const KeyObjects objects = HF_TRY(KeyObjects::read(vault.store(), vault.id()));
    auto old = open_slots(objects, secret, 1);
    if (!old && old.error().code == Code::wrong_secret) return gone;
    if (!old) return old.error();
    for (RootKey& k : old->roots) wipe(k.key);
    if (auto renewed = open_slots(objects, secret, kSlotVersion); renewed) {
      for (RootKey& k : renewed->roots) wipe(k.key);
    } else {
      const std::vector<SlotInfo> infos = HF_TRY(vault.key_slots());
      const SlotInfo* info = info_of(infos, old->slot);
      const auto slot = std::find_if(objects.slots.begin(), objects.slots.end(), [&](const KeySlot& s) { return s.id == old->slot; });
      HF_TRY(vault.add_key(secret, info != nullptr ? info->label.name : "", slot->argon2));
    }
    HF_TRY(vault.store().remove({ObjectKind::key, old->slot.hex()}));
    gone.push_back(old->slot);
  }
}

}  // namespace hf
