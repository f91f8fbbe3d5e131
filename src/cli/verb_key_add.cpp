#include <nlohmann/json.hpp>

#include "cli/key_shares.hpp"
#include "cli/sheet_pdf.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "vault/key_objects.hpp"

namespace hf::cli {
namespace {

/// What the command line asks for, checked before anything is opened.
struct Wanted {
  std::string passphrase_file, key_file, sheet_file, shares_dir;
  bool recovery = false, write_only = false;
  std::optional<ShareRule> shares;
};

Result<Wanted> wanted(Invocation& in) {
  Wanted w;
  w.passphrase_file = in.text("new-passphrase-file");
  w.key_file = in.text("new-key-file");
  w.sheet_file = in.text("recovery-sheet");
  w.shares_dir = in.text("shares-dir");
  w.recovery = in.flag("recovery-key") || in.given("recovery-sheet");
  w.write_only = in.flag("write-only");
  if (w.write_only && w.key_file.empty()) return Error(Code::usage, "a write-only key is a key file", "name it: --write-only --new-key-file FILE");
  if (in.given("shares")) w.shares = HF_TRY(parse_share_rule(in.text("shares")));
  if ((!w.passphrase_file.empty()) + (!w.key_file.empty()) + w.recovery + w.shares.has_value() > 1)
    return Error(Code::usage, "one key at a time: a passphrase, a key file, a recovery key or shares of one", "run the command once for each");
  if (w.recovery && w.sheet_file.empty() && in.out.json_mode())
    return Error(Code::usage, "with --json a recovery key needs a file: in the JSON output it would end in a log", "name one: --recovery-sheet FILE");
  if (w.recovery && !w.sheet_file.empty() && in.env.stat(w.sheet_file)) return Error(Code::already_exists, "the file for the recovery sheet exists already: " + printable(w.sheet_file), "choose another");
  if (w.shares && w.shares_dir.empty()) return Error(Code::usage, "shares need a directory for their sheets", "name one: --shares-dir DIR");
  if (!w.shares && !w.shares_dir.empty()) return Error(Code::usage, "--shares-dir is for --shares M/N", "for example --shares 3/5");
  return w;
}

Result<SlotSecret> new_passphrase(Invocation& in, const std::string& file, const std::string& place) {
  // The settings name the secret that opens; the new one comes from its own file, or from a person.
  Settings settings = in.settings;
  settings.secret = {};
  if (!file.empty()) settings.secret = {SecretSource::Kind::passphrase_file, file, "--new-passphrase-file"};
  auto given = secret_to_create(in.env, in.terminal, in.out, settings, "the vault " + place);
  if (!given && given.error().code == Code::not_found && file.empty()) return Error(Code::usage, "no new passphrase was given, and there is nobody to ask", "name a file: --new-passphrase-file FILE");
  return SlotSecret{SlotKind::passphrase, std::move(HF_TRY(std::move(given)).bytes)};
}

/// Writes a text and a page for each share; none of them over a file that exists.
Result<std::vector<std::string>> write_shares(Invocation& in, const SheetFacts& facts, const Secret& key, const ShareRule& rule, const std::string& directory) {
  HF_TRY(in.env.make_directories(directory));
  std::vector<std::string> files;
  for (const KeyShare& share : split_recovery_key(in.env, key, rule)) {
    const Secret sheet = share_sheet(facts, share), scanned = scanned_share(facts, share);
    for (const char* ending : {".txt", ".pdf"}) {
      files.push_back(directory + "/share-" + std::to_string(share.index) + "-of-" + std::to_string(share.count) + ending);
      HF_TRY(write_private_file(in.env, files.back(), HF_TRY(sheet_for_file(files.back(), sheet, scanned)).view()).context([&] { return "writing the share " + printable(files.back()); }));
    }
  }
  return files;
}

Result<int> run(Invocation& in) {
  const Wanted w = HF_TRY(wanted(in));
  const auto vault = HF_TRY(open_vault(in));
  SlotSecret secret;
  std::string label = in.text("label"), usual;
  bool made = false;
  if (w.recovery || w.shares) {
    secret = {w.shares ? SlotKind::shares : SlotKind::recovery_key, make_recovery_key(in.env)};
    usual = w.shares ? std::to_string(w.shares->threshold) + " of " + std::to_string(w.shares->count) + " shares" : "recovery sheet";
  } else if (!w.key_file.empty()) {
    if (in.env.stat(w.key_file, true)) {
      secret = {SlotKind::key_file, HF_TRY(read_key_file(in.env, in.out, w.key_file))};
    } else {
      secret = {SlotKind::key_file, HF_TRY(create_key_file(in.env, w.key_file))};
      made = true;
    }
    usual = w.key_file.substr(w.key_file.rfind('/') + 1);
  } else {
    secret = HF_TRY(new_passphrase(in, w.passphrase_file, vault->store().place()));
    usual = "passphrase";
  }
  if (label.empty()) label = usual;
  if (auto known = vault->test_key(secret.view()); known)
    return Error(Code::already_exists, "this " + words_of(secret.kind) + " opens the vault already, by key slot " + known->brief(), "list them: holdfast key list");
  auto added = w.write_only ? vault->add_writer(secret.view(), label) : vault->add_key(secret.view(), label);
  if (!added && made) in.env.sys_unlinkat(Env::kCwd, w.key_file.c_str(), false);  // it opens nothing
  const SlotId id = HF_TRY(std::move(added));
  const SlotKind kind = w.write_only ? SlotKind::write_only : secret.kind;

  const SheetFacts facts{HF_TRY(in.env.absolute_path(in.settings.vault)), vault->id(), in.env.wall_ns(), in.env.host_name()};
  Secret sheet;
  std::vector<std::string> share_files;
  const auto write_sheets = [&]() -> Status {
    if (w.shares) share_files = HF_TRY(write_shares(in, facts, secret.bytes, *w.shares, w.shares_dir));
    if (!w.recovery) return {};
    sheet = recovery_sheet(facts, secret.bytes, {});
    if (w.sheet_file.empty()) return {};
    return write_private_file(in.env, w.sheet_file, HF_TRY(sheet_for_file(w.sheet_file, sheet, scanned_key(facts, secret.bytes))).view()).context([&] { return "writing the recovery sheet " + printable(w.sheet_file); });
  };
  if (auto written = write_sheets(); !written) {  // nobody has this key: it opens nothing that anyone could hold
    static_cast<void>(vault->remove_key(id));
    return written.error();
  }

  if (made) in.out.note("Made the key file " + printable(w.key_file) + ": keep a copy of it in another place.");
  in.out.line("Added key slot " + id.brief() + ": " + words_of(kind) + " '" + printable(label) + "'.");
  if (w.recovery && w.sheet_file.empty()) {
    in.out.line("");
    in.out.text(sheet.text());
  } else if (w.recovery) {
    in.out.line("Recovery sheet: " + printable(w.sheet_file) + "  (print it and delete the file)");
  } else if (w.shares) {
    in.out.line("Shares: " + printable(w.shares_dir) + "/share-1-of-" + std::to_string(w.shares->count) + ".txt and so on, each also as .pdf  (print them, give each to another person, and delete the files)");
  }
  const std::string tried = w.shares ? "FILE" : w.recovery ? (w.sheet_file.empty() || w.sheet_file.ends_with(".pdf") ? "FILE" : w.sheet_file) : w.key_file;
  if (w.write_only) in.out.note("With it one makes recovery points and restores those, and can't read, list or forget any other. Move it to the machine that is to use it.");
  in.out.note("Try it: holdfast key test" + std::string(secret.kind == SlotKind::passphrase ? "" : " --key-file " + shell_quoted(tried)) +
              (w.shares ? ", with " + std::to_string(w.shares->threshold) + " of the texts one after another in FILE" : ""));
  Json answer = {{"id", id.hex()}, {"kind", name_of(kind)}};
  put_name(answer, "label", label);
  if (w.shares) {
    answer["threshold"] = w.shares->threshold;
    answer["shares"] = w.shares->count;
  }
  in.out.json(std::move(answer));
  return 0;
}

}  // namespace

const Verb& key_add_verb() {
  static const Verb verb = {
      .name = "key add",
      .section = "Keys",
      .summary = "add a passphrase, a key file, a recovery key or shares of one",
      .description = {"Opens the vault with a key that works, then adds another one. Without an option a new passphrase is asked for. A key file that does not "
                      "exist is made, with 64 random bytes, readable by you alone. A recovery key is printed on a sheet, or written to a file: a page with a QR "
                      "code where its name ends in .pdf, else text.",
                      "With --shares M/N a recovery key is split into N sheets, any M of which open the vault together, while fewer tell nothing of it. To open: put "
                      "the text of M sheets into one file, and give that as --key-file.",
                      "With --write-only the key file opens nothing but what is written with it: for a machine that is to back up into a vault that it shares, and that "
                      "may be stolen or taken over. It can't read or list what others wrote, nor forget, prune or change keys; who holds another key of the vault can do all "
                      "of that with what it wrote.",
                      "JSON: {\"id\", \"kind\", \"label\"} of the new slot; for shares also \"threshold\" and \"shares\", their number."},
      .examples = {{"holdfast key add", "Another passphrase."},
                   {"holdfast key add --new-key-file /root/vault.key --label server", "A key file for unattended backups."},
                   {"holdfast key add --new-key-file laptop.key --write-only", "A key for a laptop: with it one can back up, and restore only that."},
                   {"holdfast key add --recovery-sheet sheet.pdf", "A recovery key, to be printed and kept elsewhere."},
                   {"holdfast key add --shares 3/5 --shares-dir shares", "Five sheets for five people; any three of them are enough."}},
      .options = {{.name = "new-passphrase-file", .value = "FILE", .help = "take the new passphrase from the first line of FILE"},
                  {.name = "new-key-file", .value = "FILE", .help = "add a key file; made if it does not exist"},
                  {.name = "write-only", .help = "the new key file only writes, and sees nothing that others wrote"},
                  {.name = "recovery-key", .help = "add a recovery key and print its sheet"},
                  {.name = "recovery-sheet", .value = "FILE", .help = "add a recovery key and write its sheet to FILE (0600); .pdf: with a QR code"},
                  {.name = "shares", .value = "M/N", .help = "add a recovery key in N shares, of which M are enough"},
                  {.name = "shares-dir", .value = "DIR", .help = "write the sheets of the shares there (0600)"},
                  {.name = "label", .value = "TEXT", .help = "what `key list` shows of it"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
