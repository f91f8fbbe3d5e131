#pragma once
// What SimEnv's calls have in common: clock, count, faults, log; handles; the walk along a path; who may do what.
// Methods give a value >= 0 or -errno, in the order in which Linux checks. SimEnv's mutex guards all of it.

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <unordered_map>

#include "platform/sim_disk.hpp"
#include "platform/sim_env.hpp"

namespace hf::sim {

struct Handle {
  Inode* node = nullptr;
  int flags = 0;
  std::uint64_t position = 0;
  bool listed = false;
  std::string path = {};  ///< that it was opened by

  bool readable() const;
  bool writable() const;
  bool is_path() const;  ///< O_PATH: good for its place only
};

/// Where a path leads.
struct Place {
  enum class Last : std::uint8_t { name, dot, dot_dot, root };
  int error = 0;          ///< -errno; nothing else is set then
  Inode* dir = nullptr;   ///< holds the last component
  std::string name = {};  ///< the last component
  Inode* node = nullptr;  ///< what it names, or nullptr
  Last last = Last::name;
  bool trailing_slash = false;
};

/// Whether a symlink at the end of a path is followed; "link/" is by most calls.
enum class Follow : std::uint8_t { never, if_slash, always };

/// How a call appears to faults and in the log.
struct CallInfo {
  const char* name;
  Calls kind;
  std::string path;
  std::string other = {};
  std::int64_t bytes = -1;
  std::int64_t offset = -1;
};

class Machine {
 public:
  explicit Machine(std::uint64_t seed) : disk_(), coins_(seed), keys_(~seed), order_(seed * 0x9E3779B97F4A7C15u) {}

  /// Runs a disk call: moves the clock, counts, lets faults strike, or else runs `body`, and writes the log.
  template <class Body>
  std::int64_t io(CallInfo info, Body&& body) {
    std::int64_t result = before(info);
    if (result == 0) result = body();
    after(std::move(info), result);
    return result;
  }
  bool chance(double probability);
  std::int64_t tick();  ///< moves the clocks by a step; gives the wall time
  std::int64_t now() const { return wall_ - wall_ % granularity_; }
  void change_content(Inode* node) { touch(node, true); }
  void change_facts(Inode* node) { touch(node, false); }

  // --- handles ---
  Handle* handle(int fd);
  int add_handle(Inode* node, int flags, std::string path);
  int close(int fd);
  void crash(Survive how);

  // --- names ---
  std::string path_of(int dir, const char* name);
  std::string path_of(int fd) { return path_of(fd, ""); }
  /// An empty name is -ENOENT.
  Place walk(int dir, const char* name, Follow follow);
  /// The inode itself; name "" means the handle. nullptr and *error on failure.
  Inode* target(int dir, const char* name, bool follow, int* error);
  /// A new inode at a place that walk() found; checks everything. nullptr and *error on failure.
  Inode* create(const Place& at, FileType type, unsigned mode, int* error);
  int may_add(const Inode* dir) const;
  int may_remove(const Inode* dir, const Inode* node) const;
  bool may(const Inode* node, unsigned bits) const;  ///< bits as in modes: 4 read, 2 write, 1 search
  bool owns(const Inode* node) const { return uid == 0 || uid == node->facts.uid; }
  Result<std::string> absolute(const std::string& path);

  int open(int dir, const char* name, int flags, unsigned mode, std::string path);
  int rename(int from_dir, const char* from, int to_dir, const char* to, bool no_replace);
  int remove(int dir, const char* name, bool directory);
  int link(int from_dir, const char* from, int to_dir, const char* to);
  std::int64_t read(Handle& file, MutableBytes out, std::uint64_t offset);
  std::int64_t write(Handle& file, ByteView data, std::uint64_t offset);

  // --- a test's own actions ---
  /// What is at the path, made with its parents where missing; its name is durable.
  Inode* ensure(const std::string& path, FileType type, unsigned mode);
  /// walk() from the root by one who may do everything, following.
  Place walk_freely(const std::string& path);

  Disk& disk() { return disk_; }
  void fill_random(MutableBytes out);
  std::uint64_t order_of(std::string_view name) const;  ///< listings come in an order that nobody can rely on
  std::vector<std::string> recent() const { return {log_.begin(), log_.end()}; }

  // Knobs
  Faults faults;
  Features features;
  double short_probability = 0, interrupt_probability = 0;
  std::size_t handles_max = 1u << 20;
  std::int64_t step = 1'000'000;
  std::uint32_t uid = 0, gid = 0;
  unsigned cpus = 1;
  std::string host = "simulated";
  std::uint64_t boots = 1;
  std::map<std::string, std::string> variables;
  std::function<Result<CommandResult>(const std::string&, const CommandOptions&)> command;

  bool down = false;
  bool injected = false;  ///< the last call failed by a fault
  std::uint64_t calls = 0;
  std::size_t handle_count() const { return handles_.size(); }
  std::int64_t monotonic() const { return monotonic_; }
  void move_clocks(std::int64_t wall, std::int64_t monotonic) { wall_ += wall, monotonic_ += monotonic; }
  void set_granularity(std::int64_t ns) { granularity_ = ns; }
  std::uint64_t new_device() { return ++device_last_; }

 private:
  std::int64_t before(const CallInfo& info);
  void after(CallInfo info, std::int64_t result);
  void touch(Inode* node, bool content);
  Inode* make(const Place& at, FileType type, unsigned mode);
  Place walk_from(Inode* start, std::string_view path, Follow follow, int* links_left);

  Disk disk_;
  // Generators of their own, so that drawing a key does not move a coin.
  std::mt19937_64 coins_, keys_;
  std::uint64_t order_;
  std::unordered_map<int, Handle> handles_;
  int handle_last_ = 99;  ///< numbers are never used twice: a stale handle gives -EBADF, not another file
  std::int64_t wall_ = 1'767'225'600'000'000'000;  // 1 January 2026
  std::int64_t monotonic_ = 1'000'000'000'000;
  std::int64_t granularity_ = 1;
  std::uint64_t device_last_ = 1;
  std::deque<std::string> log_;
};

}  // namespace hf::sim
