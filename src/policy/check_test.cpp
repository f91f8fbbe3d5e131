#include "policy/check.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"

namespace hf {
namespace {

struct Check : testing::Test {
  SourcePolicy s;
  std::vector<Finding> found;

  void SetUp() override {
    s.name = "home";
    s.paths = {"/home"};
    s.schedule = {"daily"};
    s.retention = {.daily = 7, .weekly = 5, .monthly = 12};
  }
  void judge() {
    const auto spacing = spacing_of(s, TimeZone(), *parse_time("2026-05-02T00:00:00Z"));
    ASSERT_TRUE(spacing) << spacing.error().message;
    found = check_source(s, *spacing);
  }
  /// "contradiction rpo: …" of the finding about this key; "" where there is none.
  std::string about(std::string_view key) {
    judge();
    for (const Finding& f : found)
      if (f.key == key) return std::string(name_of(f.level)) + ": " + f.message + " | " + f.meaning;
    return "";
  }
};

TEST_F(Check, says_nothing_of_a_policy_without_contradiction) {
  s.rpo = Span{26 * kHourNs};
  s.kinds = {.full_every = Period::quarter, .differential_every = Period::month};
  judge();
  EXPECT_TRUE(found.empty()) << found[0].message;
}
TEST_F(Check, an_rpo_shorter_than_the_schedule) {
  s.schedule = {"Mon..Fri 02:00"};
  s.rpo = Span{26 * kHourNs};
  EXPECT_EQ(about("rpo"), "contradiction: an RPO of 26 hours is shorter than the schedule leaves between two points | starts lie up to 3 days apart, so it is missed now and then");
  s.schedule = {"weekly"};
  EXPECT_NE(about("rpo").find("missed every time"), std::string::npos);
  s.schedule = {"hourly"};
  EXPECT_EQ(about("rpo"), "");
  s.schedule = {};
  EXPECT_NE(about("rpo").find("without a schedule"), std::string::npos);
}
TEST_F(Check, a_tier_that_the_schedule_can_not_fill) {
  s.retention.hourly = 24;
  EXPECT_EQ(about("keep-hourly"), "warning: keep-hourly = 24 can't be filled: points come 24 hours apart | no two points share an hour: it keeps the newest 24 points, which go back 24 days, not 24 hours");
  s.schedule = {"hourly"};
  EXPECT_EQ(about("keep-hourly"), "");
}
TEST_F(Check, a_tier_that_another_one_covers) {
  s.retention = {.daily = 60, .weekly = 5, .monthly = 12};
  EXPECT_EQ(about("keep-weekly"), "warning: keep-weekly = 5 adds nothing | it goes back 35 days; keep-daily = 60 keeps points as dense or denser back 60 days");
  EXPECT_EQ(about("keep-monthly"), "");
}
TEST_F(Check, nothing_kept_beyond_a_week) {
  s.retention = {.daily = 7};
  EXPECT_EQ(about("keep-*"), "warning: nothing is kept beyond 7 days | at most 7 points; a file that was lost or spoiled earlier than that, unnoticed, can't be had back");
  s.retention = {};
  EXPECT_NE(about("keep-*").find("note: no keep rule"), std::string::npos);
}
TEST_F(Check, a_full_point_more_seldom_than_anything_is_kept) {
  s.retention = {.daily = 30};
  s.kinds.full_every = Period::quarter;
  EXPECT_NE(about("full-every").find("points go back 30 days"), std::string::npos);
  s.kinds = {.full_every = Period::month, .differential_every = Period::month};
  EXPECT_NE(about("differential-every").find("never falls due"), std::string::npos);
  s.kinds = {.independent = Period::year};
  EXPECT_NE(about("independent").find("warning"), std::string::npos);
}
TEST_F(Check, within_and_jitter_against_the_schedule) {
  s.retention.within = Span{12 * kHourNs};
  EXPECT_NE(about("keep-within").find("only the newest"), std::string::npos);
  s.jitter = Span{25 * kHourNs};
  EXPECT_NE(about("jitter").find("contradiction"), std::string::npos);
}
TEST_F(Check, the_gravest_come_first) {
  s.retention = {.daily = 60, .weekly = 5};
  s.rpo = Span{kHourNs};
  judge();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].level, Finding::Level::contradiction);
}
TEST_F(Check, a_schedule_that_is_none) {
  s.schedule = {"dayly"};
  EXPECT_FALSE(spacing_of(s, TimeZone(), 0));
  s.schedule = {"2020-01-01"};
  EXPECT_EQ(*spacing_of(s, TimeZone(), *parse_time("2026-05-02T00:00:00Z")), std::nullopt);
}
TEST(CheckSources, two_of_the_same_paths) {
  Policy policy;
  policy.sources.resize(2);
  policy.sources[0].paths = policy.sources[1].paths = {"/a"};
  EXPECT_EQ(check_sources(policy).size(), 1u);
  policy.sources[1].host = "other";
  EXPECT_TRUE(check_sources(policy).empty());
}

TEST(Reach, in_days_and_points) {
  EXPECT_EQ(reach_of({.daily = 7}, kDayNs).ns, 7 * kDayNs);
  EXPECT_EQ(reach_of({.daily = 7}, 7 * kDayNs).ns, 49 * kDayNs);
  EXPECT_EQ(reach_of({.yearly = Retention::kAll}, kDayNs).ns, INT64_MAX);
  EXPECT_EQ(reach_of({.last = 3, .within = Span{10 * kDayNs}}, kDayNs).points, 14u);
  EXPECT_EQ(reach_of({}, kDayNs).ns, INT64_MAX);
}

}  // namespace
}  // namespace hf
