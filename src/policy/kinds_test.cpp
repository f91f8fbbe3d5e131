#include "policy/kinds.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"

namespace hf {
namespace {

const TimeZone berlin = *TimeZone::from_rule("test", "CET-1CEST,M3.5.0,M10.5.0/3");

struct Kinds : testing::Test {
  std::vector<PointFacts> points;
  KindPolicy policy{.full_every = Period::quarter, .differential_every = Period::month};

  void made(const std::string& when, PointKind kind, bool independent = false, bool complete = true) {
    PointFacts p;
    p.time_ns = *parse_time(when + "Z");
    p.kind = kind;
    p.independent = independent;
    p.complete = complete;
    points.push_back(p);
  }
  std::string next(const std::string& when) const {
    const KindDecision d = next_kind(points, policy, berlin, *parse_time(when + "Z"));
    return std::string(d.independent ? "independent " : "") + std::string(name_of(d.kind));
  }
};

TEST_F(Kinds, the_first_point_is_full_whatever_the_policy_says) {
  policy = {};
  EXPECT_EQ(next("2026-05-02T02:00:00"), "full");
  made("2026-05-02T02:00:00", PointKind::full);
  EXPECT_EQ(next("2036-05-02T02:00:00"), "incremental");
}
TEST_F(Kinds, each_period_of_the_zone_begins_with_one) {
  made("2026-05-02T02:00:00", PointKind::full);
  EXPECT_EQ(next("2026-05-31T21:59:59"), "incremental");  // 23:59:59 in Berlin
  EXPECT_EQ(next("2026-05-31T22:00:00"), "differential");
  made("2026-05-31T22:00:00", PointKind::differential);
  EXPECT_EQ(next("2026-06-02T02:00:00"), "incremental");
  EXPECT_EQ(next("2026-06-30T22:00:00"), "full");
  made("2026-06-30T22:00:00", PointKind::full);
  EXPECT_EQ(next("2026-07-31T02:00:00"), "incremental");  // the full one stands for July's differential
}
TEST_F(Kinds, a_full_point_that_was_forgotten_is_remembered_by_those_that_go_back_to_it) {
  policy = {.full_every = Period::year, .independent = Period::year};
  made("2026-03-02T02:00:00", PointKind::incremental);
  points[0].base_full_ns = points[0].domain_ns = *parse_time("2026-01-02T02:00:00Z");
  EXPECT_EQ(next("2026-12-24T02:00:00"), "incremental");
  EXPECT_EQ(next("2027-01-02T02:00:00"), "independent full");
  points[0].domain_ns = 0;
  EXPECT_EQ(next("2026-12-24T02:00:00"), "independent full");
}
TEST_F(Kinds, one_that_was_missed_is_made_when_there_is_time) {
  made("2026-01-02T02:00:00", PointKind::full);
  EXPECT_EQ(next("2026-12-24T02:00:00"), "full");
}
TEST_F(Kinds, an_independent_one_is_full_and_comes_once_a_period) {
  policy.independent = Period::year;
  EXPECT_EQ(next("2026-05-02T02:00:00"), "independent full");
  made("2026-05-02T02:00:00", PointKind::full, true);
  made("2026-12-31T02:00:00", PointKind::incremental);
  EXPECT_EQ(next("2026-12-31T22:59:59"), "full");  // of the fourth quarter
  EXPECT_EQ(next("2026-12-31T23:00:00"), "independent full");
  made("2026-12-31T23:00:00", PointKind::full, true);
  EXPECT_EQ(next("2027-01-02T02:00:00"), "incremental");
}
TEST_F(Kinds, a_file_that_can_never_be_read_does_not_make_every_point_full) {
  made("2026-05-02T02:00:00", PointKind::full, false, false);
  EXPECT_EQ(next("2026-05-03T02:00:00"), "incremental");
}
TEST_F(Kinds, points_from_the_future_do_not_count) {
  made("2040-01-01T00:00:00", PointKind::full);
  EXPECT_EQ(next("2026-05-02T02:00:00"), "full");
  made("2026-05-02T02:00:00", PointKind::full);
  EXPECT_EQ(next("2026-05-03T02:00:00"), "incremental");
}
TEST_F(Kinds, tell_why) {
  made("2026-03-02T02:00:00", PointKind::full);
  EXPECT_EQ(next_kind(points, policy, berlin, *parse_time("2026-05-02T00:00:00Z")).why, "the first full point of 2026-Q2");
}

}  // namespace
}  // namespace hf
