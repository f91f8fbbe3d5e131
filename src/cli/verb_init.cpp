#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  if (!in.argument("DIR").empty() && in.settings.vault_origin == Origin::flag)
    return Error(Code::usage, "the vault's place is given twice: " + in.argument("DIR") + " and --vault " + in.settings.vault, "keep one of them");
  const std::string place = in.argument("DIR").empty() ? in.settings.vault : in.argument("DIR");
  CreateOptions options;
  options.sheet_file = in.text("recovery-sheet");
  options.recovery_key = !in.flag("no-recovery-key");
  options.parity = !in.flag("no-parity");
  if (!options.recovery_key && !options.sheet_file.empty()) return Error(Code::usage, "--recovery-sheet and --no-recovery-key exclude each other");
  const bool no_place_for_sheet = in.out.json_mode() && options.sheet_file.empty();
  if (no_place_for_sheet) options.recovery_key = false;  // JSON ends in logs
  const CreatedVault made = HF_TRY(create_vault(in, place, options));

  in.out.line("Made the vault " + printable(made.path) + " (id " + made.vault->id().brief() + ").");
  if (!made.sheet_file.empty()) {
    in.out.line("Recovery sheet: " + printable(made.sheet_file) + "  (print it and delete the file; without it or the passphrase nobody can restore)");
  } else if (!made.sheet.empty()) {
    in.out.line("");
    in.out.text(made.sheet.text());
    in.out.line("");
    if (!in.terminal.is_terminal(Stream::data)) in.out.note("The recovery sheet went to standard output: if that is a log, take it out of there.");
  } else if (no_place_for_sheet && !in.flag("no-recovery-key")) {
    in.out.warn(Error(Code::refused, "no recovery key was made: it would have gone into the JSON output", "add one: holdfast key add --recovery-sheet FILE --vault " + shell_quoted(made.path)));
  } else {
    in.out.warn("There is no recovery key: who loses the passphrase or the key file loses every backup.");
  }
  const std::string vault_flag = made.path == in.settings.vault && in.settings.vault_origin != Origin::flag ? "" : " --vault " + shell_quoted(made.path);
  in.out.note("Next: holdfast backup" + vault_flag + " PATH");

  Json answer{{"vault", ""}, {"id", made.vault->id().hex()}, {"created", utc_time(made.vault->created_ns())}};
  put_name(answer, "vault", made.path);
  if (!made.sheet_file.empty()) put_name(answer, "recovery_sheet", made.sheet_file);
  answer["recovery_key"] = !made.sheet.empty();
  answer["parity"] = options.parity;
  in.out.json(std::move(answer));
  return 0;
}

}  // namespace

const Verb& init_verb() {
  static const Verb verb = {
      .name = "init",
      .section = "Begin",
      .summary = "make a new vault",
      .description =
          {"A vault is a folder in which everything is deduplicated, compressed and encrypted. It is opened by a passphrase or a key file; "
           "a recovery key, printed on a sheet of paper, opens it too. Whoever loses all of them has lost the backups.",
           "DIR must be empty or not exist yet. Without it, the place is taken from --vault, HOLDFAST_VAULT or holdfast.toml, else it is "
           "~/.local/share/holdfast/vault. With --key-file FILE the vault is opened by a key file, which is made if it does not exist.",
           "The recovery sheet is printed, or written to a file that only you can read: a page with a QR code where its name ends in .pdf, else text. With --json and without --recovery-sheet no "
           "recovery key is made, since it would end in a log.",
           "Packs get parity beside them (about 4% of their size), from which `verify --heal` mends damage; with --no-parity they do not. "
           "`parity add` and `parity remove` change that later.",
           "JSON: {\"vault\": path, \"id\": hex, \"created\": time, \"parity\": do packs get it, \"recovery_key\": was one made, \"recovery_sheet\": path if one was written}."},
      .examples = {{"holdfast init --vault /media/backup/vault", "Asks for a passphrase and prints the recovery sheet."},
                   {"holdfast init --vault /media/backup/vault --recovery-sheet sheet.txt", "The same, with the sheet in a file to print."},
                   {"holdfast init --vault /srv/vault --key-file /root/vault.key --no-recovery-key", "For a server: opened by a key file, which is made."}},
      .arguments = {{.name = "DIR", .help = "where to make it", .required = false}},
      .options = {{.name = "recovery-sheet", .value = "FILE", .help = "write the recovery sheet to FILE (0600) instead of printing it; .pdf: with a QR code"},
                  {.name = "no-recovery-key", .help = "make no recovery key"},
                  {.name = "no-parity", .help = "store no parity beside the packs"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
