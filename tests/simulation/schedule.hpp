#pragma once
// Programs that run at once on one simulated machine, one call at a time: which of them makes the next call is drawn from
// a seed, so that every order of their calls can come, and comes again.
//
// Each lane is a thread that runs one program after the other. A program has an identity of its own, so that others can
// tell that it has ended; it may be killed at any of its calls, and all the others go on.

#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>

#include "platform/forward_env.hpp"
#include "tree.hpp"

namespace hf::simulation {

class Schedule {
 public:
  /// `calls_between`: how many calls one makes, on the average, before another has its turn.
  Schedule(SimEnv& machine, std::uint64_t seed, std::size_t lanes, std::size_t calls_between);

  /// Runs the lanes until all have ended. `lane(i)` is called in a thread of its own; in it, everything but calls of
  /// programs is done in one piece.
  void run(const std::function<void(std::size_t lane)>& lane);

  /// One run of one program: the machine as it sees it.
  class Program final : public ForwardEnv {
   public:
    /// Killed at its nth call (0: never): that call and all that follow give -EIO, and change nothing.
    Program(Schedule& schedule, std::uint64_t killed_at_call);
    ~Program() override;
    bool was_killed() const { return killed_; }

    int sys_openat(int dir, const char* name, int flags, unsigned mode) override { return turn() ? ForwardEnv::sys_openat(dir, name, flags, mode) : -EIO; }
    ssize_t sys_read(int fd, void* to, std::size_t n) override { return turn() ? ForwardEnv::sys_read(fd, to, n) : -EIO; }
    ssize_t sys_write(int fd, const void* from, std::size_t n) override { return turn() ? ForwardEnv::sys_write(fd, from, n) : -EIO; }
    ssize_t sys_pread(int fd, void* to, std::size_t n, std::uint64_t offset) override { return turn() ? ForwardEnv::sys_pread(fd, to, n, offset) : -EIO; }
    ssize_t sys_pwrite(int fd, const void* from, std::size_t n, std::uint64_t offset) override { return turn() ? ForwardEnv::sys_pwrite(fd, from, n, offset) : -EIO; }
    int sys_fsync(int fd) override { return turn() ? ForwardEnv::sys_fsync(fd) : -EIO; }
    int sys_syncfs(int fd) override { return turn() ? ForwardEnv::sys_syncfs(fd) : -EIO; }
    int sys_lock(int fd) override { return turn() ? ForwardEnv::sys_lock(fd) : -EIO; }
    int sys_ftruncate(int fd, std::uint64_t size) override { return turn() ? ForwardEnv::sys_ftruncate(fd, size) : -EIO; }
    int sys_stat(int dir, const char* name, bool follow, Stat* out) override { return turn() ? ForwardEnv::sys_stat(dir, name, follow, out) : -EIO; }
    int sys_list(int fd, const std::function<void(const DirEntry&)>& visit) override { return turn() ? ForwardEnv::sys_list(fd, visit) : -EIO; }
    int sys_mkdirat(int dir, const char* name, unsigned mode) override { return turn() ? ForwardEnv::sys_mkdirat(dir, name, mode) : -EIO; }
    int sys_unlinkat(int dir, const char* name, bool directory) override { return turn() ? ForwardEnv::sys_unlinkat(dir, name, directory) : -EIO; }
    int sys_renameat(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) override {
      return turn() ? ForwardEnv::sys_renameat(from_dir, from, to_dir, to, no_replace) : -EIO;
    }
    int sys_linkat(int from_dir, const char* from, int to_dir, const char* to) override { return turn() ? ForwardEnv::sys_linkat(from_dir, from, to_dir, to) : -EIO; }
    std::string process_identity() override { return identity_; }
    bool process_is_gone(const std::string& identity) override { return schedule_.ended_.contains(identity); }

   private:
    /// Waits for the turn of this lane; false where the program is dead.
    bool turn();

    Schedule& schedule_;
    const std::string identity_;
    std::uint64_t calls_left_;  // 0: no end
    bool killed_ = false;
  };

 private:
  void maybe_pass();
  void pass_on(std::unique_lock<std::mutex>& lock, bool ended);

  SimEnv& machine_;
  Random random_;
  const std::size_t calls_between_;
  std::uint64_t programs_ = 0;
  std::set<std::string> ended_;  // programs

  std::mutex mutex_;
  std::condition_variable turned_;
  std::vector<bool> running_;  // lanes
  std::size_t turn_ = 0;
};

}  // namespace hf::simulation
