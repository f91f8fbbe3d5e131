#pragma once
// What a restore replaces or deletes is kept, in a folder beside what it belongs to, with a journal that says how to put
// it back (docs/how-to/restore.md).
//
//   TARGET/.holdfast-undo-20261123T174500Z/journal        one line for each change
//   TARGET/.holdfast-undo-20261123T174500Z/files/A/B      what was at TARGET/A/B
//
// Crash story: lines are in the journal, durably, before the changes they tell of. A line whose change did not happen is
// recognised by what is there. A regular file is linked into the area first and then replaced by one rename, so its name
// always leads to the old or to the new one.

#include <unordered_map>

#include "target/fs/directory_tree.hpp"

namespace hf {

class UndoArea {
 public:
  static constexpr std::string_view kPrefix = ".holdfast-undo-";
  /// Makes nothing yet. `wall_ns` names it, `about` is the journal's second line.
  UndoArea(DirectoryTree& tree, std::int64_t wall_ns, std::string about);

  // --- the journal; told before it is done. Any thread. ---
  void will_create(const Directory& directory, std::string_view name, FileType type, std::uint64_t size, std::int64_t mtime);
  void will_replace(const Directory& directory, std::string_view name, FileType type, std::uint64_t size, std::int64_t mtime);
  void will_delete(const Directory& directory, std::string_view name);
  void will_change(const Directory& directory, std::string_view name, const Stat& before);
  /// Makes the lines durable. Nothing may be taken before.
  Status flush();
  bool has_unwritten() const;

  /// Moves a name into the area.
  Status take(const DirectoryRef& directory, const std::string& name);
  /// Keeps a file under its name too, so that a rename may replace it at once; where links are not possible, moves it.
  Status keep(const DirectoryRef& directory, const std::string& name);

  /// Metadata were set that the journal can set back.
  void changed() { changes_.fetch_add(1, std::memory_order_relaxed); }
  bool is_useful() const { return kept_ > 0 || changes_ > 0; }
  const std::string& name() const { return name_; }
  /// Takes an area that keeps nothing away again (files were only created).
  void remove_if_useless();

 private:
  Result<DirectoryRef> ensure() HF_REQUIRES(area_mutex_);  ///< gives files_
  Result<DirectoryRef> ensure_files();
  Result<DirectoryRef> mirror_of(const DirectoryRef& directory);
  void line(std::string text, const Directory& directory, std::string_view name);

  DirectoryTree& tree_;
  std::string name_;
  const std::string about_;
  Mutex area_mutex_;
  DirectoryRef area_ HF_GUARDED_BY(area_mutex_), files_ HF_GUARDED_BY(area_mutex_);
  Fd journal_ HF_GUARDED_BY(area_mutex_);
  std::uint64_t written_ HF_GUARDED_BY(area_mutex_) = 0;
  std::atomic<std::uint64_t> kept_{0}, changes_{0};
  mutable Mutex mutex_;
  std::string lines_ HF_GUARDED_BY(mutex_);
  Mutex mirrors_mutex_;
  std::unordered_map<const Directory*, std::pair<DirectoryRef, DirectoryRef>> mirrors_ HF_GUARDED_BY(mirrors_mutex_);  // a cache
};

struct UndoReport {
  std::uint64_t put_back = 0, removed = 0, metadata = 0;
  std::vector<std::string> kept;  ///< changed since the restore: left as they are (at most 1,000 of them)
  std::uint64_t kept_count = 0;
  std::string about;
  bool area_removed = false;
};

/// Puts back what an area keeps, newest change first, and removes the area when nothing is left in it. What was changed
/// since the restore stays as it is and is named. Can be repeated after an interruption.
Result<UndoReport> undo(DirectoryTree& tree, const std::string& area_name);

/// The newest area below a root; NotFound where there is none.
Result<std::string> newest_undo_area(Env& env, const std::string& root);

}  // namespace hf
