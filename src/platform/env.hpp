#pragma once
// Env: the only way to the operating system. Files, clocks, randomness, processes. RealEnv is Linux; SimEnv is a whole
// machine in memory whose disk forgets what was not synced and whose calls fail on demand.
//
// Two layers. The virtual calls mirror one system call each: they return a value >= 0 or -errno, may be interrupted
// (-EINTR) and may do less than asked. The plain functions below them loop, and return Result.
//
// Threads: any method from any thread. Paths and names are bytes, NUL-terminated; `dir` is a directory handle or kCwd.

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/result.hpp"

namespace hf {

enum class FileType : std::uint8_t { regular = 1, directory = 2, symlink = 3, fifo = 4, socket = 5, char_device = 6, block_device = 7, unknown = 0 };

/// What statx tells, in Holdfast's words. Times are nanoseconds since 1970 UTC; may be negative.
struct Stat {
  FileType type = FileType::unknown;
  std::uint32_t mode = 0;  ///< permission bits with set-id and sticky (07777); the type is apart
  std::uint32_t uid = 0, gid = 0;
  std::uint64_t size = 0;
  std::uint64_t blocks = 0;  ///< 512-byte units allocated: below size/512 for a sparse file
  std::int64_t mtime = 0, ctime = 0;
  std::uint64_t dev = 0, ino = 0;
  std::uint32_t nlink = 0;
  std::uint32_t rdev_major = 0, rdev_minor = 0;
};

struct DirEntry {
  std::string_view name;  ///< valid during the callback; never "." or ".."
  FileType type;          ///< unknown where the file system does not say
  std::uint64_t ino;
};

class Env;

/// An open file or directory; closes itself. Move only.
class Fd {
 public:
  Fd() = default;
  Fd(Env& env, int handle) : env_(&env), handle_(handle) {}
  Fd(Fd&& other) noexcept : env_(other.env_), handle_(other.handle_) { other.handle_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  ~Fd() { reset(); }
  int get() const { return handle_; }
  bool valid() const { return handle_ >= 0; }
  void reset();

 private:
  Env* env_ = nullptr;
  int handle_ = -1;
};

/// How a command runs, beyond its text.
struct CommandOptions {
  std::int64_t timeout_ns = 0;  ///< 0: none. Else it runs in a process group of its own, which is ended when the time is over
  std::vector<std::pair<std::string, std::string>> variables = {};  ///< set in its environment, beside this program's
  std::string input = {};       ///< its standard input; empty: /dev/null
  bool errors_too = false;      ///< standard error goes into the output instead of passing through
};
struct CommandResult {
  int exit_status = 0;     ///< 128 + signal where a signal ended it
  std::string output;      ///< standard output, at most 1 MiB
  bool timed_out = false;  ///< it was ended because its time was over
};

class Env {
 public:
  static constexpr int kCwd = -100;  ///< AT_FDCWD
  static constexpr const char* kTemporaryPrefix = ".tmp-";
  virtual ~Env() = default;

  // --- one system call each: value or -errno. Flags are Linux's own (fcntl.h). ---
  virtual int sys_openat(int dir, const char* name, int flags, unsigned mode) = 0;
  virtual int sys_close(int fd) = 0;
  virtual ssize_t sys_read(int fd, void* to, std::size_t n) = 0;
  virtual ssize_t sys_write(int fd, const void* from, std::size_t n) = 0;
  virtual ssize_t sys_pread(int fd, void* to, std::size_t n, std::uint64_t offset) = 0;
  virtual ssize_t sys_pwrite(int fd, const void* from, std::size_t n, std::uint64_t offset) = 0;
  virtual int sys_fsync(int fd) = 0;
  /// Makes everything on the file system of `fd` durable: one call instead of one per file.
  virtual int sys_syncfs(int fd) = 0;
  /// Takes the lock of an open file for this handle, until it is closed or the program ends (flock: LOCK_EX | LOCK_NB).
  /// -EWOULDBLOCK: another handle has it, of this program or another; other errors: the file system has no locks.
  virtual int sys_lock(int fd) = 0;
  virtual int sys_ftruncate(int fd, std::uint64_t size) = 0;
  /// SEEK_DATA or SEEK_HOLE; -ENXIO past the last data, -EINVAL or -EOPNOTSUPP where not supported. Moves the position.
  virtual std::int64_t sys_seek(int fd, std::uint64_t offset, int whence) = 0;
  /// name "" means the handle itself. Never follows a symlink at the end unless `follow`.
  virtual int sys_stat(int dir, const char* name, bool follow, Stat* out) = 0;
  /// All entries, any order, without "." and "..". Call once per open handle. -EINTR only before the first visit; after
  /// another error, what was visited is a part.
  virtual int sys_list(int fd, const std::function<void(const DirEntry&)>& visit) = 0;
  virtual int sys_mkdirat(int dir, const char* name, unsigned mode) = 0;
  virtual int sys_unlinkat(int dir, const char* name, bool directory) = 0;
  /// With no_replace: -EEXIST instead of replacing, decided atomically, or -EOPNOTSUPP where the file system cannot.
  virtual int sys_renameat(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) = 0;
  virtual int sys_linkat(int from_dir, const char* from, int to_dir, const char* to) = 0;
  virtual int sys_symlinkat(const char* target, int dir, const char* name) = 0;
  virtual ssize_t sys_readlinkat(int dir, const char* name, char* to, std::size_t n) = 0;
  virtual int sys_mknodat(int dir, const char* name, FileType type, unsigned mode, std::uint32_t major, std::uint32_t minor) = 0;
  /// Name "" means the handle itself; a symlink is never followed (changing a symlink's mode gives -EOPNOTSUPP).
  virtual int sys_chmodat(int dir, const char* name, unsigned mode) = 0;
  virtual int sys_chownat(int dir, const char* name, std::uint32_t uid, std::uint32_t gid) = 0;
  /// Sets the modification time (and the access time to the same).
  virtual int sys_utimeat(int dir, const char* name, std::int64_t mtime) = 0;
  /// Names separated by NUL, as listxattr(2). Name "" means the handle itself; symlinks are not followed.
  virtual ssize_t sys_listxattrat(int dir, const char* name, char* to, std::size_t n) = 0;
  virtual ssize_t sys_getxattrat(int dir, const char* name, const char* key, void* to, std::size_t n) = 0;
  virtual int sys_setxattrat(int dir, const char* name, const char* key, const void* from, std::size_t n) = 0;
  virtual int sys_removexattrat(int dir, const char* name, const char* key) = 0;
  /// Inode flags (FS_IOC_GETFLAGS bits, for example FS_IMMUTABLE_FL) of an open file or directory; -ENOTTY or -EOPNOTSUPP
  /// where the file system has none.
  virtual int sys_get_flags(int fd, std::uint32_t* flags) = 0;
  virtual int sys_set_flags(int fd, std::uint32_t flags) = 0;
  /// Hint that the file will be read once, front to back; never fails.
  virtual void will_read_in_order(int fd) = 0;

  // --- clocks, randomness, the machine ---
  virtual std::int64_t wall_ns() = 0;       ///< Unix nanoseconds; may jump
  virtual std::int64_t monotonic_ns() = 0;  ///< never goes back
  virtual void random(MutableBytes out) = 0;  ///< fit for keys
  virtual unsigned cpu_count() = 0;
  virtual std::string host_name() = 0;
  /// Names this program among all that ever ran on this machine: the boot, the process and when it began.
  virtual std::string process_identity() = 0;
  /// True only where that program surely runs no more: it was of this machine (another host's can't be told), and ended.
  virtual bool process_is_gone(const std::string& identity) = 0;
  virtual std::uint32_t user_id() = 0;  ///< effective
  virtual std::optional<std::string> user_name(std::uint32_t uid) = 0;
  virtual std::optional<std::string> group_name(std::uint32_t gid) = 0;
  virtual std::optional<std::string> variable(const std::string& name) = 0;  ///< environment variable
  /// Absolute, without "." and "..", symlinks resolved as far as the path exists.
  virtual Result<std::string> absolute_path(const std::string& path) = 0;
  /// Runs `/bin/sh -c command` and waits for its end. With a time-out, processes that it left behind are not waited for.
  virtual Result<CommandResult> run_command(const std::string& command, const CommandOptions& options = {}) = 0;

  // --- loops and conveniences over the calls above; all retry EINTR ---
  /// Opens with flags | O_CLOEXEC. The error names `name`.
  Result<Fd> open(int dir, const char* name, int flags, unsigned mode = 0600);
  Result<Fd> open(const std::string& path, int flags, unsigned mode = 0600) { return open(kCwd, path.c_str(), flags, mode); }
  /// Reads until `out` is full or the file ends; gives the bytes read.
  Result<std::size_t> read_at(int fd, MutableBytes out, std::uint64_t offset);
  /// The same from a stream (standard input, a pipe).
  Result<std::size_t> read_some(int fd, MutableBytes out);
  Status write_at(int fd, ByteView data, std::uint64_t offset);
  Status write_all(int fd, ByteView data);  ///< at the stream's position
  Status sync(int fd);
  Result<Stat> stat(int dir, const char* name, bool follow = false);
  Result<Stat> stat(const std::string& path, bool follow = false) { return stat(kCwd, path.c_str(), follow); }
  Result<std::vector<std::string>> list_names(const std::string& path);  ///< sorted by bytes
  Result<Buffer> read_file(const std::string& path, std::size_t bytes_max);  ///< Code::too_many where larger
  Result<std::string> read_link(int dir, const char* name);
  Status sync_directory(const std::string& path);  ///< makes its entries durable
  /// Existing ones are fine; each one made is synced into its parent.
  Status make_directories(const std::string& path, unsigned mode = 0700);
  /// Replaces `path` as a whole: temporary name (kTemporaryPrefix and 16 digits, same directory), fsync, rename, fsync of
  /// the directory. After a crash: old or new, and perhaps the temporary file.
  Status write_file_atomically(const std::string& path, ByteView content, unsigned mode = 0600);
};

/// The Linux kernel underneath. Raises the soft limit of open files to the hard one.
std::unique_ptr<Env> make_real_env();

}  // namespace hf
