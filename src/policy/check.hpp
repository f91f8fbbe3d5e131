#pragma once
// What contradicts itself in a policy, told in days and points. Pure.

#include <optional>
#include <string>
#include <vector>

#include "base/time_zone.hpp"
#include "policy/policy.hpp"

namespace hf {

struct Finding {
  enum class Level : std::uint8_t {
    contradiction,  ///< what is asked for can't come true
    warning,        ///< it can, and is hardly what was meant
    note,           ///< worth knowing
  } level = Level::warning;
  std::string source;   ///< name; empty: the policy as a whole
  std::string key;      ///< in holdfast.toml: "rpo"
  std::string message;  ///< one fact
  std::string meaning;  ///< what it comes to, in days and points
  std::string hint;     ///< what to write instead
};
std::string_view name_of(Finding::Level level);

/// How a schedule lies in time, as measured over the next 400 days (at most 10,000 starts).
struct ScheduleSpacing {
  std::int64_t least_ns = 0, most_ns = 0;  ///< between two starts
  std::size_t starts = 0;                  ///< in these days
  std::int64_t usual_ns = 0;               ///< the median: a day, though two days of the year have 23 and 25 hours
  bool operator==(const ScheduleSpacing&) const = default;
};
/// Usage where an expression is none; nothing where it never comes, or only once.
Result<std::optional<ScheduleSpacing>> spacing_of(const SourcePolicy& source, const TimeZone& zone, std::int64_t now_ns);

/// How far back a retention reaches when points come `pace_ns` apart, and how many it holds then, at most.
struct Reach {
  std::int64_t ns = 0;        ///< INT64_MAX: for ever
  std::uint64_t points = 0;   ///< of counting rules and `within`; meaningless for ever
};
Reach reach_of(const Retention& retention, std::int64_t pace_ns);

/// Findings about one source, the gravest first. `spacing`: absent where there is no schedule, or an unreadable one.
std::vector<Finding> check_source(const SourcePolicy& source, const std::optional<ScheduleSpacing>& spacing);
/// Findings about sources side by side: two that protect the same paths.
std::vector<Finding> check_sources(const Policy& policy);

}  // namespace hf
