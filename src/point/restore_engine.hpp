#pragma once
// Does what a window says.
//
// Phases of a window, each in parallel, one after the other:
//   compare   chunks that an old file has at their place are not fetched
//   fetch     neighbouring segments in one read; open; identify; write. What has no content to fetch is made meanwhile
//   verify    read again (if asked for)
//   commit    journal, one sync, then old files are kept and replaced, links made, directories finished
//
// Crash story: what is new appears under its name when it is whole (new_file.hpp); what replaces something gets its name
// after one sync has made it durable, and after the journal knows.

#include "point/restore_crew.hpp"
#include "point/restore_window.hpp"

namespace hf {

/// Why a restore must end: the target is full, someone asked to stop.
class StopReason {
 public:
  explicit StopReason(Progress& progress) : progress_(progress) {}
  void fail(Error error);
  bool stopped() const { return failed_.load(std::memory_order_relaxed) || progress_.stop_requested.load(std::memory_order_relaxed); }
  /// The first failure, or Cancelled, or success.
  Status status();

 private:
  Progress& progress_;
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  std::optional<Error> error_ HF_GUARDED_BY(mutex_);
};

/// What happened so far. Any thread.
class RestoreTally {
 public:
  RestoreTally(const RestoreOptions& options, ProblemSink& problems, Progress& progress) : options_(options), problems_(problems), progress_(progress) {}
  void did(Action action, const Directory& directory, std::string_view name);
  void conflict(const Directory& directory, std::string_view name, std::string reason);
  /// Tells the sink; the item counts as failed.
  void failed(Error error);
  void damaged(DamagedFile file);
  RestoreReport take_report();

  std::atomic<std::uint64_t> bytes{0}, bytes_kept{0}, bytes_fetched{0}, files{0}, directories_made{0};

 private:
  const RestoreOptions& options_;
  ProblemSink& problems_;
  Progress& progress_;
  std::array<std::atomic<std::uint64_t>, 6> counts_{};
  std::atomic<std::uint64_t> failed_{0};
  Mutex mutex_;
  RestoreReport report_ HF_GUARDED_BY(mutex_);
};

/// One thread calls execute(), window by window.
class RestoreEngine {
 public:
  /// `tree`, `metadata` and `undo` are nullptr when only proving; `undo` also where nothing is kept.
  RestoreEngine(ChunkReader& chunks, DirectoryTree* tree, MetadataWriter* metadata, UndoArea* undo, const RestoreOptions& options, RestoreTally& tally,
                Progress& progress, StopReason& stop);
  ~RestoreEngine();
  void execute(Window& window);
  /// After the last window: what can only be set when nothing else will be done.
  void finish();

  /// Errors after which going on makes no sense.
  static bool is_fatal(const Error& error);

 private:
  struct Worker;
  struct Segment {
    std::size_t first, last;  // wants
  };
  struct Unit {
    std::size_t first, last;  // segments, of one pack
  };
  struct Piece {
    LargeFile* file;
    std::size_t first, last;  // wants
  };

  void compare(Window& window);
  void compare_piece(Window& window, const Piece& piece, Worker& worker);
  void copy_piece(Window& window, const Piece& piece, Worker& worker);
  std::size_t read_wants(Window& window, int file, std::size_t first, std::size_t last, Worker& worker);
  void fetch(Window& window);
  void fetch_unit(Window& window, const Unit& unit, Worker& worker);
  /// Puts into the worker's segment what other packs have of the chunks wanted: stored twice, or again after damage.
  bool find_elsewhere(const Window& window, const Segment& segment, Worker& w);
  void place_segment(Window& window, const Segment& segment, Worker& worker);
  void place_item(Window& window, std::size_t first, std::size_t last, Worker& worker);
  void lose(Window& window, const Segment& segment, const Error& why);
  void make_simple(Window& window, std::uint32_t item);
  /// Now, or when who writes into it is done.
  void write(LargeFile& file, LargeFile::Part part);
  void done(LargeFile& file, std::uint64_t chunks);
  void finish_file(LargeFile& file);
  bool publish_partial(LargeFile& file, std::string& as);
  void verify(Window& window);
  void verify_range(Window& window, std::size_t first, std::size_t last, Worker& worker);
  void commit(Window& window);
  bool worth_keeping(const Stat& old) const;
  Status put_in_place(const DirectoryRef& directory, const std::string& name, const std::string& temporary, const Stat& old);
  void commit_file(LargeFile& file);
  void commit_special(Item& item);
  void commit_link(LinkItem& link);
  Status copy_instead(LinkItem& link, int from_dir, const std::string& as);
  void update(Item& item);
  void finish_directory(DirectoryDone& done);
  void problem(Error error);
  bool proving() const { return tree_ == nullptr; }

  ChunkReader& chunks_;
  DirectoryTree* tree_;
  MetadataWriter* metadata_;
  UndoArea* undo_;
  const RestoreOptions& options_;
  RestoreTally& tally_;
  Progress& progress_;
  StopReason& stop_;
  Env* env_;
  Crew crew_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Segment> segments_;
  std::vector<Unit> units_;

  struct Seal {
    DirectoryRef directory;
    std::string name;
    std::uint32_t flags;
  };
  Mutex mutex_;
  std::vector<LargeFile*> to_commit_ HF_GUARDED_BY(mutex_);
  std::vector<Seal> seals_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
