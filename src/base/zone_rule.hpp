#pragma once
// The rule behind a zone's last years, as POSIX writes it in TZ and TZif files keep it in their footer (RFC 9636,
// section 3.3.1): "CET-1CEST,M3.5.0,M10.5.0/3". Pure.

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/result.hpp"

namespace hf {

struct ZoneRule {
  /// When one of the two changes of a year comes: the day, and seconds of local time from its midnight.
  struct Change {
    enum class Form : std::uint8_t { month_week_day, julian, day_of_year } form = Form::month_week_day;
    int month = 0, week = 0, weekday = 0;  ///< Mm.w.d: week 5 is the last, weekday 0 is Sunday
    int day = 0;                           ///< Jn (1 to 365, never 29 February) or n (0 to 365)
    std::int32_t time = 7200;
  };
  std::int32_t standard_offset = 0;  ///< seconds east of UTC
  bool has_summer = false;
  std::int32_t summer_offset = 0;
  Change to_summer, to_standard;

  /// Usage where the text is no such rule.
  static Result<ZoneRule> parse(std::string_view text);

  /// The instants of the two changes of a year and the offsets that they begin, the earlier first.
  std::array<std::pair<std::int64_t, std::int32_t>, 2> changes(std::int64_t year) const;
  std::int32_t offset_at(std::int64_t instant) const;
  /// The first change after the instant.
  std::optional<std::int64_t> next_change(std::int64_t instant) const;
};

}  // namespace hf
