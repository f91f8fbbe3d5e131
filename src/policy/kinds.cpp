#include "policy/kinds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "policy/periods.hpp"

namespace hf {

KindDecision next_kind(std::span<const PointFacts> points, const KindPolicy& policy, const TimeZone& zone, std::int64_t now_ns) {
  const auto counts = [&](const PointFacts& p) { return p.time_ns - kClockSkewNs <= now_ns; };
  /// Does a point tell of one in the running period? `time_of` gives when that one began; 0: it tells of none.
  const auto has = [&](Period period, auto time_of) {
    const std::int64_t current = period_of(period, now_ns, zone);
    return std::any_of(points.begin(), points.end(), [&](const PointFacts& p) { return counts(p) && time_of(p) != 0 && period_of(period, time_of(p), zone) >= current; });
  };
  // A full point that was forgotten since is remembered by those that go back to it.
  const auto full = [](const PointFacts& p) { return p.kind == PointKind::full ? p.time_ns : p.base_full_ns; };
  const auto independent = [](const PointFacts& p) { return p.kind == PointKind::full && p.independent ? p.time_ns : p.domain_ns; };
  const auto no_incremental = [](const PointFacts& p) { return p.kind != PointKind::incremental ? p.time_ns : p.base_full_ns; };
  const auto current = [&](Period period) { return period_label(period, period_of(period, now_ns, zone), zone); };

  // Asked first: an independent one is a full one, and would otherwise come right after it.
  if (policy.independent && !has(*policy.independent, independent))
    return {PointKind::full, true, fmt::format("the first independent point of {}", current(*policy.independent))};
  if (std::none_of(points.begin(), points.end(), [&](const PointFacts& p) { return counts(p) && full(p) != 0; }))
    return {PointKind::full, false, "the first point of this source"};
  if (policy.full_every && !has(*policy.full_every, full))
    return {PointKind::full, false, fmt::format("the first full point of {}", current(*policy.full_every))};
  if (policy.differential_every && !has(*policy.differential_every, no_incremental))
    return {PointKind::differential, false, fmt::format("the first differential point of {}", current(*policy.differential_every))};
  return {PointKind::incremental, false, "nothing more is due"};
}

}  // namespace hf
