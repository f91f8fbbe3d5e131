#pragma once
// Which kind of point comes next: what `backup --kind auto` and `run` make. Pure.

#include <span>
#include <string>

#include "policy/retention.hpp"

namespace hf {

struct KindDecision {
  PointKind kind = PointKind::full;
  bool independent = false;  ///< it is to share no chunk with earlier points; then it is a full one
  std::string why;           ///< "the first full point of 2026-Q2"
};

/// `points`: of one source, any order, those that a hold or nothing at all keeps included. The first point of a source is
/// full. Else a full one is due in each new period of `full_every` (independent in each new one of `independent`), a
/// differential one in each new period of `differential_every`, and incremental ones are made otherwise. Points count
/// from their making, complete or not: a file that can never be read does not make every backup a full one. Points from
/// the future (retention.hpp, 5) do not count.
KindDecision next_kind(std::span<const PointFacts> points, const KindPolicy& policy, const TimeZone& zone, std::int64_t now_ns);

}  // namespace hf
