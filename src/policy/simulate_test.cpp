#include "policy/simulate.hpp"

#include <gtest/gtest.h>

#include "base/units.hpp"

namespace hf {
namespace {

const TimeZone berlin = *TimeZone::from_rule("test", "CET-1CEST,M3.5.0,M10.5.0/3");
std::int64_t at(const std::string& text) { return *parse_time(text + "Z"); }

SimulationInput ten_years() {
  SimulationInput input;
  input.retention.daily = 7;
  input.retention.weekly = 5;
  input.retention.monthly = 12;
  input.retention.yearly = 10;
  input.start_ns = at("2026-01-01T02:00:00");
  return input;
}

TEST(Simulate, ten_years_of_days_end_with_what_the_numbers_say) {
  const std::int64_t instants[] = {at("2026-01-07T12:00:00"), at("2026-12-31T12:00:00"), at("2035-12-31T12:00:00")};
  const auto states = simulate(ten_years(), berlin, instants);
  ASSERT_EQ(states.size(), 3u);
  EXPECT_EQ(states[0].times.size(), 7u);
  const auto of = [&](std::size_t i, Rule rule) { return states[i].by_rule[static_cast<std::size_t>(rule)]; };
  EXPECT_EQ(of(2, Rule::daily), 7u);
  EXPECT_EQ(of(2, Rule::weekly), 5u);
  EXPECT_EQ(of(2, Rule::monthly), 12u);
  EXPECT_EQ(of(2, Rule::yearly), 10u);
  EXPECT_EQ(utc_time(states[2].times.front()).substr(0, 10), "2026-12-31");
  EXPECT_EQ(utc_time(states[2].times.back()).substr(0, 10), "2035-12-31");
}
TEST(Simulate, goes_on_from_what_is_there) {
  SimulationInput input = ten_years();
  PointFacts old;
  old.time_ns = at("2019-05-02T02:00:00");
  old.held = true;
  input.history.push_back(old);
  const std::int64_t instants[] = {at("2030-06-01T00:00:00")};
  const auto states = simulate(input, berlin, instants);
  EXPECT_EQ(states[0].times.front(), old.time_ns);
  EXPECT_EQ(states[0].by_rule[static_cast<std::size_t>(Rule::hold)], 1u);
}
TEST(Simulate, judging_seldom_or_daily_gives_the_same) {
  std::vector<std::int64_t> each_day;
  for (int day = 0; day < 500; ++day) each_day.push_back(at("2026-01-01T12:00:00") + day * kDayNs);
  const auto daily = simulate(ten_years(), berlin, each_day);
  for (std::size_t day : {40u, 333u, 499u}) {
    const std::int64_t instants[] = {each_day[day]};
    EXPECT_EQ(simulate(ten_years(), berlin, instants)[0].times, daily[day].times) << day;
  }
}
TEST(Simulate, each_independent_year_is_a_domain) {
  SimulationInput input = ten_years();
  input.kinds.independent = Period::year;
  const std::int64_t instants[] = {at("2028-06-01T00:00:00")};
  EXPECT_EQ(simulate(input, berlin, instants)[0].domains, 3u);
}

TEST(Growth, is_measured_from_what_points_stored) {
  const Growth growth = measure_growth({{10 * kDayNs, 2000, 50, false}, {0, 1000, 400, false}, {5 * kDayNs, 1500, 150, false}, {6 * kDayNs, 1500, 700, true}});
  EXPECT_EQ(growth.base_bytes, 800u);  // 400, for twice the bytes
  EXPECT_DOUBLE_EQ(growth.bytes_per_day, 20);
  EXPECT_DOUBLE_EQ(growth.days, 10);
  EXPECT_TRUE(growth.measured());
  EXPECT_FALSE(measure_growth({{0, 1000, 400, false}}).measured());
  EXPECT_FALSE(measure_growth({}).measured());
}
TEST(Growth, bounds_what_kept_points_take) {
  const Growth growth{.base_bytes = 1000, .bytes_per_day = 10, .days = 30, .points = 30};
  const std::int64_t times[] = {0, 30 * kDayNs, 31 * kDayNs, 1000 * kDayNs};
  const StorageEstimate e = estimate_storage(growth, times);
  EXPECT_EQ(e.least, 1000u + 10 + 10 + 10);
  EXPECT_EQ(e.most, 1000u + 300 + 10 + 1000);  // never more than all of it
  EXPECT_EQ(estimate_storage(growth, times, 3).least, 3030u);
  EXPECT_EQ(estimate_storage(growth, {}).most, 0u);
}

TEST(Draw, a_line_a_year_and_a_cell_a_month) {
  std::vector<std::int64_t> times = {at("2024-12-31T02:00:00"), at("2026-01-31T02:00:00")};
  for (int day = 1; day <= 12; ++day) times.push_back(at("2026-03-01T02:00:00") + day * kDayNs);
  EXPECT_EQ(draw(times, TimeZone()), (std::vector<std::string>{"      JFMAMJJASOND", "2024  ...........1", "2025  ............", "2026  1.+........."}));
}

}  // namespace
}  // namespace hf
