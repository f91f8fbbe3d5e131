#include "service/run_state.hpp"

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"

namespace hf {
namespace {

RunState example() {
  RunState s;
  s.first_seen_ns = 1, s.started_ns = 1'790'000'000'000'000'000, s.ended_ns = s.started_ns + 5, s.outcome = Outcome::incomplete, s.exit_status = 3;
  s.message = "two items can't be read: \"ä\"", s.point = "91af", s.complete_ns = 7, s.failures = 2, s.failure_told_ns = 8, s.rpo_told_ns = 9, s.next_due_ns = 10;
  return s;
}

TEST(RunState, is_read_as_it_was_written) {
  EXPECT_EQ(parse_state(text_of(example())), example());
  EXPECT_EQ(parse_state(text_of(RunState{})), RunState{});
}

TEST(RunState, what_is_damaged_says_nothing) {
  const std::string whole = text_of(example());
  for (std::size_t n = 0; n + 2 < whole.size(); ++n) EXPECT_EQ(parse_state(whole.substr(0, n)), std::nullopt) << n;
  for (const std::string wrong : {"", "null", "[]", "{}", "{\"version\": 1}", "{\"version\": \"1\"}"}) EXPECT_EQ(parse_state(wrong), std::nullopt) << wrong;
  std::string later = whole;
  later.replace(later.find("\"version\": 1"), 12, "\"version\": 2");
  EXPECT_EQ(parse_state(later), std::nullopt);
  std::string negative = whole;
  negative.replace(negative.find("\"failures\": 2"), 13, "\"failures\":-2");
  EXPECT_EQ(parse_state(negative), std::nullopt);
  EXPECT_EQ(parse_state(std::string(1 << 20, '[')), std::nullopt);
}

TEST(RunState, a_damaged_file_is_told_and_a_missing_one_is_not) {
  SimEnv env;
  bool damaged = true;
  EXPECT_EQ(read_state(env, "/state", "home", damaged), std::nullopt);
  EXPECT_FALSE(damaged);
  env.put_file("/state/source-home.json", "{\"vers");
  EXPECT_EQ(read_state(env, "/state", "home", damaged), std::nullopt);
  EXPECT_TRUE(damaged);
  ASSERT_TRUE(write_state(env, "/state", "home", example()));
  EXPECT_EQ(read_state(env, "/state", "home", damaged), example());
  EXPECT_FALSE(damaged);
}

TEST(RunState, after_any_fault_and_crash_the_state_is_the_old_one_or_the_new_one) {
  RunState old = example();
  old.failures = 1;
  for (std::uint64_t n = 1;; ++n) {
    SimEnv env(n);
    ASSERT_TRUE(write_state(env, "/state", "home", old));
    env.crash_at(n);
    const bool written = write_state(env, "/state", "home", example()).has_value();
    env.crash();
    bool damaged = false;
    const auto found = read_state(env, "/state", "home", damaged);
    ASSERT_FALSE(damaged) << n;
    ASSERT_TRUE(found == old || found == example()) << n;
    if (written) {
      EXPECT_EQ(found, example());
      break;
    }
  }
}

TEST(RunState, lies_where_the_desktop_keeps_state) {
  SimEnv env;
  EXPECT_EQ(state_directory(env).error().code, Code::not_found);
  env.set_variable("HOME", "/home/anna");
  EXPECT_EQ(*state_directory(env), "/home/anna/.local/state/holdfast");
  env.set_variable("XDG_STATE_HOME", "/var/lib");
  EXPECT_EQ(*state_directory(env), "/var/lib/holdfast");
  env.set_variable("XDG_STATE_HOME", "relative");
  EXPECT_EQ(*state_directory(env), "/home/anna/.local/state/holdfast");
}

TEST(SourceLock, is_had_by_one_at_a_time_and_ends_with_its_holder) {
  SimEnv env;
  auto first = SourceLock::take(env, "/state", "home");
  ASSERT_TRUE(first && *first);
  EXPECT_FALSE(*SourceLock::take(env, "/state", "home"));
  EXPECT_TRUE(*SourceLock::take(env, "/state", "etc"));
  first->reset();
  EXPECT_TRUE(*SourceLock::take(env, "/state", "home"));
}

}  // namespace
}  // namespace hf
