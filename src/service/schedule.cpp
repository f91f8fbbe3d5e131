#include "service/schedule.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "platform/zone_files.hpp"

namespace hf {
namespace {
// A clock that is corrected by seconds after a run is no reason for another.
constexpr std::int64_t kClockSlackNs = 300 * kSecondNs;
}  // namespace

Result<Schedule> Schedule::load(Env& env, const SourcePolicy& source) {
  Schedule out;
  if (source.schedule.empty()) return out;
  out.zone_name_ = source.time_zone;
  const auto here = [&] { return "the schedule of source " + source.name; };
  const TimeZone zone = source.time_zone.empty() ? local_time_zone(env) : HF_TRY(load_time_zone(env, source.time_zone).context(here));
  for (const std::string& text : source.schedule) {
    auto expression = HF_TRY(CalendarExpression::parse(text).context(here));
    const TimeZone own = expression.zone_name().empty() ? zone : HF_TRY(load_time_zone(env, expression.zone_name()).context(here));
    out.expressions_.emplace_back(std::move(expression), own);
  }
  return out;
}

std::optional<std::int64_t> Schedule::next_after(std::int64_t unix_ns) const {
  std::optional<std::int64_t> first;
  for (const auto& [expression, zone] : expressions_)
    if (const auto next = expression.next_after(unix_ns, zone); next && (!first || *next < *first)) first = next;
  return first;
}

std::vector<std::string> Schedule::texts() const {
  std::vector<std::string> out;
  for (const auto& [expression, zone] : expressions_)
    out.push_back(expression.text() + (expression.zone_name().empty() && !zone_name_.empty() ? " " + zone_name_ : ""));
  return out;
}

DueDecision decide(const Schedule& schedule, const std::optional<RunState>& state, std::int64_t now) {
  if (schedule.empty()) return {false, "has no schedule", std::nullopt};
  if (!state || state->started_ns == 0) return {true, "never run before", std::nullopt};
  if (state->started_ns > now + kClockSlackNs) return {true, "the clock was set back since its last run", std::nullopt};
  if (state->outcome == Outcome::failed) return {true, "its last run failed", std::nullopt};
  const auto next = schedule.next_after(state->started_ns);
  if (!next) return {false, "its schedule names no later time", std::nullopt};
  if (*next <= now) return {true, "due since " + local_time(*next), std::nullopt};
  return {false, "not due before " + local_time(*next), next};
}

std::optional<std::int64_t> missed_rpo(const SourcePolicy& source, const RunState& state, std::int64_t now) {
  const std::int64_t since = std::max(state.complete_ns, state.first_seen_ns);
  if (!source.rpo || since == 0 || now - since <= source.rpo->ns) return std::nullopt;
  return now - since;
}

}  // namespace hf
