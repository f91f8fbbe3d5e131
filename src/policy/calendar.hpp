#pragma once
// Calendar expressions as systemd.time(7) describes them for OnCalendar=: "Mon..Fri 22:30", "*-*-1,15 3:00",
// "*-*~1" (the last day of each month), "*:0/15", "weekly Europe/Berlin". Pure: no clock, no files.
//
// An expression names wall clock times. Where clocks jump over one of them, that one does not come; where clocks are
// turned back and it would come twice, it comes the first time only. Both are what systemd does, so a timer and
// next_after() agree. Not taken: fractions of a second.

#include <bitset>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/time_zone.hpp"

namespace hf {

class CalendarExpression {
 public:
  static constexpr std::size_t kTextMax = 1024;             ///< bytes
  static constexpr int kYearLeast = 1970, kYearMost = 2199;  ///< as systemd has them

  /// Usage where it is none; the hint shows what one looks like.
  static Result<CalendarExpression> parse(std::string_view text);

  /// The normal form: every expression of the same text() means the same, and it parses to itself.
  std::string text() const;
  /// The zone that the expression itself names; empty: the one of whoever asks.
  const std::string& zone_name() const { return zone_name_; }

  /// The first time strictly after `unix_ns`; nothing where it will not come before the year 2200 (or ever, as 30
  /// February). `zone` must be the one of zone_name(), where it has one.
  std::optional<std::int64_t> next_after(std::int64_t unix_ns, const TimeZone& zone) const;

 private:
  friend class CalendarParser;
  /// "3", "3..7", "3/2", "3..7/2": what comes between commas.
  struct Range {
    int start = 0;
    int stop = -1;  ///< -1: none
    int step = 0;   ///< 0: none
    auto operator<=>(const Range&) const = default;
  };
  using Component = std::vector<Range>;  ///< in order; empty: any value
  using Values = std::bitset<64>;

  static Values values_of(const Component& component, int least, int most);
  Values days_of_month(int month_days) const;
  bool has_year(std::int64_t year) const;

  std::uint8_t weekdays_ = 0;  ///< bit 0 is Monday; 0: any
  Component year_, month_, day_, hour_, minute_, second_;
  bool from_end_ = false;  ///< days count back from the end of the month
  std::string zone_name_;
};

}  // namespace hf
