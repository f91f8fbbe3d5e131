#pragma once
// From a vault and a policy to the facts that policy/ decides on.

#include <unordered_set>
#include <vector>

#include "cli/verb.hpp"
#include "policy/check.hpp"
#include "policy/retention.hpp"
#include "vault/deletion.hpp"

namespace hf::cli {

/// The policy's sources that a verb works on: all, or the one named by `--source`. Usage where there is none.
Result<std::vector<const SourcePolicy*>> chosen_sources(const Invocation& in);

/// What a point tells by itself: neither whether it is proven, nor held.
PointFacts facts_of(const RecoveryPoint& point);

/// "host:/path", and which write-only key made the point, if one did: for people.
std::string source_text(const RecoveryPoint& point);
/// " (write-only 12ab34cd)"; empty where a key that opens the vault made it.
std::string maker_text(const RecoveryPoint& point);
/// "full", "full, independent": for people.
std::string kind_text(const RecoveryPoint& point);

/// The zone that a source's periods and schedule are counted in.
Result<TimeZone> zone_of(Env& env, const SourcePolicy& source);

/// One source with everything that its points are judged by.
struct JudgedSource {
  const SourcePolicy* policy = nullptr;  ///< nullptr: points that no source of the policy claims
  TimeZone zone;
  std::vector<const RecoveryPoint*> points;  ///< as in the list that they came from
  std::vector<PointFacts> facts;             ///< of each, in the same order; the source's name in `source`
  std::int64_t pace_ns = kDayNs;             ///< usual_pace(), or that of the schedule while there are few points
};

/// Every point of the list in exactly one: those of `sources` first, in their order, then what none claims, if anything.
/// The points are loans from `list`.
Result<std::vector<JudgedSource>> judged_sources(Env& env, const Policy& policy, const std::vector<const SourcePolicy*>& sources, const PointList& list,
                                                 const std::unordered_set<PointId>& proven, const std::vector<StoredHold>& holds);

}  // namespace hf::cli
