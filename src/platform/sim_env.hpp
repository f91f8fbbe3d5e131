#pragma once
// SimEnv: a whole machine in memory, for tests. Its disk forgets what was not synced, its calls fail on demand, its clock
// and its random numbers come from a seed.
//
// Deterministic: the same seed and the same calls give the same results, as long as one thread calls. A probability is
// only drawn where its knob is set. Threads: any method, any thread (one mutex).
// Crash: sim_disk.hpp says what survives; in short, a file's content needs fsync of the file, a name needs fsync of its
// directory, a rename shows the old or the new name.
// A test's own actions (put_file and the like) are not counted, never fail, and are durable at once.

#include <memory>

#include "base/mutex.hpp"
#include "platform/env.hpp"
#include "platform/sim_faults.hpp"

namespace hf {

namespace sim {
class Machine;
}

/// What a power loss leaves of that which was not synced: none of it, all of it (as after kill -9), or each by a coin.
enum class Survive : std::uint8_t { nothing, everything, coin };

/// What the file system can do; all of it by default. Without: -EOPNOTSUPP, -EINVAL or -ENOTTY, as Linux says it.
struct Features {
  bool xattrs = true;
  bool inode_flags = true;
  bool seek_holes = true;
  bool entry_types = true;       ///< DirEntry::type
  bool rename_no_replace = true;
  bool hard_links = true;
  bool locks = true;
};

class SimEnv : public Env {
 public:
  explicit SimEnv(std::uint64_t seed = 1);
  ~SimEnv() override;

  // --- crashes ---
  /// Power loss and restart. All handles give -EBADF from now on; faults are forgotten, the other knobs stay.
  void crash(Survive how = Survive::coin);
  /// The nth matching call from now, and every call after it, gives -EIO and changes nothing, until crash() is called.
  void crash_at(std::uint64_t n, Only only = {});
  bool is_down();  ///< crash_at() has struck

  // --- faults ---
  /// The nth (1 is the next) matching call from now gives -os_error and changes nothing; several may be set. An fsync
  /// that fails drops the file's dirty pages: as on Linux, the next fsync succeeds without them.
  void fail_nth(std::uint64_t n, int os_error, Failure how = Failure::once, Only only = {});
  void clear_faults();
  std::uint64_t faults_struck();  ///< since construction: a loop over n is through when a run strikes none
  void short_io(double probability);    ///< reads and writes do less than asked
  void interrupts(double probability);  ///< any call but close gives -EINTR
  void capacity(std::uint64_t bytes);   ///< of file data, in pages of 4 KiB; beyond it -ENOSPC
  void open_files_max(std::size_t count);
  void features(const Features& features);

  std::uint64_t calls();       ///< that touched the disk, since construction
  std::uint64_t bytes_used();  ///< as counted against capacity()
  std::size_t open_handles();
  std::vector<std::string> recent_calls();  ///< the last 256, oldest first: "17 pwrite /vault/x 4096@0 = 4096"

  // --- clock, people, machine ---
  void clock_step(std::int64_t ns);             ///< how far each call moves the clock; 1 ms at first
  void timestamp_granularity(std::int64_t ns);  ///< of mtime and ctime; 1 ns at first, 4'000'000 is like older kernels
  void jump_wall(std::int64_t ns);              ///< wall_ns() only, forwards or back
  void advance(std::int64_t ns);                ///< both clocks
  /// Who the program is. 0 may do everything, others are held to modes and owners.
  void act_as(std::uint32_t uid, std::uint32_t gid);
  void set_variable(const std::string& name, const std::string& value);
  void set_host_name(const std::string& name);
  void set_cpu_count(unsigned count);
  void on_command(std::function<Result<CommandResult>(const std::string&)> run);  ///< 127 and no output at first
  void on_command(std::function<Result<CommandResult>(const std::string&, const CommandOptions&)> run);

  // --- a test's own view of the disk: absolute paths, parents are made ---
  void put_file(const std::string& path, std::string_view content, unsigned mode = 0644);
  void put_file(const std::string& path, ByteView content, unsigned mode = 0644) { put_file(path, as_text(content), mode); }
  void make_dir(const std::string& path, unsigned mode = 0755);
  /// A directory on a device of its own: rename and link across give -EXDEV.
  void mount(const std::string& path);
  std::optional<std::string> get_file(const std::string& path);  ///< nullopt: no regular file there
  std::vector<std::string> paths_below(const std::string& path);  ///< sorted, without `path` itself; no symlink is followed
  void sync_all();  ///< everything there is becomes durable

  // --- Env ---
  int sys_openat(int dir, const char* name, int flags, unsigned mode) override;
  int sys_close(int fd) override;
  ssize_t sys_read(int fd, void* to, std::size_t n) override;
  ssize_t sys_write(int fd, const void* from, std::size_t n) override;
  ssize_t sys_pread(int fd, void* to, std::size_t n, std::uint64_t offset) override;
  ssize_t sys_pwrite(int fd, const void* from, std::size_t n, std::uint64_t offset) override;
  int sys_fsync(int fd) override;
  int sys_syncfs(int fd) override;
  int sys_lock(int fd) override;
  int sys_ftruncate(int fd, std::uint64_t size) override;
  std::int64_t sys_seek(int fd, std::uint64_t offset, int whence) override;
  int sys_stat(int dir, const char* name, bool follow, Stat* out) override;
  int sys_list(int fd, const std::function<void(const DirEntry&)>& visit) override;
  int sys_mkdirat(int dir, const char* name, unsigned mode) override;
  int sys_unlinkat(int dir, const char* name, bool directory) override;
  int sys_renameat(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) override;
  int sys_linkat(int from_dir, const char* from, int to_dir, const char* to) override;
  int sys_symlinkat(const char* target, int dir, const char* name) override;
  ssize_t sys_readlinkat(int dir, const char* name, char* to, std::size_t n) override;
  int sys_mknodat(int dir, const char* name, FileType type, unsigned mode, std::uint32_t major, std::uint32_t minor) override;
  int sys_chmodat(int dir, const char* name, unsigned mode) override;
  int sys_chownat(int dir, const char* name, std::uint32_t uid, std::uint32_t gid) override;
  int sys_utimeat(int dir, const char* name, std::int64_t mtime) override;
  ssize_t sys_listxattrat(int dir, const char* name, char* to, std::size_t n) override;
  ssize_t sys_getxattrat(int dir, const char* name, const char* key, void* to, std::size_t n) override;
  int sys_setxattrat(int dir, const char* name, const char* key, const void* from, std::size_t n) override;
  int sys_removexattrat(int dir, const char* name, const char* key) override;
  int sys_get_flags(int fd, std::uint32_t* flags) override;
  int sys_set_flags(int fd, std::uint32_t flags) override;
  void will_read_in_order(int fd) override;
  std::int64_t wall_ns() override;
  std::int64_t monotonic_ns() override;
  void random(MutableBytes out) override;
  unsigned cpu_count() override;
  std::string host_name() override;
  std::string process_identity() override;
  bool process_is_gone(const std::string& identity) override;
  std::uint32_t user_id() override;
  std::optional<std::string> user_name(std::uint32_t uid) override;
  std::optional<std::string> group_name(std::uint32_t gid) override;
  std::optional<std::string> variable(const std::string& name) override;
  Result<std::string> absolute_path(const std::string& path) override;
  Result<CommandResult> run_command(const std::string& command, const CommandOptions& options = {}) override;

 private:
  Mutex mutex_;
  std::unique_ptr<sim::Machine> machine_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
