// Programs at once, in every order that chance gives: backups, forgetting, taking back, holds, prunes, verifies that heal,
// restores, rebuilds and key rotations, call by call in turns; some are killed, some are fenced while they live, some packs
// are damaged meanwhile. At no instant does a point name a chunk that is not there, and whatever is kept can be read.
//
// HOLDFAST_SIM_SEEDS=N runs N schedules instead of those of the quick test; HOLDFAST_SIM_SEED=S replays one and tells it.

#include <cstdlib>

#include "crowd.hpp"

namespace hf::simulation {
namespace {

constexpr std::uint64_t kSchedules = 60;

std::optional<std::uint64_t> number_from(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? std::nullopt : std::optional<std::uint64_t>(std::strtoull(text, nullptr, 10));
}

void one_program(Crowd& crowd, Schedule& schedule, std::size_t lane) {
  Random& random = crowd.random;
  const std::uint64_t killed_at = below(random, 6) == 0 ? 1 + below(random, below(random, 2) == 0 ? 60 : 500) : 0;
  Schedule::Program program(schedule, killed_at);
  const std::size_t dice = below(random, 100);
  if (dice < 24) crowd.backup(program, lane);
  else if (dice < 38) crowd.forget(program);
  else if (dice < 46) crowd.undelete(program);
  else if (dice < 49) crowd.hold(program);
  else if (dice < 71) crowd.prune(program);
  else if (dice < 81) crowd.verify(program);
  else if (dice < 88) crowd.read(program);
  else if (dice < 95) crowd.restore(program, lane);
  else if (dice < 98) crowd.rebuild(program);
  else crowd.rotate_keys(program);
}

testing::AssertionResult run(std::uint64_t seed, Crowd::Tally& tally) {
  Random shape(seed * 0x9E3779B97F4A7C15u);
  const std::size_t lanes = 2 + below(shape, 3);
  constexpr std::size_t kCallsBetween[] = {1, 4, 20, 100};
  Crowd crowd(seed, lanes, below(shape, 12) == 0 ? 17 : static_cast<unsigned>(2 + below(shape, 3)), below(shape, 2) == 0);
  if (testing::Test::HasFailure()) return testing::AssertionFailure() << "the history failed";
  crowd.fences = below(shape, 4) == 0;
  const bool may_damage = below(shape, 5) == 0;
  Schedule schedule(crowd.env, seed, lanes, kCallsBetween[below(shape, 4)]);
  testing::AssertionResult first = testing::AssertionSuccess();
  schedule.run([&](std::size_t lane) {
    for (int n = 0; n < 4 && first && !testing::Test::HasFailure(); ++n) {
      if (may_damage && below(crowd.random, 6) == 0) crowd.damage();
      one_program(crowd, schedule, lane);
      if (first && below(crowd.random, 2) == 0) first = crowd.holds();
    }
  });
  if (first && below(shape, 3) == 0) crowd.env.crash(below(shape, 2) == 0 ? Survive::nothing : Survive::coin);
  if (first) first = crowd.goes_on();
  const Crowd::Tally& t = crowd.tally;
  tally.backups += t.backups, tally.forgotten += t.forgotten, tally.undeleted += t.undeleted, tally.prunes += t.prunes, tally.packs_removed += t.packs_removed, tally.folded += t.folded, tally.turned += t.turned;
  tally.verifies += t.verifies, tally.reads += t.reads, tally.healed += t.healed, tally.kills += t.kills, tally.conflicts += t.conflicts;
  return first;
}

TEST(Interleavings, no_point_ever_names_a_chunk_that_is_not_there) {
  const auto one = number_from("HOLDFAST_SIM_SEED");
  const std::uint64_t first = one.value_or(1), last = one.value_or(number_from("HOLDFAST_SIM_SEEDS").value_or(kSchedules));
  Crowd::Tally all;
  for (std::uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("replay it: HOLDFAST_SIM_SEED=" + std::to_string(seed) + " simulation_test --gtest_filter='Interleavings.*'");
    EXPECT_TRUE(run(seed, all));
  }
  const auto n = [](std::uint64_t number) { return static_cast<unsigned long long>(number); };
  printf("%llu schedules: %llu backups, %llu forgotten, %llu taken back, %llu prunes that removed %llu packs, folded %llu segments and turned %llu, %llu verifies, %llu reads, %llu healed, %llu killed, %llu conflicts\n",
         n(last - first + 1), n(all.backups), n(all.forgotten), n(all.undeleted), n(all.prunes), n(all.packs_removed), n(all.folded), n(all.turned), n(all.verifies), n(all.reads), n(all.healed), n(all.kills),
         n(all.conflicts));
}

}  // namespace
}  // namespace hf::simulation
