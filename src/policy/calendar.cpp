#include "policy/calendar.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/assert.hpp"

namespace hf {
namespace {

constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr const char* kWeekdays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};

}  // namespace

// --- when ---

CalendarExpression::Values CalendarExpression::values_of(const Component& component, int least, int most) {
  Values out;
  if (component.empty())
    for (int v = least; v <= most; ++v) out.set(static_cast<std::size_t>(v));
  for (const Range& r : component) {
    const int stop = r.stop >= 0 ? r.stop : r.step > 0 ? most : r.start;
    for (int v = r.start; v <= stop && v <= most; v += r.step > 0 ? r.step : 1) out.set(static_cast<std::size_t>(v));
  }
  return out;
}

CalendarExpression::Values CalendarExpression::days_of_month(int month_days) const {
  if (!from_end_) return values_of(day_, 1, month_days);
  // "~a..b" are the days from the b-th last to the a-th last; steps count from the first of them.
  Values out;
  for (const Range& r : day_) {
    const int first = month_days + 1 - (r.stop >= 0 ? r.stop : r.start);
    const int last = r.stop >= 0 ? month_days + 1 - r.start : r.step > 0 ? month_days : first;
    for (int v = first; v <= last; v += r.step > 0 ? r.step : 1)
      if (v >= 1) out.set(static_cast<std::size_t>(v));
  }
  return out;
}

bool CalendarExpression::has_year(std::int64_t year) const {
  if (year_.empty()) return true;
  for (const Range& r : year_) {
    const int stop = r.stop >= 0 ? r.stop : r.step > 0 ? kYearMost : r.start;
    if (year >= r.start && year <= stop && (year - r.start) % (r.step > 0 ? r.step : 1) == 0) return true;
  }
  return false;
}

std::optional<std::int64_t> CalendarExpression::next_after(std::int64_t unix_ns, const TimeZone& zone) const {
  // Wall clock times in their order, beginning with the second that shows now; the first whose instant is later.
  const std::int64_t now = unix_ns / kNsPerSecond - (unix_ns % kNsPerSecond < 0 ? 1 : 0);
  CivilTime from = zone.civil_at(now);
  if (from.year < kYearLeast) from = CivilTime{};
  const Values months = values_of(month_, 1, 12), hours = values_of(hour_, 0, 23), minutes = values_of(minute_, 0, 59),
               seconds = values_of(second_, 0, 59);
  const auto has = [](const Values& values, int v) { return values.test(static_cast<std::size_t>(v)); };

  CivilTime t;
  for (t.year = from.year; t.year <= kYearMost; ++t.year) {
    if (!has_year(t.year)) continue;
    for (t.month = 1; t.month <= 12; ++t.month) {
      if (!has(months, t.month) || (t.year == from.year && t.month < from.month)) continue;
      const int month_days = days_in_month(t.year, t.month);
      const Values days = days_of_month(month_days);
      const std::int64_t before_first = days_of(t.year, t.month, 1) - 1;
      for (t.day = 1; t.day <= month_days; ++t.day) {
        if (!has(days, t.day) || (weekdays_ != 0 && (weekdays_ >> weekday_of(before_first + t.day) & 1) == 0)) continue;
        t.hour = t.minute = t.second = 0;
        if (CivilTime last = t; last.hour = 23, last.minute = last.second = 59, last < from) continue;
        const bool first_day = t < from;
        for (t.hour = first_day ? from.hour : 0; t.hour < 24; ++t.hour) {
          if (!has(hours, t.hour)) continue;
          for (t.minute = 0; t.minute < 60; ++t.minute) {
            if (!has(minutes, t.minute)) continue;
            for (t.second = 0; t.second < 60; ++t.second) {
              if (!has(seconds, t.second) || t < from) continue;
              const auto instants = zone.instants(t);
              if (!instants.empty() && instants.front() > now) return instants.front() * kNsPerSecond;
            }
          }
        }
      }
    }
  }
  return std::nullopt;
}

// --- text ---

std::string CalendarExpression::text() const {
  std::string out;
  for (std::size_t day = 0; day < 7;) {
    std::size_t end = day;
    while (end < 7 && (weekdays_ >> end & 1) != 0) ++end;
    if (end - day >= 3) {
      out += fmt::format("{}{}..{}", out.empty() ? "" : ",", kWeekdays[day], kWeekdays[end - 1]);
    } else {
      for (std::size_t d = day; d < end; ++d) out += fmt::format("{}{}", out.empty() ? "" : ",", kWeekdays[d]);
    }
    day = end + 1;
  }
  if (!out.empty()) out += ' ';

  const auto component = [](const Component& c, int width) {
    if (c.empty()) return std::string("*");
    std::string text;
    for (const Range& r : c) {
      text += fmt::format("{}{:0{}}", text.empty() ? "" : ",", r.start, width);
      if (r.stop >= 0) text += fmt::format("..{:0{}}", r.stop, width);
      if (r.step > 0 && !(r.step == 1 && r.stop >= 0)) text += fmt::format("/{}", r.step);
    }
    return text;
  };
  out += component(year_, 4) + '-' + component(month_, 2) + (from_end_ ? '~' : '-') + component(day_, 2) + ' ';
  out += component(hour_, 2) + ':' + component(minute_, 2) + ':' + component(second_, 2);
  if (!zone_name_.empty()) out += ' ' + zone_name_;
  return out;
}

// --- parse ---

/// Each step takes what it understands from the front of rest_.
class CalendarParser {
 public:
  using Expression = CalendarExpression;
  using Component = Expression::Component;
  explicit CalendarParser(std::string_view text) : text_(text), rest_(text) {}

  Result<Expression> parse() {
    if (text_.size() > Expression::kTextMax) return wrong("it is too long");
    take_zone();
    if (rest_.empty()) return wrong("nothing is in it");
    if (!take_shorthand()) {
      if (rest_.front() == '@') {
        HF_TRY(take_timestamp());
      } else {
        HF_TRY(take_weekdays());
        HF_TRY(take_date_and_time());
      }
    }
    for (const auto& [component, least, most] : {Bounds{&out_.month_, 1, 12}, Bounds{&out_.hour_, 0, 23}, Bounds{&out_.minute_, 0, 59},
                                                 Bounds{&out_.second_, 0, 59}, Bounds{&out_.day_, 1, out_.from_end_ ? 28 : 31}})
      HF_TRY(settle(*component, least, most));
    for (Expression::Range& r : out_.year_)
      for (int* year : {&r.start, &r.stop})
        if (*year >= 0 && *year < 100) *year += *year < 70 ? 2000 : 1900;
    HF_TRY(settle(out_.year_, Expression::kYearLeast, Expression::kYearMost));
    if (out_.from_end_ && out_.day_.empty()) out_.from_end_ = false;
    if (out_.weekdays_ == 127) out_.weekdays_ = 0;
    return std::move(out_);
  }

 private:
  struct Bounds {
    Component* component;
    int least, most;
  };
  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  static bool is_letter(char c) { return (c | 32) >= 'a' && (c | 32) <= 'z'; }
  static char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 32) : c; }
  static bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
  }

  Error wrong(std::string_view why) const {
    return Error(Code::usage, fmt::format("'{}' is no calendar expression: {}", printable(text_.substr(0, 80)), why),
                 "write it as for a systemd timer: daily, \"Mon..Fri 22:30\", \"*-*-1 03:00\", \"*:0/15\"");
  }

  /// A last word that begins with a letter is a zone, unless it is the only word: then it is a weekday or a shorthand.
  void take_zone() {
    const std::size_t space = rest_.rfind(' ');
    if (space == std::string_view::npos || space + 1 >= rest_.size()) return;
    const std::string_view word = rest_.substr(space + 1);
    if (!is_letter(word.front()) || !is_zone_name(word) || weekday_named(word)) return;
    out_.zone_name_ = same_word(word, "utc") ? "UTC" : std::string(word);
    rest_ = rest_.substr(0, space);
  }

  bool take_shorthand() {
    struct Shorthand {
      std::string_view word, meaning;
    };
    static constexpr Shorthand kShorthands[] = {
        {"minutely", "*-*-* *:*:00"},         {"hourly", "*-*-* *:00:00"},
        {"daily", "*-*-* 00:00:00"},          {"weekly", "Mon *-*-* 00:00:00"},
        {"monthly", "*-*-01 00:00:00"},       {"quarterly", "*-01,04,07,10-01 00:00:00"},
        {"semiannually", "*-01,07-01 00:00:00"}, {"semi-annually", "*-01,07-01 00:00:00"},
        {"biannually", "*-01,07-01 00:00:00"},   {"bi-annually", "*-01,07-01 00:00:00"},
        {"yearly", "*-01-01 00:00:00"},       {"annually", "*-01-01 00:00:00"},
    };
    for (const Shorthand& s : kShorthands) {
      if (!same_word(rest_, s.word)) continue;
      std::string zone = std::move(out_.zone_name_);
      auto meant = CalendarParser(s.meaning).parse();
      HF_ASSERT(meant.has_value());
      out_ = std::move(*meant);
      out_.zone_name_ = std::move(zone);
      return true;
    }
    return false;
  }

  /// "@1395716396": one instant, which is told as its UTC date.
  Status take_timestamp() {
    rest_.remove_prefix(1);
    std::int64_t seconds = 0;
    if (rest_.empty() || rest_.size() > 11) return wrong("a time in seconds since 1970 comes after '@'");
    for (const char c : rest_) {
      if (!is_digit(c)) return wrong("a time in seconds since 1970 comes after '@'");
      seconds = seconds * 10 + (c - '0');
    }
    const CivilTime t = civil_of(seconds);
    const auto only = [](std::int64_t v) { return Component{{static_cast<int>(v), -1, 0}}; };
    out_.year_ = only(t.year), out_.month_ = only(t.month), out_.day_ = only(t.day);
    out_.hour_ = only(t.hour), out_.minute_ = only(t.minute), out_.second_ = only(t.second);
    out_.zone_name_ = "UTC";
    return {};
  }

  static std::optional<int> weekday_named(std::string_view word) {
    static constexpr std::string_view kNames[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
    for (std::size_t day = 0; day < 7; ++day)
      if (same_word(word, kNames[day]) || same_word(word, kNames[day].substr(0, 3))) return static_cast<int>(day);
    return std::nullopt;
  }

  std::optional<int> take_weekday() {
    std::size_t letters = 0;
    while (letters < rest_.size() && is_letter(rest_[letters])) ++letters;
    const auto day = weekday_named(rest_.substr(0, letters));
    if (day) rest_.remove_prefix(letters);
    return day;
  }

  Status take_weekdays() {
    if (!is_letter(rest_.front())) return {};
    for (;;) {
      const auto first = take_weekday();
      if (!first) return wrong("a weekday is Mon, Tue, Wed, Thu, Fri, Sat or Sun");
      int last = *first;
      if (take("..") || take("-")) {
        const auto end = take_weekday();
        if (!end) return wrong("a range of weekdays lacks its end");
        if (*end < *first) return wrong("a range of weekdays runs backwards; weeks begin on Monday: write Sat,Sun,Mon");
        last = *end;
      }
      for (int day = *first; day <= last; ++day) out_.weekdays_ = static_cast<std::uint8_t>(out_.weekdays_ | 1 << day);
      if (!take(",")) break;
    }
    if (!rest_.empty() && rest_.front() != ' ') return wrong("a space comes after the weekdays");
    take_spaces();
    return {};
  }

  Status take_date_and_time() {
    Component first;
    const Component zero{{0, -1, 0}};
    out_.hour_ = out_.minute_ = out_.second_ = zero;
    if (rest_.empty()) return {};
    HF_TRY(take_component(first));
    if (at('-') || at('~')) {
      out_.from_end_ = at('~');
      rest_.remove_prefix(1);
      Component second;
      HF_TRY(take_component(second));
      if (rest_.empty() || at(' ')) {
        out_.month_ = std::move(first);
        out_.day_ = std::move(second);
      } else {
        if (out_.from_end_ || !(at('-') || at('~'))) return wrong("a date is written year-month-day or month-day");
        out_.from_end_ = at('~');
        rest_.remove_prefix(1);
        HF_TRY(take_component(out_.day_));
        out_.year_ = std::move(first);
        out_.month_ = std::move(second);
        if (!rest_.empty() && !at(' ')) return wrong("a space comes between date and time");
      }
      take_spaces();
      if (rest_.empty()) return {};
      HF_TRY(take_component(first));
    }
    if (!take(":")) return wrong("a time is written hour:minute or hour:minute:second");
    out_.hour_ = std::move(first);
    out_.minute_.clear();
    HF_TRY(take_component(out_.minute_));
    if (take(":")) {
      out_.second_.clear();
      HF_TRY(take_component(out_.second_));
      if (at('.')) return wrong("fractions of a second are not taken");
    }
    if (!rest_.empty()) return wrong(fmt::format("'{}' is not understood", printable(rest_)));
    return {};
  }

  /// "*" or values, ranges and steps between commas.
  Status take_component(Component& out) {
    out.clear();
    if (take("*")) return {};
    do {
      Expression::Range r;
      r.start = HF_TRY(take_number());
      if (take("..")) r.stop = HF_TRY(take_number());
      if (take("/")) {
        r.step = HF_TRY(take_number());
        if (r.step == 0) return wrong("a step of 0 never goes on");
      }
      out.push_back(r);
    } while (take(","));
    return {};
  }

  Result<int> take_number() {
    int value = 0;
    std::size_t digits = 0;
    for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
      value = value * 10 + (rest_[digits] - '0');
      if (value > 9999) return wrong("a number is too large");
    }
    if (digits == 0) return wrong("a number is missing");
    rest_.remove_prefix(digits);
    return value;
  }

  /// Checks the values of a component against their bounds, and puts them into the normal form.
  Status settle(Component& component, int least, int most) const {
    const bool from_end = &component == &out_.day_ && out_.from_end_;
    for (Expression::Range& r : component) {
      if (r.start < least || r.start > most || r.stop > most) return wrong(fmt::format("{} lies outside {} to {}", r.start < least || r.start > most ? r.start : r.stop, least, most));
      if (r.stop >= 0 && r.stop < r.start) return wrong("a range runs backwards");
      // A step beyond the last value would never be taken: more likely a slip than meant.
      if (r.stop < 0 && r.step > (from_end ? r.start - least : most - r.start)) return wrong("a step goes beyond the last value");
      if (r.stop >= 0) {
        if (r.step == 1) r.step = 0;
        if (r.step > 0) r.stop -= (r.stop - r.start) % r.step;
        if (r.stop == r.start) r.stop = -1, r.step = 0;
      }
    }
    std::sort(component.begin(), component.end());
    component.erase(std::unique(component.begin(), component.end()), component.end());
    return {};
  }

  bool at(char c) const { return !rest_.empty() && rest_.front() == c; }
  bool take(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }
  void take_spaces() {
    while (take(" ")) {
    }
  }

  const std::string_view text_;
  std::string_view rest_;
  Expression out_;
};

Result<CalendarExpression> CalendarExpression::parse(std::string_view text) { return CalendarParser(text).parse(); }

}  // namespace hf
