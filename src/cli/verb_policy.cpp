// policy check and policy explain: what the policy asks for, and what it does to each point.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/policy_facts.hpp"
#include "cli/table.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "policy/calendar.hpp"
#include "policy/periods.hpp"
#include "verify/verify.hpp"

namespace hf::cli {
namespace {

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& w : words) out += (out.empty() ? "" : std::string(between)) + printable(w);
  return out;
}

// --- check ---

std::string words_of(const Retention& r) {
  if (r.keeps_everything()) return "everything, for ever";
  std::vector<std::string> parts;
  const auto add = [&](std::string_view tier, std::uint32_t n) {
    if (n > 0) parts.push_back(n == Retention::kAll ? fmt::format("every {}", tier) : fmt::format("{} {}", n, tier));
  };
  add("last", r.last);
  for (Period p : kPeriods) add(tier_of(p), r.count(p));
  if (r.within) parts.push_back("all within " + text_of(*r.within));
  return listed(parts);
}

std::string words_of(const Reach& reach) {
  if (reach.ns == INT64_MAX) return "back to the first one";
  return fmt::format("at most {} points, back about {} days", human_count(reach.points), human_count(static_cast<std::uint64_t>(reach.ns / kDayNs)));
}

std::optional<std::int64_t> next_start(const SourcePolicy& source, const TimeZone& zone, std::int64_t now_ns) {
  std::optional<std::int64_t> next;
  for (const std::string& text : source.schedule) {
    const auto expression = CalendarExpression::parse(text);
    const auto at = expression ? expression->next_after(now_ns, zone) : std::nullopt;
    if (at && (!next || *at < *next)) next = at;
  }
  return next;
}

std::string clock_of(std::int64_t ns, const TimeZone& zone) {
  const CivilTime t = zone.civil_at(ns / kSecondNs);
  return fmt::format("{} {:02}:{:02}", day_label(ns, zone), t.hour, t.minute);
}

Json json_of(const Finding& f) {
  return {{"level", name_of(f.level)}, {"key", f.key}, {"message", f.message}, {"meaning", f.meaning}, {"hint", f.hint}};
}

void show(Output& out, const Finding& f) {
  const Ink ink = f.level == Finding::Level::contradiction ? Ink::red : f.level == Finding::Level::warning ? Ink::yellow : Ink::dim;
  out.line(fmt::format("  {} {}: {}", out.paint(ink, std::string(name_of(f.level)) + ":"), f.key, f.message));
  out.line("    which means: " + f.meaning);
  out.line("    instead: " + f.hint);
}

Result<int> check(Invocation& in) {
  const auto sources = HF_TRY(chosen_sources(in));
  const std::vector<Finding> side_by_side = check_sources(in.settings.policy);
  const std::int64_t now = in.env.wall_ns();
  Json list = Json::array();
  std::size_t contradictions = 0, warnings = 0;
  for (const SourcePolicy* source : sources) {
    std::vector<Finding> findings;
    TimeZone zone;
    if (auto z = zone_of(in.env, *source)) zone = *z;
    else findings.push_back({Finding::Level::contradiction, source->name, "time-zone", z.error().message, "periods and schedule can't be told", z.error().hint});
    auto spacing = spacing_of(*source, zone, now);
    if (!spacing) {
      findings.push_back({Finding::Level::contradiction, source->name, "schedule", spacing.error().message, "nothing is made by this schedule", spacing.error().hint});
      spacing = std::optional<ScheduleSpacing>();
    }
    const auto next = next_start(*source, zone, now);
    if (findings.empty() && !source->schedule.empty() && !next)
      findings.push_back({Finding::Level::contradiction, source->name, "schedule", "the schedule never comes", "no start lies ahead of now", "schedule = \"daily\""});
    for (const Finding& f : check_source(*source, *spacing)) findings.push_back(f);
    for (const Finding& f : side_by_side)
      if (f.source == source->name) findings.push_back(f);

    const Reach reach = reach_of(source->retention, *spacing ? (*spacing)->usual_ns : kDayNs);
    Json item = {{"name", source->name}, {"line", source->line}, {"host", printable(source->host)}, {"paths", Json::array()}, {"time_zone", zone.name()}, {"schedule", source->schedule}};
    for (const std::string& path : source->paths) item["paths"].push_back(printable(path));
    item["next"] = next ? Json(utc_time(*next)) : Json(nullptr);
    item["reach_days"] = reach.ns == INT64_MAX ? Json(nullptr) : Json(reach.ns / kDayNs);
    item["points_max"] = reach.ns == INT64_MAX ? Json(nullptr) : Json(reach.points);
    item["findings"] = Json::array();
    in.out.line(source->name + ": " + joined(source->paths, ", ") + " on " + printable(source->host));
    in.out.line("  schedule  " + (source->schedule.empty() ? "none" : joined(source->schedule, " and ")) +
                (next ? ": next " + clock_of(*next, zone) + " (" + zone.name() + ")" : ""));
    in.out.line("  keeps     " + words_of(source->retention) + ": " + words_of(reach));
    for (const Finding& f : findings) {
      show(in.out, f);
      item["findings"].push_back(json_of(f));
      contradictions += f.level == Finding::Level::contradiction ? 1 : 0;
      warnings += f.level == Finding::Level::warning ? 1 : 0;
    }
    list.push_back(std::move(item));
  }
  in.out.json({{"sources", std::move(list)}, {"contradictions", contradictions}, {"warnings", warnings}});
  if (contradictions == 0 && warnings == 0) in.out.note("No contradiction found.");
  return contradictions > 0 ? exit_status(Code::refused) : 0;
}

// --- explain ---

std::string words_of(const Decision& d) {
  if (!d.keep) return "forget: " + (d.why_not.empty() ? "no rule keeps it" : d.why_not);
  std::string out;
  for (const Reason& reason : d.reasons) out += (out.empty() ? "" : "; ") + text_of(reason);
  return out;
}

Json json_of(const RecoveryPoint& p, const JudgedSource& judged, const PointFacts& facts, const Decision& d) {
  Json out = {{"id", p.id.hex()}, {"time", utc_time(p.started_ns)}};
  put_name(out, "source", p.source());
  out["policy_source"] = judged.policy != nullptr ? Json(judged.policy->name) : Json(nullptr);
  out["kind"] = name_of(p.kind);
  out["complete"] = facts.complete;
  out["proven"] = facts.proven;
  out["keep"] = d.keep;
  out["until"] = d.until_ns ? Json(utc_time(*d.until_ns)) : Json(nullptr);
  out["rules"] = Json::array();
  for (const Reason& r : d.reasons)
    out["rules"].push_back({{"rule", name_of(r.rule)},
                            {"place", r.place == 0 ? Json(nullptr) : Json(r.place)},
                            {"of", r.of == 0 || r.of == Retention::kAll ? Json(nullptr) : Json(r.of)},
                            {"detail", printable(r.detail)},
                            {"until", r.until_ns ? Json(utc_time(*r.until_ns)) : Json(nullptr)}});
  out["why_not"] = d.why_not;
  return out;
}

Result<int> explain(Invocation& in) {
  const auto sources = HF_TRY(chosen_sources(in));
  const auto vault = HF_TRY(open_vault(in));
  const PointList list = HF_TRY(vault->points());
  const bool one_source = in.given("source");
  const auto judged = HF_TRY(judged_sources(in.env, in.settings.policy, sources, list, HF_TRY(proven_points(*vault)), HF_TRY(holds(*vault))));
  in.out.begin_list();
  std::size_t kept = 0, forgotten = 0, unclaimed = 0;
  Table table({{"POINT"}, {"TIME"}, {"SOURCE"}, {"KIND"}, {"COMPLETE"}, {"UNTIL"}, {"KEPT BY"}});
  for (const JudgedSource& source : judged) {
    if (source.policy == nullptr && one_source) continue;
    const Retention everything;
    const auto decisions = decide(source.facts, source.policy != nullptr ? source.policy->retention : everything, source.zone, in.env.wall_ns(), source.pace_ns);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      const RecoveryPoint& p = *source.points[i];
      const Decision& d = decisions[i];
      ++(source.policy == nullptr ? unclaimed : d.keep ? kept : forgotten);
      if (in.out.json_mode()) {
        if (!in.out.item(json_of(p, source, source.facts[i], d))) break;
        continue;
      }
      table.row({p.id.brief(), clock_of(p.started_ns, source.zone), source.policy != nullptr ? source.policy->name : p.source(), std::string(name_of(p.kind)),
                 source.facts[i].complete ? "yes" : "no", !d.keep ? "now" : d.until_ns ? day_label(*d.until_ns, source.zone) : "open",
                 source.policy == nullptr ? "no source of the policy" : words_of(d)});
    }
  }
  if (kept + forgotten + unclaimed > 0) table.print(in.out);
  for (const DamagedPoint& d : list.damaged) in.out.error(Error(d.error).with_hint("it is kept: what can't be read can't be judged; see holdfast verify"));
  if (list.points.empty()) in.out.note("The vault holds no recovery point yet.");
  else
    in.out.note(fmt::format("{} kept, {} to be forgotten{}. Nothing was changed. UNTIL: the day on which it leaves if points go on at the usual pace.", kept, forgotten,
                            unclaimed > 0 ? fmt::format(", {} of no source, kept", unclaimed) : ""));
  return list.damaged.empty() ? 0 : exit_status(Code::corrupt);
}

}  // namespace

const Verb& policy_check_verb() {
  static const Verb verb = {
      .name = "policy check",
      .section = "Keep",
      .summary = "find contradictions in the policy, and say what they mean",
      .description = {"Reads the policy in holdfast.toml and compares schedule, objectives, kinds and keep rules with each other. Each finding says what it comes to "
                      "in days and points, and what to write instead. Needs no vault.",
                      "Exit status 4 where something is asked for that can't come true; warnings and notes alone give 0.",
                      "JSON: {\"sources\": [{\"name\", \"line\", \"host\", \"paths\", \"time_zone\", \"schedule\", \"next\", \"reach_days\", \"points_max\", \"findings\": "
                      "[{\"level\", \"key\", \"message\", \"meaning\", \"hint\"}]}], \"contradictions\", \"warnings\"}."},
      .examples = {{"holdfast policy check", "Every source."}, {"holdfast policy check --source home", "One of them."}},
      .options = {{.name = "source", .value = "NAME", .help = "only the source of this name"}},
      .run = check,
  };
  return verb;
}

const Verb& policy_explain_verb() {
  static const Verb verb = {
      .name = "policy explain",
      .section = "Keep",
      .summary = "for each recovery point: which rule keeps it, and until when",
      .description = {"What the policy decides about each point of the vault: by which rules it is kept, the day on which it would leave if points go on at the usual "
                      "pace ('open' where no end can be told), or why it is to be forgotten. Changes nothing.",
                      "A point belongs to the source whose tag it carries, or whose host and paths it has. Points of no source are kept. A point counts as proven where a "
                      "verify is recorded that had read back every chunk of it.",
                      "JSON: an array of {\"id\", \"time\", \"source\", \"policy_source\", \"kind\", \"complete\", \"proven\", \"keep\", \"until\", \"rules\": [{\"rule\", "
                      "\"place\", \"of\", \"detail\", \"until\"}], \"why_not\"}. Exit status 5 where a point can't be read."},
      .examples = {{"holdfast policy explain", "Every point."}, {"holdfast policy explain --source home --json", "Those of one source, for programs."}},
      .options = {{.name = "source", .value = "NAME", .help = "only the source of this name"}},
      .run = explain,
  };
  return verb;
}

}  // namespace hf::cli
