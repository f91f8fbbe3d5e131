#include "policy/kinds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "policy/periods.hpp"

namespace hf {

KindDecision next_kind(std::span<const PointFacts> points, const KindPolicy& policy, const TimeZone& zone, std::int64_t now_ns) {
  const auto counts = [&](const PointFacts& p) { return p.time_ns - kClockSkewNs <= now_ns; };
  /// Is there a point in the running period that `fits`?
  const auto has = [&](Period period, auto fits) {
    const std::int64_t current = period_of(period, now_ns, zone);
    return std::any_of(points.begin(), points.end(), [&](const PointFacts& p) { return counts(p) && fits(p) && period_of(period, p.time_ns, zone) >= current; });
  };
  const auto is_full = [](const PointFacts& p) { return p.kind == PointKind::full; };
  const auto current = [&](Period period) { return period_label(period, period_of(period, now_ns, zone), zone); };

  // Asked first: an independent one is a full one, and would otherwise come right after it.
  if (policy.independent && !has(*policy.independent, [&](const PointFacts& p) { return is_full(p) && p.independent; }))
    return {PointKind::full, true, fmt::format("the first independent point of {}", current(*policy.independent))};
  if (std::none_of(points.begin(), points.end(), [&](const PointFacts& p) { return counts(p) && is_full(p); }))
    return {PointKind::full, false, "the first point of this source"};
  if (policy.full_every && !has(*policy.full_every, is_full))
    return {PointKind::full, false, fmt::format("the first full point of {}", current(*policy.full_every))};
  if (policy.differential_every && !has(*policy.differential_every, [](const PointFacts& p) { return p.kind != PointKind::incremental; }))
    return {PointKind::differential, false, fmt::format("the first differential point of {}", current(*policy.differential_every))};
  return {PointKind::incremental, false, "nothing more is due"};
}

}  // namespace hf
