// Calendar periods in zones whose clocks jump, in leap years and at New Year.

#include "policy/periods.hpp"

#include <gtest/gtest.h>

#include <random>

#include "base/units.hpp"

namespace hf {
namespace {

TimeZone zone(const std::string& rule) { return *TimeZone::from_rule("test", rule); }
const TimeZone utc, berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3"), new_york = zone("EST5EDT,M3.2.0,M11.1.0"), lord_howe = zone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0"),
               santiago = zone("<-04>4<-03>,M9.1.6/24,M4.1.6/24"), india = zone("IST-5:30");

std::int64_t at(const std::string& text) { return *parse_time(text + "Z"); }
std::string label(Period period, const std::string& when, const TimeZone& in = utc) { return period_label(period, period_of(period, at(when), in), in); }

TEST(Periods, have_names_as_people_write_them) {
  EXPECT_EQ(label(Period::hour, "2026-05-02T14:02:31"), "2026-05-02 14:00");
  EXPECT_EQ(label(Period::day, "2026-05-02T14:02:31"), "2026-05-02");
  EXPECT_EQ(label(Period::week, "2026-05-02T14:02:31"), "2026-W18");
  EXPECT_EQ(label(Period::month, "2026-05-02T14:02:31"), "2026-05");
  EXPECT_EQ(label(Period::quarter, "2026-05-02T14:02:31"), "2026-Q2");
  EXPECT_EQ(label(Period::year, "2026-05-02T14:02:31"), "2026");
  EXPECT_EQ(label(Period::day, "1969-12-31T23:59:59"), "1969-12-31");
}
TEST(Periods, weeks_are_those_of_iso_8601_at_new_year) {
  EXPECT_EQ(label(Period::week, "2020-12-31T12:00:00"), "2020-W53");
  EXPECT_EQ(label(Period::week, "2021-01-03T12:00:00"), "2020-W53");
  EXPECT_EQ(label(Period::week, "2021-01-04T12:00:00"), "2021-W01");
  EXPECT_EQ(label(Period::week, "2024-12-30T12:00:00"), "2025-W01");
  EXPECT_EQ(label(Period::week, "2026-12-31T12:00:00"), "2026-W53");
  EXPECT_EQ(label(Period::week, "2027-01-01T12:00:00"), "2026-W53");
  EXPECT_EQ(label(Period::week, "1970-01-01T00:00:00"), "1970-W01");
}
TEST(Periods, leap_days_belong_to_their_month_and_quarter) {
  EXPECT_EQ(label(Period::day, "2028-02-29T12:00:00"), "2028-02-29");
  EXPECT_EQ(label(Period::month, "2028-02-29T23:59:59"), "2028-02");
  EXPECT_EQ(label(Period::month, "2028-03-01T00:00:00"), "2028-03");
  EXPECT_EQ(label(Period::quarter, "2028-03-31T23:59:59"), "2028-Q1");
  EXPECT_EQ(label(Period::quarter, "2028-04-01T00:00:00"), "2028-Q2");
  EXPECT_EQ(label(Period::day, "2100-02-28T23:00:00"), "2100-02-28");  // no leap year
  EXPECT_EQ(label(Period::day, "2100-03-01T00:00:00"), "2100-03-01");
}
TEST(Periods, days_are_those_of_the_zone) {
  EXPECT_EQ(label(Period::day, "2026-05-02T22:30:00", berlin), "2026-05-03");
  EXPECT_EQ(label(Period::day, "2026-12-31T23:30:00", berlin), "2027-01-01");
  EXPECT_EQ(label(Period::year, "2026-12-31T23:30:00", berlin), "2027");
  EXPECT_EQ(label(Period::day, "2026-05-02T03:30:00", new_york), "2026-05-01");
}
TEST(Periods, a_day_of_23_or_25_hours_is_one_day) {
  // Berlin, 2026: clocks jump on 29 March and are turned back on 25 October.
  const auto hours = [](const std::string& day, const TimeZone& in) {
    const std::int64_t number = period_of(Period::day, at(day + "T12:00:00"), in);
    return (period_begin(Period::day, number + 1, in) - period_begin(Period::day, number, in)) / (kHourNs / 2);
  };
  EXPECT_EQ(hours("2026-03-29", berlin), 46);
  EXPECT_EQ(hours("2026-10-25", berlin), 50);
  EXPECT_EQ(hours("2026-03-08", new_york), 46);
  EXPECT_EQ(hours("2026-11-01", new_york), 50);
  EXPECT_EQ(hours("2026-10-04", lord_howe), 47);  // its clocks jump by half an hour
  EXPECT_EQ(hours("2026-10-03", lord_howe), 48);
  EXPECT_EQ(hours("2026-05-02", india), 48);
}
TEST(Periods, an_hour_that_is_shown_twice_is_two_hours) {
  // 2026-10-25 in Berlin: 02:30 comes at 00:30 and at 01:30 UTC.
  EXPECT_NE(period_of(Period::hour, at("2026-10-25T00:30:00"), berlin), period_of(Period::hour, at("2026-10-25T01:30:00"), berlin));
  EXPECT_EQ(period_of(Period::day, at("2026-10-25T00:30:00"), berlin), period_of(Period::day, at("2026-10-25T01:30:00"), berlin));
  EXPECT_EQ(label(Period::hour, "2026-05-02T08:29:00", india), "2026-05-02 13:00");
  EXPECT_EQ(label(Period::hour, "2026-05-02T08:30:00", india), "2026-05-02 14:00");
}
TEST(Periods, a_day_whose_midnight_is_jumped_over_begins_with_the_jump) {
  // Santiago, 2026-09-05: 24:00 becomes 01:00 of the 6th.
  const std::int64_t sixth = period_of(Period::day, at("2026-09-06T12:00:00"), santiago);
  EXPECT_EQ(period_begin(Period::day, sixth, santiago), at("2026-09-06T04:00:00"));
  EXPECT_EQ(period_of(Period::day, at("2026-09-06T04:00:00") - 1, santiago), sixth - 1);
  EXPECT_EQ(period_of(Period::day, at("2026-09-06T04:00:00"), santiago), sixth);
}
TEST(Periods, each_begins_where_the_one_before_ends) {
  std::mt19937_64 random(1);
  for (const TimeZone* in : {&utc, &berlin, &new_york, &lord_howe, &santiago, &india})
    for (Period period : kPeriods)
      for (int round = 0; round < 2000; ++round) {
        const std::int64_t t = static_cast<std::int64_t>(random() % 4'000'000'000u) * kSecondNs;
        const std::int64_t number = period_of(period, t, *in);
        ASSERT_LE(period_begin(period, number, *in), t) << name_of(period) << " " << utc_time(t) << " " << in->name();
        ASSERT_GT(period_begin(period, number + 1, *in), t) << name_of(period) << " " << utc_time(t);
        ASSERT_EQ(period_of(period, period_begin(period, number, *in), *in), number) << name_of(period) << " " << utc_time(t);
      }
}

}  // namespace
}  // namespace hf
