#pragma once
// The proleptic Gregorian calendar as arithmetic: dates, days since 1970 and week days. No zone, no locale, no clock.
// Formulas: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".

#include <compare>
#include <cstdint>

namespace hf {

constexpr std::int64_t kSecondsPerDay = 86'400;

/// A date and time of day as a wall clock shows it. Seconds never reach 60: Unix time has no leap seconds.
struct CivilTime {
  std::int64_t year = 1970;
  int month = 1, day = 1;  ///< from 1
  int hour = 0, minute = 0, second = 0;
  auto operator<=>(const CivilTime&) const = default;
};

constexpr bool is_leap_year(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

constexpr int days_in_month(std::int64_t year, int month) {
  constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return month == 2 && is_leap_year(year) ? 29 : kDays[month - 1];
}

/// Days from 1970-01-01 to a date; negative before.
constexpr std::int64_t days_of(std::int64_t year, int month, int day) {
  year -= month <= 2 ? 1 : 0;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const std::int64_t year_of_era = year - era * 400;
  const std::int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

/// 0 Monday … 6 Sunday.
constexpr int weekday_of(std::int64_t days) {
  const std::int64_t from_monday = (days + 3) % 7;  // 1970-01-01 was a Thursday
  return static_cast<int>(from_monday < 0 ? from_monday + 7 : from_monday);
}

/// As if the civil time were UTC: seconds since 1970.
constexpr std::int64_t seconds_of(const CivilTime& t) {
  return days_of(t.year, t.month, t.day) * kSecondsPerDay + t.hour * 3600 + t.minute * 60 + t.second;
}

/// The reverse of seconds_of().
constexpr CivilTime civil_of(std::int64_t seconds) {
  std::int64_t days = seconds / kSecondsPerDay, rest = seconds % kSecondsPerDay;
  if (rest < 0) {
    rest += kSecondsPerDay;
    --days;
  }
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const std::int64_t day_of_era = days - era * 146'097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_from_march = (5 * day_of_year + 2) / 153;
  CivilTime out;
  out.day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  out.month = static_cast<int>(month_from_march < 10 ? month_from_march + 3 : month_from_march - 9);
  out.year = year_of_era + era * 400 + (out.month <= 2 ? 1 : 0);
  out.hour = static_cast<int>(rest / 3600);
  out.minute = static_cast<int>(rest / 60 % 60);
  out.second = static_cast<int>(rest % 60);
  return out;
}

}  // namespace hf
