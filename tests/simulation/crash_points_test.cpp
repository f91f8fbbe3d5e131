// A power loss at every step of every job, with the unsynced writes lost in several ways; and kill -9 at every step with
// the power loss later, when another backup has built on what was left.
//
// Only calls that change the disk are counted: a crash between two of them leaves the same disk wherever it strikes.

#include "world.hpp"

namespace hf::simulation {
namespace {

struct Job {
  const char* name;
  unsigned backups_before;
  int rounds;
  Status (*run)(World&);
  int keys_before = 0;
};
Status backup_job(World& w) {
  const auto done = w.backup();
  if (!done) return done.error();
  return {};
}
Status rebuild_job(World& w) { return w.rebuild(); }
Status add_key_job(World& w) { return w.add_key(); }
Status prune_job(World& w) { return w.prune(); }
Status undelete_job(World& w) { return w.undelete(); }
Status remove_key_job(World& w) { return w.remove_key(); }
Status rotate_keys_job(World& w) { return w.rotate_keys(); }
Status prepare(World& w, const Job& job) {
  w.begin(job.backups_before);
  for (int i = 0; i < job.keys_before; ++i) HF_TRY(w.add_key());
  return {};
}

const Job kJobs[] = {
    {"second_backup", 1, 8, backup_job}, {"third_backup", 2, 8, backup_job}, {"backup_that_merges_runs", 17, 3, backup_job},
    {"rebuild", 3, 8, rebuild_job},      {"key_add", 1, 4, add_key_job, 1},
    {"key_remove", 1, 4, remove_key_job, 2}, {"key_rotate", 2, 8, rotate_keys_job, 2},
    {"prune", 4, 6, prune_job},          {"undelete", 2, 4, undelete_job},
};

class CrashPoints : public testing::TestWithParam<Job> {};

TEST_P(CrashPoints, a_power_loss_at_any_step_loses_nothing_committed) {
  const Job& job = GetParam();
  std::uint64_t points = 0, bytes_delta = 0, turned = 0;
  for (int round = 0; round < job.rounds; ++round) {  // nothing survives, everything does, or six different subsets
    const Survive how = round == 0 ? Survive::nothing : round == 1 ? Survive::everything : Survive::coin;
    for (std::uint64_t n = 1;; ++n) {
      World w(static_cast<std::uint64_t>(round) + 1);
      ASSERT_TRUE(prepare(w, job));
      w.env.crash_at(n, {.below = "/", .calls = Calls::changes});
      const auto done = job.run(w);
      const bool struck = w.env.is_down();
      ASSERT_TRUE(struck || done) << done.error().message << w.story();
      w.env.crash(how);
      ASSERT_TRUE(w.goes_on()) << job.name << ": round " << round << ", crash at change " << n;
      ++points;
      bytes_delta += w.bytes_delta;
      turned += w.turned;
      if (!struck) break;
    }
  }
  EXPECT_GT(bytes_delta, 0u) << "no segment was stored as a delta, so nothing was tried of them";
  if (job.run == prune_job) {
    EXPECT_GT(turned, 0u) << "no edge was turned round";
  }
  RecordProperty("crash_points", static_cast<int>(points));
  printf("%s: %llu crash points, %llu segments turned\n", job.name, static_cast<unsigned long long>(points), static_cast<unsigned long long>(turned));
}

TEST_P(CrashPoints, a_kill_at_any_step_and_a_power_loss_after_the_next_backup_lose_nothing) {
  const Job& job = GetParam();
  for (std::uint64_t n = 1;; ++n) {
    World w(n);
    ASSERT_TRUE(prepare(w, job));
    const auto struck_before = w.env.faults_struck();
    w.env.fail_nth(n, EIO, Failure::from_then_on, {.below = "/", .calls = Calls::changes});
    const auto done = job.run(w);
    const bool struck = w.env.faults_struck() > struck_before;
    // No power loss yet: what the killed program wrote is seen by all, and is not durable.
    ASSERT_TRUE(w.goes_on()) << job.name << ": killed at change " << n;
    if (!struck) break;
  }
}

INSTANTIATE_TEST_SUITE_P(Simulation, CrashPoints, testing::ValuesIn(kJobs), [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace hf::simulation
