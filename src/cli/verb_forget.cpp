// forget and undelete: which points are no longer wanted, and taking that back.

#include <algorithm>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/forgetting.hpp"
#include "cli/progress_view.hpp"
#include "cli/prune_job.hpp"
#include "cli/table.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/mark.hpp"
#include "store/overlay/overlay_store.hpp"
#include "vault/deletion.hpp"
#include "verify/verify.hpp"

namespace hf::cli {
namespace {

/// --keep-…: the same numbers for each source of points, whatever the policy says.
Result<Retention> retention_from_flags(const Invocation& in) {
  Retention r;
  r.last = static_cast<std::uint32_t>(in.count("keep-last").value_or(0));
  for (Period p : kPeriods) r.set_count(p, static_cast<std::uint32_t>(in.count("keep-" + std::string(tier_of(p))).value_or(0)));
  if (const std::string within = in.text("keep-within"); !within.empty()) r.within = HF_TRY(parse_span(within).context([] { return std::string("--keep-within"); }));
  return r;
}

Result<Choice> choose_by_rules(Invocation& in, const Vault& vault, const PointList& list) {
  const Retention flags = HF_TRY(retention_from_flags(in));
  const bool by_flags = !flags.keeps_everything(), by_policy = in.flag("policy");
  if (by_flags && by_policy) return Error(Code::usage, "either the policy decides, or --keep-… does", "leave one of them out");
  if (!by_flags && !by_policy)
    return Error(Code::usage, "which recovery points?", "name them (holdfast points lists them), or --policy, or rules: holdfast forget --keep-daily 7 --keep-monthly 12 --dry-run");
  if (by_policy) return choose_by_policy(in.env, in.settings.policy, HF_TRY(chosen_sources(in)), vault, list);
  const std::vector<StoredHold> held = HF_TRY(holds(vault));
  const auto proven = HF_TRY(proven_points(vault));
  Choice out;
  // Points of one source are judged together: sort them apart first.
  std::map<std::string, PointList> by_source;
  for (const RecoveryPoint& p : list.points) by_source[p.source()].points.push_back(p);
  std::map<PointId, const RecoveryPoint*> originals;
  for (const RecoveryPoint& p : list.points) originals[p.id] = &p;
  for (const auto& [name, points] : by_source)
    for (const JudgedSource& source : HF_TRY(judged_sources(in.env, Policy(), {}, points, proven, held))) judge(out, source, flags, in.env.wall_ns());
  for (Chosen& c : out.chosen) c.point = originals.at(c.point->id);
  return out;
}

Result<int> run_forget(Invocation& in) {
  const std::vector<std::string> named = in.arguments("POINT");
  const bool dry = in.flag("dry-run");
  const Span grace = HF_TRY(in.text("grace") == "0" ? Result<Span>(Span{0}) : parse_span(in.text("grace")).context([] { return std::string("--grace"); }));
  if (!named.empty() && (in.flag("policy") || !HF_TRY(retention_from_flags(in)).keeps_everything())) return Error(Code::usage, "either points are named, or rules decide", "leave one of them out");
  const auto vault = HF_TRY(open_vault(in));
  const PointList list = HF_TRY(vault->points());
  Choice choice;
  if (named.empty()) {
    choice = HF_TRY(choose_by_rules(in, *vault, list));
  } else {
    for (const std::string& reference : named) {
      const RecoveryPoint p = HF_TRY(vault->find_point(reference));
      const auto at = std::find_if(list.points.begin(), list.points.end(), [&](const RecoveryPoint& q) { return q.id == p.id; });
      if (at != list.points.end()) choice.chosen.push_back({&*at, in.text("reason").empty() ? "named" : in.text("reason")});
    }
    // All or none: a hold is found before anything happens.
    const auto held = held_points(HF_TRY(holds(*vault)), in.env.wall_ns());
    for (const Chosen& c : choice.chosen)
      if (const auto at = held.find(c.point->id); at != held.end())
        return Error(Code::refused, "recovery point " + c.point->id.brief() + " is under a hold: " + printable(at->second), "see who placed it: holdfast hold list");
    if (choice.chosen.size() == list.points.size() && !in.flag("all"))
      return Error(Code::refused, "that would leave the vault without any recovery point", "if that is meant, add --all");
    choice.kept = list.points.size() - choice.chosen.size();
  }

  // A rehearsal that goes on to the prune happens in a copy of the vault that keeps its changes to itself.
  const bool then_prune = in.flag("prune");
  const auto rehearsal = dry && then_prune ? vault->over(make_overlay_store(vault->store())) : nullptr;
  Vault& changed = rehearsal ? *rehearsal : *vault;
  if (!dry || then_prune) HF_TRY(forget_all(changed, list, choice.chosen, grace, in.text("reason")));
  Json forgotten = Json::array();
  Table table({{"POINT"}, {"TIME"}, {"SOURCE"}, {"WHY"}});
  for (const Chosen& c : choice.chosen) {
    Json item = {{"id", c.point->id.hex()}, {"time", utc_time(c.point->started_ns)}};
    put_name(item, "source", c.point->source());
    item["why"] = printable(c.why);
    forgotten.push_back(std::move(item));
    table.row({c.point->id.brief(), local_time(c.point->started_ns).substr(0, 16), c.point->source(), c.why});
  }
  Json answer = {{"dry_run", dry}, {"forgotten", std::move(forgotten)}, {"kept", choice.kept}, {"unclaimed", choice.unclaimed}, {"damaged", list.damaged.size()}, {"grace_seconds", grace.ns / kSecondNs}};
  in.out.json(answer);
  if (!choice.chosen.empty()) table.print(in.out);
  const std::string others = choice.unclaimed > 0 ? fmt::format(" {} of no source of the policy stay.", choice.unclaimed) : "";
  if (choice.chosen.empty()) in.out.note(fmt::format("Nothing to forget: {} kept.{}", choice.kept, others));
  else if (dry) in.out.note(fmt::format("{} would be forgotten, {} kept.{}{}", choice.chosen.size(), choice.kept, others, then_prune ? "" : " Nothing was changed."));
  else
    in.out.note(fmt::format("{} forgotten, {} kept.{} {}{}", choice.chosen.size(), choice.kept, others,
                            grace.ns == 0 ? std::string() : "Take it back within " + text_of(grace) + ": holdfast undelete POINT.  ", then_prune ? "" : "Give the space back: holdfast prune"));
  if (then_prune) {
    ProgressView view(in.out, in.env, in.progress, "prune");
    TreeMarker marker(in.settings.jobs);
    PruneOptions options;
    options.jobs = in.settings.jobs;
    const auto done = prune(changed, options, marker, in.progress);
    view.stop();
    if (!done) return done.error();
    answer["prune"] = json_of_prune(*done, dry);
    in.out.json(std::move(answer));
    tell_prune(in.out, *done, dry);
  }
  for (const DamagedPoint& d : list.damaged) in.out.error(Error(d.error).with_hint("it is kept: what can't be read can't be judged; see holdfast verify"));
  return list.damaged.empty() ? 0 : exit_status(Code::corrupt);
}

Result<int> run_undelete(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const PointList list = HF_TRY(vault->points());
  std::vector<const ForgottenPoint*> found;
  for (const std::string& reference : in.arguments("POINT")) {
    std::vector<const ForgottenPoint*> fit;
    for (const ForgottenPoint& f : list.forgotten)
      if (f.point.id.hex().starts_with(reference)) fit.push_back(&f);
    if (fit.empty()) return Error(Code::not_found, "no forgotten recovery point begins with '" + printable(reference) + "'", "list them: holdfast points --forgotten");
    if (fit.size() > 1) return Error(Code::usage, std::to_string(fit.size()) + " forgotten recovery points begin with '" + printable(reference) + "'", "give more digits: holdfast points --forgotten");
    found.push_back(fit[0]);
  }
  Json back = Json::array();
  for (const ForgottenPoint* f : found) {
    HF_TRY(undelete(*vault, f->point.id));
    back.push_back(f->point.id.hex());
    in.out.line("Recovery point " + f->point.id.brief() + " (" + local_time(f->point.started_ns).substr(0, 16) + ", " + f->point.source() + ") is back, whole.");
  }
  in.out.json({{"points", std::move(back)}});
  return 0;
}

}  // namespace

const Verb& forget_verb() {
  static const Verb verb = {
      .name = "forget",
      .section = "Keep",
      .summary = "take recovery points off the list, by name or by rules",
      .description = {"A forgotten point is in no list any more and takes its space until its grace has passed and a prune was run: until then "
                      "'holdfast undelete' brings it back whole. Points under a hold are never forgotten.",
                      "By rules: --policy asks holdfast.toml (what it would do, and why: holdfast policy explain); --keep-… gives rules for this once, "
                      "for each source by itself. The newest point, the newest complete and the newest proven one are kept whatever the rules say.",
                      "JSON: {\"dry_run\", \"forgotten\": [{\"id\", \"time\", \"source\", \"why\"}], \"kept\", \"unclaimed\", \"damaged\", \"grace_seconds\"}; "
                      "with --prune also \"prune\": what 'holdfast prune' answers."},
      .examples = {{"holdfast forget --policy --dry-run", "What the policy would take off the list."},
                   {"holdfast forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12", "By rules, for each source."},
                   {"holdfast forget --policy --prune", "What policy no longer keeps goes off the list, and what nothing needs any more off the disk."},
                   {"holdfast forget 7c1e --reason 'moved to the archive'", "One point."}},
      .arguments = {{.name = "POINT", .help = "first digits of a point's id", .required = false, .repeat = true}},
      .options = {{.name = "policy", .help = "let the policy in holdfast.toml decide"},
                  {.name = "source", .value = "NAME", .help = "with --policy: only this source"},
                  {.name = "keep-last", .value = "N", .kind = Kind::count, .help = "keep the newest N"},
                  {.name = "keep-hourly", .value = "N", .kind = Kind::count, .help = "keep the newest of each of N hours"},
                  {.name = "keep-daily", .value = "N", .kind = Kind::count, .help = "… of N days"},
                  {.name = "keep-weekly", .value = "N", .kind = Kind::count, .help = "… of N weeks"},
                  {.name = "keep-monthly", .value = "N", .kind = Kind::count, .help = "… of N months"},
                  {.name = "keep-quarterly", .value = "N", .kind = Kind::count, .help = "… of N quarters"},
                  {.name = "keep-yearly", .value = "N", .kind = Kind::count, .help = "… of N years"},
                  {.name = "keep-within", .value = "SPAN", .help = "keep all that are no older: 30d, 6mo, 1y"},
                  {.name = "grace", .value = "SPAN", .help = "how long it can be taken back: 7d, 12h; 0: not at all", .preset = "7d", .config = true},
                  {.name = "reason", .value = "TEXT", .help = "recorded with it"},
                  {.name = "all", .help = "allow that no point is left"},
                  {.name = "prune", .help = "then give back the space, as holdfast prune does"},
                  {.name = "dry-run", .letter = 'n', .help = "only tell"}},
      .run = run_forget,
  };
  return verb;
}

const Verb& undelete_verb() {
  static const Verb verb = {
      .name = "undelete",
      .section = "Keep",
      .summary = "bring forgotten recovery points back",
      .description = {"Works until the grace of the point has passed and a prune has removed it. A point is back whole, or not at all.", "JSON: {\"points\": [ID, …]}."},
      .examples = {{"holdfast points --forgotten", "Which can be brought back."}, {"holdfast undelete 7c1e", "Bring one back."}},
      .arguments = {{.name = "POINT", .help = "first digits of its id", .repeat = true}},
      .run = run_undelete,
  };
  return verb;
}

}  // namespace hf::cli
