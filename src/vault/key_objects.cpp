#include "vault/key_objects.hpp"

#include <algorithm>
#include <tuple>

#include "vault/vault.hpp"

namespace hf {
namespace {

/// Adds what rotations sealed to this slot. A rotation that does not open, or contradicts another, adds nothing: what is
/// older still opens, and the caller tells.
std::string follow_rotations(const KeyObjects& objects, const KeySlot& slot, const Digest& slot_private, std::vector<RootKey>& roots) {
  const RootKey own = roots.back();
  std::string problem;
  for (const Rotation& r : objects.rotations) {
    if (r.epoch <= own.epoch || r.entry_of(slot.id) == nullptr) continue;
    auto keys = open_entry(r, slot, own, slot_private);
    bool good = keys.has_value();
    for (std::size_t i = 0; good && i < keys->size(); ++i) {
      const auto known = std::find_if(roots.begin(), roots.end(), [&](const RootKey& k) { return k.epoch == (*keys)[i].epoch; });
      good = known == roots.end() || known->key == (*keys)[i].key;
    }
    if (good && slot.kind != SlotKind::write_only) {  // such a slot has no root key to tell with
      // Only who held the key of the epoch before could begin this one.
      const RootKey& before = keys->size() > 1 ? (*keys)[keys->size() - 2] : own;
      good = rotation_proof(r, before.key) == r.proof;
    }
    if (!good) {
      problem = "rotation " + std::to_string(r.epoch) + " of the keys does not prove to be this vault's";
    } else {
      for (const RootKey& k : *keys)
        if (k.epoch > roots.back().epoch) roots.push_back(k);
    }
    if (keys)
      for (RootKey& k : *keys) wipe(k.key);
  }
  return problem;
}

}  // namespace

std::string words_of(SlotKind kind) {
  switch (kind) {
    case SlotKind::passphrase: return "passphrase";
    case SlotKind::key_file: return "key file";
    case SlotKind::recovery_key: return "recovery key";
    case SlotKind::shares: return "shares";
    case SlotKind::write_only: return "write-only key";
  }
  return "unknown";
}

Result<KeyObjects> KeyObjects::read(ObjectStore& store, const VaultId& vault) {
  std::vector<std::string> names;
  HF_TRY(store.list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  KeyObjects out;
  for (const std::string& name : names) {
    const auto raw = store.get({ObjectKind::key, name}, kSlotBytesMax);
    if (!raw && raw.error().code == Code::not_found) continue;  // removed meanwhile
    const auto told = [&](const Error& e) {
      // What the system could not read now says nothing about the secret.
      if (e.code != Code::corrupt && e.code != Code::unsupported) out.unread = e;
      out.damaged += (out.damaged.empty() ? "key slot " : ", ") + name.substr(0, 8) + ": " + e.message;
    };
    if (!raw) {
      told(raw.error());
    } else if (is_rotation(*raw)) {
      auto rotation = Rotation::decode(*raw);
      if (!rotation) told(rotation.error());
      else if (rotation->vault == vault && name == rotation_name(vault, rotation->epoch)) out.rotations.push_back(std::move(*rotation));
    } else {
      auto slot = KeySlot::decode(*raw);
      if (!slot) told(slot.error());
      else if (slot->vault == vault) out.slots.push_back(std::move(*slot));
    }
  }
  std::sort(out.rotations.begin(), out.rotations.end(), [](const Rotation& a, const Rotation& b) { return a.epoch < b.epoch; });
  return out;
}

std::uint32_t KeyObjects::newest_epoch() const {
  std::uint32_t newest = rotations.empty() ? 1 : rotations.back().epoch;
  for (const KeySlot& slot : slots) newest = std::max(newest, slot.epoch);  // its rotation may be gone: better to write nothing
  return newest;
}

std::uint32_t KeyObjects::reach_of(const KeySlot& slot) const {
  for (auto r = rotations.rbegin(); r != rotations.rend() && r->epoch > slot.epoch; ++r)
    if (r->entry_of(slot.id) != nullptr) return r->epoch;
  return slot.epoch;
}

Status settle_key_objects(ObjectStore& store) {
  std::vector<ObjectName> names;
  HF_TRY(store.list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { names.push_back({ObjectKind::key, std::string(name)}); }));
  return store.settle(names);
}

Result<OpenedSlot> open_slots(const KeyObjects& objects, const Secret& secret, std::uint16_t only_version) {
  std::vector<const KeySlot*> candidates;
  for (const KeySlot& slot : objects.slots)
    if ((slot.kind == secret.kind || (slot.kind == SlotKind::write_only && secret.kind == SlotKind::key_file)) && (only_version == 0 || slot.version == only_version)) candidates.push_back(&slot);
  std::stable_sort(candidates.begin(), candidates.end(), [&](const KeySlot* a, const KeySlot* b) {
    const auto rank = [&](const KeySlot& s) { return std::tuple(s.kind != SlotKind::write_only, objects.reach_of(s), s.version); };
    return rank(*a) > rank(*b);
  });
  for (const KeySlot* slot : candidates) {
    Digest wrapping = HF_TRY(wrapping_key(*slot, secret.bytes));
    std::optional<WriterGrant> grant;
    auto roots = slot->kind != SlotKind::write_only ? unwrap_root_keys(*slot, wrapping) : [&]() -> Result<std::vector<RootKey>> {
      WriterKeys keys = HF_TRY(unwrap_writer_keys(*slot, wrapping));
      grant = std::move(keys.grant);
      return std::move(keys.own);
    }();
    if (!roots && roots.error().code != Code::wrong_secret) {
      wipe(wrapping);
      return roots.error();
    }
    if (roots) {
      OpenedSlot out{slot->id, slot->version, std::move(*roots), std::move(grant), {}};
      out.roots.reserve(out.roots.size() + objects.rotations.size());  // no copy stays behind when it grows
      if (slot->version >= 2) {
        Digest slot_private = slot_private_key(*slot, wrapping);
        out.problem = follow_rotations(objects, *slot, slot_private, out.roots);
        wipe(slot_private);
      }
      wipe(wrapping);
      return out;
    }
    wipe(wrapping);
  }
  if (objects.unread) return Error(*objects.unread).in_context("reading the vault's key slots");
  const std::string word = secret.kind == SlotKind::shares ? "recovery key that these shares give" : words_of(secret.kind);
  Error error(Code::wrong_secret, candidates.empty() ? "the vault has no key slot for a " + word : "the " + word + " does not open this vault",
              "try the recovery key from the recovery sheet (--key-file), or another passphrase: several may be in use");
  error.detail = objects.damaged;
  return error;
}

}  // namespace hf
