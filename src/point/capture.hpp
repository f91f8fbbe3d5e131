#pragma once
// From files to a recovery point.

#include <functional>
#include <optional>

#include "base/progress.hpp"
#include "base/rate_limit.hpp"
#include "format/point.hpp"
#include "source/fs/exclude.hpp"
#include "vault/write_session.hpp"

namespace hf {

/// What of earlier points a capture trusts. A full one trusts none: every byte is read, and each chunk it needs must lie in
/// a pack that is there. A differential one trusts that what looks as in the last full one is as there; an incremental
/// one likewise of the last point of any kind. Where there is none to trust, the point becomes a full one.
struct KindChoice {
  PointKind kind = PointKind::incremental;
  bool independent = false;  ///< of a full one: it shares no stored chunk with what is in the vault
};
/// Asked once, with all points of the vault, when the session has begun.
using ChooseKind = std::function<Result<KindChoice>(const PointList&)>;

struct CaptureOptions {
  std::vector<std::string> paths;  ///< absolute; what lies below another of them is taken once
  ExcludeRules excludes;
  bool exclude_caches = false;     ///< of directories with a CACHEDIR.TAG keep only the tag
  bool one_file_system = false;    ///< of mount points keep only the empty directory
  ChooseKind kind;                 ///< absent: incremental
  std::vector<std::string> tags;
  std::string host, user, program;
  std::string vault_directory;     ///< where the vault lies, if on this machine's file system: it is left out
  unsigned jobs = 1;
  RateLimit* reads = nullptr;      ///< of files and streams; a loan
  WriteOptions write;
};

struct CaptureResult {
  RecoveryPoint point;  ///< committed
  std::uint64_t files_read = 0, files_unchanged = 0;
  /// Content and tree nodes stored as what differs from older ones; what that takes; what it saved, estimated.
  std::uint64_t bytes_delta = 0, bytes_delta_stored = 0, bytes_delta_saved = 0;
  unsigned delta_depth = 0;  ///< of the deepest segment written: how many others must be opened for it, one for the other
  bool vault_left_out = false;
};

/// Walks the paths in parallel, reads what changed since the newest point of the same source, and commits a point.
/// Items that can't be read go to `problems` and into the point; the rest is saved. Cancelled where
/// progress.stop_requested: what was stored so far is kept for the next run.
Result<CaptureResult> capture(Vault& vault, const CaptureOptions& options, Progress& progress, ProblemSink& problems);

/// One stream (`input`: an open handle) as a file called `name`.
Result<CaptureResult> capture_stream(Vault& vault, int input, const std::string& name, const CaptureOptions& options, Progress& progress);

}  // namespace hf
