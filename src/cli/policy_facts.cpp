#include "cli/policy_facts.hpp"

#include <map>
#include <unordered_map>

#include "cli/text.hpp"
#include "platform/zone_files.hpp"

namespace hf::cli {

Result<std::vector<const SourcePolicy*>> chosen_sources(const Invocation& in) {
  const Policy& policy = in.settings.policy;
  if (policy.sources.empty())
    return Error(Code::usage, "there is no policy", "write one into ~/.config/holdfast/holdfast.toml:\n  [source.home]\n  paths = [\"~/\"]\n  schedule = \"daily\"\n  keep-daily = 7\n  keep-monthly = 12")
        .with_detail(in.settings.config_file.empty() ? "there is no holdfast.toml" : printable(in.settings.config_file) + " names no source");
  std::vector<const SourcePolicy*> out;
  const std::string name = in.text("source");
  if (!name.empty()) {
    const SourcePolicy* source = policy.find(name);
    std::vector<std::string> known;
    for (const SourcePolicy& s : policy.sources) known.push_back(s.name);
    if (source == nullptr) {
      const auto meant = nearest(name, known);
      return Error(Code::usage, "the policy has no source '" + printable(name) + "'", meant ? "did you mean '" + *meant + "'?" : "it has " + listed(known));
    }
    out.push_back(source);
    return out;
  }
  for (const SourcePolicy& source : policy.sources) out.push_back(&source);
  return out;
}

PointFacts facts_of(const RecoveryPoint& point) {
  PointFacts facts;
  facts.id = point.id;
  facts.time_ns = point.started_ns;
  facts.kind = point.kind;
  facts.complete = point.complete();
  facts.independent = point.independent();
  facts.base_full_ns = point.base_full_ns;
  facts.domain_ns = point.domain_ns;
  return facts;
}

std::string maker_text(const RecoveryPoint& point) { return point.writer.is_zero() ? "" : " (write-only " + point.writer.brief() + ")"; }
std::string source_text(const RecoveryPoint& point) { return point.source() + maker_text(point); }

std::string kind_text(const RecoveryPoint& point) { return std::string(name_of(point.kind)) + (point.independent() ? ", independent" : ""); }

Result<TimeZone> zone_of(Env& env, const SourcePolicy& source) {
  if (source.time_zone.empty()) return local_time_zone(env);
  return load_time_zone(env, source.time_zone).context([&] { return "time-zone of source '" + source.name + "'"; });
}

Result<std::vector<JudgedSource>> judged_sources(Env& env, const Policy& policy, const std::vector<const SourcePolicy*>& sources, const PointList& list, const std::unordered_set<PointId>& proven,
                                                 const std::vector<StoredHold>& holds) {
  std::map<const SourcePolicy*, std::vector<const RecoveryPoint*>> claimed;
  for (const RecoveryPoint& p : list.points) claimed[source_of(policy, p)].push_back(&p);
  std::unordered_map<PointId, const Hold*> held;
  for (const StoredHold& h : holds) {
    if (h.hold.until_ns != 0 && h.hold.until_ns <= env.wall_ns()) continue;
    for (const PointId& id : h.hold.points) {
      const Hold*& at = held[id];  // of several, the one that holds longest
      if (at == nullptr || h.hold.until_ns == 0 || (at->until_ns != 0 && h.hold.until_ns > at->until_ns)) at = &h.hold;
    }
  }
  std::vector<JudgedSource> out;
  const auto add = [&](const SourcePolicy* source, TimeZone zone) {
    JudgedSource& judged = out.emplace_back();
    judged.policy = source;
    judged.zone = std::move(zone);
    judged.points = std::move(claimed[source]);
    for (const RecoveryPoint* p : judged.points) {
      PointFacts& facts = judged.facts.emplace_back(facts_of(*p));
      // What a write-only key made never pushes out what others made, whatever source it says to be of.
      facts.source = (source != nullptr ? source->name : p->source()) + maker_text(*p);
      facts.proven = proven.contains(p->id);
      if (const auto at = held.find(p->id); at != held.end()) {
        facts.held = true;
        facts.hold_reason = at->second->reason;
        if (at->second->until_ns != 0) facts.held_until_ns = at->second->until_ns;
      }
    }
    judged.pace_ns = usual_pace(judged.facts);
  };
  for (const SourcePolicy* source : sources) {
    add(source, HF_TRY(zone_of(env, *source)));
    JudgedSource& judged = out.back();
    if (judged.facts.size() >= 3) continue;
    if (const auto spacing = spacing_of(*source, judged.zone, env.wall_ns()); spacing && *spacing) judged.pace_ns = (*spacing)->usual_ns;
  }
  if (!claimed[nullptr].empty()) add(nullptr, local_time_zone(env));
  return out;
}

}  // namespace hf::cli
