#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

Json json_of(const SlotInfo& s) {
  Json j = {{"id", s.id.hex()}, {"kind", name_of(s.kind)}, {"created", utc_time(s.label.created_ns)}, {"opened_this", s.opened_this_vault}};
  put_name(j, "label", s.label.name);
  return j;
}

std::string words_of(SlotKind kind) {
  switch (kind) {
    case SlotKind::passphrase: return "passphrase";
    case SlotKind::key_file: return "key file";
    case SlotKind::recovery_key: return "recovery key";
  }
  return "unknown";
}

/// Damaged ones are told of and left out.
Result<std::vector<SlotInfo>> slots_of(const Vault& vault) {
  return vault.key_slots();
}

Result<int> add(Invocation& in) {
  const std::string passphrase_file = in.text("new-passphrase-file"), key_file = in.text("new-key-file");
  const bool recovery = in.flag("recovery-key") || in.given("recovery-sheet");
  if ((!passphrase_file.empty()) + (!key_file.empty()) + recovery > 1) return Error(Code::usage, "one key at a time: a passphrase, a key file or a recovery key", "run the command once for each");
  const std::string sheet_file = in.text("recovery-sheet");
  if (recovery && sheet_file.empty() && in.out.json_mode()) return Error(Code::usage, "with --json a recovery key needs a file: in the JSON output it would end in a log", "name one: --recovery-sheet FILE");
  if (recovery && !sheet_file.empty() && in.env.stat(sheet_file)) return Error(Code::already_exists, "the file for the recovery sheet exists already: " + printable(sheet_file), "choose another");
  const auto vault = HF_TRY(open_vault(in));

  SlotSecret secret;
  Secret sheet;
  std::string label = in.text("label");
  if (recovery) {
    secret = {SlotKind::recovery_key, make_recovery_key(in.env)};
    if (label.empty()) label = "recovery sheet";
  } else if (!key_file.empty()) {
    if (in.env.stat(key_file, true)) secret = {SlotKind::key_file, HF_TRY(read_key_file(in.env, in.out, key_file))};
    else {
      secret = {SlotKind::key_file, HF_TRY(create_key_file(in.env, key_file))};
      in.out.note("Made the key file " + printable(key_file) + ": keep a copy of it in another place.");
    }
    if (label.empty()) label = key_file.substr(key_file.rfind('/') + 1);
  } else {
    // The settings name the secret that opens; the new one comes from its own file, or from a person.
    Settings settings = in.settings;
    settings.secret = {};
    if (!passphrase_file.empty()) settings.secret = {SecretSource::Kind::passphrase_file, passphrase_file, "--new-passphrase-file"};
    auto given = secret_to_create(in.env, in.terminal, in.out, settings, "the vault " + vault->store().place());
    if (!given && given.error().code == Code::not_found && passphrase_file.empty())
      return Error(Code::usage, "no new passphrase was given, and there is nobody to ask", "name a file: --new-passphrase-file FILE");
    secret = {SlotKind::passphrase, std::move(HF_TRY(std::move(given)).bytes)};
    if (label.empty()) label = "passphrase";
  }
  if (auto known = vault->test_key(secret.view()); known)
    return Error(Code::already_exists, "this " + words_of(secret.kind) + " opens the vault already, by key slot " + known->brief(), "list them: holdfast key list");
  const SlotId id = HF_TRY(vault->add_key(secret.view(), label));
  if (recovery) {
    sheet = recovery_sheet({HF_TRY(in.env.absolute_path(in.settings.vault)), vault->id(), in.env.wall_ns(), in.env.host_name()}, secret.bytes, {});
    if (!sheet_file.empty()) {
      if (auto written = write_private_file(in.env, sheet_file, sheet.view()); !written) {
        static_cast<void>(vault->remove_key(id));
        return std::move(written.error()).in_context("writing the recovery sheet " + printable(sheet_file));
      }
    }
  }
  in.out.line("Added key slot " + id.brief() + ": " + words_of(secret.kind) + " '" + printable(label) + "'.");
  if (recovery && sheet_file.empty()) {
    in.out.line("");
    in.out.text(sheet.text());
  } else if (recovery) {
    in.out.line("Recovery sheet: " + printable(sheet_file) + "  (print it and delete the file)");
  }
  in.out.note("Try it: holdfast key test" + std::string(secret.kind == SlotKind::passphrase ? "" : " --key-file " + shell_quoted(recovery ? (sheet_file.empty() ? "FILE" : sheet_file) : key_file)));
  Json answer = {{"id", id.hex()}, {"kind", name_of(secret.kind)}};
  put_name(answer, "label", label);
  in.out.json(std::move(answer));
  return 0;
}

Result<int> list(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const auto slots = HF_TRY(slots_of(*vault));
  if (in.out.json_mode()) {
    in.out.begin_list();
    for (const SlotInfo& s : slots)
      if (!in.out.item(json_of(s))) break;
    return 0;
  }
  Table t({{"SLOT"}, {"KIND"}, {"LABEL"}, {"MADE"}, {""}});
  for (const SlotInfo& s : slots) t.row({s.id.brief(), words_of(s.kind), s.label.name, local_time(s.label.created_ns).substr(0, 16), s.opened_this_vault ? "(in use now)" : ""});
  t.print(in.out);
  const bool recovery = std::any_of(slots.begin(), slots.end(), [](const SlotInfo& s) { return s.kind == SlotKind::recovery_key; });
  if (slots.size() == 1) in.out.note("This is the only way in. Add another: holdfast key add --recovery-key");
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
  if (const auto slots = slots_of(*vault))
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

Result<int> test(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  for (const SlotInfo& s : HF_TRY(slots_of(*vault))) {
    if (!s.opened_this_vault) continue;
    in.out.line("It opens the vault: key slot " + s.id.brief() + ", " + words_of(s.kind) + " '" + printable(s.label.name) + "', made " + local_time(s.label.created_ns).substr(0, 16) + ".");
    in.out.json(json_of(s));
    return 0;
  }
  return Error(Code::internal, "the vault opened, and yet no key slot did it");
}

constexpr std::string_view kSlotJson = "{\"id\", \"kind\": passphrase, key-file or recovery-key, \"label\", \"created\", \"opened_this\": it opened the vault now}";

}  // namespace

const Verb& key_add_verb() {
  static const Verb verb = {
      .name = "key add",
      .section = "Keys",
      .summary = "add a passphrase, a key file or a recovery key",
      .description = {"Opens the vault with a key that works, then adds another one. Without an option a new passphrase is asked for. A key file that does not "
                      "exist is made, with 64 random bytes, readable by you alone. A recovery key is printed on a sheet, or written to a file.",
                      "JSON: {\"id\", \"kind\", \"label\"} of the new slot."},
      .examples = {{"holdfast key add", "Another passphrase."},
                   {"holdfast key add --new-key-file /root/vault.key --label server", "A key file for unattended backups."},
                   {"holdfast key add --recovery-sheet sheet.txt", "A recovery key, to be printed and kept elsewhere."}},
      .options = {{.name = "new-passphrase-file", .value = "FILE", .help = "take the new passphrase from the first line of FILE"},
                  {.name = "new-key-file", .value = "FILE", .help = "add a key file; made if it does not exist"},
                  {.name = "recovery-key", .help = "add a recovery key and print its sheet"},
                  {.name = "recovery-sheet", .value = "FILE", .help = "add a recovery key and write its sheet to FILE (0600)"},
                  {.name = "label", .value = "TEXT", .help = "what `key list` shows of it"}},
      .run = add,
  };
  return verb;
}
const Verb& key_list_verb() {
  static const std::string json = "JSON: an array of " + std::string(kSlotJson) + ".";
  static const Verb verb = {
      .name = "key list",
      .section = "Keys",
      .summary = "list the keys that open the vault",
      .description = {"Each key slot opens the vault alone.", json},
      .examples = {{"holdfast key list", "All of them."}, {"holdfast key list --json", "The same for programs."}},
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
  static const std::string json = "JSON: " + std::string(kSlotJson) + ". Exit status 1 where it does not open.";
  static const Verb verb = {
      .name = "key test",
      .section = "Keys",
      .summary = "try whether a key opens the vault",
      .description = {"Does nothing else. Try the recovery sheet now and then: a backup whose key nobody has is none. Type its two lines into a file.", json},
      .examples = {{"holdfast key test", "The passphrase that you remember."}, {"holdfast key test --key-file typed-from-the-sheet.txt", "The recovery key."}},
      .run = test,
  };
  return verb;
}

}  // namespace hf::cli
