#pragma once
// The directories that a restore writes into, and the only way to their handles.
//
// INVARIANT: nothing outside the root is ever reached. Every directory is opened by one name in its parent's handle with
// O_NOFOLLOW | O_DIRECTORY, so a symlink is refused, whether the vault named it, it lay there, or someone swaps it in
// while we work; a directory that is opened a second time must be the same inode as the first time. No path is ever
// built for a system call, so their length has no limit.

#include <atomic>
#include <string>

#include "target/fs/handle_cache.hpp"

namespace hf {

class Directory;
using DirectoryRef = std::shared_ptr<Directory>;

/// One directory below the root, or the root itself; lives as long as something is to be done in it.
class Directory {
 public:
  Directory(HandleCache& cache, DirectoryRef parent, std::string name, bool made, bool plain);
  ~Directory();
  const DirectoryRef& parent() const { return parent_; }
  const std::string& name() const { return name_; }
  /// This run made it: what is in it, this run put there.
  bool made() const { return made_; }
  /// What is made in it belongs to us and has the mode that was asked for, less the umask: no set-group-id bit and no
  /// default ACL changes that.
  bool plain() const { return plain_; }
  /// For messages: relative to the root; "" for the root.
  std::string path() const;
  std::string path_of(std::string_view name) const;

 private:
  friend class DirectoryTree;
  DirectoryRef parent_;  // constant; emptied by the destructor
  const std::string name_;
  const bool made_, plain_;
  HandleCache::Slot slot_;
  std::atomic<std::uint64_t> ino_{0}, dev_{0};  // 0: not opened yet
};

/// Who owns what this process makes, and how the umask changes it.
struct Creation {
  bool known = false;
  std::uint32_t uid = 0, gid = 0;
  std::uint32_t umask = 077;
};

class DirectoryTree {
 public:
  /// Names that restore makes beside others for a moment; what a crash leaves of them is removed by the next run.
  static constexpr std::string_view kOwnPrefix = ".holdfast-";
  static constexpr std::string_view kTemporaryPrefix = ".holdfast-tmp-";
  static constexpr std::size_t kOpenMax = 128;

  /// Opens the root (following symlinks: a person named it) and makes it, and what leads there, where it is absent.
  static Result<std::unique_ptr<DirectoryTree>> open(Env& env, const std::string& root, bool make);

  Env& env() const { return env_; }
  const DirectoryRef& root() const { return root_; }
  const std::string& root_path() const { return root_path_; }
  bool root_was_made() const { return root_->made(); }
  /// Nothing but what restores leave is in the root.
  Result<bool> root_is_empty();
  /// As it was when it was opened.
  const Stat& root_stat() const { return root_stat_; }
  /// Makes a file for a moment and looks at it. Before threads start; unknown where that fails.
  void learn_creation();
  const Creation& creation() const { return creation_; }

  /// Conflict where it is not the directory it was; NotADirectory where it is a symlink or a file now. Any thread.
  Result<Handle> handle(const DirectoryRef& directory);
  /// Makes a directory with mode 0700; AlreadyExists where the name is taken.
  Result<DirectoryRef> make(const DirectoryRef& parent, const std::string& name);
  /// One that is there, as stat() of its name told.
  DirectoryRef existing(const DirectoryRef& parent, const std::string& name, const Stat& stat);
  /// Nothing more will be done in it soon.
  void close(const DirectoryRef& directory) { cache_.close(directory->slot_); }
  HandleCache& cache() { return cache_; }

 private:
  DirectoryTree(Env& env, std::string root_path) : env_(env), root_path_(std::move(root_path)), cache_(kOpenMax) {}
  bool is_plain(int handle);

  Env& env_;
  const std::string root_path_;
  HandleCache cache_;
  DirectoryRef root_;
  Fd root_handle_;
  Stat root_stat_;
  Creation creation_;
};

}  // namespace hf
