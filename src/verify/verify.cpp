#include "verify/verify.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "format/rotation.hpp"
#include "verify/survey.hpp"

namespace hf {

std::string_view name_of(DamageKind kind) {
  switch (kind) {
    case DamageKind::missing_pack: return "missing_pack";
    case DamageKind::damaged_pack: return "damaged_pack";
    case DamageKind::damaged_index: return "damaged_index";
    case DamageKind::damaged_point: return "damaged_point";
    case DamageKind::damaged_key_slot: return "damaged_key_slot";
    case DamageKind::damaged_description: return "damaged_description";
    case DamageKind::damaged_lease: return "damaged_lease";
    case DamageKind::damaged_proof: return "damaged_proof";
    case DamageKind::damaged_parity: return "damaged_parity";
    case DamageKind::missing_chunk: return "missing_chunk";
    case DamageKind::wrong_tree: return "wrong_tree";
  }
  return "unknown";
}

std::size_t Survey::add(Damage damage) {
  Lock lock(mutex);
  ++report.damage_count;
  if (!harmless(damage.kind)) ++report.serious;
  if (found) found(damage);
  if (report.damage.size() >= VerifyReport::kListed) return kUnlisted;
  report.damage.push_back(std::move(damage));
  return report.damage.size() - 1;
}

void Survey::note(std::string text) {
  Lock lock(mutex);
  if (report.notes.size() < VerifyReport::kListed) report.notes.push_back(std::move(text));
}

Result<VerifyReport> verify(const Vault& vault, const VerifyOptions& options, Progress& progress, const DamageSink& found) {
  Survey survey(options, progress, found);
  // Points before packs: what a backup adds meanwhile is then never missing.
  HF_TRY(check_objects(vault, survey));
  std::vector<Damage> of_index = HF_TRY(take_stock_of(vault, survey));
  HF_TRY(list_parity_of(vault.store(), survey));
  HF_TRY(list_stripes_of(options.stripes, vault.id(), survey));
  if (options.heal) HF_TRY(heal_absent(vault.store(), survey));
  if (options.depth != VerifyDepth::structure) {
    std::vector<PackId> which;
    if (options.depth == VerifyDepth::full && options.sample_percent < 100) which = HF_TRY(choose_sample(vault, survey, options.sample_percent));
    else
      for (const auto& [id, bytes] : survey.present) which.push_back(id);
    HF_TRY(check_packs(vault.store(), options.depth == VerifyDepth::full ? &vault : nullptr, which, survey));
    HF_TRY(check_parity(vault.store(), which, survey));
    HF_TRY(check_stripes(vault.store(), which, survey));
  }
  const auto some_went = [&] {
    Lock lock(survey.mutex);
    return !survey.gone.empty();
  };
  if (some_went()) of_index = HF_TRY(take_stock_of(vault, survey));
  for (Damage& d : of_index) survey.add(std::move(d));
  HF_TRY(check_presence(survey));
  if (options.depth == VerifyDepth::full) HF_TRY(compare_with_index(vault, survey));
  tell_stripes(survey);
  locate_bad_chunks(vault, survey);
  HF_TRY(check_trees(vault, survey));
  if (options.depth == VerifyDepth::full && options.store_proof) HF_TRY(store_proof(vault, survey));
  Lock lock(survey.mutex);
  survey.report.depth = options.depth;
  survey.report.unknown_objects += survey.unknown_packs;
  return std::move(survey.report);
}

Result<VerifyReport> verify_ciphertext(ObjectStore& store, unsigned jobs, Progress& progress, const DamageSink& found, bool heal, ObjectStore* stripes) {
  VerifyOptions options;
  options.depth = VerifyDepth::ciphertext;
  options.heal = heal;
  options.stripes = stripes;
  options.jobs = jobs;
  Survey survey(options, progress, found);
  const auto damaged = [&](DamageKind kind, const ObjectName& name, const std::string& message, std::string hint) {
    Damage d;
    d.kind = kind;
    d.object = name.text();
    d.message = message;
    d.hint = std::move(hint);
    survey.add(std::move(d));
  };
  std::optional<VaultId> vault_id;  // else the stripes of any
  // What carries a check of its own, or is named by its content, can be judged by anyone; of the rest, only the envelope.
  {
    const auto raw = store.get(config_name(), kConfigBytesMax);
    const auto config = raw ? VaultConfig::decode(*raw) : Result<VaultConfig>(raw.error());
    if (config) vault_id = config->id;
    else
      damaged(DamageKind::damaged_description, config_name(), "the vault's description is damaged (" + config.error().message + ")",
              "copies of it lie in the packs: remove the damaged file, then: holdfast rebuild");
  }
  struct Row {
    ObjectKind kind;
    DamageKind damage;
    SealedKind sealed;
    std::uint64_t bytes_max;
    std::string_view what, hint;
  };
  const Row rows[] = {
      {ObjectKind::key, DamageKind::damaged_key_slot, SealedKind::slot_label, kSlotBytesMax, "key slot", "add its secret anew (holdfast key add), then remove the slot (holdfast key remove)"},
      {ObjectKind::point, DamageKind::damaged_point, SealedKind::point, kPointBytesMax, "recovery point", "a copy of it lies in a pack: remove the damaged file, then: holdfast rebuild"},
      {ObjectKind::lease, DamageKind::damaged_lease, SealedKind::lease, kSlotBytesMax, "note of a running backup", "remove the file from the vault"},
      {ObjectKind::proof, DamageKind::damaged_proof, SealedKind::proof, kProofBytesMax, "note of an earlier verify", "remove the file from the vault"},
  };
  for (const Row& row : rows) {
    std::vector<std::string> names;
    std::uint64_t rotations = 0;  // they lie among the key slots
    HF_TRY(store.list(row.kind, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      const auto raw = store.get({row.kind, name}, row.bytes_max);
      if (!raw && raw.error().code == Code::not_found) continue;
      Status status = raw ? Status() : Status(raw.error());
      if (raw && row.kind == ObjectKind::key) {
        if (is_rotation(*raw)) {
          ++rotations;
          if (const auto rotation = Rotation::decode(*raw); !rotation) status = rotation.error();
        } else if (const auto slot = KeySlot::decode(*raw); !slot) {
          status = slot.error();
        }
      } else if (raw && row.kind == ObjectKind::proof) {
        if (to_hex(content_name(*raw)) != name) status = Error(Code::corrupt, "it has other content than its name says");
      } else if (raw) {
        if (const auto header = peek_object(*raw, row.sealed); !header) status = header.error();
      }
      if (!status) damaged(row.damage, {row.kind, name}, std::string(row.what) + " " + name.substr(0, 8) + " is damaged (" + status.error().message + ")", std::string(row.hint));
    }
    Lock lock(survey.mutex);
    if (row.kind == ObjectKind::key) survey.report.key_slots = names.size() - rotations;
    if (row.kind == ObjectKind::point) survey.report.points = names.size();
  }
  std::vector<std::string> runs;
  HF_TRY(store.list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { runs.emplace_back(name); }));
  for (const std::string& name : runs) {
    const auto holds = content_name_holds(store, {ObjectKind::index, name});
    if (!holds && holds.error().code == Code::not_found) continue;
    if (!holds || !*holds)
      damaged(DamageKind::damaged_index, {ObjectKind::index, name}, "index run " + name.substr(0, 8) + " is damaged (" + (holds ? "it has other content than its name says" : holds.error().message) + ")",
              "the packs tell all that the index does; make it anew: holdfast rebuild");
  }
  HF_TRY(list_packs(store, survey));
  HF_TRY(list_parity_of(store, survey));
  HF_TRY(list_stripes_of(stripes, vault_id, survey));
  HF_TRY(check_presence_by_stripes(store, survey));
  std::vector<PackId> which;
  for (const auto& [id, bytes] : survey.present) which.push_back(id);
  HF_TRY(check_packs(store, nullptr, which, survey));
  HF_TRY(check_parity(store, which, survey));
  HF_TRY(check_stripes(store, which, survey));
  tell_stripes(survey);
  Lock lock(survey.mutex);
  survey.report.unknown_objects += survey.unknown_packs;
  survey.report.index_runs = runs.size();
  survey.report.depth = VerifyDepth::ciphertext;
  return std::move(survey.report);
}

}  // namespace hf
