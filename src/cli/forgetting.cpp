#include "cli/forgetting.hpp"

#include "verify/verify.hpp"

namespace hf::cli {

void judge(Choice& out, const JudgedSource& source, const Retention& retention, std::int64_t now_ns) {
  const auto decisions = decide(source.facts, retention, source.zone, now_ns, source.pace_ns);
  for (std::size_t i = 0; i < decisions.size(); ++i) {
    if (decisions[i].keep) ++out.kept;
    else out.chosen.push_back({source.points[i], decisions[i].why_not});
  }
}

Result<Choice> choose_by_policy(Env& env, const Policy& policy, const std::vector<const SourcePolicy*>& sources, const Vault& vault, const PointList& list) {
  Choice out;
  for (const JudgedSource& source : HF_TRY(judged_sources(env, policy, sources, list, HF_TRY(proven_points(vault)), HF_TRY(holds(vault))))) {
    if (source.policy != nullptr) judge(out, source, source.policy->retention, env.wall_ns());
    else out.unclaimed += source.points.size();
  }
  return out;
}

Status forget_all(const Vault& vault, const PointList& list, const std::vector<Chosen>& chosen, Span grace, const std::string& reason) {
  std::vector<std::int64_t> ended;
  for (const RecoveryPoint& p : list.points) ended.push_back(p.ended_ns);
  for (const ForgottenPoint& f : list.forgotten) ended.push_back(f.point.ended_ns);
  const std::int64_t begins = grace_begins(vault.env().wall_ns(), std::move(ended));
  std::vector<std::pair<PointId, ForgetOptions>> all;
  for (const Chosen& c : chosen) all.push_back({c.point->id, {static_cast<std::uint64_t>(grace.ns / kSecondNs), reason.empty() ? c.why : reason, begins}});
  return all.empty() ? Status() : forget(vault, all);
}

}  // namespace hf::cli
