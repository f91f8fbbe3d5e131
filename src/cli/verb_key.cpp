#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "vault/deletion.hpp"
#include "vault/epoch_share.hpp"
#include "vault/key_objects.hpp"
#include "vault/pack_reader.hpp"

namespace hf::cli {
namespace {

Json json_of(const SlotInfo& s) {
  Json j = {{"id", s.id.hex()}, {"kind", name_of(s.kind)}, {"created", utc_time(s.label.created_ns)}, {"opened_this", s.opened_this_vault}, {"epoch", s.epoch}, {"in_force", s.in_force}};
  put_name(j, "label", s.label.name);
  return j;
}

Result<int> list_epochs(Invocation& in, const Vault& vault) {
  const EpochShares shares = HF_TRY(epoch_shares(vault, in.settings.jobs, in.progress));
  const KeyObjects objects = HF_TRY(KeyObjects::read(vault.store(), vault.id()));
  std::uint64_t total = shares.unknown.bytes;
  for (const auto& [epoch, share] : shares.by_epoch) total += share.bytes;
  const auto percent = [&](std::uint64_t bytes) { return total == 0 ? 0.0 : 100.0 * static_cast<double>(bytes) / static_cast<double>(total); };
  const std::uint32_t current = vault.keys().current_epoch();
  using A = Table::Align;
  Table t({{"EPOCH", A::right}, {"BEGAN"}, {"PACKS", A::right}, {"SIZE", A::right}, {"SHARE", A::right}, {""}});
  if (in.out.json_mode()) in.out.begin_list();
  for (std::uint32_t epoch = 1; epoch <= current; ++epoch) {
    const auto at = shares.by_epoch.find(epoch);
    const EpochShare share = at == shares.by_epoch.end() ? EpochShare{} : at->second;
    std::int64_t began = vault.created_ns();
    for (const Rotation& r : objects.rotations)
      if (r.epoch == epoch) began = r.created_ns;
    if (!in.out.json_mode())
      t.row({std::to_string(epoch), local_time(began).substr(0, 16), human_count(share.packs), human_bytes(share.bytes), fmt::format("{:.1f} %", percent(share.bytes)), epoch == current ? "(new packs)" : ""});
    else if (!in.out.item({{"epoch", epoch}, {"began", utc_time(began)}, {"current", epoch == current}, {"packs", share.packs}, {"bytes", share.bytes}, {"percent", percent(share.bytes)}}))
      break;
  }
  if (!in.out.json_mode()) t.print(in.out);
  if (shares.unknown.packs > 0) in.out.warn(human_count(shares.unknown.packs) + " packs do not tell their epoch: see what is wrong with them: holdfast verify");
  return 0;
}

Result<int> list(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  if (in.flag("epochs")) return list_epochs(in, *vault);
  const auto slots = HF_TRY(vault->key_slots());
  if (in.out.json_mode()) {
    in.out.begin_list();
    for (const SlotInfo& s : slots)
      if (!in.out.item(json_of(s))) break;
    return 0;
  }
  Table t({{"SLOT"}, {"KIND"}, {"LABEL"}, {"MADE"}, {""}});
  for (const SlotInfo& s : slots) t.row({s.id.brief(), words_of(s.kind), s.label.name, local_time(s.label.created_ns).substr(0, 16), std::string(s.opened_this_vault ? "(in use now)" : "") + (s.in_force ? "" : "(left out by a rotation: opens only what is older)")});
  t.print(in.out);
  if (vault->keys().current_epoch() > 1) {
    in.out.line("");
    HF_TRY(list_epochs(in, *vault));
  }
  const bool recovery = std::any_of(slots.begin(), slots.end(), [](const SlotInfo& s) { return s.kind == SlotKind::recovery_key; });
  const auto full = std::count_if(slots.begin(), slots.end(), [](const SlotInfo& s) { return s.kind != SlotKind::write_only; });
  if (full == 1) in.out.note("This is the only way in. Add another: holdfast key add --recovery-key");
  else if (!recovery) in.out.note("There is no recovery key on paper. Add one: holdfast key add --recovery-key");
  return 0;
}

Result<int> remove(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const std::string reference = in.argument("SLOT");
  // Names, not contents: a damaged slot can be removed too.
  std::vector<SlotId> found;
  HF_TRY(vault->store().list(ObjectKind::key, [&](std::string_view name, std::uint64_t) {
    if (const auto id = SlotId::parse(name); id && name.starts_with(reference)) found.push_back(*id);
  }));
  if (reference.empty() || found.empty()) return Error(Code::not_found, "no key slot begins with '" + printable(reference) + "'", "list them: holdfast key list");
  if (found.size() > 1) return Error(Code::usage, human_count(found.size()) + " key slots begin with '" + printable(reference) + "'", "give more digits: holdfast key list");
  std::string what = "a damaged key slot";
  bool in_use = false;
  if (const auto slots = vault->key_slots())
    for (const SlotInfo& s : *slots)
      if (s.id == found[0]) {
        what = words_of(s.kind) + " '" + printable(s.label.name) + "'";
        in_use = s.opened_this_vault;
      }
  if (in_use && !in.flag("force"))
    return Error(Code::refused, "key slot " + found[0].brief() + " is the one that opened the vault just now", "open it with another key to show that one works (--key-file, --passphrase-file), or insist: --force");
  HF_TRY(vault->remove_key(found[0]));
  in.out.line("Removed key slot " + found[0].brief() + ": " + what + ".");
  in.out.note("Copies of the vault and of its packs still hold the slot. If its secret is known to others, they can open those.");
  in.out.json({{"id", found[0].hex()}, {"removed", true}});
  return 0;
}

/// What opening with a key proved, in words: what was read with it, not what should be readable.
Result<std::vector<std::string>> proofs_of(const Vault& vault) {
  std::vector<std::string> out;
  const std::uint32_t newest = vault.keys().current_epoch();
  out.push_back(newest == 1 ? std::string("the root key opens the vault's description") : fmt::format("the root keys of epochs 1 to {} open, and the first opens the vault's description", newest));
  // The newest point, and one pack of each epoch: what they are sealed under is what counts on the day.
  const PointList points = HF_TRY(vault.points());
  if (!points.points.empty()) out.push_back("the newest recovery point, " + points.points.back().id.brief() + " of " + local_time(points.points.back().started_ns).substr(0, 16) + ", opens and its signature holds");
  if (!points.damaged.empty())
    return Error(points.damaged[0].error).in_context(fmt::format("{} of {} recovery points do not open with this key; reading {}", points.damaged.size(), points.damaged.size() + points.points.size(), points.damaged[0].name.substr(0, 8)));
  std::vector<std::string> names;
  HF_TRY(vault.store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  std::map<std::uint32_t, std::string> opened;
  SegmentOpener opener(vault);
  for (const std::string& name : names) {
    if (opened.size() == newest) break;
    const auto reader = vault.store().open({ObjectKind::pack, name});
    std::array<std::uint8_t, PackHeader::kBytes> head{};
    if (!reader || !(*reader)->read(0, head)) continue;  // a matter for verify, not for the key
    const auto header = PackHeader::decode(head);
    if (!header || header->by_writer || opened.contains(header->epoch)) continue;
    if (read_pack_directory(vault, **reader, opener)) opened[header->epoch] = name;
  }
  for (const auto& [epoch, name] : opened) out.push_back(newest == 1 ? "pack " + name.substr(0, 8) + " opens" : fmt::format("pack {} of epoch {} opens", name.substr(0, 8), epoch));
  return out;
}

/// A write-only key can't open its label; what it can open is what it wrote.
Result<int> test_writer(Invocation& in, const Vault& vault) {
  HF_TRY(vault.may_write());
  HF_TRY(newest_epoch(vault));  // a backup has to read it
  const PointList points = HF_TRY(vault.points());
  if (!points.damaged.empty()) return Error(points.damaged[0].error).in_context("reading " + points.damaged[0].name.substr(0, 8));
  std::vector<std::string> proofs{"it can make recovery points"};
  if (!points.points.empty()) proofs.push_back(counted(points.points.size(), "point") + " made with it " + (points.points.size() == 1 ? "opens" : "open") + ", the newest of " + local_time(points.points.back().started_ns).substr(0, 16));
  in.out.line("It writes into the vault, and opens what it wrote: key slot " + vault.opened_by().brief() + ", write-only.");
  for (const std::string& p : proofs) in.out.line("  proven: " + p);
  in.out.json({{"id", vault.opened_by().hex()}, {"kind", name_of(SlotKind::write_only)}, {"opened_this", true}, {"epoch", vault.keys().current_epoch()}, {"in_force", true}, {"proven", proofs}});
  return 0;
}

Result<int> test(Invocation& in) {
  SlotSecret secret;
  const auto vault = HF_TRY(open_vault_in(in, open_store, &secret));
  if (vault->is_write_only()) return test_writer(in, *vault);
  for (const SlotInfo& s : HF_TRY(vault->key_slots())) {
    if (!s.opened_this_vault) continue;
    HF_TRY(vault->may_write());  // left out by a rotation: it does not open everything
    const std::vector<std::string> proofs = HF_TRY(proofs_of(*vault));
    in.out.line("It opens the vault: key slot " + s.id.brief() + ", " + words_of(s.kind) + " '" + printable(s.label.name) + "', made " + local_time(s.label.created_ns).substr(0, 16) + ".");
    for (const std::string& p : proofs) in.out.line("  proven: " + p);
    Json answer = json_of(s);
    answer["proven"] = proofs;
    in.out.json(std::move(answer));
    return 0;
  }
  return Error(Code::internal, "the vault opened, and yet no key slot did it");
}

constexpr std::string_view kSlotJson = "{\"id\", \"kind\": passphrase, key-file, recovery-key, shares or write-only, \"label\", \"created\", \"opened_this\": it opened the vault now, "
    "\"epoch\": the newest that it opens, \"in_force\": it opens everything}";

}  // namespace

const Verb& key_list_verb() {
  static const std::string json = "JSON: an array of " + std::string(kSlotJson) + ".";
  static const Verb verb = {
      .name = "key list",
      .section = "Keys",
      .summary = "list the keys that open the vault",
      .description = {"Each key slot opens the vault alone. After the root key was rotated, a second list tells when each key epoch began, and which share of "
                      "the packs lies under it: what a leaked old root key would still open.",
                      json, "JSON with --epochs: an array of {\"epoch\", \"began\", \"current\", \"packs\", \"bytes\", \"percent\": of the bytes of all packs}."},
      .examples = {{"holdfast key list", "All of them."}, {"holdfast key list --json", "The same for programs."}, {"holdfast key list --epochs", "Only what share of the packs is under each key epoch."}},
      .options = {{.name = "epochs", .help = "only the key epochs, and the share of the packs under each"}},
      .run = list,
  };
  return verb;
}
const Verb& key_remove_verb() {
  static const Verb verb = {
      .name = "key remove",
      .section = "Keys",
      .summary = "remove a key",
      .description = {"The last key can't be removed, nor, without --force, the one that opened the vault: open it with another one, which shows that "
                      "there is one that works. A key that others know should be removed from every copy of the vault.",
                      "JSON: {\"id\", \"removed\": true}."},
      .examples = {{"holdfast key remove 3f2a", "By the first digits of its id."}, {"holdfast key remove 3f2a --key-file /root/vault.key", "Opening the vault with another key."}},
      .arguments = {{.name = "SLOT", .help = "key slot: first digits of its id"}},
      .options = {{.name = "force", .help = "also the one that opened the vault"}},
      .run = remove,
  };
  return verb;
}
const Verb& key_test_verb() {
  static const std::string json = "JSON: " + std::string(kSlotJson) + ", and \"proven\": what was read with it, in words. Exit status 1 where it does not open.";
  static const Verb verb = {
      .name = "key test",
      .section = "Keys",
      .summary = "try whether a key opens the vault",
      .description = {"Changes nothing. Opens the vault with the key, then the newest recovery point and a pack of each key epoch, and says so. Try the recovery "
                      "sheet now and then: a backup whose key nobody has is none. Type its two lines into a file, or the lines of enough shares.",
                      "A key that a rotation left out fails: it opens only what is older.", json},
      .examples = {{"holdfast key test", "The passphrase that you remember."},
                   {"holdfast key test --key-file typed-from-the-sheet.txt", "The recovery key."},
                   {"cat share-1.txt share-4.txt share-5.txt | holdfast key test --key-file /dev/stdin", "Three shares of a recovery key."}},
      .write_only = true,
      .run = test,
  };
  return verb;
}

}  // namespace hf::cli
