// Every nth call fails, once or from then on; disks are full; calls are interrupted. After each: the old state or the new
// one, and all goes on.

#include <cerrno>

#include "vault/write_session.hpp"
#include "world.hpp"

namespace hf::simulation {
namespace {

struct Job {
  const char* name;
  Status (*run)(World&);
};
const Job kJobs[] = {
    {"backup", [](World& w) -> Status {
       HF_TRY(w.backup());
       return {};
     }},
    {"restore", [](World& w) { return w.restore(); }},
    {"verify", [](World& w) { return w.verify(); }},
    {"rebuild", [](World& w) { return w.rebuild(); }},
    {"key_add", [](World& w) { return w.add_key(); }},
    {"key_rotate", [](World& w) { return w.rotate_keys(); }},
};

class EveryNthFault : public testing::TestWithParam<Job> {
 protected:
  /// An error of a person's vault: says what the system said, blames nothing else.
  static testing::AssertionResult is_clear(const Error& e, int os_error) {
    if (e.message.empty() || e.code == Code::internal) return testing::AssertionFailure() << "unclear: " << e.message;
    if (e.code == Code::wrong_secret || e.code == Code::not_a_vault)
      return testing::AssertionFailure() << "blames the wrong thing: " << e.message << " (" << e.detail << ")";
    if (os_error == ENOSPC && e.code == Code::corrupt) return testing::AssertionFailure() << "a full disk is no damage: " << e.message;
    return testing::AssertionSuccess();
  }
  void run(const std::string& below, Calls calls, int os_error, Failure how) {
    const Job& job = GetParam();
    std::uint64_t n = 1;
    for (;; ++n) {
      World w(n);
      w.begin(1);
      const auto before = w.env.faults_struck();
      w.env.fail_nth(n, os_error, how, {.below = below, .calls = calls});
      const auto done = job.run(w);
      const bool struck = w.env.faults_struck() > before;
      const std::string where = std::string(job.name) + ": call " + std::to_string(n) + " below " + below + " gives errno " + std::to_string(os_error) +
                                (how == Failure::once ? " once" : " from then on");
      // A world of chance may be empty; to bring nothing back and delete the rest is refused, rightly.
      if (!done && !struck && done.error().code == Code::refused) continue;
      ASSERT_TRUE(done || struck) << where << ": " << (done ? "" : done.error().message);
      if (!done) {
        EXPECT_TRUE(is_clear(done.error(), os_error)) << where;
      }
      if (!done && os_error == EINTR) ADD_FAILURE() << where << ": an interrupted call is no failure: " << done.error().message << "\n" << w.story();
      ASSERT_TRUE(w.goes_on()) << where;
      if (job.name == std::string("restore")) {
        ASSERT_TRUE(w.restores()) << where;
      }
      if (!struck) break;
    }
    printf("%s below %s, errno %d: %llu calls\n", job.name, below.c_str(), os_error, static_cast<unsigned long long>(n));
  }
};

TEST_P(EveryNthFault, of_the_vault_once) { run(kVault, Calls::any, EIO, Failure::once); }
TEST_P(EveryNthFault, of_the_vault_from_then_on) { run(kVault, Calls::any, EIO, Failure::from_then_on); }
TEST_P(EveryNthFault, no_space_in_the_vault_once) { run(kVault, Calls::changes, ENOSPC, Failure::once); }
TEST_P(EveryNthFault, no_space_in_the_vault_from_then_on) { run(kVault, Calls::changes, ENOSPC, Failure::from_then_on); }
TEST_P(EveryNthFault, interrupted) { run("/", Calls::any, EINTR, Failure::once); }
TEST_P(EveryNthFault, of_the_target) {
  if (GetParam().name != std::string("restore")) GTEST_SKIP();
  run(kTarget, Calls::any, EIO, Failure::once);
  run(kTarget, Calls::changes, ENOSPC, Failure::from_then_on);
}
INSTANTIATE_TEST_SUITE_P(Simulation, EveryNthFault, testing::ValuesIn(kJobs), [](const auto& p) { return p.param.name; });

TEST(Faults, a_source_that_can_not_be_read_is_reported_and_the_rest_is_saved) {
  for (const Failure how : {Failure::once, Failure::from_then_on}) {
    for (std::uint64_t n = 1;; ++n) {
      World w(n % 7);
      w.begin(1);
      const auto before = w.env.faults_struck();
      w.env.fail_nth(n, EIO, how, {.below = kSource, .calls = Calls::any});
      const auto done = w.backup();
      const bool struck = w.env.faults_struck() > before;
      // Without its root there is nothing to save.
      if (!done) {
        EXPECT_TRUE(struck && n <= 8) << "call " << n << ": " << done.error().message << w.story();
      }
      if (done) {
        EXPECT_EQ(done->point.complete(), w.problems.paths.empty()) << n;
      }
      ASSERT_TRUE(w.goes_on()) << "call " << n;
      if (!struck) break;
    }
  }
}

TEST(Faults, init_is_whole_or_can_be_done_again) {
  for (const int os_error : {EIO, ENOSPC, EINTR}) {
    for (const Failure how : {Failure::once, Failure::from_then_on}) {
      if (os_error == EINTR && how == Failure::from_then_on) continue;
      for (std::uint64_t n = 1;; ++n) {
        World w(n);
        w.env.make_dir(kSource);
        w.env.fail_nth(n, os_error, how, {.below = "/", .calls = Calls::any});
        const bool made = w.init().has_value();
        const bool struck = w.env.faults_struck() > 0;
        w.env.clear_faults();
        if (!made && !w.open()) {
          ASSERT_TRUE(w.init()) << "call " << n;
        }
        if (os_error == EINTR) {
          EXPECT_TRUE(made) << "call " << n << w.story();
        }
        w.change(10);
        ASSERT_TRUE(w.backup());
        w.env.crash(Survive::nothing);
        ASSERT_TRUE(w.goes_on()) << "call " << n;
        if (!struck) break;
      }
    }
  }
}

TEST(Faults, a_crash_in_init_can_be_followed_by_another_init) {
  for (const Survive how : {Survive::nothing, Survive::everything, Survive::coin}) {
    for (std::uint64_t n = 1;; ++n) {
      World w(n);
      w.env.make_dir(kSource);
      w.env.crash_at(n, {.below = "/", .calls = Calls::changes});
      const bool made = w.init().has_value();
      w.env.crash(how);
      if (made) {
        ASSERT_TRUE(w.open()) << n;
      }
      if (!w.open()) {
        ASSERT_TRUE(w.init()) << n;
      }
      w.change(10);
      ASSERT_TRUE(w.goes_on()) << n;
      if (made) break;
    }
  }
}

// An init was killed when it had written its key slot; the next one made a vault, in which two slots were counted. The
// last one that opened it could be removed.
TEST(Faults, a_slot_of_an_init_that_died_is_no_slot_of_the_vault) {
  World w(1);
  w.env.make_dir(kSource);
  w.env.fail_nth(1, EIO, Failure::once, {.below = "/vault/holdfast-vault", .calls = Calls::changes});
  ASSERT_FALSE(w.init());
  ASSERT_TRUE(w.init());
  const auto vault = *w.open();
  const auto slots = vault->key_slots();
  ASSERT_TRUE(slots) << slots.error().message;
  ASSERT_EQ(slots->size(), 1u);
  EXPECT_EQ(vault->remove_key((*slots)[0].id).error().code, Code::refused);
}

// The named history: the disk is full in the middle of a pack or of an index run, and a later point is without its data.
TEST(Faults, a_disk_that_is_full_at_any_page_leaves_no_point_without_its_data) {
  for (std::uint64_t pages = 0;; ++pages) {
    World w(pages);
    w.begin(2);
    w.env.capacity(w.env.bytes_used() + pages * 4096);
    const auto done = w.backup();
    if (!done) {
      EXPECT_EQ(done.error().code, Code::no_space) << done.error().message;
    }
    ASSERT_TRUE(w.holds()) << pages;
    w.env.capacity(UINT64_MAX);
    ASSERT_TRUE(w.goes_on()) << pages << " free pages";
    if (done) break;
  }
}

TEST(Faults, calls_that_do_little_and_are_interrupted_change_nothing) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    World w(seed);
    w.begin(1);
    for (const Job& job : kJobs) {
      w.env.interrupts(0.1);
      w.env.short_io(0.3);
      const auto done = job.run(w);
      ASSERT_TRUE(done) << job.name << ", seed " << seed << ": " << done.error().message << w.story();
      ASSERT_TRUE(w.problems.paths.empty()) << job.name << ", seed " << seed << ": " << w.problems.paths[0] << w.story();
      ASSERT_TRUE(w.holds());
    }
    ASSERT_TRUE(w.restores());
  }
}

}  // namespace
}  // namespace hf::simulation
