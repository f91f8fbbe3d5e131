#include "base/zone_rule.hpp"

#include <algorithm>

#include "base/bytes.hpp"
#include "base/civil_time.hpp"

namespace hf {
namespace {

/// Reads from the front; each step fails on what the grammar does not allow.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_(text) {}
  bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool starts_offset() const { return !rest_.empty() && (rest_.front() == '+' || rest_.front() == '-' || is_digit(rest_.front())); }
  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }

  /// "CET" or "<+03>".
  bool name() {
    if (take('<')) {
      const std::size_t end = rest_.find('>');
      if (end == std::string_view::npos || end < 3) return false;
      rest_.remove_prefix(end + 1);
      return true;
    }
    std::size_t letters = 0;
    while (letters < rest_.size() && is_letter(rest_[letters])) ++letters;
    rest_.remove_prefix(letters);
    return letters >= 3;
  }
  std::optional<int> number(int least, int most) {
    int value = 0;
    std::size_t digits = 0;
    while (digits < rest_.size() && digits < 4 && is_digit(rest_[digits])) value = value * 10 + (rest_[digits++] - '0');
    rest_.remove_prefix(digits);
    if (digits == 0 || value < least || value > most) return std::nullopt;
    return value;
  }
  /// [+-]hh[:mm[:ss]] in seconds.
  std::optional<std::int32_t> time(int hours_most) {
    const bool negative = take('-');
    if (!negative) take('+');
    const auto hours = number(0, hours_most);
    if (!hours) return std::nullopt;
    std::int32_t seconds = *hours * 3600;
    for (const int unit : {60, 1}) {
      if (!take(':')) break;
      const auto part = number(0, 59);
      if (!part) return std::nullopt;
      seconds += *part * unit;
    }
    return negative ? -seconds : seconds;
  }
  std::optional<ZoneRule::Change> change() {
    using Form = ZoneRule::Change::Form;
    ZoneRule::Change c;
    if (take('M')) {
      const auto month = number(1, 12);
      if (!month || !take('.')) return std::nullopt;
      const auto week = number(1, 5);
      if (!week || !take('.')) return std::nullopt;
      const auto weekday = number(0, 6);
      if (!weekday) return std::nullopt;
      c.month = *month, c.week = *week, c.weekday = *weekday;
    } else {
      c.form = take('J') ? Form::julian : Form::day_of_year;
      const auto day = c.form == Form::julian ? number(1, 365) : number(0, 365);
      if (!day) return std::nullopt;
      c.day = *day;
    }
    if (take('/')) {
      const auto when = time(167);  // RFC 9636: -167 to 167 hours
      if (!when) return std::nullopt;
      c.time = *when;
    }
    return c;
  }

 private:
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); }
  std::string_view rest_;
};

std::int64_t day_of(const ZoneRule::Change& c, std::int64_t year) {
  using Form = ZoneRule::Change::Form;
  switch (c.form) {
    case Form::day_of_year: return days_of(year, 1, 1) + c.day;
    case Form::julian: return days_of(year, 1, 1) + c.day - 1 + (is_leap_year(year) && c.day >= 60 ? 1 : 0);
    case Form::month_week_day: break;
  }
  const std::int64_t first = days_of(year, c.month, 1);
  const int wanted = (c.weekday + 6) % 7;  // from Sunday first to Monday first
  std::int64_t day = first + (wanted - weekday_of(first) + 7) % 7 + 7 * (c.week - 1);
  if (day >= first + days_in_month(year, c.month)) day -= 7;  // week 5 is the last, be there five or four
  return day;
}

}  // namespace

Result<ZoneRule> ZoneRule::parse(std::string_view text) {
  const Error wrong(Code::usage, "'" + printable(text.substr(0, 80)) + "' is no time zone rule");
  ZoneRule rule;
  Reader r(text);
  if (!r.name()) return wrong;
  // POSIX counts west of Greenwich as positive.
  if (const auto west = r.time(24)) rule.standard_offset = -*west;
  else return wrong;
  if (r.at_end()) return rule;
  rule.has_summer = true;
  if (!r.name()) return wrong;
  rule.summer_offset = rule.standard_offset + 3600;
  if (r.starts_offset()) {
    const auto west = r.time(24);
    if (!west) return wrong;
    rule.summer_offset = -*west;
  }
  for (Change* c : {&rule.to_summer, &rule.to_standard}) {
    if (!r.take(',')) return wrong;
    const auto change = r.change();
    if (!change) return wrong;
    *c = *change;
  }
  if (!r.at_end()) return wrong;
  return rule;
}

std::array<std::pair<std::int64_t, std::int32_t>, 2> ZoneRule::changes(std::int64_t year) const {
  // Each change is told in the local time that it ends.
  std::array<std::pair<std::int64_t, std::int32_t>, 2> both = {
      std::pair{day_of(to_summer, year) * kSecondsPerDay + to_summer.time - standard_offset, summer_offset},
      std::pair{day_of(to_standard, year) * kSecondsPerDay + to_standard.time - summer_offset, standard_offset}};
  if (both[1].first < both[0].first) std::swap(both[0], both[1]);
  return both;
}

std::int32_t ZoneRule::offset_at(std::int64_t instant) const {
  if (!has_summer) return standard_offset;
  const std::int64_t year = civil_of(instant).year;
  // A change may lie up to 167 hours beyond its year, so the neighbours count too.
  std::int64_t newest = INT64_MIN;
  std::int32_t offset = standard_offset;
  for (std::int64_t y = year - 1; y <= year + 1; ++y)
    for (const auto& [when, begins] : changes(y))
      if (when <= instant && when >= newest) newest = when, offset = begins;
  return offset;
}

std::optional<std::int64_t> ZoneRule::next_change(std::int64_t instant) const {
  if (!has_summer) return std::nullopt;
  const std::int64_t year = civil_of(instant).year;
  std::optional<std::int64_t> next;
  for (std::int64_t y = year - 1; y <= year + 1; ++y)
    for (const auto& [when, begins] : changes(y))
      if (when > instant && (!next || when < *next)) next = when;
  return next;
}

}  // namespace hf
