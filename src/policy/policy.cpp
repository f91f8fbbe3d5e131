#include "policy/policy.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace hf {
namespace {

struct Unit {
  std::string_view text;
  std::int64_t ns;
  std::string_view word;
};
// Largest first. "mo" before "m": the longest name that fits is meant.
constexpr std::array<Unit, 7> kUnits = {{{"y", 365 * kDayNs, "year"},
                                         {"mo", 30 * kDayNs, "month"},
                                         {"w", 7 * kDayNs, "week"},
                                         {"d", kDayNs, "day"},
                                         {"h", kHourNs, "hour"},
                                         {"m", 60 * kSecondNs, "minute"},
                                         {"s", kSecondNs, "second"}}};
constexpr std::int64_t kSpanMaxNs = 100 * 365 * kDayNs;

}  // namespace

Result<Span> parse_span(std::string_view text) {
  const auto wrong = [&](std::string_view why) {
    return Error(Code::usage, fmt::format("'{}' is not a span of time{}", text, why), "write it as 10m, 26h, 30d, 2w, 6mo or 1y");
  };
  std::string_view rest = text;
  std::int64_t total = 0, smallest = kSpanMaxNs;
  if (rest.empty()) return wrong("");
  while (!rest.empty()) {
    std::int64_t n = 0;
    if (rest[0] < '0' || rest[0] > '9') return wrong("");
    const auto [end, problem] = std::from_chars(rest.data(), rest.data() + rest.size(), n);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const Unit& u) { return rest.starts_with(u.text); });
    if (unit == kUnits.end()) return wrong(rest.empty() ? ": its unit is missing" : "");
    if (unit->ns >= smallest) return wrong(": units go from large to small, each once");
    smallest = unit->ns;
    rest.remove_prefix(unit->text.size());
    if (problem != std::errc() || n > kSpanMaxNs / unit->ns || (total += n * unit->ns) > kSpanMaxNs) return wrong(": a century is the longest");
  }
  if (total == 0) return wrong(": it is nothing");
  return Span{total};
}

std::string text_of(Span span) {
  // Months and years only mislead here: theirs are not the calendar's.
  for (const Unit& unit : kUnits) {
    if (unit.ns > kDayNs || unit.ns > span.ns || span.ns % unit.ns != 0) continue;
    const std::int64_t n = span.ns / unit.ns;
    return fmt::format("{} {}{}", n, unit.word, n == 1 ? "" : "s");
  }
  return fmt::format("{:.1f} seconds", static_cast<double>(span.ns) / 1e9);
}

std::string_view name_of(Period period) {
  static constexpr std::string_view kNames[] = {"hour", "day", "week", "month", "quarter", "year"};
  return kNames[static_cast<std::size_t>(period)];
}

std::string_view tier_of(Period period) {
  static constexpr std::string_view kNames[] = {"hourly", "daily", "weekly", "monthly", "quarterly", "yearly"};
  return kNames[static_cast<std::size_t>(period)];
}

std::uint32_t Retention::count(Period period) const {
  const std::uint32_t counts[] = {hourly, daily, weekly, monthly, quarterly, yearly};
  return counts[static_cast<std::size_t>(period)];
}

void Retention::set_count(Period period, std::uint32_t count) {
  std::uint32_t* const counts[] = {&hourly, &daily, &weekly, &monthly, &quarterly, &yearly};
  *counts[static_cast<std::size_t>(period)] = count;
}

const SourcePolicy* Policy::find(std::string_view name) const {
  for (const SourcePolicy& source : sources)
    if (source.name == name) return &source;
  return nullptr;
}

std::string source_tag(std::string_view name) { return "source:" + std::string(name); }

const SourcePolicy* source_of(const Policy& policy, const RecoveryPoint& point) {
  for (const std::string& tag : point.tags) {
    if (!tag.starts_with("source:")) continue;
    const SourcePolicy* source = policy.find(std::string_view(tag).substr(7));
    if (source != nullptr && source->host == point.host) return source;
  }
  std::vector<std::string> theirs = point.paths;
  std::sort(theirs.begin(), theirs.end());
  for (const SourcePolicy& source : policy.sources) {
    if (source.host != point.host || source.paths.size() != theirs.size()) continue;
    std::vector<std::string> ours = source.paths;
    std::sort(ours.begin(), ours.end());
    if (ours == theirs) return &source;
  }
  return nullptr;
}

bool is_source_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace hf
