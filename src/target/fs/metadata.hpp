#pragma once
// What a file is besides its bytes: owner, mode, time, attributes, flags; set in the one order in which they hold.
//
// What cannot be set (we are not root, the file system has no such thing) is counted by kind, never silent and never a
// reason to stop: the content counts more.

#include <array>
#include <functional>
#include <map>
#include <vector>

#include "base/mutex.hpp"
#include "format/tree.hpp"
#include "target/fs/directory_tree.hpp"

namespace hf {

/// Everything that is set on an item, apart from its content. The attributes are a loan.
struct Metadata {
  FileType type = FileType::regular;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::uint32_t flags = 0;
  std::int64_t mtime = 0;
  const std::vector<Xattr>* xattrs = nullptr;  ///< nullptr: none

  static Metadata of(const Entry& entry) {
    return {entry.stat.type, entry.stat.mode, entry.stat.uid, entry.stat.gid, entry.flags, entry.stat.mtime, entry.xattrs.empty() ? nullptr : &entry.xattrs};
  }
};

enum class Owners : std::uint8_t {
  automatic,  ///< numbers for root; others set what they may
  numbers,
  names,  ///< by the point's names of users and groups, as this machine numbers them
  none,
};

/// What could not be set on how many items. Any thread.
class NotSet {
 public:
  enum class Kind : std::uint8_t { owner, mode, time, acl, capability, attribute, flags, device, hard_link, kCount };
  struct Row {
    Kind kind;
    std::uint64_t count;
    std::string example;  ///< path of the first one
    int os_error;
  };
  void add(Kind kind, int os_error, const Directory& directory, std::string_view name);
  std::vector<Row> rows() const;
  /// "owners of 1,203 items could not be set (first: a/b): Operation not permitted"
  static std::string sentence(const Row& row);

 private:
  struct Cell {
    std::uint64_t count = 0;
    std::string example;
    int os_error = 0;
  };
  mutable Mutex mutex_;
  std::array<Cell, static_cast<std::size_t>(Kind::kCount)> cells_ HF_GUARDED_BY(mutex_);
};

/// Inode flags that a person may set; the others tell how the file system stores the file.
constexpr std::uint32_t kFlagsSettable = 0x2083'80FFu;
/// Files with these can be neither changed, renamed nor linked: they are set after everything else.
constexpr std::uint32_t kFlagsSealing = 0x30;  // FS_IMMUTABLE_FL, FS_APPEND_FL

/// Immutable after construction, but for what it counts: any thread.
class MetadataWriter {
 public:
  using Names = std::map<std::uint32_t, std::string>;
  MetadataWriter(DirectoryTree& tree, Owners owners, const Names& users, const Names& groups);

  /// The mode to create a file with that is filled and closed at once: its own where that gives nothing away and
  /// spares a call, else 0600.
  unsigned creation_mode(const Directory& directory, const Metadata& m) const;

  /// Where the item is: an open handle with name "", or a name in an open directory. `directory` and `label` are for
  /// messages.
  struct Place {
    int at;
    const char* name;
    const Directory& directory;
    std::string_view label;
  };
  /// For something that this run made in `place.directory`; `created_mode` is what it was created with.
  void set_on_new(const Place& place, const Metadata& m, unsigned created_mode);
  /// For something that was there, which looked like `before`: also takes away attributes that are too many.
  void set_on_existing(const Place& place, const Metadata& m, const Stat& before);
  /// Flags need an open handle. `with_sealing`: also immutable and append-only.
  void set_flags(const Place& place, std::uint32_t flags, bool with_sealing);
  /// Does what is there differ from what the entry says, content apart? Looks at extended attributes too.
  bool differs(const Place& place, const Metadata& m, const Stat& there);

  NotSet& not_set() { return not_set_; }

 private:
  struct Owner {
    std::uint32_t uid, gid;
  };
  Owner owner_of(const Metadata& m) const;
  void set_owner(const Place& place, const Metadata& m);
  void set_xattrs(const Place& place, const Metadata& m);
  void set_rest(const Place& place, const Metadata& m, bool mode);

  Env& env_;
  const Creation creation_;
  const bool root_;
  const std::uint32_t user_;
  const Owners owners_;
  std::map<std::uint32_t, std::uint32_t> users_, groups_;  // the point's numbers to this machine's
  NotSet not_set_;
};

}  // namespace hf
