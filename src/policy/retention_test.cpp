// The rules of keeping, one by one, and then their promises on random histories.

#include "policy/retention.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "base/units.hpp"
#include "policy/periods.hpp"

namespace hf {
namespace {

TimeZone zone(const std::string& rule) { return *TimeZone::from_rule("test", rule); }
const TimeZone utc, berlin = zone("CET-1CEST,M3.5.0,M10.5.0/3"), new_york = zone("EST5EDT,M3.2.0,M11.1.0"), lord_howe = zone("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");

std::int64_t at(const std::string& text) { return *parse_time(text + "Z"); }

struct Keep : testing::Test {
  std::vector<PointFacts> points;
  std::vector<Decision> decisions;
  TimeZone in = utc;

  PointFacts& add(std::int64_t time_ns, bool complete = true) {
    PointFacts p;
    p.id.bytes[0] = static_cast<std::uint8_t>(points.size());
    p.id.bytes[1] = static_cast<std::uint8_t>(points.size() >> 8);
    p.time_ns = time_ns;
    p.complete = complete;
    points.push_back(p);
    return points.back();
  }
  PointFacts& add(const std::string& when, bool complete = true) { return add(at(when), complete); }
  void days(const std::string& first, int count) {
    for (int i = 0; i < count; ++i) add(at(first) + i * kDayNs);
  }
  void judge(const Retention& retention, const std::string& now) { decisions = decide(points, retention, in, at(now)); }
  /// The kept ones as "02 04": days of the month.
  std::string kept() const {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (decisions[i].keep) out.push_back(utc_time(points[i].time_ns).substr(8, 2));
    std::sort(out.begin(), out.end());
    std::string text;
    for (const std::string& o : out) text += (text.empty() ? "" : " ") + o;
    return text;
  }
  std::string why(std::size_t i) const {
    std::string text;
    for (const Reason& r : decisions[i].reasons) text += (text.empty() ? "" : "; ") + text_of(r);
    return decisions[i].keep ? text : decisions[i].why_not;
  }
};

TEST_F(Keep, everything_without_a_rule) {
  days("2026-05-01T02:00:00", 9);
  judge({}, "2026-06-01T00:00:00");
  EXPECT_EQ(kept(), "01 02 03 04 05 06 07 08 09");
  EXPECT_EQ(why(0), "no keep rule");
  EXPECT_EQ(decisions[0].until_ns, std::nullopt);
}
TEST_F(Keep, the_newest_of_each_day) {
  for (const char* when : {"2026-05-01T02:00:00", "2026-05-01T14:00:00", "2026-05-02T02:00:00", "2026-05-02T03:00:00", "2026-05-03T02:00:00"}) add(when);
  judge({.daily = 2}, "2026-05-03T12:00:00");
  EXPECT_EQ(kept(), "02 03");
  EXPECT_EQ(why(4), "1st of 2 daily (2026-05-03); newest; newest complete");
  EXPECT_EQ(why(3), "2nd of 2 daily (2026-05-02)");
  EXPECT_EQ(why(2), "daily: 2026-05-02 has a newer one");
  EXPECT_EQ(why(1), "daily: beyond 2");
}
TEST_F(Keep, days_without_points_do_not_count) {
  for (const char* when : {"2020-01-01T02:00:00", "2023-01-02T02:00:00", "2026-05-03T02:00:00"}) add(when);
  judge({.daily = 3}, "2030-01-01T00:00:00");
  EXPECT_EQ(kept(), "01 02 03");
}
TEST_F(Keep, the_order_of_input_is_no_matter) {
  days("2026-05-01T02:00:00", 20);
  std::reverse(points.begin(), points.begin() + 10);
  judge({.daily = 3}, "2026-05-20T12:00:00");
  EXPECT_EQ(kept(), "18 19 20");
}
TEST_F(Keep, weeks_months_quarters_and_years_of_the_calendar) {
  days("2024-01-01T02:00:00", 800);  // to 2026-03-10, over 29 February 2024
  judge({.weekly = 2, .monthly = 3, .quarterly = 2, .yearly = 5}, "2026-03-10T12:00:00");
  std::set<std::string> kept_days;
  for (std::size_t i = 0; i < points.size(); ++i)
    if (decisions[i].keep) kept_days.insert(utc_time(points[i].time_ns).substr(0, 10));
  EXPECT_EQ(kept_days, (std::set<std::string>{"2026-03-10", "2026-03-08", "2026-02-28", "2026-01-31", "2025-12-31", "2024-12-31"}));
}
TEST_F(Keep, incomplete_points_never_displace_complete_ones) {
  add("2026-05-01T02:00:00");
  add("2026-05-02T02:00:00");
  add("2026-05-02T14:00:00", false);  // a newer one of the same day
  add("2026-05-03T02:00:00", false);  // a day that has no other
  add("2026-05-04T02:00:00");
  judge({.daily = 3}, "2026-05-04T12:00:00");
  EXPECT_EQ(kept(), "01 02 03 04");  // three complete days, and one incomplete beside them
  EXPECT_EQ(why(2), "daily: 2026-05-02 has a complete one");
  EXPECT_EQ(why(3), "daily (2026-05-03), incomplete, for want of a complete one");
  EXPECT_EQ(why(0), "3rd of 3 daily (2026-05-01)");
}
TEST_F(Keep, last_counts_complete_points) {
  add("2026-05-01T02:00:00");
  add("2026-05-02T02:00:00", false);
  add("2026-05-03T02:00:00", false);
  add("2026-05-04T02:00:00");
  add("2026-05-05T02:00:00", false);
  judge({.last = 2}, "2026-05-05T12:00:00");
  EXPECT_EQ(kept(), "01 04 05");
}
TEST_F(Keep, a_source_without_any_complete_point_is_kept_as_if_it_had) {
  for (int i = 1; i <= 5; ++i) add("2026-05-0" + std::to_string(i) + "T02:00:00", false);
  judge({.daily = 3}, "2026-05-05T12:00:00");
  EXPECT_EQ(kept(), "03 04 05");
}
TEST_F(Keep, newest_complete_and_newest_proven_whatever_the_numbers) {
  add("2026-05-01T02:00:00").proven = true;
  add("2026-05-02T02:00:00").proven = true;
  add("2026-05-03T02:00:00");
  add("2026-05-04T02:00:00", false);
  add("2026-05-05T02:00:00", false);
  judge({.last = 1}, "2026-05-05T12:00:00");
  EXPECT_EQ(kept(), "02 03 05");
  EXPECT_EQ(why(1), "newest proven");
  EXPECT_EQ(decisions[1].until_ns, std::nullopt);
  EXPECT_EQ(why(2), "1st of 1 last; newest complete");
}
TEST_F(Keep, holds_until_they_end) {
  days("2026-05-01T02:00:00", 5);
  points[0].held = points[1].held = true;
  points[0].hold_reason = "lawsuit";
  points[1].held_until_ns = at("2026-05-04T00:00:00");
  judge({.last = 1}, "2026-05-05T12:00:00");
  EXPECT_EQ(kept(), "01 05");
  EXPECT_EQ(why(0), "hold: lawsuit");
}
TEST_F(Keep, points_from_the_future_are_kept_and_take_no_place) {
  days("2026-05-01T02:00:00", 3);
  add("2040-01-01T00:00:00");
  judge({.last = 2}, "2026-05-03T12:00:00");
  EXPECT_EQ(kept(), "01 02 03");  // 01 is 2040-01-01
  EXPECT_EQ(why(3), "from the future: a clock was wrong");
  EXPECT_FALSE(decisions[0].keep);
}
TEST_F(Keep, within_is_measured_from_the_newest_complete_point_not_from_the_clock) {
  days("2026-05-01T02:00:00", 10);
  add("2026-05-10T23:00:00", false);
  judge({.within = Span{3 * kDayNs}}, "2036-05-10T12:00:00");
  EXPECT_EQ(kept(), "07 08 09 10 10");
  EXPECT_EQ(why(6), "within 3 days");
}
TEST_F(Keep, a_clock_that_jumps_by_years_does_not_empty_within) {
  days("2026-05-01T02:00:00", 10);
  add("2031-01-20T02:00:00");  // made with a wrong clock, or after years in a drawer
  judge({.within = Span{4 * kDayNs}}, "2031-01-20T12:00:00");
  EXPECT_EQ(kept(), "06 07 08 09 10 20");
  add("2031-01-21T02:00:00");
  judge({.within = Span{4 * kDayNs}}, "2031-01-21T12:00:00");
  EXPECT_EQ(kept(), "07 08 09 10 20 21");
  add("2031-01-22T02:00:00");  // half of the span has passed: the pause counts now
  judge({.within = Span{4 * kDayNs}}, "2031-01-22T12:00:00");
  EXPECT_EQ(kept(), "20 21 22");
}
TEST_F(Keep, sources_are_decided_apart) {
  days("2026-05-01T02:00:00", 4);
  points[0].source = points[1].source = "a";
  points[2].source = points[3].source = "b";
  judge({.last = 1}, "2026-05-04T12:00:00");
  EXPECT_EQ(kept(), "02 04");
}
TEST_F(Keep, the_day_that_is_turned_back_is_one_day) {
  in = berlin;
  // 25 October 2026 in Berlin has 25 hours: 22:00 UTC of the 24th to 23:00 UTC of the 25th.
  for (const char* when : {"2026-10-24T21:59:00", "2026-10-24T22:00:00", "2026-10-25T00:30:00", "2026-10-25T01:30:00", "2026-10-25T22:59:00", "2026-10-25T23:00:00"}) add(when);
  judge({.daily = 9}, "2026-10-26T12:00:00");
  std::vector<bool> keep;
  for (const Decision& d : decisions) keep.push_back(d.keep);
  EXPECT_EQ(keep, (std::vector<bool>{true, false, false, false, true, true}));
  judge({.hourly = 99}, "2026-10-26T12:00:00");
  EXPECT_EQ(std::count_if(decisions.begin(), decisions.end(), [](const Decision& d) { return d.keep; }), 6);
}
TEST_F(Keep, tells_the_day_on_which_a_point_leaves) {
  days("2026-05-01T02:00:00", 10);
  judge({.daily = 7, .monthly = 2}, "2026-05-10T12:00:00");
  EXPECT_EQ(kept(), "04 05 06 07 08 09 10");
  EXPECT_EQ(utc_time(*decisions[3].until_ns).substr(0, 10), "2026-05-11");
  EXPECT_EQ(utc_time(*decisions[8].until_ns).substr(0, 10), "2026-05-16");
  EXPECT_EQ(utc_time(*decisions[9].until_ns).substr(0, 10), "2026-05-17");  // 11 May takes its place as May's
  days("2026-05-11T02:00:00", 21);
  judge({.daily = 7, .monthly = 2}, "2026-05-31T12:00:00");
  EXPECT_EQ(utc_time(*decisions[30].until_ns).substr(0, 10), "2026-07-01");  // May's, until July has one
}

// --- promises, on random histories ---

struct World {
  std::mt19937_64 random;
  Retention retention;
  const TimeZone* in = &utc;
  std::int64_t pace = kDayNs;
  std::vector<PointFacts> points;
  std::int64_t now = 0;

  explicit World(std::uint64_t seed) : random(seed) {
    const TimeZone* zones[] = {&utc, &berlin, &new_york, &lord_howe};
    in = zones[seed % 4];
    const auto some = [&](std::uint32_t most) { return random() % 2 == 0 ? 0u : static_cast<std::uint32_t>(random() % most + 1); };
    retention = {some(4), some(6), some(9), some(5), some(6), some(4), some(3), {}};
    if (random() % 3 == 0) retention.within = Span{static_cast<std::int64_t>(random() % 20 + 4) * kDayNs};
    pace = random() % 3 == 0 ? 7 * kHourNs : kDayNs;
    now = at("2026-01-01T00:00:00") + static_cast<std::int64_t>(random() % 500) * kDayNs;
    std::int64_t t = now - static_cast<std::int64_t>(random() % 900) * kDayNs;
    for (; t <= now; t += static_cast<std::int64_t>(random() % 60 + 1) * kHourNs) {
      add(t, random() % 5 != 0);
      points.back().proven = random() % 20 == 0;
      points.back().held = random() % 50 == 0;
      if (random() % 40 == 0) t += static_cast<std::int64_t>(random() % 60) * kDayNs;
    }
    if (random() % 4 == 0) add(now + 300 * kDayNs, true);
    std::shuffle(points.begin(), points.end(), random);
  }
  void add(std::int64_t t, bool complete) {
    PointFacts p;
    for (std::size_t i = 0; i < 8; ++i) p.id.bytes[i] = static_cast<std::uint8_t>(random());
    p.time_ns = t;
    p.complete = complete;
    points.push_back(p);
  }
  std::vector<Decision> decide_now() const { return decide(points, retention, *in, now, pace); }
  void forget(const std::vector<Decision>& decisions) {
    std::vector<PointFacts> kept;
    for (std::size_t i = 0; i < points.size(); ++i)
      if (decisions[i].keep) kept.push_back(points[i]);
    points = std::move(kept);
  }
};

TEST(RetentionPromises, nothing_that_must_stay_is_forgotten) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const World w(seed);
    const auto decisions = w.decide_now();
    const PointFacts *newest = nullptr, *complete = nullptr, *proven = nullptr;
    for (const PointFacts& p : w.points) {
      if (p.time_ns > w.now + kClockSkewNs) continue;
      const auto newer = [&](const PointFacts*& best) {
        if (best == nullptr || p.time_ns > best->time_ns) best = &p;
      };
      newer(newest);
      if (p.complete) newer(complete);
      if (p.proven) newer(proven);
    }
    for (std::size_t i = 0; i < w.points.size(); ++i) {
      const PointFacts& p = w.points[i];
      if (&p == newest || &p == complete || &p == proven || p.held || p.time_ns > w.now + kClockSkewNs) {
        EXPECT_TRUE(decisions[i].keep) << seed;
      }
      EXPECT_EQ(decisions[i].keep, !decisions[i].reasons.empty()) << seed;
      if (!w.retention.keeps_everything()) {
        EXPECT_EQ(decisions[i].keep, decisions[i].why_not.empty()) << seed;
      }
    }
  }
}
TEST(RetentionPromises, the_counts_of_complete_points_are_kept_to) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    const World w(seed);
    const auto decisions = w.decide_now();
    for (Period period : kPeriods) {
      std::set<std::int64_t> there, kept;
      for (std::size_t i = 0; i < w.points.size(); ++i) {
        if (!w.points[i].complete || w.points[i].time_ns > w.now + kClockSkewNs) continue;
        there.insert(period_of(period, w.points[i].time_ns, *w.in));
        for (const Reason& r : decisions[i].reasons) {
          if (r.rule != rule_of(period)) continue;
          EXPECT_TRUE(kept.insert(period_of(period, w.points[i].time_ns, *w.in)).second) << seed << " two of one " << name_of(period);
        }
      }
      const std::size_t wanted = std::min<std::size_t>(there.size(), w.retention.count(period));
      ASSERT_EQ(kept.size(), wanted) << seed << " " << name_of(period);
      EXPECT_TRUE(std::equal(kept.rbegin(), kept.rend(), there.rbegin())) << seed << " the newest of them";
    }
  }
}
TEST(RetentionPromises, deciding_again_about_what_was_kept_keeps_all_of_it) {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    World w(seed);
    w.forget(w.decide_now());
    for (const Decision& d : w.decide_now()) EXPECT_TRUE(d.keep) << seed << " " << d.why_not;
  }
}
TEST(RetentionPromises, it_does_not_matter_how_often_points_are_forgotten) {
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    World often(seed);
    std::erase_if(often.points, [&](const PointFacts& p) { return p.time_ns > often.now; });
    const bool bare = often.points.empty();
    std::int64_t newest = bare ? often.now : 0;
    for (const PointFacts& p : often.points) newest = std::max(newest, p.time_ns);
    World once = often;
    for (int step = 1; step <= 60; ++step) {
      often.now = newest + step * kDayNs;
      often.add(often.now, step % 7 != 3);
      once.points.push_back(often.points.back());
      often.forget(often.decide_now());
    }
    once.now = often.now;
    once.forget(once.decide_now());
    // `within` may keep more where it is judged seldom: a pause that is over may still count as one in between.
    if (once.retention.within) continue;
    const auto ids = [](const World& w) {
      std::set<PointId> out;
      for (const PointFacts& p : w.points) out.insert(p.id);
      return out;
    };
    EXPECT_EQ(ids(often), ids(once)) << seed;
  }
}
TEST(RetentionPromises, what_is_promised_is_what_happens) {
  // Points go on at the assumed pace; each one leaves at the very time that was told, at every step before.
  for (std::uint64_t seed = 0; seed < 120; ++seed) {
    World w(seed);
    std::erase_if(w.points, [&](const PointFacts& p) { return p.time_ns > w.now; });
    if (w.points.empty()) w.add(w.now, true);
    w.forget(w.decide_now());
    std::int64_t newest = 0;
    for (const PointFacts& p : w.points) newest = std::max(newest, p.time_ns);
    w.now = newest;
    std::map<PointId, std::int64_t> promised;
    for (int step = 0; step < 80; ++step) {
      const auto decisions = w.decide_now();
      for (std::size_t i = 0; i < w.points.size(); ++i) {
        const auto found = promised.find(w.points[i].id);
        if (!decisions[i].keep) {
          ASSERT_TRUE(found != promised.end()) << seed << " step " << step << ": left though no end was told: " << decisions[i].why_not;
          EXPECT_EQ(utc_time(found->second), utc_time(w.now)) << seed << " step " << step << " made " << utc_time(w.points[i].time_ns) << ": " << decisions[i].why_not;
          promised.erase(found);
          continue;
        }
        if (found != promised.end()) {
          EXPECT_GT(found->second, w.now) << seed << " step " << step << " stayed longer than told, made " << utc_time(w.points[i].time_ns) << ": " << text_of(decisions[i].reasons[0]);
        }
        if (decisions[i].until_ns) promised[w.points[i].id] = *decisions[i].until_ns;
        else promised.erase(w.points[i].id);
      }
      w.forget(decisions);
      w.now += w.pace;
      w.add(w.now, true);
    }
  }
}
TEST(RetentionPromises, ten_thousand_points_are_one_answer_each) {
  std::vector<PointFacts> points(10'000);
  for (std::size_t i = 0; i < points.size(); ++i) {
    points[i].time_ns = at("2000-01-01T00:00:00") + static_cast<std::int64_t>(i) * kDayNs;
    points[i].id.bytes[0] = static_cast<std::uint8_t>(i);
  }
  const auto decisions = decide(points, {3, 24, 7, 5, 12, 8, Retention::kAll, Span{30 * kDayNs}}, berlin, points.back().time_ns);
  std::size_t kept = 0;
  for (const Decision& d : decisions) kept += d.keep ? 1 : 0;
  EXPECT_GT(kept, 31u + 27u);  // a month, and years without end
  EXPECT_LT(kept, 3u + 24u + 7u + 5u + 12u + 8u + 28u + 31u + 2u);
}

}  // namespace
}  // namespace hf
