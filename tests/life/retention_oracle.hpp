#pragma once
// What the rules of docs/reference/policy.md keep of daily points, written from that page alone and as plainly as can
// be: one complete point each day at noon. src/policy/ must say the same.

#include <chrono>
#include <map>
#include <set>

namespace hf::life {

struct Rules {
  unsigned last = 0, daily = 0, weekly = 0, monthly = 0, quarterly = 0, yearly = 0;
  int within_days = 0;
};

/// Days (since 1970) whose points are kept on `today`, of points on each day from `first` on.
inline std::set<int> days_kept(const Rules& rules, int first, int today) {
  const auto date = [](int day) { return std::chrono::year_month_day(std::chrono::sys_days(std::chrono::days(day))); };
  const auto year = [&](int day) { return static_cast<int>(date(day).year()); };
  const auto month = [&](int day) { return static_cast<int>(static_cast<unsigned>(date(day).month())); };
  std::set<int> kept{today};
  const auto newest_of_each = [&](unsigned periods, auto&& period_of) {
    std::set<int> seen;
    for (int day = today; day >= first && seen.size() < periods; --day)
      if (seen.insert(period_of(day)).second) kept.insert(day);
  };
  newest_of_each(rules.last, [](int day) { return day; });
  newest_of_each(rules.daily, [](int day) { return day; });
  newest_of_each(rules.weekly, [](int day) { return (day + 3) / 7; });  // 1970-01-01 was a Thursday; weeks begin on Monday
  newest_of_each(rules.monthly, [&](int day) { return year(day) * 12 + month(day); });
  newest_of_each(rules.quarterly, [&](int day) { return year(day) * 4 + (month(day) - 1) / 3; });
  newest_of_each(rules.yearly, year);
  for (int day = today; day >= first && day >= today - rules.within_days; --day) kept.insert(day);
  return kept;
}

}  // namespace hf::life
