#include "service/schedule.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"
#include "platform/sim_env.hpp"

namespace hf {
namespace {

std::int64_t at(const char* utc) { return *parse_time(std::string(utc) + "Z"); }

SourcePolicy source(std::vector<std::string> schedule, std::string zone = "UTC") {
  SourcePolicy s;
  s.name = "home";
  s.schedule = std::move(schedule);
  s.time_zone = std::move(zone);
  return s;
}
Schedule load(const SourcePolicy& s) {
  SimEnv env;
  return *Schedule::load(env, s);
}
RunState ran(std::int64_t started, Outcome outcome = Outcome::done) {
  RunState s;
  s.first_seen_ns = s.started_ns = started;
  s.outcome = outcome;
  return s;
}

TEST(Schedule, the_earliest_of_several_expressions_counts) {
  const Schedule s = load(source({"daily", "Mon..Fri 12:00"}));
  EXPECT_EQ(s.next_after(at("2026-11-27T11:00:00")), at("2026-11-27T12:00:00"));
  EXPECT_EQ(s.next_after(at("2026-11-27T12:00:00")), at("2026-11-28T00:00:00"));
  EXPECT_EQ(s.texts(), (std::vector<std::string>{"*-*-* 00:00:00 UTC", "Mon..Fri *-*-* 12:00:00 UTC"}));
}

TEST(Schedule, mistakes_name_the_source) {
  SimEnv env;
  EXPECT_NE(Schedule::load(env, source({"dayly"})).error().message.find("source home"), std::string::npos);
  EXPECT_NE(Schedule::load(env, source({"daily"}, "Mars/Olympus")).error().message.find("source home"), std::string::npos);
}

TEST(Decide, a_source_is_due_once_for_each_time) {
  const Schedule daily = load(source({"22:00"}));
  const std::int64_t begun = at("2026-11-24T22:00:03");
  EXPECT_FALSE(decide(daily, ran(begun), at("2026-11-24T22:30:00")).due);
  EXPECT_EQ(decide(daily, ran(begun), at("2026-11-24T22:30:00")).next, at("2026-11-25T22:00:00"));
  EXPECT_TRUE(decide(daily, ran(begun), at("2026-11-25T22:00:00")).due);
  EXPECT_TRUE(decide(daily, ran(begun), at("2026-12-24T08:00:00")).due);  // slept for a month: once, not thirty times
  EXPECT_FALSE(decide(daily, ran(at("2026-12-24T08:00:00")), at("2026-12-24T08:01:00")).due);
}

TEST(Decide, in_doubt_a_source_is_due) {
  const Schedule daily = load(source({"daily"}));
  const std::int64_t now = at("2026-11-24T12:00:00");
  EXPECT_TRUE(decide(daily, std::nullopt, now).due);
  EXPECT_TRUE(decide(daily, RunState{}, now).due);
  EXPECT_TRUE(decide(daily, ran(now - 1, Outcome::failed), now).due);
  EXPECT_TRUE(decide(daily, ran(at("2036-01-01T00:00:00")), now).due);  // the clock was wrong by years, and was set back
  EXPECT_FALSE(decide(daily, ran(now - 1, Outcome::incomplete), now).due);
}

TEST(Decide, without_a_schedule_only_a_person_starts_it) {
  EXPECT_FALSE(decide(load(source({})), std::nullopt, 0).due);
  EXPECT_FALSE(decide(load(source({"2012-10-15"})), ran(at("2026-11-24T12:00:00")), at("2026-11-24T13:00:00")).due);
}

TEST(Rpo, is_missed_by_the_age_of_the_newest_complete_point) {
  SourcePolicy s = source({"daily"});
  RunState state = ran(at("2026-11-24T00:00:00"));
  const std::int64_t now = at("2026-11-25T03:00:00");
  EXPECT_EQ(missed_rpo(s, state, now), std::nullopt);
  s.rpo = Span{26 * kHourNs};
  EXPECT_EQ(missed_rpo(s, state, now), 27 * kHourNs);  // no point since it was first seen
  state.complete_ns = at("2026-11-24T02:00:00");
  EXPECT_EQ(missed_rpo(s, state, now), std::nullopt);
  EXPECT_EQ(missed_rpo(s, RunState{}, now), std::nullopt);
}

}  // namespace
}  // namespace hf
