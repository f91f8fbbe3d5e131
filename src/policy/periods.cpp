#include "policy/periods.hpp"

#include <fmt/format.h>

namespace hf {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
std::int64_t seconds_at(std::int64_t ns) { return floor_div(ns, kSecondNs); }
std::int64_t ns_at(std::int64_t seconds) {
  std::int64_t ns = 0;
  return __builtin_mul_overflow(seconds, kSecondNs, &ns) ? (seconds < 0 ? INT64_MIN : INT64_MAX) : ns;
}

/// By how much the zone's hours begin off those of UTC: half an hour in India.
std::int64_t hour_shift(std::int64_t seconds, const TimeZone& zone) { return (zone.offset_at(seconds) % 3600 + 3600) % 3600; }

std::int64_t local_days(std::int64_t seconds, const TimeZone& zone) { return floor_div(seconds + zone.offset_at(seconds), kSecondsPerDay); }

constexpr std::int64_t kMondayFirst = 3;  // 1970-01-01 was a Thursday: three days after a Monday

/// Months from January of the year 0.
std::int64_t month_of(std::int64_t days) {
  const CivilTime t = civil_of(days * kSecondsPerDay);
  return t.year * 12 + t.month - 1;
}
std::int64_t first_day_of_month(std::int64_t month) { return days_of(floor_div(month, 12), static_cast<int>(month - floor_div(month, 12) * 12) + 1, 1); }

int months_in(Period period) { return period == Period::month ? 1 : period == Period::quarter ? 3 : 12; }

std::int64_t first_day(Period period, std::int64_t number) {
  if (period == Period::day) return number;
  if (period == Period::week) return number * 7 - kMondayFirst;
  return first_day_of_month(number * months_in(period));
}

std::string text_of_day(std::int64_t days) {
  const CivilTime t = civil_of(days * kSecondsPerDay);
  return fmt::format("{:04}-{:02}-{:02}", t.year, t.month, t.day);
}

}  // namespace

std::int64_t period_of(Period period, std::int64_t instant_ns, const TimeZone& zone) {
  const std::int64_t seconds = seconds_at(instant_ns);
  if (period == Period::hour) return floor_div(seconds + hour_shift(seconds, zone), 3600);
  const std::int64_t days = local_days(seconds, zone);
  if (period == Period::day) return days;
  if (period == Period::week) return floor_div(days + kMondayFirst, 7);
  return floor_div(month_of(days), months_in(period));
}

std::int64_t period_begin(Period period, std::int64_t number, const TimeZone& zone) {
  if (period == Period::hour) return ns_at(number * 3600 - hour_shift(number * 3600, zone));
  return ns_at(zone.begin_of(civil_of(first_day(period, number) * kSecondsPerDay)));
}

std::string period_label(Period period, std::int64_t number, const TimeZone& zone) {
  switch (period) {
    case Period::hour: {
      const CivilTime t = zone.civil_at(seconds_at(period_begin(period, number, zone)));
      return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}", t.year, t.month, t.day, t.hour, t.minute);
    }
    case Period::day: return text_of_day(number);
    case Period::week: {
      // ISO 8601: a week belongs to the year of its Thursday.
      const CivilTime thursday = civil_of((number * 7 - kMondayFirst + 3) * kSecondsPerDay);
      const std::int64_t day_of_year = days_of(thursday.year, thursday.month, thursday.day) - days_of(thursday.year, 1, 1);
      return fmt::format("{:04}-W{:02}", thursday.year, day_of_year / 7 + 1);
    }
    case Period::month: return text_of_day(first_day(period, number)).substr(0, 7);
    case Period::quarter: return fmt::format("{:04}-Q{}", floor_div(number, 4), number - floor_div(number, 4) * 4 + 1);
    case Period::year: return fmt::format("{:04}", number);
  }
  return "";
}

std::string day_label(std::int64_t instant_ns, const TimeZone& zone) { return text_of_day(local_days(seconds_at(instant_ns), zone)); }

}  // namespace hf
