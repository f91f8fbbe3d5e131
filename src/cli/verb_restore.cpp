#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/restore.hpp"
#include "point/restore_choice.hpp"

namespace hf::cli {
namespace {

/// Tells of the first items that failed as they come; the report has all of them.
class ProblemTeller final : public ProblemSink {
 public:
  explicit ProblemTeller(Output& out) : out_(out) {}
  void problem(const Error& error) override {
    Lock lock(mutex_);
    if (++count_ <= kTold || out_.verbose()) out_.warn(error);
    else if (count_ == kTold + 1) out_.warn("more items have problems; the rest is counted (--verbose names them)");
  }

 private:
  static constexpr std::uint64_t kTold = 20;
  Output& out_;
  Mutex mutex_;
  std::uint64_t count_ HF_GUARDED_BY(mutex_) = 0;
};

std::string_view word_of(Action action) {
  switch (action) {
    case Action::create: return "create";
    case Action::replace: return "replace";
    case Action::update: return "update";
    case Action::leave: return "leave";
    case Action::conflict: return "keep";
    case Action::remove: return "delete";
  }
  return "?";
}

/// "today 14:02" would need to know today; the minute is enough: "2026-11-23 14:02".
std::string minute(std::int64_t ns) { return local_time(ns).substr(0, 16); }

Json json_of(const RestoreReport& r, const RecoveryPoint& point, const RestoreOptions& options, bool proving) {
  Json damaged = Json::array(), conflicts = Json::array(), not_set = Json::array();
  for (const DamagedFile& d : r.damaged) {
    Json item = Json::object();
    put_name(item, "path", d.path);
    item["size"] = d.size;
    Json ranges = Json::array();
    for (const ByteRange& range : d.lost) ranges.push_back({range.begin, range.end});
    item["lost"] = std::move(ranges);
    if (d.partial.empty()) item["partial"] = nullptr;
    else put_name(item, "partial", d.partial);
    item["reason"] = printable(d.reason);
    damaged.push_back(std::move(item));
  }
  for (const KeptConflict& c : r.conflicts_listed) {
    Json item = Json::object();
    put_name(item, "path", c.path);
    item["reason"] = c.reason;
    conflicts.push_back(std::move(item));
  }
  for (const NotSet::Row& row : r.not_set) not_set.push_back({{"what", NotSet::sentence(row)}, {"count", row.count}});
  Json out = {{"point", point.id.hex()},
              {"target", proving ? Json(nullptr) : Json(printable(options.target))},
              {"created", r.created},
              {"replaced", r.replaced},
              {"updated", r.updated},
              {"left", r.left},
              {"conflicts", r.conflicts},
              {"deleted", r.deleted},
              {"directories", r.directories_made},
              {"failed", r.failed},
              {"files", r.files},
              {"bytes", r.bytes},
              {"bytes_kept", r.bytes_kept},
              {"bytes_fetched", r.bytes_fetched},
              {"seconds", r.seconds},
              {"damaged_count", r.damaged_count},
              {"damaged", std::move(damaged)},
              {"conflicts_listed", std::move(conflicts)},
              {"not_set", std::move(not_set)},
              {"undo", r.undo_area.empty() ? Json(nullptr) : Json(options.target + "/" + r.undo_area)},
              {"verified", r.verified},
              {"proven", r.proven()}};
  return out;
}

int status_of(const RestoreReport& r) {
  if (r.damaged_count > 0) return exit_status(Code::corrupt);
  return r.failed > 0 || r.conflicts > 0 ? exit_status(Code::incomplete) : 0;
}

Result<int> show_plan(Invocation& in, const RecoveryPoint& point, const RestoreOptions& options, const RestorePlan& plan) {
  in.out.json({{"point", point.id.hex()},
               {"target", printable(options.target)},
               {"plan", true},
               {"create", plan.create},
               {"replace", plan.replace},
               {"update", plan.update},
               {"leave", plan.leave},
               {"conflicts", plan.conflict},
               {"delete", plan.remove},
               {"directories", plan.directories},
               {"bytes", plan.bytes},
               {"bytes_fetched", plan.bytes_fetched},
               {"packs", plan.packs},
               {"unreachable", plan.unreachable},
               {"seconds", plan.seconds},
               {"rests_on", plan.rests_on}});
  in.out.line(fmt::format("From {} ({}): create {}, replace {}, update {}, leave {}, in conflict {}{}; {} from {}, about {}.", point.id.brief(), minute(point.started_ns),
                          human_count(plan.create), human_count(plan.replace), human_count(plan.update), human_count(plan.leave), human_count(plan.conflict),
                          options.delete_extra ? ", delete " + human_count(plan.remove) : "", human_bytes(plan.bytes), counted(plan.packs, "pack", "packs"),
                          human_duration(plan.seconds)));
  in.out.line("  into " + printable(options.target) + "; the time rests on " + plan.rests_on + ".");
  in.out.line("Nothing was written.");
  if (plan.unreachable > 0) {
    in.out.warn(counted(plan.unreachable, "file needs", "files need") + " chunks that no pack holds: holdfast verify tells which");
    return exit_status(Code::corrupt);
  }
  return 0;
}

Result<int> run_undo(Invocation& in) {
  std::string area = in.text("undo");
  if (area == "latest") area = in.given("to") ? in.text("to") : ".";
  const UndoReport r = HF_TRY(undo_restore(in.env, area));
  Json kept = Json::array();
  for (const std::string& path : r.kept) kept.push_back(printable(path));
  in.out.json({{"put_back", r.put_back}, {"removed", r.removed}, {"metadata", r.metadata}, {"kept", std::move(kept)}, {"kept_count", r.kept_count}, {"undo_removed", r.area_removed}});
  if (!r.about.empty()) in.out.line("Undone: " + r.about);
  in.out.line("  put back " + human_count(r.put_back) + ", took away " + human_count(r.removed) + " that the restore had made");
  if (r.kept_count == 0) return 0;
  for (std::size_t i = 0; i < r.kept.size() && (i < 20 || in.out.verbose()); ++i) in.out.warn("'" + printable(r.kept[i]) + "' was changed since the restore: left as it is");
  in.out.line("  " + counted(r.kept_count, "item was", "items were") + " changed since and left; what they replaced is still in the undo folder");
  return exit_status(Code::conflict);
}

void tell(Invocation& in, const RestoreReport& r, const RecoveryPoint& point, const RestoreOptions& options, bool proving) {
  in.out.line(done_line(proving ? "read" : "restored", proving ? r.files : r.created + r.replaced + r.updated, r.bytes, r.seconds, in.out.utf8()));
  if (!proving && (r.replaced > 0 || r.left > 0 || r.updated > 0 || r.conflicts > 0 || r.deleted > 0))
    in.out.line(fmt::format("  created {}, replaced {}, updated {}, left {}, kept in conflict {}{}", human_count(r.created), human_count(r.replaced), human_count(r.updated),
                            human_count(r.left), human_count(r.conflicts), options.delete_extra ? ", deleted " + human_count(r.deleted) : ""));
  for (std::size_t i = 0; i < r.conflicts_listed.size() && (i < 20 || in.out.verbose()); ++i)
    in.out.warn("kept '" + printable(r.conflicts_listed[i].path) + "': " + r.conflicts_listed[i].reason);
  if (r.conflicts > 20 && !in.out.verbose()) in.out.warn("and " + human_count(r.conflicts - 20) + " more (--verbose names them)");
  if (r.conflicts > 0) in.out.note("  what is newer is replaced with --overwrite always; it can be undone");
  for (const NotSet::Row& row : r.not_set) in.out.warn(NotSet::sentence(row));
  if (!r.undo_area.empty()) {
    const std::string area = printable(options.target + "/" + r.undo_area);
    in.out.note("  what was replaced or deleted is kept in " + area + "\n  to put it back: holdfast restore --undo " + area + "\n  to let it go: rm -r " + area);
  }
  if (r.proven() && !proving && r.left > 0 && !r.compared) {
    in.out.line("Every byte that was written was checked against its identity." + std::string(r.verified ? " It was read back and is the same." : "") + " " +
                counted(r.left, "file was", "files were") + " left unread: size and time are those of " + point.id.brief() + " (--compare reads them, too).");
  } else if (r.proven()) {
    in.out.line("Every byte was checked against its identity." + std::string(r.verified ? " What was written was read back and is the same." : "") +
                " " + point.id.brief() + " is proven for " + (options.paths.empty() && options.include.empty() && options.exclude.empty() ? "all its files." : "these files."));
  } else if (r.damaged_count > 0) {
    in.out.line(counted(r.damaged_count, "file is", "files are") + " damaged in the vault. All that was " + (proving ? "read" : "written") + " was checked against its identity.");
  } else {
    in.out.line(counted(r.failed, "item", "items") + " could not be restored. All that was written was checked against its identity.");
  }
}

Result<int> run(Invocation& in) {
  if (in.given("undo")) return run_undo(in);
  const bool proving = in.flag("prove");
  const bool in_place = in.flag("in-place");
  if (in_place && in.given("to")) return Error(Code::usage, "--to and --in-place can't both be meant", "choose one");
  if (!proving && !in_place && !in.given("to"))
    return Error(Code::usage, "where to restore to was not said", "into a new place: holdfast restore --to DIR; to where the files came from: holdfast restore --in-place");

  const auto vault = HF_TRY(open_vault(in));
  std::vector<std::string> words = in.arguments("POINT");
  for (const std::string& path : in.arguments("PATH")) words.push_back(path);
  RestoreOptions options;
  const RecoveryPoint point = HF_TRY(choose_point(*vault, words, in.time("as-of"), options.paths));
  const auto index = HF_TRY(Index::load(*vault));
  ChunkReader chunks(*vault, *index);

  options.in_place = in_place;
  options.target = in_place ? point.base_path : in.text("to");
  options.include = in.texts("include");
  options.exclude = in.texts("exclude");
  const std::string overwrite = in.text("overwrite");
  options.overwrite = overwrite == "always" ? Overwrite::always : overwrite == "never" ? Overwrite::never : Overwrite::if_changed;
  const std::string owner = in.text("owner");
  options.owners = owner == "numbers" ? Owners::numbers : owner == "names" ? Owners::names : owner == "none" ? Owners::none : Owners::automatic;
  options.compare = in.flag("compare");
  options.delete_extra = in.flag("delete");
  options.undo = !in.flag("no-undo");
  options.verify = in.flag("verify");
  options.sync = in.flag("sync");
  options.jobs = in.settings.jobs;
  options.untouchable = {HF_TRY(vault_path(in, in.settings.vault))};
  if (in.out.verbose()) options.on_action = [&](Action action, const std::string& path) { in.out.detail(std::string(word_of(action)) + " " + printable(path)); };

  ProblemTeller problems(in.out);
  if (in.flag("plan") || in.flag("dry-run")) {
    const RestorePlan plan = HF_TRY(plan_restore(in.env, chunks, point, options, in.progress, problems));
    return show_plan(in, point, options, plan);
  }
  ProgressView view(in.out, in.env, in.progress, proving ? "reading" : "restoring");
  auto done = proving ? prove(in.env, chunks, point, options, in.progress, problems) : restore(in.env, chunks, point, options, in.progress, problems);
  view.stop();
  const RestoreReport report = HF_TRY(std::move(done));
  in.out.json(json_of(report, point, options, proving));
  tell(in, report, point, options, proving);
  return status_of(report);
}

}  // namespace

const Verb& restore_verb() {
  static const Verb verb = {
      .name = "restore",
      .section = "Everyday",
      .summary = "bring files back, all of them or some",
      .description =
          {"Without a point: the newest. Paths may be absolute, as they were backed up, or relative to what ls shows, and may be globs; without "
           "any everything comes back. What is in the point as A/B comes to DIR/A/B.",
           "A file that exists already and has the size and time of the point's is left (--compare reads it, too); one that differs is replaced, "
           "but a newer one is kept and reported (--overwrite). What is replaced or deleted is kept in a folder .holdfast-undo-TIME below the "
           "target; --undo puts it back. A file that is replaced has its old or its new content at every instant, and what it has already is "
           "not fetched. Nothing outside the target is ever touched, and no symlink is followed.",
           "Every byte is checked against its identity before it is written. Where the vault is damaged the rest is restored; of a damaged file "
           "what is left is saved as NAME.holdfast-partial, with zeros where bytes are lost, and the lost ranges are reported. After an "
           "interruption or a full disk run the same command again: what is there is left as it is.",
           "--delete also removes what the point does not have, below directories that were backed up and are restored whole; try it with "
           "--dry-run. The vault and undo folders are never touched.",
           "With --json the answer is an object: point, target, created, replaced, updated (content was the same, owner, mode, time or "
           "attributes were not), left, conflicts, deleted, directories, failed, files and bytes (checked), bytes_kept (found in place), "
           "bytes_fetched (read from the vault), seconds, damaged_count, damaged (path, size, lost: [[from, to], …], partial, reason), "
           "conflicts_listed (path, reason), not_set (what, count), undo, verified, proven. With --plan: point, target, plan, create, replace, "
           "update, leave, conflicts, delete, directories, bytes, bytes_fetched, packs, unreachable, seconds, rests_on. With --undo: put_back, "
           "removed, metadata, kept, kept_count, undo_removed.",
           "Exit status 3: something was kept because it is newer, or could not be written; 5: something is damaged in the vault."},
      .examples = {{"holdfast restore --to /tmp/look", "The newest point, into a new place."},
                   {"holdfast restore 7c1e Documents/tax '*.pdf' --to /tmp/look", "Some of it: a directory, and every PDF."},
                   {"holdfast restore --in-place --delete --dry-run", "What going back to the newest point would change, deletions included."},
                   {"holdfast restore --prove", "Read and check everything, write nothing."}},
      .arguments = {{.name = "POINT", .help = "recovery point: first digits of its id, or latest", .required = false},
                    {.name = "PATH", .help = "file, directory or glob in it", .required = false, .repeat = true}},
      .options = {{.name = "to", .value = "DIR", .help = "restore into DIR; made where it does not exist"},
                  {.name = "in-place", .help = "restore to where the files came from, changing only what differs"},
                  {.name = "as-of", .value = "TIME", .kind = Kind::time, .help = "the newest point made at or before TIME"},
                  {.name = "include", .value = "GLOB", .help = "only what matches: '*.pdf', 'src/**/*.c'", .repeat = true},
                  {.name = "exclude", .value = "GLOB", .help = "not what matches", .repeat = true},
                  {.name = "plan", .help = "print what would be done and how long it would take; write nothing"},
                  {.name = "dry-run", .letter = 'n', .help = "the same as --plan"},
                  {.name = "prove", .help = "read and check everything, write nothing"},
                  {.name = "verify", .help = "read again what was written and check it"},
                  {.name = "overwrite", .value = "WHEN", .help = "what happens to files that exist and differ", .preset = "if-changed", .choices = {"always", "if-changed", "never"}},
                  {.name = "compare", .help = "read existing files even where size and time say they are the same"},
                  {.name = "delete", .help = "remove what the point does not have, in directories that are restored whole"},
                  {.name = "no-undo", .help = "do not keep what is replaced or deleted"},
                  {.name = "undo", .value = "DIR", .help = "put back what a restore replaced or deleted: its undo folder, or latest (in --to DIR)"},
                  {.name = "owner", .value = "HOW", .help = "owners of files: as numbers, by names, or none; auto: numbers for root", .preset = "auto", .choices = {"auto", "numbers", "names", "none"}},
                  {.name = "sync", .help = "make everything durable before saying that it is done"}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
