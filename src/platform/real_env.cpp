// The Linux kernel behind Env. In the path of every file of a backup: one system call per method, no allocation.

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/fs.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <ctime>
#include <limits>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "base/assert.hpp"
#include "base/mutex.hpp"
#include "platform/real_command.hpp"

extern char** environ;

namespace hf {
namespace {

#ifdef SYS_fchmodat2
constexpr long kSysFchmodat2 = SYS_fchmodat2;
#else
constexpr long kSysFchmodat2 = 452;  // Linux 6.6, the same number on every architecture
#endif
// Most directories fit into one call; larger buffers only cost page faults.
constexpr std::size_t kListBytes = 64 * 1024;
constexpr std::int64_t kSecond = 1'000'000'000;

template <class T>
T or_errno(T result) {
  return result < 0 ? static_cast<T>(-errno) : result;
}

FileType type_of_mode(unsigned mode) {
  switch (mode & S_IFMT) {
    case S_IFREG: return FileType::regular;
    case S_IFDIR: return FileType::directory;
    case S_IFLNK: return FileType::symlink;
    case S_IFIFO: return FileType::fifo;
    case S_IFSOCK: return FileType::socket;
    case S_IFCHR: return FileType::char_device;
    case S_IFBLK: return FileType::block_device;
    default: return FileType::unknown;
  }
}
unsigned mode_of_type(FileType type) {
  switch (type) {
    case FileType::regular: return S_IFREG;
    case FileType::directory: return S_IFDIR;
    case FileType::symlink: return S_IFLNK;
    case FileType::fifo: return S_IFIFO;
    case FileType::socket: return S_IFSOCK;
    case FileType::char_device: return S_IFCHR;
    case FileType::block_device: return S_IFBLK;
    case FileType::unknown: return 0;
  }
  return 0;
}

// Nanoseconds in 64 bits reach from 1677 to 2262; what a file claims beyond that becomes the nearest that fits.
std::int64_t nanoseconds(const statx_timestamp& t) {
  constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / kSecond - 1;
  if (t.tv_sec > kSecondsMax) return kSecondsMax * kSecond;
  if (t.tv_sec < -kSecondsMax) return -kSecondsMax * kSecond;
  return t.tv_sec * kSecond + t.tv_nsec;
}

/// A path for calls that have no *at form: "/proc/self/fd/<dir>/<name>", or `name` itself where that is enough.
class PathOf {
 public:
  PathOf(int dir, const char* name) {
    // The magic link leads to the open file itself, even a symlink opened with O_PATH.
    int n = 0;
    if (dir == Env::kCwd || name[0] == '/') path_ = name[0] == '\0' ? "." : name;
    else if (name[0] == '\0') n = std::snprintf(buffer_, sizeof buffer_, "/proc/self/fd/%d", dir);
    else n = std::snprintf(buffer_, sizeof buffer_, "/proc/self/fd/%d/%s", dir, name);
    if (n > 0 && static_cast<std::size_t>(n) < sizeof buffer_) path_ = buffer_;
  }
  PathOf(const PathOf&) = delete;
  PathOf& operator=(const PathOf&) = delete;
  /// nullptr: too long.
  const char* get() const { return path_; }

 private:
  const char* path_ = nullptr;
  char buffer_[PATH_MAX];
};

/// An extended attribute call by handle or by path. `by_handle` and `by_path` are the f* and l* forms of one call;
/// `by_magic_link` is its following form, for handles opened with O_PATH, which the f* forms refuse with EBADF.
template <class ByHandle, class ByPath, class ByMagicLink>
auto on_inode(int dir, const char* name, ByHandle&& by_handle, ByPath&& by_path, ByMagicLink&& by_magic_link) {
  using R = decltype(by_handle(dir));
  if (name[0] == '\0' && dir != Env::kCwd) {
    const R result = by_handle(dir);
    if (result >= 0 || errno != EBADF) return or_errno(result);
    const R second = by_magic_link(PathOf(dir, "").get());
    if (second < 0 && errno == ENOENT) return static_cast<R>(-EBADF);  // it was no open handle at all
    return or_errno(second);
  }
  const PathOf path(dir, name);
  if (path.get() == nullptr) return static_cast<R>(-ENAMETOOLONG);
  return or_errno(by_path(path.get()));
}

class RealEnv final : public Env {
 public:
  RealEnv() {
    // A vault of many packs and a deep tree want many handles; the soft limit of 1024 is there for select(2) only.
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
      limit.rlim_cur = limit.rlim_max;
      setrlimit(RLIMIT_NOFILE, &limit);
    }
  }

  int sys_openat(int dir, const char* name, int flags, unsigned mode) override { return or_errno(::openat(dir, name, flags, mode)); }
  int sys_close(int fd) override { return or_errno(::close(fd)); }
  ssize_t sys_read(int fd, void* to, std::size_t n) override { return or_errno(::read(fd, to, n)); }
  ssize_t sys_write(int fd, const void* from, std::size_t n) override { return or_errno(::write(fd, from, n)); }
  ssize_t sys_pread(int fd, void* to, std::size_t n, std::uint64_t offset) override {
    return or_errno(::pread(fd, to, n, static_cast<off_t>(offset)));
  }
  ssize_t sys_pwrite(int fd, const void* from, std::size_t n, std::uint64_t offset) override {
    return or_errno(::pwrite(fd, from, n, static_cast<off_t>(offset)));
  }
  int sys_fsync(int fd) override { return or_errno(::fsync(fd)); }
  int sys_syncfs(int fd) override { return or_errno(::syncfs(fd)); }
  int sys_lock(int fd) override { return or_errno(::flock(fd, LOCK_EX | LOCK_NB)); }
  int sys_ftruncate(int fd, std::uint64_t size) override { return or_errno(::ftruncate(fd, static_cast<off_t>(size))); }
  std::int64_t sys_seek(int fd, std::uint64_t offset, int whence) override {
    return or_errno(static_cast<std::int64_t>(::lseek(fd, static_cast<off_t>(offset), whence)));
  }

  int sys_stat(int dir, const char* name, bool follow, Stat* out) override {
    struct statx x;
    const int flags = AT_NO_AUTOMOUNT | (name[0] == '\0' ? AT_EMPTY_PATH : 0) | (follow ? 0 : AT_SYMLINK_NOFOLLOW);
    if (::statx(dir, name, flags, STATX_BASIC_STATS, &x) < 0) return -errno;
    out->type = type_of_mode(x.stx_mode);
    out->mode = x.stx_mode & 07777u;
    out->uid = x.stx_uid;
    out->gid = x.stx_gid;
    out->size = x.stx_size;
    out->blocks = x.stx_blocks;
    out->mtime = nanoseconds(x.stx_mtime);
    out->ctime = nanoseconds(x.stx_ctime);
    out->dev = makedev(x.stx_dev_major, x.stx_dev_minor);
    out->ino = x.stx_ino;
    out->nlink = x.stx_nlink;
    out->rdev_major = x.stx_rdev_major;
    out->rdev_minor = x.stx_rdev_minor;
    return 0;
  }

  int sys_list(int fd, const std::function<void(const DirEntry&)>& visit) override {
    const auto buffer = std::make_unique_for_overwrite<char[]>(kListBytes);
    for (;;) {
      const ssize_t n = ::getdents64(fd, buffer.get(), kListBytes);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return n < 0 ? -errno : 0;
      for (ssize_t at = 0; at < n;) {
        const auto* entry = reinterpret_cast<const dirent64*>(buffer.get() + at);
        at += entry->d_reclen;
        const std::string_view name(entry->d_name);
        if (name == "." || name == "..") continue;
        visit({.name = name, .type = type_of_mode(DTTOIF(static_cast<unsigned>(entry->d_type))), .ino = entry->d_ino});
      }
    }
  }

  int sys_mkdirat(int dir, const char* name, unsigned mode) override { return or_errno(::mkdirat(dir, name, mode)); }
  int sys_unlinkat(int dir, const char* name, bool directory) override {
    return or_errno(::unlinkat(dir, name, directory ? AT_REMOVEDIR : 0));
  }

  int sys_renameat(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) override {
    if (!no_replace) return or_errno(::renameat(from_dir, from, to_dir, to));
    if (::renameat2(from_dir, from, to_dir, to, RENAME_NOREPLACE) == 0) return 0;
    if (errno != EINVAL) return -errno;
    // File systems without RENAME_NOREPLACE (NFS, some FUSE) say EINVAL, and so does moving a directory into itself.
    // link(2) refuses an existing name as atomically; it cannot move a directory.
    struct stat source;
    if (::fstatat(from_dir, from, &source, AT_SYMLINK_NOFOLLOW) < 0) return -errno;
    if (S_ISDIR(source.st_mode)) return -EINVAL;
    if (::linkat(from_dir, from, to_dir, to, 0) < 0) return errno == EEXIST || errno == ENOSPC || errno == EIO ? -errno : -EOPNOTSUPP;
    // The new name stands; an old name that will not go is litter, not a failed rename.
    ::unlinkat(from_dir, from, 0);
    return 0;
  }

  int sys_linkat(int from_dir, const char* from, int to_dir, const char* to) override {
    return or_errno(::linkat(from_dir, from, to_dir, to, 0));
  }
  int sys_symlinkat(const char* target, int dir, const char* name) override { return or_errno(::symlinkat(target, dir, name)); }
  ssize_t sys_readlinkat(int dir, const char* name, char* to, std::size_t n) override {
    return or_errno(::readlinkat(dir, name, to, n));
  }
  int sys_mknodat(int dir, const char* name, FileType type, unsigned mode, std::uint32_t major_number, std::uint32_t minor_number) override {
    const bool device = type == FileType::char_device || type == FileType::block_device;
    return or_errno(::mknodat(dir, name, mode_of_type(type) | (mode & 07777u), device ? makedev(major_number, minor_number) : 0));
  }

  int sys_chmodat(int dir, const char* name, unsigned mode) override {
    if (name[0] == '\0' && dir != kCwd) {
      if (::fchmod(dir, mode) == 0) return 0;
      if (errno != EBADF) return -errno;
      // Perhaps opened with O_PATH, which only the magic link reaches.
      if (::chmod(PathOf(dir, "").get(), mode) == 0) return 0;
      return errno == ENOENT ? -EBADF : -errno;
    }
    const char* path = name[0] == '\0' ? "." : name;
    if (has_fchmodat2_.load(std::memory_order_relaxed)) {
      if (::syscall(kSysFchmodat2, dir, path, mode, AT_SYMLINK_NOFOLLOW) == 0) return 0;
      // A sandbox older than the call says EPERM instead of ENOSYS, so that word is checked the long way.
      if (errno != ENOSYS && errno != EPERM) return -errno;
      if (errno == ENOSYS) has_fchmodat2_.store(false, std::memory_order_relaxed);
    }
    return or_errno(::fchmodat(dir, path, mode, AT_SYMLINK_NOFOLLOW));  // glibc: O_PATH, then /proc/self/fd
  }
  int sys_chownat(int dir, const char* name, std::uint32_t uid, std::uint32_t gid) override {
    const int empty = name[0] == '\0' ? AT_EMPTY_PATH : 0;
    return or_errno(::fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW | empty));
  }
  int sys_utimeat(int dir, const char* name, std::int64_t mtime) override {
    timespec t;
    t.tv_nsec = mtime % kSecond + (mtime % kSecond < 0 ? kSecond : 0);
    t.tv_sec = mtime / kSecond - (mtime % kSecond < 0 ? 1 : 0);
    const timespec both[2] = {t, t};
    if (name[0] != '\0') return or_errno(::utimensat(dir, name, both, AT_SYMLINK_NOFOLLOW));
    if (dir == kCwd) return or_errno(::utimensat(dir, ".", both, 0));
    if (::futimens(dir, both) == 0) return 0;
    if (errno != EBADF) return -errno;
    return or_errno(::utimensat(dir, "", both, AT_EMPTY_PATH));  // O_PATH; Linux 5.8
  }

  ssize_t sys_listxattrat(int dir, const char* name, char* to, std::size_t n) override {
    return on_inode(
        dir, name, [&](int fd) { return ::flistxattr(fd, to, n); }, [&](const char* path) { return ::llistxattr(path, to, n); },
        [&](const char* path) { return ::listxattr(path, to, n); });
  }
  ssize_t sys_getxattrat(int dir, const char* name, const char* key, void* to, std::size_t n) override {
    return on_inode(
        dir, name, [&](int fd) { return ::fgetxattr(fd, key, to, n); },
        [&](const char* path) { return ::lgetxattr(path, key, to, n); }, [&](const char* path) { return ::getxattr(path, key, to, n); });
  }
  int sys_setxattrat(int dir, const char* name, const char* key, const void* from, std::size_t n) override {
    return on_inode(
        dir, name, [&](int fd) { return ::fsetxattr(fd, key, from, n, 0); },
        [&](const char* path) { return ::lsetxattr(path, key, from, n, 0); },
        [&](const char* path) { return ::setxattr(path, key, from, n, 0); });
  }
  int sys_removexattrat(int dir, const char* name, const char* key) override {
    return on_inode(
        dir, name, [&](int fd) { return ::fremovexattr(fd, key); }, [&](const char* path) { return ::lremovexattr(path, key); },
        [&](const char* path) { return ::removexattr(path, key); });
  }

  // The ioctls take an int, whatever their numbers say of a long (ioctl_iflags(2)).
  int sys_get_flags(int fd, std::uint32_t* flags) override {
    int value = 0;
    if (::ioctl(fd, FS_IOC_GETFLAGS, &value) < 0) return -errno;
    *flags = static_cast<std::uint32_t>(value);
    return 0;
  }
  int sys_set_flags(int fd, std::uint32_t flags) override {
    const int value = static_cast<int>(flags);
    return or_errno(::ioctl(fd, FS_IOC_SETFLAGS, &value));
  }
  void will_read_in_order(int fd) override { ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL); }

  std::int64_t wall_ns() override { return clock_ns(CLOCK_REALTIME); }
  std::int64_t monotonic_ns() override { return clock_ns(CLOCK_MONOTONIC); }

  void random(MutableBytes out) override {
    while (!out.empty()) {
      const ssize_t n = ::getrandom(out.data(), out.size(), 0);
      if (n < 0 && errno == EINTR) continue;
      HF_ASSERT(n > 0);  // keys from anything weaker would be worse than no program
      out = out.subspan(static_cast<std::size_t>(n));
    }
  }

  unsigned cpu_count() override {
    cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return static_cast<unsigned>(CPU_COUNT(&set));
    return std::max(1u, std::thread::hardware_concurrency());  // more than 1024 processors do not fit into cpu_set_t
  }
  std::string word_in(const char* path) {
    const auto raw = read_file(path, 256);
    if (!raw) return "";
    const std::string_view text = as_text(*raw);
    return std::string(text.substr(0, text.find_first_of(" \n")));
  }
  std::string machine_id() {
    const std::string id = word_in("/etc/machine-id");
    return id.empty() ? host_name() : id;
  }
  std::string boot_id() { return word_in("/proc/sys/kernel/random/boot_id"); }
  std::string process_table() { return read_link(kCwd, "/proc/self/ns/pid").value_or(""); }
  /// Field 22 of /proc/PID/stat (proc(5)): clock ticks after boot; empty where it can't be told.
  std::string process_began(pid_t pid) {
    const auto raw = read_file("/proc/" + std::to_string(pid) + "/stat", 4096);
    if (!raw) return "";
    std::string_view text = as_text(*raw);
    const std::size_t name_end = text.rfind(')');  // the name may hold spaces and brackets
    if (name_end == std::string_view::npos) return "";
    text.remove_prefix(name_end + 1);
    for (int field = 3; field <= 22; ++field) {
      text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
      if (field == 22) return std::string(text.substr(0, text.find(' ')));
      text.remove_prefix(std::min(text.find(' '), text.size()));
    }
    return "";
  }

  std::string host_name() override {
    char name[HOST_NAME_MAX + 1] = {};
    if (::gethostname(name, sizeof name - 1) < 0 || name[0] == '\0') return "localhost";
    return name;
  }
  std::string process_identity() override {
    const std::string began = process_began(::getpid());
    return began.empty() ? std::string() : fmt::format("{} {} {} {} {}", machine_id(), boot_id(), process_table(), ::getpid(), began);
  }
  bool process_is_gone(const std::string& identity) override {
    std::vector<std::string> parts;
    for (std::size_t at = 0; at <= identity.size();) {
      const std::size_t end = std::min(identity.find(' ', at), identity.size());
      parts.push_back(identity.substr(at, end - at));
      at = end + 1;
    }
    if (parts.size() != 5 || parts[0].empty() || parts[0] != machine_id() || parts[1].empty() || boot_id().empty()) return false;
    if (parts[1] != boot_id()) return true;  // nobody outlives the boot
    if (parts[2].empty() || parts[2] != process_table()) return false;  // another container counts its processes itself
    const std::string& number = parts[3];
    if (number.empty() || number.size() > 9 || !std::all_of(number.begin(), number.end(), [](char c) { return c >= '0' && c <= '9'; })) return false;
    const auto pid = static_cast<pid_t>(std::stol(number));
    if (pid == 0) return false;
    if (::kill(pid, 0) < 0 && errno == ESRCH) return true;
    const std::string began = process_began(pid);
    return !began.empty() && began != parts[4];  // another program has its number now
  }
  std::uint32_t user_id() override { return ::geteuid(); }

  std::optional<std::string> user_name(std::uint32_t uid) override {
    return cached(users_, uid, [](std::uint32_t id, char* buffer, std::size_t n, int* error) -> const char* {
      passwd entry, *found = nullptr;
      *error = ::getpwuid_r(id, &entry, buffer, n, &found);
      return found != nullptr ? found->pw_name : nullptr;
    });
  }
  std::optional<std::string> group_name(std::uint32_t gid) override {
    return cached(groups_, gid, [](std::uint32_t id, char* buffer, std::size_t n, int* error) -> const char* {
      group entry, *found = nullptr;
      *error = ::getgrgid_r(id, &entry, buffer, n, &found);
      return found != nullptr ? found->gr_name : nullptr;
    });
  }
  std::optional<std::string> variable(const std::string& name) override {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  }

  Result<std::string> absolute_path(const std::string& path) override;
  Result<CommandResult> run_command(const std::string& command, const CommandOptions& options) override {
    return run_real_command(*this, command, options);
  }

 private:
  using Names = std::unordered_map<std::uint32_t, std::optional<std::string>>;

  static std::int64_t clock_ns(clockid_t clock) {
    timespec t{};
    ::clock_gettime(clock, &t);
    return t.tv_sec * kSecond + t.tv_nsec;
  }

  template <class Lookup>
  std::optional<std::string> cached(Names& names, std::uint32_t id, Lookup&& look_up) {
    Lock lock(names_mutex_);
    if (const auto known = names.find(id); known != names.end()) return known->second;
    std::string buffer(4096, '\0');
    for (;;) {
      int error = 0;
      const char* name = look_up(id, buffer.data(), buffer.size(), &error);
      if (error == EINTR) continue;
      if (error == ERANGE && buffer.size() < (1u << 24)) {  // a group of many members
        buffer.resize(buffer.size() * 4);
        continue;
      }
      const auto result = name != nullptr ? std::optional<std::string>(name) : std::nullopt;
      names.emplace(id, result);
      return result;
    }
  }

  std::atomic<bool> has_fchmodat2_{true};
  Mutex names_mutex_;
  // Guarded by names_mutex_
  Names users_, groups_;
};

Result<std::string> RealEnv::absolute_path(const std::string& path) {
  if (path.empty()) return Error(Code::usage, "an empty path names nothing");
  std::string whole = path;
  if (path[0] != '/') {
    char here[PATH_MAX];
    if (::getcwd(here, sizeof here) == nullptr) return Error::from_errno(errno, "finding the current directory");
    whole = std::string(here) + "/" + path;
  }
  // Resolve the longest front part that exists; the rest is taken by its text.
  std::string rest;
  for (;;) {
    char resolved[PATH_MAX];
    if (::realpath(whole.c_str(), resolved) != nullptr) {
      std::string result = resolved;
      for (std::size_t at = 0; at < rest.size();) {
        const std::size_t end = std::min(rest.find('/', at), rest.size());
        const std::string_view part = std::string_view(rest).substr(at, end - at);
        at = end + 1;
        if (part.empty() || part == ".") continue;
        if (part == "..") {
          result.resize(std::max<std::size_t>(result.rfind('/'), 1));
          continue;
        }
        if (result != "/") result += '/';
        result += part;
      }
      return result;
    }
    if (errno != ENOENT || whole.size() <= 1) return Error::from_errno(errno, "resolving " + printable(path)).with_object(path);
    while (whole.size() > 1 && whole.back() == '/') whole.pop_back();
    const std::size_t slash = whole.rfind('/');
    rest = whole.substr(slash + 1) + (rest.empty() ? "" : "/") + rest;
    whole.resize(slash == 0 ? 1 : slash);
  }
}

}  // namespace

std::unique_ptr<Env> make_real_env() { return std::make_unique<RealEnv>(); }

}  // namespace hf
