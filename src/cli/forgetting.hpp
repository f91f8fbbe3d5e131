#pragma once
// Which recovery points rules let go, and letting them go: what `forget` and `run` share.

#include <string>
#include <vector>

#include "cli/policy_facts.hpp"

namespace hf::cli {

/// A point that is to be forgotten, and why.
struct Chosen {
  const RecoveryPoint* point = nullptr;
  std::string why;
};
struct Choice {
  std::vector<Chosen> chosen;
  std::size_t kept = 0, unclaimed = 0;
};

/// Adds what `retention` says of the points of one source.
void judge(Choice& out, const JudgedSource& source, const Retention& retention, std::int64_t now_ns);

/// What the policy says of the points of these sources; points of other sources are `unclaimed`.
Result<Choice> choose_by_policy(Env& env, const Policy& policy, const std::vector<const SourcePolicy*>& sources, const Vault& vault, const PointList& list);

/// Forgets points of `list`; none where one of them is under a hold. `reason`: in place of each one's own,
/// where not empty.
Status forget_all(const Vault& vault, const PointList& list, const std::vector<Chosen>& chosen, Span grace, const std::string& reason);

}  // namespace hf::cli
