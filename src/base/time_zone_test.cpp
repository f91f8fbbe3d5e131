#include "base/time_zone.hpp"

#include <gtest/gtest.h>

#include "base/zone_rule.hpp"

namespace hf {
namespace {

TimeZone zone(const std::string& rule) { return *TimeZone::from_rule("test", rule); }
std::int64_t utc(std::int64_t year, int month, int day, int hour = 0, int minute = 0) { return seconds_of({year, month, day, hour, minute, 0}); }

TEST(CivilTime, dates_and_days_are_each_others_reverse) {
  EXPECT_EQ(days_of(1970, 1, 1), 0);
  EXPECT_EQ(days_of(2000, 3, 1), 11017);
  EXPECT_EQ(weekday_of(days_of(2026, 11, 24)), 1);
  EXPECT_EQ(weekday_of(days_of(1969, 12, 31)), 2);
  for (std::int64_t day = -800'000; day < 800'000; day += 37) {
    const CivilTime t = civil_of(day * kSecondsPerDay + 4711);
    EXPECT_EQ(days_of(t.year, t.month, t.day), day);
    EXPECT_EQ(seconds_of(t), day * kSecondsPerDay + 4711);
  }
}

TEST(TimeZone, a_rule_tells_summer_from_winter) {
  const TimeZone berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(berlin.offset_at(utc(2026, 3, 29, 0, 59)), 3600);
  EXPECT_EQ(berlin.offset_at(utc(2026, 3, 29, 1, 0)), 7200);
  EXPECT_EQ(berlin.offset_at(utc(2026, 10, 25, 1, 0)), 3600);
  EXPECT_EQ(berlin.civil_at(utc(2026, 7, 1)), (CivilTime{2026, 7, 1, 2, 0, 0}));
  const TimeZone sydney = zone("AEST-10AEDT,M10.1.0,M4.1.0/3");  // summer over New Year
  EXPECT_EQ(sydney.offset_at(utc(2026, 12, 31, 20)), 11 * 3600);
  EXPECT_EQ(sydney.offset_at(utc(2026, 7, 1)), 10 * 3600);
  EXPECT_EQ(zone("<+0545>-5:45").offset_at(0), 20700);
  EXPECT_EQ(zone("IST-2IDT,M3.4.4/26,M10.5.0").offset_at(utc(2026, 3, 27, 0, 1)), 10800);  // "Thursday at 26:00"
}

TEST(TimeZone, wall_clock_times_come_once_never_or_twice) {
  const TimeZone berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");
  using Instants = std::vector<std::int64_t>;
  EXPECT_EQ(berlin.instants({2026, 3, 28, 2, 30, 0}), Instants{utc(2026, 3, 28, 1, 30)});
  EXPECT_EQ(berlin.instants({2026, 3, 29, 2, 30, 0}), Instants{});
  EXPECT_EQ(berlin.instants({2026, 10, 25, 2, 30, 0}), (Instants{utc(2026, 10, 25, 0, 30), utc(2026, 10, 25, 1, 30)}));
  EXPECT_EQ(berlin.begin_of({2026, 3, 29, 2, 30, 0}), utc(2026, 3, 29, 1, 0));
  EXPECT_EQ(berlin.begin_of({2026, 10, 25, 2, 30, 0}), utc(2026, 10, 25, 0, 30));
}

TEST(TimeZone, what_is_no_rule_is_refused) {
  for (const char* rule : {"", "CE-1", "CET", "CET-25", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
                           "CET-1CEST,J0,J100", "CET-1CEST,M3.5.0/168,M10.5.0", "CET-1CEST,M3.5.0,M10.5.0/3 ", "<+03-3", "<>-3", "CET-1:60"})
    EXPECT_FALSE(ZoneRule::parse(rule)) << rule;
}

TEST(TimeZone, names_never_leave_their_folder) {
  for (const char* name : {"UTC", "Europe/Berlin", "America/Port-au-Prince", "Etc/GMT+5", "America/Argentina/Buenos_Aires"}) EXPECT_TRUE(is_zone_name(name)) << name;
  for (const char* name : {"", "/etc/passwd", "../../etc/passwd", "Europe//Berlin", "Europe/", "a.b", "a b"}) EXPECT_FALSE(is_zone_name(name)) << name;
}

/// A file of version 2: an empty block of version 1, then one change at `when` from offset 0 to one hour.
Buffer tzif(std::int64_t when, std::string_view footer, std::uint8_t type = 1) {
  Buffer out;
  const auto number = [&](std::uint64_t v, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  };
  const auto header = [&](std::uint32_t changes, std::uint32_t types, std::uint32_t characters) {
    append(out, as_bytes("TZif2"));
    out.resize(out.size() + 15);
    for (const std::uint32_t n : {0u, 0u, 0u, changes, types, characters}) number(n, 4);
  };
  header(0, 1, 4);
  number(0, 6), number(0, 4);
  header(1, 2, 4);
  number(static_cast<std::uint64_t>(when), 8);
  out.push_back(type);
  number(0, 6), number(3600, 4), number(0, 2);
  append(out, as_bytes(std::string_view("GMT\0", 4)));
  append(out, as_bytes(footer));
  return out;
}

TEST(TimeZone, a_table_holds_before_the_rule) {
  const auto z = TimeZone::parse("test", tzif(1000, "\nCET-1CEST,M3.5.0,M10.5.0/3\n"));
  ASSERT_TRUE(z) << z.error().message;
  EXPECT_EQ(z->offset_at(999), 0);
  EXPECT_EQ(z->offset_at(1000), 3600);
  EXPECT_EQ(z->offset_at(utc(2300, 7, 1)), 7200);
  EXPECT_EQ(z->next_change(0), 1000);
  const auto without = TimeZone::parse("test", tzif(1000, "\n\n"));
  ASSERT_TRUE(without);
  EXPECT_EQ(without->offset_at(utc(2300, 7, 1)), 3600);
  EXPECT_EQ(without->next_change(1000), std::nullopt);
}

TEST(TimeZone, damage_is_told_whatever_it_is) {
  const Buffer whole = tzif(1000, "\nUTC0\n");
  ASSERT_TRUE(TimeZone::parse("test", whole));
  for (std::size_t n = 0; n + 1 < whole.size(); ++n) EXPECT_FALSE(TimeZone::parse("test", ByteView(whole).first(n))) << n;
  EXPECT_FALSE(TimeZone::parse("test", tzif(1000, "\nUTC0\n", 2)));
  EXPECT_FALSE(TimeZone::parse("test", tzif(std::int64_t{1} << 60, "\nUTC0\n")));
  EXPECT_FALSE(TimeZone::parse("test", tzif(1000, "\nnonsense\n")));
}

}  // namespace
}  // namespace hf
