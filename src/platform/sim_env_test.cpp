// The rest of the simulated machine: clocks, owners, devices, commands.

#include <cerrno>
#include <thread>

#include "base/units.hpp"
#include "platform/sim_world.hpp"

namespace hf {
namespace {

TEST(SimEnv, the_same_seed_replays_the_same_world) {
  const auto run = [](std::uint64_t seed) {
    Sim sim(seed);
    sim.short_io(0.3);
    sim.interrupts(0.1);
    sim.fail_nth(30, EIO);
    for (int i = 0; i < 20; ++i) (void)sim.write_file_atomically("/v/" + std::to_string(i % 7), Buffer(10'000, 'x'));
    for (int i = 0; i < 20; ++i) sim.write("/v/x" + std::to_string(i), "unsynced");
    sim.crash();
    std::vector<std::string> world = sim.recent_calls();
    for (const std::string& path : sim.paths_below("/")) world.push_back(path + "=" + sim.get_file(path).value_or(""));
    return world;
  };
  EXPECT_EQ(run(5), run(5));
  EXPECT_NE(run(5), run(6));
}

TEST(SimEnv, each_call_moves_the_clock_so_that_changes_show) {
  Sim sim;
  sim.put_file("/v/file", "a");
  const auto before = sim.stat("/v/file")->ctime;
  sim.put_file("/v/file", "b");
  EXPECT_GT(sim.stat("/v/file")->ctime, before);
  EXPECT_EQ(sim.stat("/v/file")->mtime, sim.stat("/v/file")->ctime);
}

TEST(SimEnv, coarse_timestamps_hide_quick_changes) {
  Sim sim;
  sim.timestamp_granularity(1'000'000'000);
  sim.put_file("/v/file", "a");
  const auto before = sim.stat("/v/file")->mtime;
  sim.put_file("/v/file", "b");
  EXPECT_EQ(sim.stat("/v/file")->mtime, before);
}

TEST(SimEnv, only_the_wall_clock_jumps) {
  Sim sim;
  const auto wall = sim.wall_ns(), monotonic = sim.monotonic_ns();
  sim.jump_wall(-3600'000'000'000);
  EXPECT_LT(sim.wall_ns(), wall);
  EXPECT_GT(sim.monotonic_ns(), monotonic);
}

TEST(SimEnv, a_terabyte_of_hole_costs_nothing) {
  Sim sim;
  sim.put_file("/v/file", "");
  const Fd file = *sim.open("/v/file", O_RDWR);
  EXPECT_EQ(sim.sys_ftruncate(file.get(), 1024_GiB), 0);
  EXPECT_EQ(sim.sys_pwrite(file.get(), "x", 1, 512_GiB), 1);
  EXPECT_EQ(sim.sys_seek(file.get(), 0, SEEK_DATA), 512ll << 30);
  EXPECT_EQ(sim.bytes_used(), 4096u);
}

TEST(SimEnv, modes_and_owners_hold_for_others_than_root) {
  Sim sim;
  sim.put_file("/v/private", "x", 0600);
  sim.make_dir("/v/closed", 0700);
  sim.act_as(1000, 1000);
  EXPECT_EQ(sim.open("/v/private", O_RDONLY).error().code, Code::permission);
  EXPECT_EQ(sim.open("/v/closed", O_RDONLY).error().os_error, EACCES);
  EXPECT_EQ(sim.mkdir("/v/x"), -EACCES);
  EXPECT_EQ(sim.unlink("/v/private"), -EACCES);
  EXPECT_EQ(sim.sys_chmodat(Env::kCwd, "/v/private", 0666), -EPERM);
  EXPECT_EQ(sim.sys_chownat(Env::kCwd, "/v/private", 1000, 1000), -EPERM);
}

TEST(SimEnv, another_device_takes_no_renames) {
  Sim sim;
  sim.mount("/v/disk");
  sim.put_file("/v/a", "x");
  EXPECT_EQ(sim.move("/v/a", "/v/disk/a"), -EXDEV);
  EXPECT_EQ(sim.link("/v/a", "/v/disk/a"), -EXDEV);
  sim.put_file("/v/disk/b", "y");
  EXPECT_EQ(sim.stat("/v/disk/b")->dev, sim.stat("/v/disk")->dev);
  EXPECT_NE(sim.stat("/v/disk")->dev, sim.stat("/v")->dev);
}

TEST(SimEnv, a_poor_file_system_says_what_linux_says) {
  Sim sim;
  sim.features({.xattrs = false, .inode_flags = false, .seek_holes = false, .entry_types = false, .rename_no_replace = false, .hard_links = false});
  sim.put_file("/v/a", "x");
  const Fd file = *sim.open("/v/a", O_RDONLY);
  std::uint32_t flags = 0;
  EXPECT_EQ(sim.sys_listxattrat(file.get(), "", nullptr, 0), -EOPNOTSUPP);
  EXPECT_EQ(sim.sys_get_flags(file.get(), &flags), -ENOTTY);
  EXPECT_EQ(sim.sys_seek(file.get(), 0, SEEK_DATA), -EINVAL);
  EXPECT_EQ(sim.move("/v/a", "/v/b", true), -EOPNOTSUPP);
  EXPECT_EQ(sim.move("/v/a", "/v/b"), 0);
  sim.sys_list(sim.open("/v", O_RDONLY)->get(), [](const DirEntry& e) { EXPECT_EQ(e.type, FileType::unknown); });
}

TEST(SimEnv, commands_are_answered_by_the_test) {
  Sim sim;
  EXPECT_EQ(sim.run_command("anything")->exit_status, 127);
  sim.on_command([](const std::string& command) { return CommandResult{.exit_status = 0, .output = "ran " + command}; });
  EXPECT_EQ(sim.run_command("x")->output, "ran x");
}

TEST(SimEnv, several_threads_may_call) {
  Sim sim;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&sim, t] {
      for (int i = 0; i < 50; ++i)
        EXPECT_TRUE(sim.write_file_atomically("/v/" + std::to_string(t) + "-" + std::to_string(i), as_bytes("x")));
    });
  threads.clear();
  EXPECT_EQ(sim.paths_below("/v").size(), 200u);
}

}  // namespace
}  // namespace hf
