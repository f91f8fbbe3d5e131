#include "policy/calendar.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "base/units.hpp"
#include "platform/env.hpp"
#include "platform/zone_files.hpp"

namespace hf {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;

std::string normal(std::string_view text) {
  const auto e = CalendarExpression::parse(text);
  return e ? e->text() : "";
}
TimeZone zone(const std::string& rule) { return *TimeZone::from_rule("test", rule); }
const TimeZone berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3");

/// The next `count` times after a UTC time, as UTC, without the part that is the same for all: "2026-11-25T02:00:00".
std::vector<std::string> next(std::string_view text, const std::string& after, std::size_t count, const TimeZone& in = TimeZone()) {
  const auto e = CalendarExpression::parse(text);
  std::vector<std::string> out;
  std::int64_t t = *parse_time(after + "Z");
  while (e && out.size() < count) {
    const auto then = e->next_after(t, in);
    if (!then) break;
    out.push_back(utc_time(*then).substr(0, 19));
    t = *then;
  }
  return out;
}
using List = std::vector<std::string>;

TEST(Calendar, expressions_have_one_normal_form) {
  EXPECT_EQ(normal("daily"), "*-*-* 00:00:00");
  EXPECT_EQ(normal("WEEKLY"), "Mon *-*-* 00:00:00");
  EXPECT_EQ(normal("semi-annually Europe/Berlin"), "*-01,07-01 00:00:00 Europe/Berlin");
  EXPECT_EQ(normal("monday,TUE 1:0"), "Mon,Tue *-*-* 01:00:00");
  EXPECT_EQ(normal("Thu,Fri..Sun 1:00"), "Thu..Sun *-*-* 01:00:00");
  EXPECT_EQ(normal("Mon..Sun"), "*-*-* 00:00:00");
  EXPECT_EQ(normal("12-10-15 1:2:3"), "2012-10-15 01:02:03");
  EXPECT_EQ(normal("70-1-1"), "1970-01-01 00:00:00");
  EXPECT_EQ(normal("2:5,3,5"), "*-*-* 02:03,05:00");
  EXPECT_EQ(normal("2:5..30/10"), "*-*-* 02:05..25/10:00");
  EXPECT_EQ(normal("*:0/7,3 utc"), "*-*-* *:00/7,03:00 UTC");
  EXPECT_EQ(normal("*-*~1..10/4"), "*-*~01..09/4 00:00:00");
  EXPECT_EQ(normal("*~*"), "*-*-* 00:00:00");
  EXPECT_EQ(normal("@1395716396"), "2014-03-25 02:59:56 UTC");
}

TEST(Calendar, what_is_no_expression_is_refused) {
  for (const char* text : {"", " ", "12", "12:", "Mon Fri", "Fri..Mon", "Mon,,Tue", "Mon,Tue..", "mond", "UTC", " Mon", "2:00 ", "24:00", "23:59:60", "*-13-1",
                           "*-*-32", "*-*-0", "5..2:0", "2:3,*", "2:1,,3", "2:0/0", "2:10/50", "*-2~31", "*-2~3/5", "2200-1-1", "1969-1-1", "100-1-1", "*-*-*T02:00",
                           "*:*/15", "1:2:3.5", "1:2:3:4", "@", "@-1", "@99999999999999", "2147483648:0", "daily ../../etc/passwd"})
    EXPECT_EQ(normal(text), "") << text;
  EXPECT_FALSE(CalendarExpression::parse(std::string(5000, '1')));
}

TEST(Calendar, times_come_in_order) {
  EXPECT_EQ(next("daily", "2026-11-24T21:00:00", 2), (List{"2026-11-25T00:00:00", "2026-11-26T00:00:00"}));
  EXPECT_EQ(next("Mon..Fri 22:30", "2026-11-27T22:30:00", 1), (List{"2026-11-30T22:30:00"}));
  EXPECT_EQ(next("*:0/15", "2026-11-24T23:40:00", 3), (List{"2026-11-24T23:45:00", "2026-11-25T00:00:00", "2026-11-25T00:15:00"}));
  EXPECT_EQ(next("quarterly", "2026-11-24T21:00:00", 2), (List{"2027-01-01T00:00:00", "2027-04-01T00:00:00"}));
  EXPECT_EQ(next("Mon *-*-31", "2026-11-24T21:00:00", 1), (List{"2027-05-31T00:00:00"}));
}

TEST(Calendar, leap_days_and_last_days) {
  EXPECT_EQ(next("*-02-29", "2096-03-01T00:00:00", 1), (List{"2104-02-29T00:00:00"}));  // 2100 has none
  EXPECT_EQ(next("*-*~1", "2027-12-31T12:00:00", 3), (List{"2028-01-31T00:00:00", "2028-02-29T00:00:00", "2028-03-31T00:00:00"}));
  EXPECT_EQ(next("Mon *-05~07/1", "2026-01-01T00:00:00", 1), (List{"2026-05-25T00:00:00"}));
  EXPECT_EQ(next("*-02-30", "2026-01-01T00:00:00", 1), List{});
  EXPECT_EQ(next("2012-10-15", "2026-01-01T00:00:00", 1), List{});
}

TEST(Calendar, a_time_that_clocks_jump_over_does_not_come) {
  EXPECT_EQ(next("02:30", "2026-03-27T12:00:00", 2, berlin), (List{"2026-03-28T01:30:00", "2026-03-30T00:30:00"}));
  EXPECT_EQ(next("hourly", "2026-03-29T00:00:00", 2, berlin), (List{"2026-03-29T01:00:00", "2026-03-29T02:00:00"}));
}

TEST(Calendar, a_time_that_comes_twice_counts_once) {
  EXPECT_EQ(next("2:0/30", "2026-10-24T22:00:00", 3, berlin), (List{"2026-10-25T00:00:00", "2026-10-25T00:30:00", "2026-10-26T01:00:00"}));
  EXPECT_EQ(next("2:30", "2026-10-25T01:10:00", 1, berlin), (List{"2026-10-26T01:30:00"}));  // asked in the second 02:10
}

TEST(Calendar, the_next_time_is_later_than_asked_and_nothing_lies_between) {
  std::uint64_t state = 42;
  const auto draw = [&](int n) { return static_cast<int>((state = state * 6364136223846793005u + 1442695040888963407u) >> 33) % n; };
  for (int round = 0; round < 300; ++round) {
    const std::string text = fmt::format("*-*-{}/{} {}:{}/{}", 1 + draw(10), 1 + draw(9), draw(24), draw(30), 1 + draw(29));
    const auto e = *CalendarExpression::parse(text);
    const std::int64_t from = (1'700'000'000 + std::int64_t{draw(900'000'000)}) * kNs + draw(2);
    const auto then = e.next_after(from, berlin);
    ASSERT_TRUE(then) << text;
    ASSERT_GT(*then, from);
    const std::int64_t between = from + (*then - from) / 1000 * draw(1000);
    EXPECT_EQ(e.next_after(between, berlin), then) << text << " from " << from;
    EXPECT_EQ(*e.next_after(*then - 1, berlin), *then);
  }
}

/// What systemd says of an expression: its normal form, and the next times as UTC.
struct Said {
  std::string normal;
  List times;
};
/// Of all expressions at once, in their order: a process each would take a minute.
std::vector<Said> systemd(Env& env, const std::vector<const char*>& texts, const std::string& after, const std::string& tz) {
  std::string command = "TZ=" + tz + " LC_ALL=C systemd-analyze calendar --iterations=8 --base-time='" + after.substr(0, 10) + " " + after.substr(11) + " UTC'";
  for (const char* text : texts) command += std::string(" '") + text + "'";
  const auto ran = env.run_command(command + " 2>/dev/null");
  std::vector<Said> out;
  if (!ran || ran->exit_status != 0) return out;
  for (std::size_t at = 0; at < ran->output.size();) {
    const std::size_t end = ran->output.find('\n', at);
    const std::string line = ran->output.substr(at, end - at);
    at = end + 1;
    const std::size_t colon = line.find(": ");
    if (line.find("Normalized form") != std::string::npos) out.push_back({line.substr(colon + 2), {}});
    if (line.find("(in UTC)") == std::string::npos || line.size() < colon + 25 || out.empty()) continue;
    std::string time = line.substr(colon + 6, 19);  // after "Wed "
    time[10] = 'T';
    out.back().times.push_back(time);
  }
  return out;
}

TEST(Calendar, agrees_with_systemd) {
  const auto env = make_real_env();
  if (systemd(*env, {"daily"}, "2026-01-01T00:00:00", "UTC").empty()) GTEST_SKIP() << "needs systemd-analyze";
  const auto there = load_time_zone(*env, "Europe/Berlin"), far = load_time_zone(*env, "America/New_York");
  if (!there || !far) GTEST_SKIP() << "needs tzdata";
  const std::vector<const char*> texts = {
      "daily", "hourly", "minutely", "weekly", "monthly", "quarterly", "semiannually", "yearly", "Mon..Fri 22:30", "Sat,Sun 12:00", "*-*-1,15 3:00", "*-*~1", "*-*~3,1",
      "*-2~1..7", "*-2~1..7/2", "*-*~1..10/4", "*-*~3/2", "Mon *-05~07/1", "*:0/15", "0/6:0", "2:0/30", "02:30", "*-03-29 2:30", "*-10-25 2:30", "3:00", "1:59:59",
      "*-02-29 4:0", "Mon *-*-31", "*-1/3-1", "2024/2-1-1 0:0", "5..9:10..50/7", "*:*:0/20", "2028-02-29 0:0..59/13", "Wed..Sat,Tue 1-1 1:2:3", "2:5..5/3", "2:1..3,2..5",
      "*:59", "23:59:59", "*-12-31 23:59:59", "Sun *-*-1..7 2:0", "Sun 2:30"};
  for (const std::string after : {"2026-11-24T21:00:37", "2027-03-27T23:30:00", "2026-10-24T20:00:00", "2027-02-26T00:00:00"})
    for (const auto& [tz, in] : {std::pair("Europe/Berlin", *there), std::pair("America/New_York", *far)}) {
      const auto said = systemd(*env, texts, after, tz);
      ASSERT_EQ(said.size(), texts.size());
      for (std::size_t i = 0; i < texts.size(); ++i) {
        EXPECT_EQ(normal(texts[i]), said[i].normal);
        // Within the hour that comes twice glibc's answer depends on what it was asked before; that is tested above.
        if (after == "2026-10-24T20:00:00" && std::string_view(texts[i]).find("*:") != std::string_view::npos) continue;
        EXPECT_EQ(next(texts[i], after, said[i].times.size(), in), said[i].times) << texts[i] << " after " << after << " in " << tz;
      }
    }
}

}  // namespace
}  // namespace hf
