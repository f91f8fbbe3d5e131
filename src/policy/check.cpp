#include "policy/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "policy/calendar.hpp"
#include "policy/retention.hpp"

namespace hf {
namespace {

using Level = Finding::Level;

/// The usual length: only for judging, never for deciding.
std::int64_t length_of(Period period) {
  constexpr std::int64_t kLengths[] = {kHourNs, kDayNs, 7 * kDayNs, 30 * kDayNs, 91 * kDayNs, 365 * kDayNs};
  return kLengths[static_cast<std::size_t>(period)];
}

/// "3 days", "26 hours", "2.5 years": what a person says of a length that was measured.
std::string about(std::int64_t ns) {
  if (ns == INT64_MAX) return "for ever";
  const double days = static_cast<double>(ns) / static_cast<double>(kDayNs);
  if (days >= 730) return fmt::format("{:.3g} years", days / 365);
  if (days >= 2) return fmt::format("{:.0f} days", days);
  const double hours = static_cast<double>(ns) / static_cast<double>(kHourNs);
  if (hours >= 1.5) return fmt::format("{:.3g} hours", hours);
  return fmt::format("{:.0f} minutes", hours * 60);
}

std::string text_of_count(std::uint32_t n) { return n == Retention::kAll ? "\"all\"" : std::to_string(n); }

std::string one(Period period) { return (period == Period::hour ? "an " : "a ") + std::string(name_of(period)); }

/// How far back `count` of these periods go; a period without more than one point is as long as the pace.
std::int64_t reach_of_tier(std::uint32_t count, std::int64_t length) { return count == Retention::kAll ? INT64_MAX : static_cast<std::int64_t>(count) * length; }

struct Checker {
  const SourcePolicy& s;
  const std::optional<ScheduleSpacing>& spacing;
  std::vector<Finding> found = {};

  void add(Level level, std::string key, std::string message, std::string meaning, std::string hint) {
    found.push_back({level, s.name, std::move(key), std::move(message), std::move(meaning), std::move(hint)});
  }

  std::int64_t pace() const { return spacing ? std::max(spacing->usual_ns, kSecondNs) : kDayNs; }

  void schedule() {
    if (s.schedule.empty()) {
      if (s.rpo)
        add(Level::contradiction, "rpo", fmt::format("an RPO of {} without a schedule", text_of(*s.rpo)), "nothing makes points by itself, so the newest one grows older without end",
            "schedule = \"daily\"");
      else add(Level::note, "schedule", "no schedule", "points are made only when somebody asks for one", "schedule = \"daily\"");
      return;
    }
    if (!spacing) return;
    if (s.rpo && s.rpo->ns < spacing->most_ns + s.jitter.ns)
      add(Level::contradiction, "rpo", fmt::format("an RPO of {} is shorter than the schedule leaves between two points", text_of(*s.rpo)),
          fmt::format("starts lie up to {} apart{}, so it is missed {}", about(spacing->most_ns), s.jitter.ns > 0 ? fmt::format(", and jitter adds up to {}", about(s.jitter.ns)) : "",
                      spacing->least_ns + s.jitter.ns > s.rpo->ns ? "every time" : "now and then"),
          fmt::format("a denser schedule, or rpo = \"{}h\"", (spacing->most_ns + s.jitter.ns) / kHourNs + 2));
    if (s.jitter.ns > 0 && s.jitter.ns >= spacing->least_ns)
      add(Level::contradiction, "jitter", fmt::format("jitter of {} is no shorter than the schedule", text_of(s.jitter)),
          fmt::format("starts lie {} apart: one may be put off beyond the next", about(spacing->least_ns)), "a jitter of at most half the time between two starts");
  }

  void tiers() {
    const Retention& r = s.retention;
    if (r.keeps_everything()) {
      add(Level::note, "keep-*", "no keep rule", "every point is kept, and the vault grows without end", "keep-daily = 7, keep-weekly = 5, keep-monthly = 12, keep-yearly = 10");
      return;
    }
    // From fine to coarse: what reaches furthest so far, and which key that is.
    std::int64_t furthest = 0;
    std::string by;
    const auto reaches = [&](std::int64_t reach, std::string key) {
      if (reach > furthest) {
        furthest = reach;
        by = std::move(key);
      }
    };
    if (r.within) {
      reaches(r.within->ns, fmt::format("keep-within = \"{}\"", short_span(*r.within)));
      if (spacing && r.within->ns < spacing->least_ns)
        add(Level::warning, "keep-within", fmt::format("keep-within is shorter than the time between two points"),
            fmt::format("points come {} apart, so within {} there is only the newest", about(spacing->least_ns), text_of(*r.within)), "a span of several points, or leave it out");
    }
    if (r.last > 0) reaches(reach_of_tier(r.last, pace()), "keep-last = " + text_of_count(r.last));
    for (Period period : kPeriods) {
      const std::uint32_t count = r.count(period);
      if (count == 0) continue;
      const std::string key = fmt::format("keep-{}", tier_of(period)), setting = key + " = " + text_of_count(count);
      const std::int64_t length = std::max(length_of(period), pace()), reach = reach_of_tier(count, length);
      if (spacing && length_of(period) * 2 <= spacing->usual_ns)
        add(Level::warning, key, fmt::format("{} can't be filled: points come {} apart", setting, about(spacing->usual_ns)),
            count == Retention::kAll ? fmt::format("no two points share {}: it keeps every point", one(period))
                                     : fmt::format("no two points share {}: it keeps the newest {}, which go back {}, not {}", one(period), counted(count, "point"), about(reach),
                                                   about(reach_of_tier(count, length_of(period)))),
            fmt::format("a schedule with a point each {}, or keep-last = {}", name_of(period), text_of_count(count)));
      else if (reach <= furthest)
        add(Level::warning, key, fmt::format("{} adds nothing", setting),
            fmt::format("it goes back {}; {} keeps points as dense or denser back {}", about(reach), by, furthest == INT64_MAX ? "for ever" : about(furthest)),
            fmt::format("more than {} of them, or leave it out", furthest == INT64_MAX ? "any number" : std::to_string(furthest / length)));
      reaches(reach, setting);
    }
    const Reach total = reach_of(r, pace());
    if (total.ns <= 8 * kDayNs)
      add(Level::warning, "keep-*", "nothing is kept beyond " + about(total.ns),
          fmt::format("at most {}; a file that was lost or spoiled earlier than that, unnoticed, can't be had back", counted(total.points, "point")), "keep-weekly = 5, keep-monthly = 12");
    kinds(total);
  }

  void kinds(const Reach& total) {
    const KindPolicy& k = s.kinds;
    if (k.full_every && total.ns < length_of(*k.full_every))
      add(Level::warning, "full-every", fmt::format("a full point each {}, and nothing is kept as long", name_of(*k.full_every)),
          fmt::format("points go back {}: most of the time none that is kept re-read every byte of its source", about(total.ns)),
          "full-every = \"month\" or \"week\", or keep points longer");
    if (k.independent && total.ns < length_of(*k.independent))
      add(Level::warning, "independent", fmt::format("an independent full point each {}, and nothing is kept as long", name_of(*k.independent)),
          fmt::format("points go back {}: everything is stored again each {}, for points that soon leave", about(total.ns), name_of(*k.independent)),
          fmt::format("keep-{} = 3, or leave independent out", tier_of(*k.independent)));
  }

  void kinds_alone() {
    const KindPolicy& k = s.kinds;
    if (k.full_every && k.differential_every && *k.differential_every >= *k.full_every)
      add(Level::contradiction, "differential-every", fmt::format("a differential point each {} never falls due", name_of(*k.differential_every)),
          fmt::format("the full point of each {} comes as often, and stands for it", name_of(*k.full_every)), "a shorter differential-every, or leave it out");
  }

  void hooks() {
    if (spacing && !(s.hooks.before.empty() && s.hooks.after.empty()) && s.hooks.timeout.ns >= spacing->least_ns)
      add(Level::warning, "hook-timeout", fmt::format("a hook may run for {}, longer than the time between two points", text_of(s.hooks.timeout)),
          fmt::format("starts lie {} apart: a hook that hangs costs the next point too", about(spacing->least_ns)), "hook-timeout = \"10m\"");
  }

  /// As the file has it: "30d".
  static std::string short_span(Span span) {
    const std::string text = text_of(span);
    const std::size_t blank = text.find(' ');
    return text.substr(0, blank) + text.substr(blank + 1, 1);
  }
};

}  // namespace

std::string_view name_of(Finding::Level level) {
  static constexpr std::string_view kNames[] = {"contradiction", "warning", "note"};
  return kNames[static_cast<std::size_t>(level)];
}

Result<std::optional<ScheduleSpacing>> spacing_of(const SourcePolicy& source, const TimeZone& zone, std::int64_t now_ns) {
  constexpr std::size_t kStartsMax = 10'000;
  const std::int64_t end = now_ns + 400 * kDayNs;
  std::vector<CalendarExpression> expressions;
  for (const std::string& text : source.schedule) expressions.push_back(HF_TRY(CalendarExpression::parse(text).context([&] { return "schedule of source '" + source.name + "'"; })));
  ScheduleSpacing spacing;
  std::vector<std::int64_t> gaps;
  std::optional<std::int64_t> previous;
  std::int64_t at = now_ns;
  while (spacing.starts < kStartsMax) {
    std::optional<std::int64_t> next;
    for (const CalendarExpression& e : expressions)
      if (const auto n = e.next_after(at, zone); n && (!next || *n < *next)) next = n;
    if (!next) break;
    if (previous) {
      const std::int64_t gap = *next - *previous;
      gaps.push_back(gap);
      spacing.least_ns = spacing.least_ns == 0 ? gap : std::min(spacing.least_ns, gap);
      spacing.most_ns = std::max(spacing.most_ns, gap);
    }
    ++spacing.starts;
    previous = at = *next;
    if (at > end && spacing.most_ns > 0) break;
  }
  if (gaps.empty()) return std::optional<ScheduleSpacing>();
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2), gaps.end());
  spacing.usual_ns = gaps[gaps.size() / 2];
  return std::optional<ScheduleSpacing>(spacing);
}

Reach reach_of(const Retention& r, std::int64_t pace_ns) {
  Reach reach;
  if (r.keeps_everything()) return {INT64_MAX, 0};
  const auto counts = [&](std::uint32_t count, std::int64_t length) {
    reach.ns = std::max(reach.ns, reach_of_tier(count, std::max(length, pace_ns)));
    if (count != Retention::kAll) reach.points += count;
  };
  if (r.last > 0) counts(r.last, pace_ns);
  for (Period period : kPeriods)
    if (r.count(period) > 0) counts(r.count(period), length_of(period));
  if (r.within) {
    reach.ns = std::max(reach.ns, r.within->ns);
    reach.points += static_cast<std::uint64_t>(r.within->ns / std::max<std::int64_t>(pace_ns, 1)) + 1;
  }
  return reach;
}

std::vector<Finding> check_source(const SourcePolicy& source, const std::optional<ScheduleSpacing>& spacing) {
  Checker checker{source, spacing};
  checker.schedule();
  checker.tiers();
  checker.kinds_alone();
  checker.hooks();
  std::stable_sort(checker.found.begin(), checker.found.end(), [](const Finding& a, const Finding& b) { return a.level < b.level; });
  return std::move(checker.found);
}

std::vector<Finding> check_sources(const Policy& policy) {
  std::vector<Finding> found;
  const auto sorted = [](std::vector<std::string> paths) {
    std::sort(paths.begin(), paths.end());
    return paths;
  };
  for (std::size_t b = 1; b < policy.sources.size(); ++b)
    for (std::size_t a = 0; a < b; ++a) {
      const SourcePolicy &first = policy.sources[a], &second = policy.sources[b];
      if (first.host != second.host || sorted(first.paths) != sorted(second.paths)) continue;
      found.push_back({Level::warning, second.name, "paths", fmt::format("the same paths as source '{}'", first.name),
                       fmt::format("points that `backup` made of them count for '{}' alone; those of `run` carry their source's name", first.name), "one source, or other paths"});
      break;
    }
  return found;
}

}  // namespace hf
