#include "format/rotation.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

bool is_id(std::string_view name, std::size_t bytes) {
  return name.size() == 2 * bytes && name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<std::vector<std::string>> names_in(ObjectStore& store, ObjectKind kind, std::size_t id_bytes, Survey& survey) {
  std::vector<std::string> names;
  std::uint64_t unknown = 0;
  HF_TRY(store.list(kind, [&](std::string_view name, std::uint64_t) {
    if (is_id(name, id_bytes)) names.emplace_back(name);
    else ++unknown;
  }));
  std::sort(names.begin(), names.end());
  Lock lock(survey.mutex);
  survey.report.unknown_objects += unknown;
  return names;
}

Damage damage_of(DamageKind kind, const ObjectName& name, const Error& error, std::string message, std::string hint) {
  Damage d;
  d.kind = kind;
  d.object = name.text();
  d.message = std::move(message) + " (" + error.message + ")";
  d.hint = std::move(hint);
  return d;
}

Status check_description(const Vault& vault, const Buffer& raw) {
  const VaultConfig config = HF_TRY(VaultConfig::decode(raw));
  if (config.id != vault.id()) return Error(Code::corrupt, "it is another vault's");
  if (config.created_ns != vault.created_ns()) return Error(Code::corrupt, "it changed while the vault was open");
  HF_TRY(decode_params(HF_TRY(vault.open_sealed(SealedKind::parameters, config.sealed_params))));
  return {};
}

Result<bool> check_rotation(const Vault& vault, const std::string& name, const Buffer& raw) {
  const Rotation rotation = HF_TRY(Rotation::decode(raw));
  if (rotation.vault != vault.id()) return false;
  if (rotation_name(vault.id(), rotation.epoch) != name) return Error(Code::corrupt, "it is another rotation than its name says");
  for (const RootKey& k : vault.keys().roots())
    if (k.epoch + 1 == rotation.epoch && rotation_proof(rotation, k.key) != rotation.proof) return Error(Code::corrupt, "it is not of someone who could open the vault");
  return true;
}

/// False: it is whole, and yet another vault's; an init that died left it.
Result<bool> check_slot(const Vault& vault, const std::string& name, const Buffer& raw) {
  if (is_rotation(raw)) return check_rotation(vault, name, raw);
  const KeySlot slot = HF_TRY(KeySlot::decode(raw));
  if (slot.id.hex() != name) return Error(Code::corrupt, "it is another slot than its name says");
  if (slot.vault != vault.id()) return false;
  auto sealed = vault.open_sealed(SealedKind::slot_label, slot.label);
  if (!sealed && sealed.error().code == Code::unsupported && !vault.may_write()) return true;  // newer than the key that opened
  const SlotLabel label = HF_TRY(decode_label(HF_TRY(std::move(sealed))));
  if (slot.version >= 2 && (label.epoch != slot.epoch || label.public_key != slot.public_key)) return Error(Code::corrupt, "its public key was exchanged");
  if (label.slot != slot.id) return Error(Code::corrupt, "its label is another slot's");
  return true;
}

}  // namespace

Status check_objects(const Vault& vault, Survey& survey) {
  ObjectStore& store = vault.store();
  {
    const auto raw = store.get(config_name(), kConfigBytesMax);
    const Status status = raw ? check_description(vault, *raw) : Status(raw.error());
    if (!status)
      survey.add(damage_of(DamageKind::damaged_description, config_name(), status.error(), "the vault's description is damaged",
                           "copies of it lie in the packs: remove the damaged file, then: holdfast rebuild"));
  }
  const auto keys = HF_TRY(names_in(store, ObjectKind::key, SlotId::kBytes, survey));
  std::uint64_t rotations = 0;
  for (const std::string& name : keys) {
    const ObjectName object{ObjectKind::key, name};
    const auto raw = store.get(object, kSlotBytesMax);
    if (!raw && raw.error().code == Code::not_found) continue;
    const bool rotation = raw && is_rotation(*raw);
    rotations += rotation ? 1 : 0;
    const Result<bool> ours = raw ? check_slot(vault, name, *raw) : Result<bool>(raw.error());
    if (ours && !*ours) survey.note("key slot " + name.substr(0, 8) + " is another vault's: an init that was broken off left it; it does no harm");
    if (!ours && rotation)
      survey.add(damage_of(DamageKind::damaged_key_slot, object, ours.error(), "rotation " + name.substr(0, 8) + " of the keys is damaged: what was written since may not open any more",
                           "copies of it lie in the packs: remove the damaged file, then: holdfast rebuild"));
    else if (!ours)
      survey.add(damage_of(DamageKind::damaged_key_slot, object, ours.error(), "key slot " + name.substr(0, 8) + " is damaged: its secret may not open the vault any more",
                           "add its secret anew (holdfast key add), then remove the slot: holdfast key remove " + name.substr(0, 8)));
  }
  for (const auto& [kind, bytes_max] : {std::pair{ObjectKind::lease, kSlotBytesMax}, std::pair{ObjectKind::proof, kProofBytesMax}}) {
    const bool lease = kind == ObjectKind::lease;
    for (const std::string& name : HF_TRY(names_in(store, kind, lease ? PointId::kBytes : 32, survey))) {
      const ObjectName object{kind, name};
      const auto raw = store.get(object, bytes_max);
      if (!raw && raw.error().code == Code::not_found) continue;
      Status status = raw ? Status() : Status(raw.error());
      if (raw) {
        auto plain = vault.open_sealed(lease ? SealedKind::lease : SealedKind::proof, *raw);
        if (!plain) status = plain.error();
        else if (auto proof = decode_proof(*plain); !lease && !proof) status = proof.error();
      }
      if (!status)
        survey.add(damage_of(lease ? DamageKind::damaged_lease : DamageKind::damaged_proof, object, status.error(),
                             lease ? "the note of a running backup " + name.substr(0, 8) + " is damaged; no data is touched" : "the note of an earlier verify " + name.substr(0, 8) + " is damaged; no data is touched",
                             "remove the file " + object.text() + " from the vault"));
    }
  }
  auto names = HF_TRY(names_in(store, ObjectKind::point, PointId::kBytes, survey));
  for (const std::string& name : names) {
    auto point = vault.point(name);
    if (point) survey.points.push_back(std::move(*point));
    else if (point.error().code != Code::not_found)
      survey.add(damage_of(DamageKind::damaged_point, {ObjectKind::point, name}, point.error(), "recovery point " + name.substr(0, 8) + " can't be read",
                           "a copy of it lies in a pack: remove the damaged file points/" + name + ", then: holdfast rebuild"));
  }
  std::sort(survey.points.begin(), survey.points.end(), [](const RecoveryPoint& a, const RecoveryPoint& b) {
    return std::tie(a.started_ns, a.id) < std::tie(b.started_ns, b.id);
  });
  Lock lock(survey.mutex);
  survey.report.key_slots = keys.size() - rotations;
  survey.report.points = survey.points.size();
  return {};
}

}  // namespace hf
