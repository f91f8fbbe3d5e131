#pragma once
// When a source is due: its calendar expressions against what is remembered of its last run. Only load() reads anything.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "platform/env.hpp"
#include "policy/calendar.hpp"
#include "policy/policy.hpp"
#include "service/run_state.hpp"

namespace hf {

/// The calendar expressions of one source, each with its zone.
class Schedule {
 public:
  /// Usage where an expression or a zone is none. An expression without a zone has the source's, else the machine's.
  static Result<Schedule> load(Env& env, const SourcePolicy& source);

  bool empty() const { return expressions_.empty(); }
  /// The first time after `unix_ns` that any of them names.
  std::optional<std::int64_t> next_after(std::int64_t unix_ns) const;
  /// As OnCalendar= takes them, with the source's zone where they name none.
  std::vector<std::string> texts() const;

 private:
  std::vector<std::pair<CalendarExpression, TimeZone>> expressions_;
  std::string zone_name_;  ///< of the source; empty: the machine's
};

struct DueDecision {
  bool due = false;
  std::string why;                    ///< "never run before", "due since …", "not before …": for people, half a sentence
  std::optional<std::int64_t> next;   ///< when it is due next, if it is not now
};

/// Is a source due at `now`? Where there is doubt it is: nothing remembered, a last run that failed, or one that lies in
/// the future because the clock was set back.
DueDecision decide(const Schedule& schedule, const std::optional<RunState>& state, std::int64_t now);

/// Nothing where the objective is met or none was set; else how old the newest complete point is, in nanoseconds. Where
/// there is no point yet, the time counts from when the source was first seen.
std::optional<std::int64_t> missed_rpo(const SourcePolicy& source, const RunState& state, std::int64_t now);

}  // namespace hf
