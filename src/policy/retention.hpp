#pragma once
// Which recovery points are kept, by which rules and until when; which are to be forgotten, and why. Pure.
//
// The rules, for the points of one source (docs/reference/policy.md shows each by an example):
//  (1) `last N` keeps the newest N points; `daily N` the newest point of each of the newest N days that have points, in
//      the policy's time zone; likewise hourly, weekly (ISO 8601), monthly, quarterly, yearly. Days without points do not
//      count: who was away a month loses nothing by it.
//  (2) An incomplete point never displaces a complete one. Of a period, the newest complete point is kept. A period that
//      has none keeps its newest incomplete one while it is among the newest N, and takes no place: N complete ones are
//      kept beside it.
//  (3) `within D` keeps every point that is at most D older than the newest complete one; not than the clock, which may be
//      wrong. After a pause longer than D (a machine in a drawer, a clock that was years ahead) the pause does not count
//      until backups have gone on for half of D.
//  (4) Kept whatever the numbers say: the newest point, the newest complete one, the newest proven one, what is held.
//  (5) A point from the future (kClockSkewNs ahead of `now`) is kept and takes no place; the clock was wrong, then or now.
//  (6) A retention without any number keeps everything.
// Deciding again about what was kept keeps all of it, and with the same reasons, as long as D is at least twice the time
// between points: so it does not matter how often, or when, points are forgotten.

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/time_zone.hpp"
#include "policy/policy.hpp"

namespace hf {

/// What deciding needs to know of a point.
struct PointFacts {
  PointId id;
  std::int64_t time_ns = 0;  ///< when its backup began
  std::string source;        ///< points of one source are decided together; any text
  PointKind kind = PointKind::full;
  bool complete = true;
  bool proven = false;       ///< every chunk of it was read back and checked
  bool independent = false;  ///< shares no chunk with earlier points
  std::int64_t base_full_ns = 0, domain_ns = 0;  ///< when its last full, and its last independent, point began; 0: unknown
  bool held = false;
  std::string hold_reason = {};
  std::optional<std::int64_t> held_until_ns = {};  ///< a hold may end by itself
};

enum class Rule : std::uint8_t { last, hourly, daily, weekly, monthly, quarterly, yearly, within, newest, newest_complete, newest_proven, hold, future, no_rules };
std::string_view name_of(Rule rule);  ///< "daily", "newest_proven": the identifier in JSON
Rule rule_of(Period period);

/// Why a point is kept.
struct Reason {
  Rule rule = Rule::no_rules;
  std::uint32_t place = 0, of = 0;  ///< "3rd of 7", of the counting rules; place 0: it stands in for a complete one
  std::string detail = {};          ///< the period ("2026-W18"), the span, the reason of the hold
  std::optional<std::int64_t> until_ns = {};  ///< when this reason ends; absent: nobody can say, or never
};
/// "3rd of 7 daily (2026-05-02)", "newest proven", "hold: lawsuit".
std::string text_of(const Reason& reason);

struct Decision {
  bool keep = true;
  std::vector<Reason> reasons;  ///< of a kept point: at least one
  /// When the point would leave if points go on at the assumed pace, each complete and none of them proven; absent: no
  /// end can be told. It is the time of the assumed point that makes it leave.
  std::optional<std::int64_t> until_ns;
  std::string why_not;  ///< of one to be forgotten: what each rule says, "daily: beyond 7; weekly: 2026-W18 has a newer one"
};

constexpr std::int64_t kClockSkewNs = kHourNs;  ///< clocks of two machines may differ by this

/// One decision for each point, in the order given (any order; ties in time are broken by id). `pace_ns`: the assumed
/// time between this and each later point, for `until_ns` only. n log n.
std::vector<Decision> decide(std::span<const PointFacts> points, const Retention& retention, const TimeZone& zone, std::int64_t now_ns,
                             std::int64_t pace_ns = kDayNs);

/// The usual time between the points of one source: the median of the last 30 gaps; a day where there are fewer than two.
std::int64_t usual_pace(std::span<const PointFacts> points);

}  // namespace hf
