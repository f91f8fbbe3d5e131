#include "platform/sim_env.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>

#include <cerrno>
#include <random>
#include <set>
#include <thread>

#include "base/units.hpp"

namespace hf {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr int kSeeds = 200;  // enough for each coin to have fallen both ways

/// A machine with an empty durable directory "/v", spoken to in a test's words.
struct Sim : SimEnv {
  explicit Sim(std::uint64_t seed = 1) : SimEnv(seed) { make_dir("/v"); }

  void write(const std::string& path, std::string_view text) {
    const Fd file = *open(path, O_WRONLY | O_CREAT | O_TRUNC);
    EXPECT_TRUE(write_at(file.get(), as_bytes(text), 0));
  }
  int fsync(const std::string& path) { return sys_fsync(open(path, O_RDONLY)->get()); }
  void write_durably(const std::string& path, std::string_view text) {
    write(path, text);
    EXPECT_EQ(fsync(path), 0);
  }
  int move(const char* from, const char* to, bool no_replace = false) { return sys_renameat(kCwd, from, kCwd, to, no_replace); }
  int mkdir(const char* path) { return sys_mkdirat(kCwd, path, 0755); }
  int link(const char* from, const char* to) { return sys_linkat(kCwd, from, kCwd, to); }
  int unlink(const char* path) { return sys_unlinkat(kCwd, path, false); }
  bool exists(const std::string& path) {
    Stat out;
    return sys_stat(kCwd, path.c_str(), false, &out) == 0;
  }
};

// --- what a crash leaves ---

TEST(SimCrash, unsynced_content_is_lost_when_nothing_survives) {
  Sim sim;
  sim.put_file("/v/file", "old");
  sim.write("/v/file", "newer");
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/file"), "old");
}

TEST(SimCrash, everything_survives_a_killed_program) {
  Sim sim;
  sim.write("/v/file", "new");
  sim.crash(Survive::everything);
  EXPECT_EQ(sim.get_file("/v/file"), "new");
}

TEST(SimCrash, a_synced_file_has_no_name_until_its_directory_is_synced) {
  Sim sim;
  sim.write_durably("/v/file", "x");
  sim.crash(Survive::nothing);
  EXPECT_THAT(sim.paths_below("/v"), IsEmpty());
}

TEST(SimCrash, a_synced_name_without_synced_content_is_an_empty_file) {
  Sim sim;
  sim.write("/v/file", "x");
  sim.fsync("/v");
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/file"), "");
}

TEST(SimCrash, file_and_directory_synced_is_durable) {
  Sim sim;
  sim.write_durably("/v/file", "x");
  sim.fsync("/v");
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/file"), "x");
}

TEST(SimCrash, a_synced_directory_is_lost_with_its_unsynced_parent_entry) {
  Sim sim;
  sim.mkdir("/v/sub");
  sim.write_durably("/v/sub/file", "x");
  sim.fsync("/v/sub");
  sim.crash(Survive::nothing);
  EXPECT_FALSE(sim.exists("/v/sub"));
}

TEST(SimCrash, an_unsynced_removal_comes_back) {
  Sim sim;
  sim.put_file("/v/file", "x");
  sim.unlink("/v/file");
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/file"), "x");
}

TEST(SimCrash, metadata_needs_a_sync_too) {
  Sim sim;
  sim.put_file("/v/file", "x", 0644);
  sim.sys_chmodat(Env::kCwd, "/v/file", 0600);
  sim.sys_setxattrat(Env::kCwd, "/v/file", "user.a", "1", 1);
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.stat("/v/file")->mode, 0644u);
  EXPECT_EQ(sim.sys_listxattrat(Env::kCwd, "/v/file", nullptr, 0), 0);
}

TEST(SimCrash, syncfs_makes_everything_durable) {
  Sim sim;
  sim.mkdir("/v/sub");
  sim.write("/v/sub/file", "x");
  sim.sys_syncfs(sim.open("/v", O_RDONLY)->get());
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/sub/file"), "x");
}

TEST(SimCrash, pages_of_one_write_survive_one_by_one_and_whole) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.put_file("/v/file", std::string(3 * 4096, 'a'));
    const Fd file = *sim.open("/v/file", O_WRONLY);
    ASSERT_TRUE(sim.write_at(file.get(), as_bytes(std::string(3 * 4096, 'b')), 0));
    sim.crash();
    const std::string content = *sim.get_file("/v/file");
    std::string pages;
    for (std::size_t page = 0; page < 3; ++page) {
      pages += content[page * 4096];
      EXPECT_EQ(content.substr(page * 4096, 4096), std::string(4096, pages.back()));
    }
    seen.insert(pages);
  }
  EXPECT_EQ(seen.size(), 8u);  // among them "abb": the later page without the earlier one
}

TEST(SimCrash, size_and_content_survive_apart) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.put_file("/v/file", "");
    sim.write("/v/file", "x");
    sim.crash();
    seen.insert(*sim.get_file("/v/file"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"", "x", std::string(1, '\0')}));
}

TEST(SimCrash, an_unsynced_truncation_may_come_undone) {
  Sim sim;
  sim.put_file("/v/file", std::string(9000, 'a'));
  sim.sys_ftruncate(sim.open("/v/file", O_WRONLY)->get(), 10);
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/file"), std::string(9000, 'a'));
}

TEST(SimCrash, an_unsynced_rename_shows_the_old_or_the_new_name) {
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.put_file("/v/a", "x");
    sim.make_dir("/v/sub");
    sim.move("/v/a", "/v/sub/b");
    sim.crash();
    std::vector<std::string> paths = sim.paths_below("/v");
    std::erase(paths, "/v/sub");
    seen.insert(paths);
  }
  EXPECT_EQ(seen, (std::set<std::vector<std::string>>{{"/v/a"}, {"/v/sub/b"}}));
}

TEST(SimCrash, a_replaced_file_is_there_as_long_as_its_replacement_is_not) {
  std::set<std::string> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.put_file("/v/file", "old");
    sim.write_durably("/v/tmp", "new");
    sim.move("/v/tmp", "/v/file");
    sim.crash();
    seen.insert(*sim.get_file("/v/file"));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"new", "old"}));
}

TEST(SimCrash, link_and_unlink_may_leave_both_names_but_never_none) {
  std::set<std::vector<std::string>> seen;
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.features({.rename_no_replace = false});
    sim.put_file("/v/a", "x");
    EXPECT_EQ(sim.move("/v/a", "/v/b", true), 0);
    sim.crash();
    seen.insert(sim.paths_below("/v"));
  }
  EXPECT_EQ(seen, (std::set<std::vector<std::string>>{{"/v/a"}, {"/v/a", "/v/b"}, {"/v/b"}}));
}

TEST(SimCrash, syncing_only_the_directory_left_promises_nothing_of_a_rename) {
  Sim sim;
  sim.make_dir("/v/from");
  sim.make_dir("/v/to");
  sim.put_file("/v/from/a", "x");
  sim.move("/v/from/a", "/v/to/a");
  sim.fsync("/v/from");
  sim.crash(Survive::nothing);
  EXPECT_EQ(sim.get_file("/v/from/a"), "x");
}

TEST(SimCrash, syncing_the_directory_entered_completes_a_rename) {
  Sim sim;
  sim.make_dir("/v/from");
  sim.make_dir("/v/to");
  sim.put_file("/v/from/a", "x");
  sim.move("/v/from/a", "/v/to/a");
  sim.fsync("/v/to");
  sim.crash(Survive::nothing);
  EXPECT_THAT(sim.paths_below("/v"), ElementsAre("/v/from", "/v/to", "/v/to/a"));
}

TEST(SimCrash, a_file_moved_into_a_directory_that_is_not_durable_keeps_its_old_name) {
  Sim sim;
  sim.put_file("/v/a", "x");
  sim.mkdir("/v/sub");
  sim.move("/v/a", "/v/sub/a");
  sim.fsync("/v/sub");
  sim.crash(Survive::nothing);
  EXPECT_THAT(sim.paths_below("/v"), ElementsAre("/v/a"));
}

TEST(SimCrash, a_directory_and_its_parent_may_be_synced_in_any_order) {
  for (const bool parent_first : {true, false}) {
    Sim sim;
    sim.make_dir("/v/tmp");
    sim.write_durably("/v/tmp/a", "x");
    sim.mkdir("/v/sub");
    sim.move("/v/tmp/a", "/v/sub/a");
    sim.fsync(parent_first ? "/v" : "/v/sub");
    sim.fsync(parent_first ? "/v/sub" : "/v");
    sim.crash(Survive::nothing);
    EXPECT_EQ(sim.get_file("/v/sub/a"), "x");
  }
}

TEST(SimCrash, a_directory_that_survives_by_luck_holds_all_that_was_synced_in_it) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.make_dir("/v/tmp");
    sim.write_durably("/v/tmp/a", "x");
    sim.mkdir("/v/sub");
    sim.move("/v/tmp/a", "/v/sub/a");
    sim.fsync("/v/sub");
    sim.crash();
    EXPECT_EQ(sim.get_file(sim.exists("/v/sub") ? "/v/sub/a" : "/v/tmp/a"), "x");
  }
}

TEST(SimCrash, a_removed_directory_never_takes_along_what_was_moved_out_of_it) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.put_file("/v/sub/a", "x");
    sim.move("/v/sub/a", "/v/b");
    sim.sys_unlinkat(Env::kCwd, "/v/sub", true);
    sim.crash();
    EXPECT_NE(sim.exists("/v/sub/a"), sim.exists("/v/b")) << seed;
  }
}

TEST(SimCrash, a_name_vacated_and_taken_again_does_not_lose_the_first_file) {
  for (std::uint64_t seed = 0; seed < kSeeds; ++seed) {
    Sim sim(seed);
    sim.make_dir("/v/old");
    sim.put_file("/v/a", "first");
    sim.move("/v/a", "/v/old/a");
    sim.write_durably("/v/a", "second");
    if (seed % 2) sim.fsync("/v");
    sim.crash();
    EXPECT_TRUE(sim.get_file("/v/a") == "first" || sim.get_file("/v/old/a") == "first") << seed;
  }
}

TEST(SimCrash, handles_are_gone_and_their_numbers_are_not_used_again) {
  Sim sim;
  Fd stale = *sim.open("/v", O_RDONLY);
  sim.crash();
  EXPECT_EQ(sim.sys_fsync(stale.get()), -EBADF);
  const Fd fresh = *sim.open("/v", O_RDONLY);
  stale.reset();  // as a destructor would: closes nobody else's handle
  EXPECT_EQ(sim.sys_fsync(fresh.get()), 0);
  EXPECT_EQ(sim.open_handles(), 1u);
}

// --- what the conveniences promise over crashes ---

TEST(SimCrash, a_file_written_atomically_is_old_or_new_at_every_crash) {
  for (std::uint64_t n = 1;; ++n) {
    bool done = false, acknowledged = false;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
      Sim sim(seed);
      sim.put_file("/v/file", "old");
      sim.crash_at(n);
      acknowledged = sim.write_file_atomically("/v/file", as_bytes("new")).has_value();
      done = !sim.is_down();
      sim.crash(seed == 0 ? Survive::nothing : Survive::coin);
      if (acknowledged) EXPECT_EQ(sim.get_file("/v/file"), "new") << n;
      else EXPECT_THAT(*sim.get_file("/v/file"), AnyOf("old", "new")) << n;
    }
    if (done) break;
    EXPECT_FALSE(acknowledged);
  }
}

TEST(SimCrash, directories_that_were_made_stay) {
  Sim sim;
  EXPECT_TRUE(sim.make_directories("/v/a/b/c"));
  sim.crash(Survive::nothing);
  EXPECT_TRUE(sim.exists("/v/a/b/c"));
}

// --- faults ---

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

// --- the rest of the machine ---

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

// --- random worlds ---

/// Random changes of names in a small tree. `kept` are files that had a name at every moment since sync_all().
class RandomNames {
 public:
  explicit RandomNames(std::uint64_t seed) : sim(seed), dice_(seed) {
    for (const char* dir : {"/v/a", "/v/b", "/v/a/c"}) sim.make_dir(dir);
    for (int i = 0; i < 6; ++i) {
      std::string free = path();
      while (!sim.open(free, O_WRONLY | O_CREAT | O_EXCL)) free = path();
      sim.put_file(free, "file " + std::to_string(i));
    }
    for (const std::string& each : sim.paths_below("/v"))
      if (const auto content = sim.get_file(each)) kept.insert(*content);
  }
  void step() {
    const std::string from = path(), to = path();
    switch (dice_() % 8) {
      case 0: sim.link(from.c_str(), to.c_str()); break;
      case 1: sim.mkdir(to.c_str()); break;
      case 2: sim.sys_unlinkat(Env::kCwd, from.c_str(), true); break;
      case 3:
        if (const Result<Fd> dir = sim.open(from, O_RDONLY | O_DIRECTORY)) sim.sys_fsync(dir->get());
        break;
      case 4: sim.unlink(from.c_str()); break;
      default: sim.move(from.c_str(), to.c_str()); break;
    }
    std::set<std::string> there;
    for (const std::string& each : sim.paths_below("/v"))
      if (const auto content = sim.get_file(each)) there.insert(*content);
    std::erase_if(kept, [&](const std::string& content) { return !there.contains(content); });
  }
  Sim sim;
  std::set<std::string> kept;

 private:
  std::string path() {
    std::string result = "/v";
    for (std::uint64_t depth = 1 + dice_() % 3; depth > 0; --depth) result += std::string("/") + "abcd"[dice_() % 4];
    return sim.exists(result.substr(0, result.rfind('/'))) ? result : path();
  }
  std::mt19937_64 dice_;
};

TEST(SimCrash, no_file_that_always_had_a_name_is_lost_and_the_tree_stays_a_tree) {
  for (std::uint64_t seed = 0; seed < 2000; ++seed) {
    RandomNames world(seed);
    for (int i = 0; i < 40; ++i) world.step();
    const auto before = world.sim.paths_below("/v");
    world.sim.crash(seed % 8 == 0 ? Survive::everything : seed % 8 == 1 ? Survive::nothing : Survive::coin);  // asserts a tree
    if (seed % 8 == 0) {
      ASSERT_EQ(world.sim.paths_below("/v"), before) << seed;
    }
    std::set<std::string> found;
    for (const std::string& path : world.sim.paths_below("/v"))
      if (const auto content = world.sim.get_file(path)) found.insert(*content);
    for (const std::string& content : world.kept) ASSERT_TRUE(found.contains(content)) << "seed " << seed << " lost " << content;
  }
}

TEST(SimCrash, nothing_but_what_was_synced_is_exactly_what_was_synced) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    RandomNames world(seed);
    for (int i = 0; i < 20; ++i) world.step();
    world.sim.sync_all();
    const auto synced = world.sim.paths_below("/v");
    world.sim.fail_nth(1, EIO, Failure::from_then_on, {.calls = Calls::syncs});
    for (int i = 0; i < 20; ++i) world.step();
    world.sim.crash(Survive::nothing);
    ASSERT_EQ(world.sim.paths_below("/v"), synced) << seed;
  }
}

}  // namespace
}  // namespace hf
