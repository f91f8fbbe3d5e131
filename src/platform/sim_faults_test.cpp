// Calls of the simulated machine that fail.

#include <cerrno>

#include "platform/sim_world.hpp"

namespace hf {
namespace {

using ::testing::ElementsAre;

TEST(SimFaults, the_nth_call_fails_once_or_from_then_on) {
  Sim sim;
  sim.fail_nth(2, EIO);
  EXPECT_TRUE(sim.exists("/v"));
  EXPECT_FALSE(sim.exists("/v"));
  EXPECT_TRUE(sim.exists("/v"));
  sim.fail_nth(1, EIO, Failure::from_then_on);
  EXPECT_FALSE(sim.exists("/v"));
  EXPECT_FALSE(sim.exists("/v"));
  EXPECT_EQ(sim.faults_struck(), 3u);
  sim.clear_faults();
  EXPECT_TRUE(sim.exists("/v"));
}

TEST(SimFaults, are_limited_to_a_directory_and_a_kind) {
  Sim sim;
  sim.make_dir("/other");
  sim.make_dir("/vault");
  sim.fail_nth(1, EIO, Failure::from_then_on, {.below = "/v", .calls = Calls::changes});
  EXPECT_TRUE(sim.exists("/v"));
  EXPECT_EQ(sim.mkdir("/other/x"), 0);
  EXPECT_EQ(sim.mkdir("/vault/x"), 0);
  EXPECT_EQ(sim.mkdir("/v/x"), -EIO);
  EXPECT_EQ(sim.move("/other/x", "/v/x"), -EIO);
  const Fd dir = *sim.open("/v", O_RDONLY);
  EXPECT_EQ(sim.sys_mkdirat(dir.get(), "x", 0755), -EIO);
  EXPECT_EQ(sim.sys_fsync(dir.get()), -EIO);
}

TEST(SimFaults, a_failed_call_changes_nothing) {
  Sim sim;
  sim.put_file("/v/a", "x");
  sim.fail_nth(1, EIO, Failure::from_then_on, {.calls = Calls::changes});
  sim.move("/v/a", "/v/b");
  sim.unlink("/v/a");
  sim.sys_openat(Env::kCwd, "/v/a", O_WRONLY | O_TRUNC, 0);
  EXPECT_EQ(sim.get_file("/v/a"), "x");
}

TEST(SimFaults, after_a_failed_fsync_the_next_one_lies) {
  Sim sim;
  sim.write_durably("/v/file", "old");
  sim.fsync("/v");
  const Fd file = *sim.open("/v/file", O_WRONLY);
  ASSERT_TRUE(sim.write_at(file.get(), as_bytes("new"), 0));
  sim.fail_nth(1, EIO, Failure::once, {.calls = Calls::syncs});
  EXPECT_EQ(sim.sys_fsync(file.get()), -EIO);
  EXPECT_EQ(sim.sys_fsync(file.get()), 0);
  EXPECT_EQ(sim.get_file("/v/file"), "new");
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/file"), "old");
}

TEST(SimFaults, a_failed_fsync_takes_nothing_from_a_machine_that_stays_up) {
  Sim sim;
  sim.put_file("/v/file", "old");
  const Fd file = *sim.open("/v/file", O_WRONLY);
  ASSERT_TRUE(sim.write_at(file.get(), as_bytes("new"), 0));
  sim.fail_nth(1, EIO);
  EXPECT_EQ(sim.sys_fsync(file.get()), -EIO);
  sim.crash(Survive::everything);
  EXPECT_EQ(sim.get_file("/v/file"), "new");
}

TEST(SimFaults, a_machine_that_is_down_answers_nothing_until_it_is_restarted) {
  Sim sim;
  sim.crash_at(2);
  EXPECT_EQ(sim.mkdir("/v/a"), 0);
  EXPECT_EQ(sim.mkdir("/v/b"), -EIO);
  EXPECT_TRUE(sim.is_down());
  EXPECT_FALSE(sim.exists("/v"));
  sim.crash(Survive::everything);
  EXPECT_FALSE(sim.is_down());
  EXPECT_THAT(sim.paths_below("/v"), ElementsAre("/v/a"));
}

TEST(SimFaults, a_full_disk_takes_what_fits_and_frees_what_is_deleted) {
  Sim sim;
  sim.capacity(8192);
  sim.put_file("/v/a", "x");
  Fd file = *sim.open("/v/b", O_RDWR | O_CREAT);
  const Buffer two_pages(8192, 'b');
  EXPECT_EQ(sim.sys_pwrite(file.get(), two_pages.data(), 8192, 0), 4096);
  EXPECT_EQ(sim.sys_pwrite(file.get(), two_pages.data(), 8192, 4096), -ENOSPC);
  EXPECT_EQ(sim.mkdir("/v/c"), -ENOSPC);
  EXPECT_EQ(sim.sys_pwrite(file.get(), "c", 1, 5), 1);
  EXPECT_EQ(sim.write_at(file.get(), two_pages, 0).error().code, Code::no_space);
  sim.unlink("/v/b");
  EXPECT_EQ(sim.bytes_used(), 8192u);  // still open
  file.reset();
  EXPECT_EQ(sim.bytes_used(), 4096u);
}

TEST(SimFaults, short_and_interrupted_calls_do_not_show_above_the_loops) {
  Sim sim(7);
  sim.short_io(0.5);
  sim.interrupts(0.2);
  Buffer data(100'000);
  sim.random(data);
  EXPECT_TRUE(sim.make_directories("/v/sub/dir"));
  EXPECT_TRUE(sim.write_file_atomically("/v/sub/dir/file", data));
  EXPECT_EQ(*sim.read_file("/v/sub/dir/file", 1 << 20), data);
  EXPECT_EQ(sim.list_names("/v/sub/dir")->size(), 1u);
}

TEST(SimFaults, handles_run_out) {
  Sim sim;
  sim.open_files_max(1);
  const Fd one = *sim.open("/v", O_RDONLY);
  EXPECT_EQ(sim.open("/v", O_RDONLY).error().code, Code::too_many);
}

TEST(SimFaults, the_log_tells_the_last_calls) {
  Sim sim;
  sim.fail_nth(2, EIO);
  sim.mkdir("/v/a");
  sim.move("/v/a", "/v/b");
  sim.mkdir("/v/a");
  EXPECT_THAT(sim.recent_calls(), ElementsAre("1 mkdir /v/a = 0", "2 rename /v/a -> /v/b = -EIO (injected)", "3 mkdir /v/a = -EEXIST"));
  EXPECT_EQ(sim.calls(), 3u);
}

}  // namespace
}  // namespace hf
