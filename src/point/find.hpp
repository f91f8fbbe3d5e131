#pragma once
// Names in all recovery points at once.

#include <optional>

#include "base/glob.hpp"
#include "base/progress.hpp"
#include "format/point.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

struct FindQuery {
  /// A name or a glob for names; with a '/', for paths: from the top if it begins with one, else from any directory.
  std::string pattern = {};
  GlobCase letters = GlobCase::exact;
  std::optional<FileType> type = {};
  std::string below = {};  ///< only in this directory, absolute or relative to the points' roots; empty: everywhere
};

/// One content that a path had.
struct FoundVersion {
  FileType type = FileType::unknown;
  std::uint64_t size = 0;     ///< of a regular file; of a directory: of all files below
  std::int64_t mtime = 0;     ///< in the newest point that has this content
  std::int64_t first_seen = 0, last_seen = 0;  ///< when these points were begun
  std::uint64_t points = 0;
  PointId newest;
  std::string target;         ///< of a symlink
  Digest content{};           ///< equal for equal content
};
struct FoundPath {
  std::string path;    ///< absolute, as it was backed up
  std::string source, host;  ///< of the newest point that holds it
  bool in_newest = false;    ///< the newest point of that source (of those asked) still has it
  std::vector<FoundVersion> versions;  ///< newest first
};
struct FindResult {
  std::vector<FoundPath> paths;  ///< in order of paths
  std::uint64_t nodes = 0;       ///< directory nodes that were read
  std::vector<Error> unreadable; ///< directories that could not be searched
};

/// Searches `points` (in any order). Each distinct node is read once, however many points lead to it.
Result<FindResult> find_names(ChunkReader& chunks, const std::vector<RecoveryPoint>& points, const FindQuery& query, unsigned jobs, Progress& progress);

/// A path as a person gives it, absolute as it was backed up or relative, as a path below the point's root.
std::string path_below_root(const RecoveryPoint& point, std::string path);
/// The reverse: absolute.
std::string absolute_path_of(const RecoveryPoint& point, const std::string& below);

}  // namespace hf
