#pragma once
// One window of a restore: what the planner found to be done, in the form in which the engine does it.

#include <atomic>
#include <memory>
#include <optional>

#include "point/restore.hpp"
#include "target/fs/new_file.hpp"

namespace hf {

/// What is set on a file, and owned.
struct OwnedMetadata {
  FileType type = FileType::regular;
  std::uint32_t mode = 0, uid = 0, gid = 0, flags = 0;
  std::int64_t mtime = 0;
  std::unique_ptr<std::vector<Xattr>> xattrs;  ///< mostly there are none

  static OwnedMetadata of(const Entry& e) {
    OwnedMetadata m{e.stat.type, e.stat.mode, e.stat.uid, e.stat.gid, e.flags, e.stat.mtime, nullptr};
    if (!e.xattrs.empty()) m.xattrs = std::make_unique<std::vector<Xattr>>(e.xattrs);
    return m;
  }
  Metadata view() const { return {type, mode, uid, gid, flags, mtime, xattrs.get()}; }
};

/// A file that is not made at once: its chunks lie in several segments, or in several windows, or something exists
/// under its name, or some of it is lost.
struct LargeFile {
  LargeFile(DirectoryRef d, std::string n, std::uint64_t s, OwnedMetadata m) : directory(std::move(d)), name(std::move(n)), size(s), metadata(std::move(m)) {}

  const DirectoryRef directory;
  const std::string name;
  const std::uint64_t size;
  const OwnedMetadata metadata;

  // Set by the planner before its window is handed over:
  std::unique_ptr<PendingFile> file;  ///< none when only proving
  std::optional<Stat> old;            ///< of the regular file that is there: what it has already need not be fetched
  bool newer = false;                 ///< the old one: if it differs it is kept
  bool looks_same = false;            ///< size and time are equal, and somebody asked to look closer
  bool resumed = false;               ///< `file` may hold some of it, from a run that was interrupted
  bool in_one_window = true;
  bool many_names = false;            ///< hard links to it will follow: seal it at the very end

  /// Chunks not done yet, and one for the planner until it has planned them all. Who takes the last one finishes it.
  std::atomic<std::uint64_t> pending{1};
  std::atomic<bool> failed{false};      ///< it could not be written, and that was reported
  std::atomic<bool> published{false};   ///< it has its name
  bool dropped = false;                 ///< nothing to write after all; between phases only

  /// What one segment has of it.
  struct Part {
    std::shared_ptr<const OpenedSegment> segment;
    std::vector<Extent> extents;  // in `segment`
    std::uint64_t chunks = 0;     // of `pending`
  };

  Mutex mutex;
  std::vector<ByteRange> lost HF_GUARDED_BY(mutex);
  std::string reason HF_GUARDED_BY(mutex);
  bool is_written HF_GUARDED_BY(mutex) = false;       ///< somebody writes, and takes what waits when done
  std::vector<Part> waiting HF_GUARDED_BY(mutex);

  void lose(std::uint64_t begin, std::uint64_t end, const std::string& why) {
    Lock lock(mutex);
    if (lost.empty()) reason = why;
    lost.push_back({begin, end});
  }
  bool is_damaged() {
    Lock lock(mutex);
    return !lost.empty();
  }
};

/// A name and what it gets. Content that lies in one segment is written at once, when `large` is empty.
struct Item {
  DirectoryRef directory;
  std::string name;
  std::uint64_t size = 0;
  OwnedMetadata metadata;
  std::shared_ptr<LargeFile> large;
  // Of things that are not regular files:
  std::string target;
  std::uint32_t rdev_major = 0, rdev_minor = 0;
  std::unique_ptr<Stat> old;  ///< something else is there and is replaced; or only the metadata differ
  bool many_names = false;
};

/// A chunk and a place that needs it.
struct Want {
  ChunkId id;
  std::uint64_t segment = 0;       ///< pack's position in the window, then the segment's offset: the order of fetching
  std::uint64_t offset = 0;        ///< in the file
  std::uint32_t stored_bytes = 0;  ///< of the segment
  std::uint32_t bytes = 0;
  std::uint32_t item = 0;
  std::uint16_t chunk = 0;  ///< position in the segment
  bool have = false;        ///< no need to fetch it
};

/// A further name of a file that this run made or found in place.
struct LinkItem {
  DirectoryRef directory;
  std::string name;
  DirectoryRef first_directory;
  std::string first_name;
  OwnedMetadata metadata;  ///< for a copy, where links are not possible
  std::uint64_t size = 0;
  std::optional<Stat> old;
};

/// A directory of which everything is planned: its own metadata come last.
struct DirectoryDone {
  DirectoryRef directory;
  OwnedMetadata metadata;
  bool set = true;             ///< set metadata
  std::optional<Stat> before;  ///< it existed
  std::vector<std::string> remove;
};

struct Window {
  std::vector<Item> items;
  std::vector<Want> wants;
  std::vector<PackId> packs;
  std::vector<std::uint32_t> simple;    ///< items to make that have no content to fetch
  std::vector<std::uint32_t> replaced;  ///< items like them, in place of something else
  std::vector<std::uint32_t> updates;   ///< items whose metadata alone differ
  std::vector<LinkItem> links;
  std::vector<DirectoryDone> directories;             ///< deepest first
  std::vector<std::shared_ptr<LargeFile>> old_large;  ///< with something to compare
  std::vector<std::shared_ptr<LargeFile>> finished;   ///< complete in earlier windows, or without any chunk to fetch
  std::uint64_t bytes = 0;
  bool sorted = false;

  bool empty() const {
    return items.empty() && wants.empty() && links.empty() && directories.empty() && finished.empty() && replaced.empty() && updates.empty();
  }
  void sort_wants();
};

}  // namespace hf
