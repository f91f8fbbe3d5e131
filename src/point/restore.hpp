#pragma once
// Restore: from a recovery point back to files.
//
// A walk over the point's tree decides name by name what is to be done (restore_planner.hpp) and hands over windows of
// bounded size; a window's segments are fetched in the order of packs, each once, opened, identified and written to all
// places that need them (restore_engine.hpp). Memory: two windows, and for each worker a few segments; nothing grows
// with the number or the size of files, but for what is linked more than once.
//
// What holds, whatever the vault says and whoever else writes into the target: nothing outside the target is touched;
// a name has its old or its new file, never half of one; a newer file is only replaced where the caller said `always`;
// what is replaced or deleted is kept in an undo folder unless the caller said otherwise; no byte is written that was
// not checked against its chunk's identity.

#include <functional>

#include "base/progress.hpp"
#include "point/tree_reader.hpp"
#include "target/fs/metadata.hpp"
#include "target/fs/undo_area.hpp"

namespace hf {

/// What happens to a file that exists already.
enum class Overwrite : std::uint8_t {
  always,      ///< what differs is replaced, also what is newer than the point's
  if_changed,  ///< what differs is replaced, unless it is newer: that is kept and reported
  never,       ///< only what is absent is made
};

/// What a restore does, or would do, with a name. Directories count apart.
enum class Action : std::uint8_t {
  create,
  replace,
  update,    ///< content is the same, owner, mode, time or attributes are not
  leave,
  conflict,  ///< kept: it is newer, or a directory is in the way
  remove,    ///< not in the point, with `delete_extra`
};

struct RestoreOptions {
  std::string target;                         ///< a directory; made where it is absent
  bool in_place = false;                      ///< `target` is where the files came from
  std::vector<std::string> paths;             ///< inside the point, or as they were on the source; globs; empty: all
  std::vector<std::string> include, exclude;  ///< globs
  Overwrite overwrite = Overwrite::if_changed;
  Owners owners = Owners::automatic;
  bool compare = false;       ///< read existing files that look unchanged, too
  bool delete_extra = false;  ///< remove what the point does not have, below directories that are restored whole
  bool undo = true;
  bool verify = false;  ///< read again what was written
  bool sync = false;    ///< make everything durable before the end
  unsigned jobs = 1;    ///< 1: all in the calling thread, in one order
  std::vector<std::string> untouchable;  ///< paths that are never deleted, replaced or looked into: the vault
  /// Set by restore(): files last changed in this span may be what a run that ended badly left, whatever their time says:
  /// too short after kill -9, anything after a power cut.
  struct Torn {
    std::int64_t from = 0, until = 0;
    bool anything = false;
  } torn = {};
  /// Set by restore(): the target was empty before this run, or before the one that it continues.
  bool fresh = false;
  std::function<void(Action, const std::string& path)> on_action;  ///< any thread, one call at a time
};

/// What could be saved of a damaged file gets its name and this; the name itself stays free (or keeps the old file), so
/// that nobody takes a part for the whole.
constexpr std::string_view kPartialSuffix = ".holdfast-partial";

struct ByteRange {
  std::uint64_t begin = 0, end = 0;
};
/// A file that did not come back whole.
struct DamagedFile {
  std::string path;
  std::uint64_t size = 0;
  std::vector<ByteRange> lost;  ///< in order; zeros stand there in the partial file
  std::string partial;          ///< path of what could be saved, "NAME.holdfast-partial"; empty: nothing could
  std::string reason;
};
struct KeptConflict {
  std::string path;
  std::string reason;
};

struct RestoreReport {
  static constexpr std::size_t kListedMax = 10'000;  ///< of each list below; the counts go on
  std::uint64_t created = 0, replaced = 0, updated = 0, left = 0, conflicts = 0, deleted = 0, directories_made = 0;
  std::uint64_t failed = 0;         ///< could not be written; each was told to the problem sink
  std::uint64_t bytes = 0;          ///< of content that was checked (and written, unless `prove`)
  std::uint64_t bytes_kept = 0;     ///< taken from files that were there
  std::uint64_t bytes_fetched = 0;  ///< read from the vault, as stored
  std::uint64_t files = 0;          ///< whose content was checked whole
  std::uint64_t packs = 0;
  double seconds = 0;
  std::uint64_t damaged_count = 0;
  std::vector<DamagedFile> damaged;
  std::vector<KeptConflict> conflicts_listed;
  std::vector<NotSet::Row> not_set;
  std::string undo_area;  ///< name below the target; empty: nothing is kept
  bool verified = false;
  bool compared = false;  ///< also what was left was read: because it was asked for, or a run before this one lost power
  /// Every byte that was asked for was checked against its identity, and nothing was missing.
  bool proven() const { return damaged_count == 0 && failed == 0; }
};

/// What a restore would do, found out without writing.
struct RestorePlan {
  std::uint64_t create = 0, replace = 0, update = 0, leave = 0, conflict = 0, remove = 0, directories = 0;
  std::uint64_t bytes = 0;          ///< of content to write; replaced files may share some with what is there
  std::uint64_t bytes_fetched = 0;  ///< to read from the vault
  std::uint64_t packs = 0, segments = 0;
  std::uint64_t unreachable = 0;    ///< files with chunks that no pack holds
  double seconds = 0;               ///< predicted
  std::string rests_on;             ///< what the prediction rests on
};

Result<RestoreReport> restore(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Progress& progress, ProblemSink& problems);

/// Looks at the target and at the vault's indexes; reads a sample to predict the time.
Result<RestorePlan> plan_restore(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Progress& progress, ProblemSink& problems);

/// Reads, opens and identifies every chunk that a restore would need; writes nothing, needs no target.
Result<RestoreReport> prove(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Progress& progress, ProblemSink& problems);

/// Puts back what an earlier restore replaced or deleted. `area`: the path of an undo folder, or of a target whose
/// newest one is meant.
Result<UndoReport> undo_restore(Env& env, const std::string& area);

}  // namespace hf
