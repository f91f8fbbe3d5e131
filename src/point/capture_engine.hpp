#pragma once
// The inside of a capture (capture.cpp, capture_walk.cpp, capture_files.cpp, capture_large.cpp): what its workers share.
//
// One stack of tasks. A directory's task lists it and hands out its names in batches; a batch looks at each name, takes
// over what is unchanged, reads small files at once, and starts tasks for directories and large files. Whoever finishes
// the last part of a batch hands it to its directory, which consumes its batches in order; the last batch finishes the
// directory, which is a part of a batch of its parent, and so on up to the root. So memory holds the names of the
// directories on the way to where work goes on, and the results that wait for an earlier neighbour.

#include <atomic>
#include <map>
#include <memory>
#include <optional>

#include "base/work_pool.hpp"
#include "codec/chunker.hpp"
#include "point/ancestor.hpp"
#include "point/beside.hpp"
#include "point/capture.hpp"
#include "point/elsewhere.hpp"
#include "point/former.hpp"
#include "point/likeness.hpp"
#include "point/tree_builder.hpp"
#include "point/tree_reader.hpp"
#include "source/fs/fs_source.hpp"

namespace hf::capturing {

/// Files above this size are read in slices of it, by all workers.
constexpr std::uint64_t kSliceBytes = 4u << 20;
/// Small files are gathered up to this much before they are hashed two at a time.
constexpr std::size_t kGatherBytes = 1u << 20;
/// A file that changes while it is read is read again, this often in all.
constexpr int kAttempts = 3;
constexpr std::size_t kBatchNames = 256;
/// Directories in which a restore keeps what it replaced (target/fs/undo_area.hpp).
constexpr std::string_view kUndoPrefix = ".holdfast-undo-";

/// Paths that a point covers, as a tree of names: a node without children is taken whole.
struct PathTree {
  std::map<std::string, PathTree> children;
  bool whole = false;
};

struct DirectoryJob;

/// Some names of one directory, in order; a slot that stays empty is left out of the point.
struct Batch {
  std::shared_ptr<DirectoryJob> directory;
  std::size_t number = 0;
  std::vector<std::optional<Entry>> slots;
  std::atomic<int> parts_left{1};  // directories and large files under way, and the batch itself
};

struct DirectoryJob {
  DirectoryJob(WriteSession& session, ChunkReader& chunks, std::optional<ChunkRef> before) : builder(session, chunks, before) { old.emplace(chunks, before); }
  // Constant after the listing:
  std::shared_ptr<Batch> parent;  // null for the root
  std::size_t parent_slot = 0;
  const PathTree* only = nullptr;  // not null and not whole: just these names
  std::string name;                // in the parent; the root's is its absolute path
  std::shared_ptr<const std::vector<Entry>> vanished;  // where it is new: old directories that it may have been
  Fd handle;
  NameList names;
  std::size_t batch_count = 0;

  Mutex mutex;
  std::size_t next_batch HF_GUARDED_BY(mutex) = 0;
  std::optional<DirectoryCursor> old HF_GUARDED_BY(mutex);  // the same directory in what it compares with
  Entry* old_at HF_GUARDED_BY(mutex) = nullptr;    // its next entry
  bool old_done HF_GUARDED_BY(mutex) = false;
  std::map<std::size_t, std::shared_ptr<Batch>> ready HF_GUARDED_BY(mutex);
  std::size_t consumed HF_GUARDED_BY(mutex) = 0;
  DirectoryBuilder builder HF_GUARDED_BY(mutex);
};

/// The absolute path of a directory, or of a name in it; put together when it is asked for, since deep trees would
/// otherwise hold each part many times.
std::string path_of(const DirectoryJob& job, std::string_view name = {});

/// A file that was read into a worker's buffer and waits to be hashed.
struct GatheredFile {
  std::shared_ptr<Batch> batch;
  std::size_t slot = 0;
  Entry entry;
  std::shared_ptr<Ancestor> ancestor;
  std::size_t chunks = 0;  // how many of the worker's views are its own
};

/// Where a chunk lies in the new version of a file, and the old version, if there is one.
struct ChunkOrigin {
  Ancestor* ancestor = nullptr;
  std::uint64_t offset = 0;
};

/// What one worker keeps for itself.
struct Worker {
  std::unique_ptr<ChunkWriter> writer;
  std::unique_ptr<Beside> beside;  // null: nothing is stored against anything
  Buffer buffer;
  std::size_t used = 0;
  std::vector<GatheredFile> gathered;
  std::vector<ByteView> views;
  std::vector<ChunkOrigin> origins;  // of the views
  std::vector<Digest> digests;
  std::vector<ChunkRef> near;
};

/// What of the former point a new name may stand for.
struct Origins {
  Entry* before = nullptr;     ///< of the same name
  const Entry* kin = nullptr;  ///< of one that differs in digits alone
  // To be judged by what is in them, where there is neither; null: none.
  std::shared_ptr<const std::vector<Entry>> files, directories;

  const Entry* by_name() const { return before != nullptr ? before : kin; }
};

struct LargeFile;

class Engine {
 public:
  /// `former`: a loan, what it compares with.
  Engine(WriteSession& session, const CaptureOptions& options, const Former& former, Progress& progress, ProblemSink& problems);
  ~Engine();

  /// Captures the tree that `paths` spans below `base`; gives the root entry.
  Result<Entry> run(const std::string& base, const PathTree& paths);
  /// Captures a stream; gives the root of a tree with its file. `before`: what earlier points have that it may follow, the
  /// last of its kind first where there is one.
  Result<Entry> run_stream(int input, const std::string& name, std::span<const Entry> before);

  std::atomic<std::uint64_t> files_read{0}, files_unchanged{0}, bytes_read{0}, inconsistent{0}, unreadable_count{0};
  std::atomic<bool> vault_left_out{false};
  std::vector<Unreadable> unreadable() const;
  std::map<std::uint32_t, std::string> users() const;
  std::map<std::uint32_t, std::string> groups() const;

 private:
  friend struct LargeFile;
  // capture_walk.cpp
  void start_directory(const std::shared_ptr<DirectoryJob>& job);
  void run_batch(const std::shared_ptr<DirectoryJob>& job, Worker& worker);
  Status look_at(const std::shared_ptr<Batch>& batch, std::size_t slot, const char* name, const Origins& origins, Worker& worker,
                 std::vector<std::shared_ptr<DirectoryJob>>& directories);
  /// The old directory that lay at this path in another source, if one did.
  std::optional<ChunkRef> lay_at(const std::string& path) const;
  /// Where a directory is new: goes on with the old one that it seems to have been.
  void find_former(DirectoryJob& job);
  bool unchanged(const Entry& before, const Stat& now) const;
  /// False where a pack that it needs is missing or damaged: then reading the file again heals every point that has it.
  Result<bool> still_stored(const Entry& before);
  void part_done(std::shared_ptr<Batch> batch);
  Status deliver(const std::shared_ptr<Batch>& batch, std::shared_ptr<Batch>& next);
  Worker& worker(unsigned number) { return *workers_[number]; }
  void finish_workers();

  // capture_files.cpp: reading
  /// True if another name of the same file has brought, or will bring, what is in it.
  bool linked_elsewhere(const std::shared_ptr<Batch>& batch, std::size_t slot, const Entry& entry);
  /// Ends the wait of other names: with what was read, or without (then each is reported).
  void end_linked(const Entry& read, const Error* failed);
  Status read_file(const std::shared_ptr<Batch>& batch, std::size_t slot, Entry entry, const Origins& origins, Worker& worker);
  /// Of the entry that an earlier point has under the name, or under one that stands for it; nullptr where it is no help.
  std::shared_ptr<Ancestor> ancestor_in(const Entry* before);
  /// Of the old file that a large one without one by name seems to have been, beside it or elsewhere.
  std::shared_ptr<Ancestor> ancestor_by_content(const Origins& origins, const Entry& entry, int file, const std::vector<DataExtent>& extents);
  /// Reads the extents behind what the worker has gathered; false where the file ended early (`size` then says where).
  Result<bool> read_extents(Worker& worker, int file, std::vector<DataExtent>& extents, std::uint64_t& size);
  Status flush(Worker& worker);
  Status hash_and_store(Worker& worker, std::span<const ByteView> chunks, std::span<const ChunkOrigin> origins, std::span<ChunkRef> out);

  // capture_large.cpp
  void start_large(const std::shared_ptr<Batch>& batch, std::size_t slot, Entry entry, std::vector<DataExtent> extents, Fd file, std::shared_ptr<Ancestor> ancestor,
                   int attempt);
  void run_slice(const std::shared_ptr<LargeFile>& file, Worker& worker);
  void finish_large(const std::shared_ptr<LargeFile>& file);

  /// A file is done: remembered for its other names, counted, and put into its slot.
  void file_done(const std::shared_ptr<Batch>& batch, std::size_t slot, Entry entry);
  /// A file is left out.
  void file_failed(const std::shared_ptr<Batch>& batch, const Entry& entry, Error error);
  void problem(const std::string& path, Error error);  ///< an item is left out
  void fail(Error error);                              ///< the whole capture ends
  bool stopping();
  /// Waits where reading goes faster than it may.
  void pace(std::uint64_t bytes) {
    if (options_.reads != nullptr) options_.reads->take(bytes);
  }
  void note_owner(const Stat& stat);
  template <class F>
  void push(F&& task);

  Env& env_;
  WriteSession& session_;
  const CaptureOptions& options_;
  const Former& former_;
  Progress& progress_;
  ProblemSink& problems_;
  const Chunker chunker_;
  const KeyedHash& chunk_hash_;
  ChunkId zero_chunk_;  // of a long run of zeros
  ChunkReader chunks_;
  Likeness likeness_{chunks_, chunker_};
  Elsewhere elsewhere_{chunks_, former_.point ? &*former_.point : nullptr, kSliceBytes, progress_};
  WorkPool pool_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::optional<Stat> vault_stat_;
  std::uint64_t root_device_ = 0;
  std::atomic<bool> failed_{false};

  mutable Mutex mutex_;
  std::optional<Error> failure_ HF_GUARDED_BY(mutex_);
  std::vector<Unreadable> unreadable_ HF_GUARDED_BY(mutex_);
  std::map<std::uint32_t, std::string> users_ HF_GUARDED_BY(mutex_), groups_ HF_GUARDED_BY(mutex_);
  std::optional<Entry> root_ HF_GUARDED_BY(mutex_);
  // Files with several names, by (dev, ino): each is read once, and whoever meets another name meanwhile waits.
  struct OtherName {
    std::shared_ptr<Batch> batch;
    std::size_t slot = 0;
    std::string name;
  };
  struct Linked {
    std::optional<Entry> entry;  // empty while it is being read
    std::vector<OtherName> waiting;
    std::uint32_t names_left = 0;  // not met yet
  };
  std::map<std::pair<std::uint64_t, std::uint64_t>, Linked> linked_ HF_GUARDED_BY(mutex_);
};

/// Runs a task of the pool and turns an exception of a library (memory) into the capture's failure.
template <class F>
void Engine::push(F&& task) {
  pool_.push([this, task = std::forward<F>(task)](unsigned number) mutable {
    try {
      if (!failed_) task(worker(number));
    } catch (const std::exception& e) {
      fail(Error(Code::internal, std::string("the backup ended: ") + e.what()));
    }
  });
}

}  // namespace hf::capturing
