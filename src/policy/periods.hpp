#pragma once
// Calendar periods as numbers: hour, day, ISO week, month, quarter and year of a time zone, each counted in order, so that
// "the same week" is equality and "later" is less-than. Pure. Instants are Unix nanoseconds.

#include <string>

#include "base/time_zone.hpp"
#include "policy/policy.hpp"

namespace hf {

/// The period's number; never less for a later instant, but where a zone turns a clock back over midnight.
/// Hours are real ones: the hour that a clock shows twice in autumn is two.
std::int64_t period_of(Period period, std::int64_t instant_ns, const TimeZone& zone);

/// The first instant of the period of this number.
std::int64_t period_begin(Period period, std::int64_t number, const TimeZone& zone);

/// "2026-05-02 14:00", "2026-05-02", "2026-W18", "2026-05", "2026-Q2", "2026".
std::string period_label(Period period, std::int64_t number, const TimeZone& zone);

/// The day of an instant on the zone's calendar: "2026-05-02".
std::string day_label(std::int64_t instant_ns, const TimeZone& zone);

}  // namespace hf
