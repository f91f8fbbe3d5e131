#pragma once
// An Env that hands every call to another one: the base of machines that differ from it in a few calls, for tests. A
// clock of its own, fsync that costs nothing, a program that dies beside others that live.

#include "platform/env.hpp"

namespace hf {

/// Threads: as the Env below. `below` outlives it.
class ForwardEnv : public Env {
 public:
  explicit ForwardEnv(Env& below) : below_(below) {}

  int sys_openat(int dir, const char* name, int flags, unsigned mode) override { return below_.sys_openat(dir, name, flags, mode); }
  int sys_close(int fd) override { return below_.sys_close(fd); }
  ssize_t sys_read(int fd, void* to, std::size_t n) override { return below_.sys_read(fd, to, n); }
  ssize_t sys_write(int fd, const void* from, std::size_t n) override { return below_.sys_write(fd, from, n); }
  ssize_t sys_pread(int fd, void* to, std::size_t n, std::uint64_t offset) override { return below_.sys_pread(fd, to, n, offset); }
  ssize_t sys_pwrite(int fd, const void* from, std::size_t n, std::uint64_t offset) override { return below_.sys_pwrite(fd, from, n, offset); }
  int sys_fsync(int fd) override { return below_.sys_fsync(fd); }
  int sys_syncfs(int fd) override { return below_.sys_syncfs(fd); }
  int sys_lock(int fd) override { return below_.sys_lock(fd); }
  int sys_ftruncate(int fd, std::uint64_t size) override { return below_.sys_ftruncate(fd, size); }
  std::int64_t sys_seek(int fd, std::uint64_t offset, int whence) override { return below_.sys_seek(fd, offset, whence); }
  int sys_stat(int dir, const char* name, bool follow, Stat* out) override { return below_.sys_stat(dir, name, follow, out); }
  int sys_list(int fd, const std::function<void(const DirEntry&)>& visit) override { return below_.sys_list(fd, visit); }
  int sys_mkdirat(int dir, const char* name, unsigned mode) override { return below_.sys_mkdirat(dir, name, mode); }
  int sys_unlinkat(int dir, const char* name, bool directory) override { return below_.sys_unlinkat(dir, name, directory); }
  int sys_renameat(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) override { return below_.sys_renameat(from_dir, from, to_dir, to, no_replace); }
  int sys_linkat(int from_dir, const char* from, int to_dir, const char* to) override { return below_.sys_linkat(from_dir, from, to_dir, to); }
  int sys_symlinkat(const char* target, int dir, const char* name) override { return below_.sys_symlinkat(target, dir, name); }
  ssize_t sys_readlinkat(int dir, const char* name, char* to, std::size_t n) override { return below_.sys_readlinkat(dir, name, to, n); }
  int sys_mknodat(int dir, const char* name, FileType type, unsigned mode, std::uint32_t major, std::uint32_t minor) override {
    return below_.sys_mknodat(dir, name, type, mode, major, minor);
  }
  int sys_chmodat(int dir, const char* name, unsigned mode) override { return below_.sys_chmodat(dir, name, mode); }
  int sys_chownat(int dir, const char* name, std::uint32_t uid, std::uint32_t gid) override { return below_.sys_chownat(dir, name, uid, gid); }
  int sys_utimeat(int dir, const char* name, std::int64_t mtime) override { return below_.sys_utimeat(dir, name, mtime); }
  ssize_t sys_listxattrat(int dir, const char* name, char* to, std::size_t n) override { return below_.sys_listxattrat(dir, name, to, n); }
  ssize_t sys_getxattrat(int dir, const char* name, const char* key, void* to, std::size_t n) override { return below_.sys_getxattrat(dir, name, key, to, n); }
  int sys_setxattrat(int dir, const char* name, const char* key, const void* from, std::size_t n) override { return below_.sys_setxattrat(dir, name, key, from, n); }
  int sys_removexattrat(int dir, const char* name, const char* key) override { return below_.sys_removexattrat(dir, name, key); }
  int sys_get_flags(int fd, std::uint32_t* flags) override { return below_.sys_get_flags(fd, flags); }
  int sys_set_flags(int fd, std::uint32_t flags) override { return below_.sys_set_flags(fd, flags); }
  void will_read_in_order(int fd) override { below_.will_read_in_order(fd); }

  std::int64_t wall_ns() override { return below_.wall_ns(); }
  std::int64_t monotonic_ns() override { return below_.monotonic_ns(); }
  void random(MutableBytes out) override { below_.random(out); }
  unsigned cpu_count() override { return below_.cpu_count(); }
  std::string host_name() override { return below_.host_name(); }
  std::string process_identity() override { return below_.process_identity(); }
  bool process_is_gone(const std::string& identity) override { return below_.process_is_gone(identity); }
  std::uint32_t user_id() override { return below_.user_id(); }
  std::optional<std::string> user_name(std::uint32_t uid) override { return below_.user_name(uid); }
  std::optional<std::string> group_name(std::uint32_t gid) override { return below_.group_name(gid); }
  std::optional<std::string> variable(const std::string& name) override { return below_.variable(name); }
  Result<std::string> absolute_path(const std::string& path) override { return below_.absolute_path(path); }
  Result<CommandResult> run_command(const std::string& command, const CommandOptions& options = {}) override { return below_.run_command(command, options); }

 protected:
  Env& below() { return below_; }

 private:
  Env& below_;
};

}  // namespace hf
