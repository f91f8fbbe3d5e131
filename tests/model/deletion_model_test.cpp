#include "deletion_model.hpp"

#include <gtest/gtest.h>

namespace hf::model {
namespace {

constexpr std::size_t kStatesMax = 2'000'000;

struct World {
  int writers, prunes;
};
class DeletionModel : public testing::TestWithParam<World> {};
TEST_P(DeletionModel, no_interleaving_crash_or_fence_takes_data_from_a_point) {
  Explorer explorer(Rules{}, GetParam().writers, GetParam().prunes);
  EXPECT_EQ(explorer.run(kStatesMax), "");
  std::printf("%d writers, %d prunes: %zu states\n", GetParam().writers, GetParam().prunes, explorer.states());
}
const auto name_of = [](const auto& p) { return std::to_string(p.param.writers) + "_writers_" + std::to_string(p.param.prunes) + "_prunes"; };
INSTANTIATE_TEST_SUITE_P(, DeletionModel, testing::Values(World{1, 1}, World{2, 1}, World{1, 2}), name_of);

/// Larger worlds have more states than a test should walk through: as many as fit, deepest first.
class LargerWorld : public testing::TestWithParam<World> {};
TEST_P(LargerWorld, no_state_among_the_first_two_million_is_wrong) {
  Explorer explorer(Rules{}, GetParam().writers, GetParam().prunes);
  const std::string wrong = explorer.run(kStatesMax);
  EXPECT_TRUE(wrong.empty() || wrong == "too many states") << wrong;
}
INSTANTIATE_TEST_SUITE_P(, LargerWorld, testing::Values(World{3, 1}, World{2, 2}), name_of);

/// Deltas that are turned round while another prune decides, and a writer builds on what is about to go.
TEST(TurnedRound, no_interleaving_crash_or_fence_takes_data_from_a_point) {
  Explorer two_prunes(Rules{}, 2, 2);
  EXPECT_EQ(two_prunes.run(kStatesMax, State::after_two_backups()), "");
  Explorer and_a_writer(Rules{}, 3, 1);
  EXPECT_EQ(and_a_writer.run(kStatesMax, State::after_two_backups()), "");
  std::printf("two prunes: %zu states, a writer and a prune: %zu\n", two_prunes.states(), and_a_writer.states());
  Explorer all(Rules{}, 3, 2);
  const std::string wrong = all.run(kStatesMax, State::after_two_backups());
  EXPECT_TRUE(wrong.empty() || wrong == "too many states") << wrong;
}

struct Without {
  const char* name;
  Rules rules;
};
const Without kWithout[] = {
    {"waiting_for_sessions", {.wait_for_sessions = false}},    {"looking_at_points_since", {.look_at_points_since = false}},
    {"epochs_after_the_lease", {.epochs_after_lease = false}}, {"the_parent_after_the_lease", {.parent_after_lease = false}},
    {"the_fence", {.fence = false}},                           {"decisions_in_turn", {.decisions_in_turn = false}},
    {"footing", {.footing = false}},                           {"holding_up_deltas_that_stay", {.hold_up = false}},
    {"any_care_for_deltas", {.follow_deltas = false, .hold_up = false}},
};
class DeletionModelWithout : public testing::TestWithParam<Without> {};
TEST_P(DeletionModelWithout, a_point_loses_its_data) {
  std::string wrong;
  for (const World world : {World{1, 1}, World{2, 1}, World{1, 2}, World{2, 2}}) {
    Explorer explorer(GetParam().rules, world.writers, world.prunes);
    wrong = explorer.run(kStatesMax);
    if (!wrong.empty()) break;
  }
  if (wrong.empty() || wrong == "too many states") wrong = Explorer(GetParam().rules, 2, 2).run(kStatesMax, State::after_two_backups());
  EXPECT_NE(wrong.find("has lost its data"), std::string::npos) << "nothing went wrong without " << GetParam().name << ": " << wrong;
}
INSTANTIATE_TEST_SUITE_P(, DeletionModelWithout, testing::ValuesIn(kWithout), [](const auto& p) { return p.param.name; });

}  // namespace
}  // namespace hf::model
