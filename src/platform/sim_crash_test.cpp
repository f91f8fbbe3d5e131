// What a crash of the simulated machine leaves.

#include <cerrno>
#include <random>
#include <set>

#include "platform/sim_world.hpp"

namespace hf {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

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
