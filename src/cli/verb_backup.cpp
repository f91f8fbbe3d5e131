#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/backup_job.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

/// Paths from a file, one a line, or separated by NUL if there is one in it.
Result<std::vector<std::string>> paths_from(Env& env, const std::string& file) {
  const std::string text = HF_TRY(read_text_file(env, file));
  const char end = text.find('\0') != std::string::npos ? '\0' : '\n';
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t stop = std::min(text.find(end, at), text.size());
    if (stop > at) out.push_back(text.substr(at, stop - at));
    at = stop + 1;
  }
  return out;
}

/// The absolute paths to back up; each once, none inside the vault.
Result<std::vector<std::string>> source_paths(Invocation& in, const std::string& vault_path) {
  std::vector<std::string> given = in.arguments("PATH");
  for (const std::string& file : in.texts("files-from"))
    for (std::string& path : HF_TRY(paths_from(in.env, file))) given.push_back(std::move(path));
  if (given.empty()) return Error(Code::usage, "nothing to back up was named", "name files or directories: holdfast backup ~/Documents");
  std::vector<std::string> out;
  for (const std::string& path : given) {
    const std::string absolute = HF_TRY(in.env.absolute_path(path));
    HF_TRY(check_source_path(in.env, path, absolute, vault_path));
    if (std::find(out.begin(), out.end(), absolute) != out.end()) {
      in.out.note(printable(path) + " was given twice; it is backed up once");
      continue;
    }
    out.push_back(absolute);
  }
  return out;
}

/// Opens the vault, or where nobody named one and there is none yet, makes it and tells how to keep its key.
Result<std::unique_ptr<Vault>> open_or_make_vault(Invocation& in, bool& made) {
  made = false;
  const bool ours_to_make = in.settings.vault_origin == Origin::preset && !in.env.stat(in.settings.vault, true);
  if (!ours_to_make) return open_vault(in);
  CreateOptions options;
  options.may_generate = true;
  options.sheet_file = default_sheet_file(in.env);
  options.page_beside = true;
  CreatedVault created = HF_TRY(create_vault(in, in.settings.vault, options));
  made = true;
  in.out.note("No vault yet: made one in " + printable(created.path) + ".");
  if (!created.kept_file.empty())
    in.out.note("  Passphrase: nobody could be asked, so one was generated and is kept in " + printable(created.kept_file));
  if (!created.sheet_file.empty())
    in.out.note("  Recovery sheet: " + printable(created.sheet_file) + "  (print it and keep it elsewhere: without it or the passphrase nobody can restore)");
  else in.out.note(created.sheet.text());
  if (!created.page_file.empty()) in.out.note("  The same as a page with a QR code: " + printable(created.page_file));
  return std::move(created.vault);
}

/// The vault is on the same file system as something that it protects.
bool shares_a_disk(Env& env, const std::string& vault_path, const std::vector<std::string>& paths) {
  const auto vault = env.stat(vault_path, true);
  for (const std::string& path : paths)
    if (const auto s = env.stat(path, true); vault && s && s->dev == vault->dev) return true;
  return false;
}

Result<int> run(Invocation& in) {
  const std::string vault_directory = HF_TRY(vault_path(in, in.settings.vault));
  CaptureOptions options = capture_options(in, vault_directory);
  const bool from_stdin = in.flag("stdin");
  if (from_stdin && !in.arguments("PATH").empty()) return Error(Code::usage, "--stdin and paths can't be backed up in one point", "make two backups");
  if (!from_stdin) options.paths = HF_TRY(source_paths(in, vault_directory));
  for (const std::string& pattern : in.texts("exclude")) HF_TRY(options.excludes.add(pattern).context([&] { return "--exclude " + printable(pattern); }));
  for (const std::string& file : in.texts("exclude-file")) HF_TRY(add_exclude_file(in.env, options.excludes, file));
  options.exclude_caches = in.flag("exclude-caches");
  options.one_file_system = in.flag("one-file-system");
  options.tags = in.texts("tag");
  if (in.given("host")) options.host = in.text("host");
  const std::string kind = in.text("kind");
  if (from_stdin && (kind == "incremental" || kind == "differential")) return Error(Code::usage, "standard input is read whole each time, so its points are full ones", "leave out --kind " + kind);
  RecoveryPoint like;
  like.host = options.host;
  like.paths = options.paths;
  like.tags = options.tags;
  options.kind = HF_TRY(kind_chooser(in.env, in.settings.policy, kind, in.flag("independent"), source_of(in.settings.policy, like)));
  const Limits limits{in.bytes("read-rate"), in.bytes("write-rate")};
  for (const auto& rate : {limits.read_bytes_per_second, limits.write_bytes_per_second})
    if (rate && *rate < 1024) return Error(Code::usage, "less than 1K a second would never end", "for no limit, leave it out");
  const std::string delta = in.text("delta");
  options.write.delta = delta == "off" ? DeltaPolicy::off : delta == "always" ? DeltaPolicy::always : DeltaPolicy::automatic;
  options.write.compression_level = static_cast<int>(in.count("compression-level").value_or(3));

  bool made = false;
  const auto vault = HF_TRY(open_or_make_vault(in, made));
  const std::string label = from_stdin ? in.text("stdin-name") : label_of(options.paths);
  const BackupDone done = HF_TRY(from_stdin ? back_up_stdin(in, *vault, options, limits, label) : back_up(in, *vault, options, limits, label));
  Json json = json_of_backup(done, options);
  json["vault_made"] = made;
  tell_backup(in, done, label);
  json["stripes"] = keep_in_stripes(in, vault->store());
  in.out.json(std::move(json));
  if (!from_stdin && shares_a_disk(in.env, vault_directory, options.paths))
    in.out.note("! At risk: this vault lies on the same disk as the source, and would be lost with it.\n"
                "  Add another place: holdfast init --vault /media/usb/vault && holdfast backup --vault /media/usb/vault " +
                printable(options.paths[0]));
  return done.captured.point.complete() ? 0 : 3;
}

}  // namespace

const Verb& backup_verb() {
  static const Verb verb = {
      .name = "backup",
      .section = "Everyday",
      .summary = "back up files and directories into a new recovery point",
      .description = {"Walks the paths, reads what changed since the newest point of the same paths and host, and stores what the vault does not "
                      "have yet. The recovery point stands alone: any one can be restored without the others.",
                      "Where no vault was named and none exists, one is made in the user's data directory, with a recovery sheet.",
                      "A full point reads every byte and checks that each chunk it needs lies in a pack that is there; a differential one takes over what "
                      "is unchanged since the last full point, an incremental one what is unchanged since the last point. Each restores alone. Without "
                      "--kind a source of holdfast.toml with these paths decides (full-every, differential-every, independent); else it is incremental, and "
                      "the first one full.",
                      "What changed a little is stored as what differs from its last version, where the vault's place reads small pieces "
                      "cheaply. Restore and verify open that version too, by themselves; --delta off stores everything alone.",
                      "Where the vault has stripes (parity stripe), what was stored is put into them at the end. A place of stripes that is not connected is warned of, "
                      "and the backup is made all the same.",
                      "What can't be read is reported and recorded in the point, the rest is saved, and the exit status is 3. A file that changes "
                      "while it is read is read again, up to three times. Ctrl-C and power cuts lose nothing that was stored: run it again.",
                      "With --json the answer is an object: point, kind, independent, parent, files, bytes, files_read, files_unchanged, bytes_read, bytes_new, "
                      "bytes_stored, bytes_delta (content stored as what differs from older content), bytes_delta_stored (what that takes), "
                      "bytes_delta_saved (estimated), delta_depth (of the deepest segment written), unreadable (a count), unreadable_items, inconsistent, complete, seconds, vault_made, paths, stripes (made, made_bytes, mended, mended_bytes, removed, removed_bytes, bytes_read, failed; null where the vault has none, error where they could not be kept)."},
      .examples = {{"holdfast backup ~/Documents", "Back up a directory; the first time this makes a vault too."},
                   {"holdfast backup --vault /media/usb/vault /home /etc --exclude '*.o' --exclude-caches", "Several paths into a vault on another disk."},
                   {"pg_dumpall | holdfast backup --stdin --stdin-name all.sql", "Back up what a program writes."}},
      .arguments = {{.name = "PATH", .help = "file or directory to back up", .required = false, .repeat = true}},
      .options = {{.name = "exclude", .value = "PATTERN", .help = "leave out what matches: '*.o', '/home/x/tmp', 'src/**/build/', '!keep'", .repeat = true, .config = true},
                  {.name = "exclude-file", .value = "FILE", .help = "read exclude patterns from FILE, one a line", .repeat = true, .config = true},
                  {.name = "exclude-caches", .help = "of directories with a CACHEDIR.TAG keep only the tag", .config = true},
                  {.name = "one-file-system", .letter = 'x', .help = "do not enter other file systems", .config = true},
                  {.name = "files-from", .value = "FILE", .help = "read the paths to back up from FILE, one a line or separated by NUL", .repeat = true},
                  {.name = "stdin", .help = "back up standard input as one file"},
                  {.name = "stdin-name", .value = "NAME", .help = "the name of that file", .preset = "stdin"},
                  {.name = "tag", .value = "TAG", .help = "mark the point with a word", .repeat = true},
                  {.name = "host", .value = "NAME", .help = "record this host name instead of the machine's", .config = true},
                  {.name = "kind", .value = "KIND", .help = "full: read every byte; differential: trust what is as in the last full; incremental: … in the last point; auto: as the policy says, else incremental", .preset = "auto", .choices = {"auto", "full", "differential", "incremental"}},
                  {.name = "independent", .help = "a full that shares no stored chunk with earlier points, so that one bad chunk can't reach all generations"},
                  {.name = "read-rate", .value = "SIZE", .kind = Kind::bytes, .help = "read at most so much a second: 20M", .config = true},
                  {.name = "write-rate", .value = "SIZE", .kind = Kind::bytes, .help = "write at most so much a second into the vault", .config = true},
                  {.name = "delta", .value = "WHEN", .help = "store what changed as what differs from its last version: auto (where the vault's place reads small pieces cheaply), always, off", .preset = "auto", .choices = {"auto", "off", "always"}, .config = true},
                  {.name = "compression-level", .value = "N", .kind = Kind::count, .help = "zstd level, 1 (quick) to 19 (small)", .preset = "3", .config = true}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
