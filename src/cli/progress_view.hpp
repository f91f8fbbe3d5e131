#pragma once
// Shows a Progress while a job runs. On a terminal one line at the bottom, redrawn ten times a second, the first at
// once; elsewhere a plain line every ten seconds. Nothing with --quiet, nor with --json unless --verbose.

#include <cstdint>
#include <string>
#include <thread>

#include "base/progress.hpp"
#include "cli/output.hpp"
#include "platform/env.hpp"

namespace hf::cli {

/// What one drawing shows; all from one moment.
struct ProgressPicture {
  std::string label = {};
  std::uint64_t items = 0, items_total = 0, bytes = 0, bytes_total = 0, errors = 0;  ///< totals: 0 = not known yet
  double seconds = 0;           ///< since the beginning
  double bytes_per_second = 0;  ///< lately
  std::string item = {};
  bool stopping = false;
};

/// "Documents  1,204 files  812 MB  ━━━━━──────  1.2 GB/s  6 s left  2 errors  letters/a.txt", cut to `columns`.
std::string progress_line(const ProgressPicture& picture, std::size_t columns, bool utf8);
/// The line that stays when a job is done: "Documents  12,418 files  8.31 GB  ━━━━━━━━  1.2 GB/s  done in 7 s".
std::string done_line(std::string_view label, std::uint64_t items, std::uint64_t bytes, double seconds, bool utf8);
/// A bar of `cells`, the first part of it filled.
std::string bar(double part, std::size_t cells, bool utf8);

class ProgressView {
 public:
  /// All of them must outlive the view.
  ProgressView(Output& out, Env& env, Progress& progress, std::string label);
  ~ProgressView() { stop(); }
  ProgressView(const ProgressView&) = delete;
  ProgressView& operator=(const ProgressView&) = delete;

  void relabel(std::string label);  ///< a job's next phase
  /// Takes the line away; nothing is drawn after it returns. Again is fine.
  void stop();
  double seconds() const;  ///< since the beginning

 private:
  void run();
  ProgressPicture picture();

  // Constant after construction
  Output& out_;
  Env& env_;
  Progress& progress_;
  const std::int64_t begin_ns_;
  const bool redraws_, speaks_;

  // Only the view's thread
  double rate_ = 0;
  std::uint64_t last_bytes_ = 0;
  double last_seconds_ = 0;
  bool told_stopping_ = false;

  Mutex mutex_;
  Condition wake_;
  std::string label_ HF_GUARDED_BY(mutex_);
  bool ended_ HF_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace hf::cli
