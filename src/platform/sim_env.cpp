#include "platform/sim_env.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "platform/sim_machine.hpp"

namespace hf {
using sim::Handle;
using sim::Inode;
using sim::Machine;
using sim::Place;

namespace {
constexpr std::size_t kXattrNameMax = 255, kXattrBytesMax = 65536, kTargetMax = 4095;
constexpr std::uint32_t kFixedFlags = FS_IMMUTABLE_FL | FS_APPEND_FL;

void fill(Stat* out, const Inode& node) {
  *out = Stat{};
  out->type = node.type;
  out->mode = node.facts.mode;
  out->uid = node.facts.uid;
  out->gid = node.facts.gid;
  out->size = node.type == FileType::regular     ? node.content.size
              : node.type == FileType::symlink   ? node.target.size()
              : node.type == FileType::directory ? sim::kPageBytes
                                                 : 0;
  out->blocks = node.is_directory() ? 8 : node.content.pages.size() * (sim::kPageBytes / 512);
  out->mtime = node.facts.mtime;
  out->ctime = node.facts.ctime;
  out->dev = node.dev;
  out->ino = node.ino;
  out->nlink = !node.is_directory() ? node.names : node.names == 0 ? 0 : 2 + node.subdirectories;
  out->rdev_major = node.rdev_major;
  out->rdev_minor = node.rdev_minor;
}

/// 0 if an inode of this type may have the attribute.
int check_key(const Inode& node, std::string_view key, bool writes) {
  if (key.empty() || key.size() > kXattrNameMax) return -ERANGE;
  const bool known = key.starts_with("user.") || key.starts_with("trusted.") || key.starts_with("security.") || key.starts_with("system.");
  if (!known) return -EOPNOTSUPP;
  // xattr(7): the mode of a symlink or a device does not say who may use it, so "user." is for files and directories.
  if (key.starts_with("user.") && node.type != FileType::regular && !node.is_directory()) return writes ? -EPERM : -ENODATA;
  return 0;
}

ssize_t hand_out(const void* from, std::size_t size, void* to, std::size_t n) {
  if (n == 0) return static_cast<ssize_t>(size);
  if (n < size) return -ERANGE;
  if (size > 0) std::memcpy(to, from, size);
  return static_cast<ssize_t>(size);
}
}  // namespace

SimEnv::SimEnv(std::uint64_t seed) : machine_(std::make_unique<Machine>(seed)) {}
SimEnv::~SimEnv() = default;

// --- files ---

int SimEnv::sys_openat(int dir, const char* name, int flags, unsigned mode) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const std::string path = m.path_of(dir, name);
  const Calls kind = flags & (O_CREAT | O_TRUNC) ? Calls::changes : Calls::reads;
  return static_cast<int>(m.io({.name = "open", .kind = kind, .path = path}, [&] { return m.open(dir, name, flags, mode, path); }));
}

int SimEnv::sys_close(int fd) {
  Lock lock(mutex_);
  return machine_->close(fd);
}

ssize_t SimEnv::sys_read(int fd, void* to, std::size_t n) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const auto size = static_cast<std::int64_t>(n);
  return m.io({.name = "read", .kind = Calls::reads, .path = m.path_of(fd), .bytes = size}, [&]() -> std::int64_t {
    Handle* const file = m.handle(fd);
    if (file == nullptr) return -EBADF;
    const std::int64_t result = m.read(*file, {static_cast<std::uint8_t*>(to), n}, file->position);
    if (result > 0) file->position += static_cast<std::uint64_t>(result);
    return result;
  });
}

ssize_t SimEnv::sys_write(int fd, const void* from, std::size_t n) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const auto size = static_cast<std::int64_t>(n);
  return m.io({.name = "write", .kind = Calls::changes, .path = m.path_of(fd), .bytes = size}, [&]() -> std::int64_t {
    Handle* const file = m.handle(fd);
    if (file == nullptr) return -EBADF;
    if (file->flags & O_APPEND) file->position = file->node->content.size;
    const std::int64_t result = m.write(*file, {static_cast<const std::uint8_t*>(from), n}, file->position);
    if (result > 0) file->position += static_cast<std::uint64_t>(result);
    return result;
  });
}

ssize_t SimEnv::sys_pread(int fd, void* to, std::size_t n, std::uint64_t offset) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const auto size = static_cast<std::int64_t>(n), at = static_cast<std::int64_t>(offset);
  return m.io({.name = "pread", .kind = Calls::reads, .path = m.path_of(fd), .bytes = size, .offset = at}, [&]() -> std::int64_t {
    if (at < 0) return -EINVAL;
    Handle* const file = m.handle(fd);
    if (file == nullptr) return -EBADF;
    if (!file->is_path() && file->node->type == FileType::fifo) return -ESPIPE;
    return m.read(*file, {static_cast<std::uint8_t*>(to), n}, offset);
  });
}

ssize_t SimEnv::sys_pwrite(int fd, const void* from, std::size_t n, std::uint64_t offset) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const auto size = static_cast<std::int64_t>(n), at = static_cast<std::int64_t>(offset);
  return m.io({.name = "pwrite", .kind = Calls::changes, .path = m.path_of(fd), .bytes = size, .offset = at}, [&]() -> std::int64_t {
    if (at < 0) return -EINVAL;
    Handle* const file = m.handle(fd);
    if (file == nullptr) return -EBADF;
    if (!file->is_path() && file->node->type == FileType::fifo) return -ESPIPE;
    return m.write(*file, {static_cast<const std::uint8_t*>(from), n}, offset);
  });
}

int SimEnv::sys_fsync(int fd) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  Handle* const file = m.handle(fd);
  const auto result = m.io({.name = "fsync", .kind = Calls::syncs, .path = m.path_of(fd)}, [&] {
    if (file == nullptr || file->is_path()) return -EBADF;
    if (file->node->type != FileType::regular && !file->node->is_directory()) return -EINVAL;
    m.disk().sync(file->node);
    return 0;
  });
  if (m.injected && result != -EINTR && file != nullptr) m.disk().lose_dirty(file->node);
  return static_cast<int>(result);
}

int SimEnv::sys_syncfs(int fd) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const Handle* const file = m.handle(fd);
  const auto result = m.io({.name = "syncfs", .kind = Calls::syncs, .path = m.path_of(fd)}, [&] {
    if (file == nullptr || file->is_path()) return -EBADF;
    m.disk().sync_all();
    return 0;
  });
  if (m.injected && result != -EINTR) m.disk().lose_all_dirty();
  return static_cast<int>(result);
}

int SimEnv::sys_lock(int fd) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "lock", .kind = Calls::reads, .path = m.path_of(fd)}, [&] {
    const Handle* const file = m.handle(fd);
    if (file == nullptr || file->is_path()) return -EBADF;
    if (!m.features.locks) return -EOPNOTSUPP;
    int& holder = file->node->lock_holder;
    // Handles end with their numbers, and their locks with them.
    if (holder != fd && m.handle(holder) != nullptr) return -EWOULDBLOCK;
    holder = fd;
    return 0;
  }));
}

int SimEnv::sys_ftruncate(int fd, std::uint64_t size) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const auto bytes = static_cast<std::int64_t>(size);
  return static_cast<int>(m.io({.name = "ftruncate", .kind = Calls::changes, .path = m.path_of(fd), .bytes = bytes}, [&] {
    if (bytes < 0) return -EINVAL;
    const Handle* const file = m.handle(fd);
    if (file == nullptr || file->is_path()) return -EBADF;
    if (!file->writable() || file->node->type != FileType::regular) return -EINVAL;
    if (file->node->facts.flags & kFixedFlags) return -EPERM;
    m.disk().truncate(file->node, size);
    m.change_content(file->node);
    return 0;
  }));
}

std::int64_t SimEnv::sys_seek(int fd, std::uint64_t offset, int whence) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const auto at = static_cast<std::int64_t>(offset);
  return m.io({.name = "seek", .kind = Calls::reads, .path = m.path_of(fd), .offset = at}, [&]() -> std::int64_t {
    Handle* const file = m.handle(fd);
    if (file == nullptr || file->is_path()) return -EBADF;
    if (file->node->type == FileType::fifo) return -ESPIPE;
    const std::uint64_t size = file->node->content.size;
    std::uint64_t found = offset;
    switch (whence) {
      case SEEK_SET: break;
      case SEEK_CUR: found += file->position; break;
      case SEEK_END: found += size; break;
      case SEEK_DATA:
      case SEEK_HOLE:
        if (!m.features.seek_holes || file->node->is_directory()) return -EINVAL;
        if (offset >= size) return -ENXIO;
        found = whence == SEEK_DATA ? m.disk().next_data(file->node, offset) : m.disk().next_hole(file->node, offset);
        if (whence == SEEK_DATA && found >= size) return -ENXIO;
        break;
      default: return -EINVAL;
    }
    if (found > INT64_MAX) return -EINVAL;
    file->position = found;
    return static_cast<std::int64_t>(found);
  });
}

int SimEnv::sys_stat(int dir, const char* name, bool follow, Stat* out) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "stat", .kind = Calls::reads, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    const Inode* const node = m.target(dir, name, follow, &error);
    if (node != nullptr) fill(out, *node);
    return error;
  }));
}

int SimEnv::sys_list(int fd, const std::function<void(const DirEntry&)>& visit) {
  struct Entry {
    std::uint64_t order;
    std::string name;
    FileType type;
    std::uint64_t ino;
  };
  std::vector<Entry> entries;
  int result = 0;
  {
    Lock lock(mutex_);
    Machine& m = *machine_;
    result = static_cast<int>(m.io({.name = "list", .kind = Calls::reads, .path = m.path_of(fd)}, [&] {
      Handle* const dir = m.handle(fd);
      if (dir == nullptr || dir->is_path()) return -EBADF;
      if (!dir->node->is_directory()) return -ENOTDIR;
      if (dir->node->names == 0) return -ENOENT;
      if (std::exchange(dir->listed, true)) return 0;
      for (const auto& [name, node] : dir->node->entries)
        entries.push_back({m.order_of(name), name, m.features.entry_types ? node->type : FileType::unknown, node->ino});
      return 0;
    }));
  }
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.order < b.order; });
  for (const Entry& entry : entries) visit({.name = entry.name, .type = entry.type, .ino = entry.ino});
  return result;
}

// --- names ---

int SimEnv::sys_mkdirat(int dir, const char* name, unsigned mode) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "mkdir", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    m.create(m.walk(dir, name, sim::Follow::never), FileType::directory, mode & 01777u, &error);
    return error;
  }));
}

int SimEnv::sys_unlinkat(int dir, const char* name, bool directory) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const char* const what = directory ? "rmdir" : "unlink";
  return static_cast<int>(
      m.io({.name = what, .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] { return m.remove(dir, name, directory); }));
}

int SimEnv::sys_renameat(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  const char* const what = no_replace ? "rename_no_replace" : "rename";
  return static_cast<int>(
      m.io({.name = what, .kind = Calls::changes, .path = m.path_of(from_dir, from), .other = m.path_of(to_dir, to)},
           [&] { return m.rename(from_dir, from, to_dir, to, no_replace); }));
}

int SimEnv::sys_linkat(int from_dir, const char* from, int to_dir, const char* to) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(
      m.io({.name = "link", .kind = Calls::changes, .path = m.path_of(from_dir, from), .other = m.path_of(to_dir, to)},
           [&] { return m.link(from_dir, from, to_dir, to); }));
}

int SimEnv::sys_symlinkat(const char* target, int dir, const char* name) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "symlink", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    if (target[0] == '\0') return -ENOENT;
    if (std::strlen(target) > kTargetMax) return -ENAMETOOLONG;
    int error = 0;
    Inode* const node = m.create(m.walk(dir, name, sim::Follow::never), FileType::symlink, 0777, &error);
    if (node != nullptr) node->target = target;
    return error;
  }));
}

ssize_t SimEnv::sys_readlinkat(int dir, const char* name, char* to, std::size_t n) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return m.io({.name = "readlink", .kind = Calls::reads, .path = m.path_of(dir, name)}, [&]() -> std::int64_t {
    if (n == 0) return -EINVAL;
    int error = 0;
    const Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (node->type != FileType::symlink) return name[0] == '\0' ? -ENOENT : -EINVAL;
    const std::size_t size = std::min(n, node->target.size());
    std::memcpy(to, node->target.data(), size);
    return static_cast<std::int64_t>(size);
  });
}

int SimEnv::sys_mknodat(int dir, const char* name, FileType type, unsigned mode, std::uint32_t major, std::uint32_t minor) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "mknod", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    const bool device = type == FileType::char_device || type == FileType::block_device;
    if (type == FileType::directory) return -EPERM;
    if (type == FileType::symlink || type == FileType::unknown) return -EINVAL;
    int error = 0;
    const Place at = m.walk(dir, name, sim::Follow::never);
    if (device && m.uid != 0 && at.error == 0 && at.node == nullptr) return -EPERM;
    Inode* const node = m.create(at, type, mode, &error);
    if (node != nullptr && device) {
      node->rdev_major = major;
      node->rdev_minor = minor;
    }
    return error;
  }));
}

// --- metadata ---

int SimEnv::sys_chmodat(int dir, const char* name, unsigned mode) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "chmod", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (node->type == FileType::symlink) return -EOPNOTSUPP;
    if (!m.owns(node) || (node->facts.flags & kFixedFlags)) return -EPERM;
    node->facts.mode = mode & 07777u;
    m.change_facts(node);
    return 0;
  }));
}

int SimEnv::sys_chownat(int dir, const char* name, std::uint32_t uid, std::uint32_t gid) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "chown", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    constexpr std::uint32_t kSame = UINT32_MAX;
    const bool allowed = m.uid == 0 || (m.owns(node) && (uid == kSame || uid == m.uid) && (gid == kSame || gid == m.gid));
    if (!allowed || (node->facts.flags & kFixedFlags)) return -EPERM;
    if (uid != kSame) node->facts.uid = uid;
    if (gid != kSame) node->facts.gid = gid;
    if (!node->is_directory()) {
      // A new owner did not vouch for set-id bits and capabilities: Linux drops them, even for root.
      node->facts.mode &= ~04000u;
      if (node->facts.mode & 010u) node->facts.mode &= ~02000u;
      node->facts.xattrs.erase("security.capability");
    }
    m.change_facts(node);
    return 0;
  }));
}

int SimEnv::sys_utimeat(int dir, const char* name, std::int64_t mtime) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "utime", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (!m.owns(node) || (node->facts.flags & kFixedFlags)) return -EPERM;
    m.change_facts(node);
    node->facts.mtime = mtime;
    return 0;
  }));
}

ssize_t SimEnv::sys_listxattrat(int dir, const char* name, char* to, std::size_t n) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return m.io({.name = "listxattr", .kind = Calls::reads, .path = m.path_of(dir, name)}, [&]() -> std::int64_t {
    int error = 0;
    const Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (!m.features.xattrs) return -EOPNOTSUPP;
    std::string names;
    for (const auto& [key, value] : node->facts.xattrs) names.append(key).push_back('\0');
    return hand_out(names.data(), names.size(), to, n);
  });
}

ssize_t SimEnv::sys_getxattrat(int dir, const char* name, const char* key, void* to, std::size_t n) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return m.io({.name = "getxattr", .kind = Calls::reads, .path = m.path_of(dir, name)}, [&]() -> std::int64_t {
    int error = 0;
    const Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (!m.features.xattrs) return -EOPNOTSUPP;
    if (const int bad = check_key(*node, key, false); bad != 0) return bad;
    if (std::string_view(key).starts_with("user.") && !m.may(node, 4)) return -EACCES;
    const auto at = node->facts.xattrs.find(key);
    if (at == node->facts.xattrs.end()) return -ENODATA;
    return hand_out(at->second.data(), at->second.size(), to, n);
  });
}

int SimEnv::sys_setxattrat(int dir, const char* name, const char* key, const void* from, std::size_t n) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "setxattr", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (!m.features.xattrs) return -EOPNOTSUPP;
    if (const int bad = check_key(*node, key, true); bad != 0) return bad;
    if (n > kXattrBytesMax) return -E2BIG;
    if (node->facts.flags & kFixedFlags) return -EPERM;
    if (std::string_view(key).starts_with("user.") ? !m.may(node, 2) : m.uid != 0)
      return std::string_view(key).starts_with("user.") ? -EACCES : -EPERM;
    const auto* const bytes = static_cast<const std::uint8_t*>(from);
    node->facts.xattrs[key] = Buffer(bytes, bytes + n);
    m.change_facts(node);
    return 0;
  }));
}

int SimEnv::sys_removexattrat(int dir, const char* name, const char* key) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "removexattr", .kind = Calls::changes, .path = m.path_of(dir, name)}, [&] {
    int error = 0;
    Inode* const node = m.target(dir, name, false, &error);
    if (node == nullptr) return error;
    if (!m.features.xattrs) return -EOPNOTSUPP;
    if (const int bad = check_key(*node, key, true); bad != 0) return bad;
    if (node->facts.flags & kFixedFlags) return -EPERM;
    if (!m.owns(node)) return -EPERM;
    if (node->facts.xattrs.erase(key) == 0) return -ENODATA;
    m.change_facts(node);
    return 0;
  }));
}

int SimEnv::sys_get_flags(int fd, std::uint32_t* flags) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "get_flags", .kind = Calls::reads, .path = m.path_of(fd)}, [&] {
    const Handle* const file = m.handle(fd);
    if (file == nullptr || file->is_path()) return -EBADF;
    if (!m.features.inode_flags || (file->node->type != FileType::regular && !file->node->is_directory())) return -ENOTTY;
    *flags = file->node->facts.flags;
    return 0;
  }));
}

int SimEnv::sys_set_flags(int fd, std::uint32_t flags) {
  Lock lock(mutex_);
  Machine& m = *machine_;
  return static_cast<int>(m.io({.name = "set_flags", .kind = Calls::changes, .path = m.path_of(fd)}, [&] {
    const Handle* const file = m.handle(fd);
    if (file == nullptr || file->is_path()) return -EBADF;
    Inode* const node = file->node;
    if (!m.features.inode_flags || (node->type != FileType::regular && !node->is_directory())) return -ENOTTY;
    if (!m.owns(node)) return -EACCES;
    if (m.uid != 0 && ((flags ^ node->facts.flags) & kFixedFlags)) return -EPERM;
    node->facts.flags = flags;
    m.change_facts(node);
    return 0;
  }));
}

void SimEnv::will_read_in_order(int) {}

// --- clocks, randomness, the machine ---

std::int64_t SimEnv::wall_ns() {
  Lock lock(mutex_);
  return machine_->tick();
}
std::int64_t SimEnv::monotonic_ns() {
  Lock lock(mutex_);
  machine_->tick();
  return machine_->monotonic();
}
void SimEnv::random(MutableBytes out) {
  Lock lock(mutex_);
  machine_->fill_random(out);
}
unsigned SimEnv::cpu_count() {
  Lock lock(mutex_);
  return machine_->cpus;
}
std::string SimEnv::host_name() {
  Lock lock(mutex_);
  return machine_->host;
}
std::string SimEnv::process_identity() {
  Lock lock(mutex_);
  return machine_->host + " boot " + std::to_string(machine_->boots);
}
bool SimEnv::process_is_gone(const std::string& identity) {
  Lock lock(mutex_);
  return identity.starts_with(machine_->host + " boot ") && identity != machine_->host + " boot " + std::to_string(machine_->boots);
}
std::uint32_t SimEnv::user_id() {
  Lock lock(mutex_);
  return machine_->uid;
}
std::optional<std::string> SimEnv::user_name(std::uint32_t uid) {
  if (uid == 0) return "root";
  if (uid == 1000) return "user1000";
  return std::nullopt;
}
std::optional<std::string> SimEnv::group_name(std::uint32_t gid) {
  if (gid == 0) return "root";
  if (gid == 1000) return "group1000";
  return std::nullopt;
}
std::optional<std::string> SimEnv::variable(const std::string& name) {
  Lock lock(mutex_);
  const auto at = machine_->variables.find(name);
  if (at == machine_->variables.end()) return std::nullopt;
  return at->second;
}
Result<std::string> SimEnv::absolute_path(const std::string& path) {
  Lock lock(mutex_);
  return machine_->absolute(path);
}
Result<CommandResult> SimEnv::run_command(const std::string& command, const CommandOptions& options) {
  std::function<Result<CommandResult>(const std::string&, const CommandOptions&)> run;
  {
    Lock lock(mutex_);
    run = machine_->command;
  }
  if (!run) return CommandResult{.exit_status = 127, .output = {}, .timed_out = false};
  return run(command, options);
}

}  // namespace hf
