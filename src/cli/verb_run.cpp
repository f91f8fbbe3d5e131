#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/run_source.hpp"
#include "cli/text.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

Json json_of_report(const SourceReport& r) {
  Json out = {{"name", r.name}, {"action", name_of(r.action)}, {"why", r.why}};
  out["outcome"] = r.outcome == Outcome::none ? Json(nullptr) : Json(name_of(r.outcome));
  out["backup"] = r.backup ? *r.backup : Json(nullptr);
  out["forgotten"] = r.forgotten;
  out["next_due"] = r.next_due_ns ? Json(utc_time(*r.next_due_ns)) : Json(nullptr);
  out["late_seconds"] = r.late_ns ? Json(*r.late_ns / kSecondNs) : Json(nullptr);
  out["untold"] = r.untold;
  out["error"] = r.error ? json_of(*r.error) : Json(nullptr);
  return out;
}

/// Anything that made no backup is worse than a backup with gaps.
int worse(int a, int b) {
  const auto rank = [](int status) { return status == 0 ? 0 : status == 3 ? 1 : 2; };
  return rank(b) > rank(a) ? b : a;
}

Result<std::vector<const SourcePolicy*>> chosen(Invocation& in) {
  const Policy& policy = in.settings.policy;
  if (policy.sources.empty())
    return Error(Code::usage, "there is no source to back up" + (in.settings.config_file.empty() ? std::string() : " in " + in.settings.config_file),
                 "write one into holdfast.toml: [source.home] with paths = [\"~/Documents\"] and schedule = \"daily\"");
  std::vector<const SourcePolicy*> out;
  for (const std::string& name : in.texts("source")) {
    const SourcePolicy* source = policy.find(name);
    if (source == nullptr) {
      std::vector<std::string> names;
      for (const SourcePolicy& s : policy.sources) names.push_back(s.name);
      return Error(Code::usage, "there is no source '" + printable(name) + "'", "sources: " + listed(names));
    }
    if (std::find(out.begin(), out.end(), source) == out.end()) out.push_back(source);
  }
  if (out.empty())
    for (const SourcePolicy& source : policy.sources) out.push_back(&source);
  return out;
}

Result<int> run(Invocation& in) {
  const RunMode mode{in.flag("now"), in.flag("check"), in.flag("dry-run")};
  if (mode.check && mode.now) return Error(Code::usage, "--check backs up nothing, so --now can't go with it");
  SourceRunner runner(in, mode);
  Json sources = Json::array();
  int status = 0;
  for (const SourcePolicy* source : HF_TRY(chosen(in))) {
    const SourceReport report = runner.turn(*source);
    if (report.stopped) return *report.error;
    status = worse(status, report.exit_status());
    sources.push_back(json_of_report(report));
  }
  Json stripes = runner.keep_stripes();
  Json pruned = nullptr;
  if (auto done = runner.prune_if_due(); !done) {
    if (done.error().code == Code::cancelled) return done.error();
    in.out.warn(done.error());  // what it would have given back stays, and is given back another time
  } else if (*done) {
    pruned = json_of_prune(**done, false);
  }
  in.out.json({{"status", status}, {"sources", std::move(sources)}, {"stripes", std::move(stripes)}, {"prune", std::move(pruned)}});
  return status;
}

}  // namespace

const Verb& run_verb() {
  static const Verb verb = {
      .name = "run",
      .section = "Unattended",
      .summary = "back up every source that is due by the policy",
      .description = {"Goes through the sources of holdfast.toml ([source.NAME]). One is due when its schedule named a time since its last run "
                      "began, when its last run failed, or when nothing is remembered of it. Several times that were slept through make one run. "
                      "A source without a schedule is backed up with --now only.",
                      "Before the backup the source's before hook runs: where it fails or is not through in time, nothing is backed up, and its "
                      "output is shown. The after hook always runs then, and finds HOLDFAST_SOURCE, HOLDFAST_VAULT, HOLDFAST_OUTCOME (done, "
                      "incomplete, failed), HOLDFAST_STATUS, HOLDFAST_POINT and HOLDFAST_ERROR in its environment. The channels of "
                      "[notify.NAME] are told of failures, of gaps, of the first success after a failure, and of an objective (rpo) that is missed.",
                      "After a backup that was made, points that the source's keep-… rules no longer keep are forgotten (forget = false leaves them; they can be "
                      "taken back during grace, 7 days), and once a week (prune-every) a prune gives back the space of those whose grace has passed. "
                      "Where the vault has stripes (parity stripe), what was stored is put into them.",
                      "Two runs never back up the same source at once: the second one leaves it out. What became of each source is remembered "
                      "in $XDG_STATE_HOME/holdfast or ~/.local/state/holdfast; where that is lost or damaged, the source counts as due.",
                      "The exit status is that of the worst outcome: a source that was not backed up, then one with unreadable items (3), then 0; with --check 1 where a "
                      "source is late. "
                      "With --json the answer is an object: status, sources, stripes (as of backup --json), prune (as of prune --json, or null). Of each source: name, action (ran, skipped, busy, checked, would-run), "
                      "why, outcome (done, incomplete, failed or null), backup (as of backup --json, or null), forgotten (ids), next_due, late_seconds (where the "
                      "objective is missed), untold (channels that could not be told), error."},
      .examples = {{"holdfast run", "Back up what is due; a timer or cron does this."},
                   {"holdfast run --source home --now", "Back up one source at once, due or not."},
                   {"holdfast run --dry-run", "See what would be done, and why."}},
      .options = {{.name = "source", .value = "NAME", .help = "only this source", .repeat = true},
                  {.name = "now", .help = "also what is not due"},
                  {.name = "check", .help = "back up nothing; tell of sources whose newest complete point is older than their rpo"},
                  {.name = "dry-run", .letter = 'n', .help = "say what is due, and change nothing"}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
