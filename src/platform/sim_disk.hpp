#pragma once
// The disk of SimEnv. Every inode has two states: what programs see now, and what a power loss would leave for certain.
//
// File content: pages written since the last sync are dirty; a crash keeps or loses each of them, the size and the
// metadata on their own. Names: a create, link, rename or unlink is an EntryChange that stays pending until its
// directory is synced (a rename: the directory it leads to). A crash keeps any subset of the pending changes that is
// closed under what they need; a change needs the earlier pending ones
//   (a) of the same inode, so that link + unlink may leave both names but never none,
//   (b) of the entry that it makes, so that a name that was vacated and taken again never loses both files,
//   (c) inside a directory that it removes,
//   (d) that put the directory, into which something is moved or linked from elsewhere, where it is.
// Syncing a directory brings (a) to (c) with it, as a journal would. For (d) it waits: a file moved into a directory that
// nobody made durable keeps its old name, so that a forgotten sync of the parent shows.
// INVARIANTS: the durable entries, with any closed subset of the pending changes applied in order, form a tree (hard
// links apart); changes that do not need each other touch different things, so that their order does not matter.
// Not thread safe: SimEnv's mutex guards it.

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/bytes.hpp"
#include "platform/env.hpp"

namespace hf::sim {

constexpr std::uint64_t kPageBytes = 4096;
using Page = Buffer;  ///< at most kPageBytes long; the rest is zeros
using ChangeId = std::uint64_t;  ///< counts up; 0 is none

struct Content {
  std::uint64_t size = 0;
  std::map<std::uint64_t, std::shared_ptr<Page>> pages;  ///< by number; absent is a hole; shared pages are never written to
};

/// What chmod, chown, utimensat and setxattr change.
struct Facts {
  std::uint32_t mode = 0, uid = 0, gid = 0, flags = 0;
  std::int64_t mtime = 0, ctime = 0;
  std::map<std::string, Buffer> xattrs = {};
};

struct Inode {
  // Constant after construction
  std::uint64_t ino = 0, dev = 0;
  FileType type = FileType::regular;
  std::uint32_t rdev_major = 0, rdev_minor = 0;
  std::string target;  ///< of a symlink

  Facts facts, durable_facts;
  bool facts_dirty = false;

  Content content, durable_content;
  std::set<std::uint64_t> dirty;  ///< pages that differ from the durable ones
  std::set<std::uint64_t> lost;   ///< pages whose writing failed: the next sync succeeds without them, as on Linux

  std::map<std::string, Inode*> entries, durable_entries;
  Inode* parent = nullptr;          ///< of a directory; the root's is the root
  std::uint32_t subdirectories = 0;
  std::set<ChangeId> changes;       ///< pending ones with an entry in this directory
  std::unordered_map<std::string, ChangeId> entry_changes;  ///< the last pending one of each entry

  std::uint32_t names = 0;    ///< entries that lead here; the root has 1
  std::uint32_t handles = 0;  ///< open ones
  int lock_holder = 0;        ///< the handle that has the lock, if it is open still
  ChangeId last_change = 0;   ///< the last one of its names

  bool is_directory() const { return type == FileType::directory; }
};

class Disk {
 public:
  Disk();

  Inode* root() { return root_; }
  /// A new inode without a name. Its facts become durable together with its first name.
  Inode* make(FileType type, std::uint64_t dev, Facts facts);

  // --- names; the caller has checked that the change is allowed ---
  void link(Inode* dir, const std::string& name, Inode* node);
  void unlink(Inode* dir, const std::string& name);
  /// Replaces what is at `to`. Both names of one inode: does nothing.
  void rename(Inode* from_dir, const std::string& from, Inode* to_dir, const std::string& to);
  /// Handles keep an inode without names alive.
  void hold(Inode* node) { ++node->handles; }
  void release(Inode* node);

  // --- content of regular files ---
  std::size_t read(const Inode* file, MutableBytes out, std::uint64_t offset) const;
  /// Gives the bytes written: fewer than asked where the disk is full.
  std::size_t write(Inode* file, ByteView data, std::uint64_t offset);
  void truncate(Inode* file, std::uint64_t size);
  /// Offset of the first data (or of the first hole, the file's end being one) at or after `offset` < size; size if none.
  std::uint64_t next_data(const Inode* file, std::uint64_t offset) const;
  std::uint64_t next_hole(const Inode* file, std::uint64_t offset) const;

  // --- durability ---
  void sync(Inode* node);  ///< a file's content and facts; a directory's facts and entries
  void sync_all();
  void sync_name(Inode* node);  ///< whatever is pending of this inode's names
  /// A failed fsync: dirty pages count as written from now on, though they were not.
  void lose_dirty(Inode* file);
  void lose_all_dirty();
  /// Power loss: `survives` is asked once per unsynced thing. All handles must have been forgotten by the caller.
  void crash(const std::function<bool()>& survives);

  // --- space ---
  std::uint64_t bytes_used() const { return pages_used_ * kPageBytes; }
  bool full() const { return bytes_used() + kPageBytes > capacity_; }
  void set_capacity(std::uint64_t bytes) { capacity_ = bytes; }

 private:
  /// `node` loses the entry `from` in `from_dir` (where not null) and gains `to` in `to_dir` (where not null).
  struct EntryChange {
    Inode* node = nullptr;
    Inode* from_dir = nullptr;
    std::string from = {};
    Inode* to_dir = nullptr;
    std::string to = {};
    Inode* replaced = nullptr;
    std::vector<ChangeId> needs = {};   ///< (a) to (c)
    std::vector<ChangeId> awaits = {};  ///< (d)
    bool synced = false;           ///< promised: durable as soon as nothing that it needs awaits anything
  };

  void record(EntryChange change);
  enum class Through : std::uint8_t { needs, needs_and_awaits };
  std::set<ChangeId> pending_before(ChangeId id, Through links) const;  ///< and the change itself
  bool waits(ChangeId id) const;
  void make_durable(ChangeId id);
  void finish_synced();
  static void apply(const EntryChange& change, std::map<std::string, Inode*> Inode::*entries);
  void drop_name(Inode* node);
  void free_if_unused(Inode* node);
  void remember_from_durable();
  void sweep();

  std::map<std::uint64_t, std::unique_ptr<Inode>> inodes_;  ///< by number: the order in which a crash asks
  Inode* root_ = nullptr;
  std::uint64_t inode_last_ = 1;
  std::map<ChangeId, EntryChange> pending_;
  std::set<ChangeId> synced_;  ///< those pending ones that are synced
  ChangeId change_last_ = 0;
  std::uint64_t pages_used_ = 0;
  std::uint64_t capacity_ = UINT64_MAX;
  std::size_t freed_ = 0;  ///< inodes that lost their last name since the last sweep
};

}  // namespace hf::sim
