#pragma once
// From a vault and a policy to the facts that policy/ decides on.

#include <vector>

#include "cli/verb.hpp"
#include "policy/check.hpp"
#include "policy/retention.hpp"
#include "vault/deletion.hpp"

namespace hf::cli {

/// The policy's sources that a verb works on: all, or the one named by `--source`. Usage where there is none.
Result<std::vector<const SourcePolicy*>> chosen_sources(const Invocation& in);

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
                                                 bool all_proven, const std::vector<StoredHold>& holds);

/// Does a read-back of every pack stand recorded that lies in the vault now? Then every point is proven. Costs a listing;
/// no pack is read. False also where only some are: which points those carry, their trees would have to tell.
Result<bool> all_packs_proven(const Vault& vault);

}  // namespace hf::cli
