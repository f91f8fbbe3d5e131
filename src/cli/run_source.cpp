#include "cli/run_source.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/units.hpp"
#include "cli/forgetting.hpp"
#include "cli/progress_view.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "point/mark.hpp"
#include "policy/periods.hpp"
#include "service/hooks.hpp"

namespace hf::cli {
namespace {

/// The same failure is told again after this long, so that nobody is told each quarter of an hour, and nobody forgets.
constexpr std::int64_t kTellAgainNs = kDayNs;

bool should_tell(std::int64_t told_ns, std::int64_t now) { return told_ns == 0 || now - told_ns >= kTellAgainNs || told_ns > now; }

std::string age_of(std::int64_t ns) { return human_duration(static_cast<double>(ns) / 1e9); }

}  // namespace

std::string_view name_of(SourceReport::Action action) {
  using Action = SourceReport::Action;
  switch (action) {
    case Action::skipped: return "skipped";
    case Action::busy: return "busy";
    case Action::would_run: return "would-run";
    case Action::checked: return "checked";
    case Action::ran: return "ran";
  }
  return "skipped";
}

int SourceReport::exit_status() const {
  if (stopped) return hf::exit_status(Code::cancelled);
  if (error) return hf::exit_status(error->code);
  if (action == Action::checked && late_ns) return 1;
  return outcome == Outcome::incomplete ? hf::exit_status(Code::incomplete) : 0;
}

SourceReport SourceRunner::turn(const SourcePolicy& source) {
  SourceReport report;
  report.name = source.name;
  Env& env = in_.env;
  // Where nothing can be remembered, backups are made all the same.
  auto directory = state_directory(env);
  std::optional<SourceLock> lock;
  bool remember = directory.has_value() && !mode_.dry_run;
  if (remember) {
    auto taken = SourceLock::take(env, *directory, source.name);
    if (!taken) {
      in_.out.warn("runs can't be remembered, so " + source.name + " counts as due: " + taken.error().message);
      remember = false;
    } else if (*taken) {
      lock = std::move(*taken);
    } else if (mode_.check) {
      remember = false;  // a backup is under way, perhaps for too long: looking needs no lock
    } else {
      report.action = SourceReport::Action::busy;
      report.why = "another run is at it";
      say(report);
      return report;
    }
  } else if (!directory) {
    in_.out.warn("runs can't be remembered, so " + source.name + " counts as due: " + directory.error().message);
  }

  bool damaged = false;
  const auto remembered = directory ? read_state(env, *directory, source.name, damaged) : std::nullopt;
  if (damaged) in_.out.warn("what was remembered of " + source.name + " is damaged; it counts as never run");
  RunState state = remembered.value_or(RunState{});
  const std::int64_t now = env.wall_ns();
  if (state.first_seen_ns == 0 || state.first_seen_ns > now) state.first_seen_ns = now;

  Schedule schedule;
  std::optional<Error> mistake;
  if (auto loaded = Schedule::load(env, source)) {
    schedule = std::move(*loaded);
    const DueDecision decision = decide(schedule, remembered, now);
    report.why = decision.why;
    report.next_due_ns = decision.next;
    if (mode_.check) report.action = SourceReport::Action::checked;
    else if (!decision.due && !mode_.now) report.action = SourceReport::Action::skipped;
    else report.action = mode_.dry_run ? SourceReport::Action::would_run : SourceReport::Action::ran;
    if (!decision.due && mode_.now) report.why = "asked for with --now";
  } else {
    // A schedule that can't be read must not end in no backups at all.
    mistake = std::move(loaded.error());
    report.action = mode_.check ? SourceReport::Action::checked : mode_.dry_run ? SourceReport::Action::would_run : SourceReport::Action::ran;
    report.why = "its schedule can't be understood";
  }

  if (report.action == SourceReport::Action::ran) {
    back_up_source(source, report, state);
    if (report.stopped) return report;
    report.next_due_ns = schedule.next_after(state.started_ns);
    tell_outcome(source, report, state);
  }
  if (mistake && !report.error) report.error = std::move(mistake);
  if (!mode_.dry_run) look_at_objective(source, report, state);
  state.next_due_ns = report.next_due_ns.value_or(0);
  say(report);
  if (remember && (!remembered || *remembered != state))
    if (auto written = write_state(env, *directory, source.name, state); !written) in_.out.warn("this run of " + source.name + " can't be remembered: " + written.error().message);
  return report;
}

void SourceRunner::back_up_source(const SourcePolicy& source, SourceReport& report, RunState& state) {
  state.started_ns = in_.env.wall_ns();
  state.point.clear();
  auto done = protect(source);
  if (!done && done.error().code == Code::cancelled) {
    report.stopped = true;
    report.error = std::move(done.error());
    return;
  }
  state.ended_ns = in_.env.wall_ns();
  report.outcome = Outcome::failed;
  if (done) {
    const RecoveryPoint& point = done->captured.point;
    tell_backup(in_, *done, source.name);
    CaptureOptions told;
    told.paths = source.paths;
    report.backup = json_of_backup(*done, told);
    report.outcome = point.complete() ? Outcome::done : Outcome::incomplete;
    state.point = point.id.hex();
    if (point.complete()) state.complete_ns = point.started_ns;
    backed_up_.push_back(&source);
    forget_by_retention(source, report);
  } else {
    report.error = std::move(done.error());
  }

  const HookVariables variables = {{"HOLDFAST_SOURCE", source.name},
                                   {"HOLDFAST_VAULT", in_.settings.vault},
                                   {"HOLDFAST_OUTCOME", std::string(name_of(report.outcome))},
                                   {"HOLDFAST_STATUS", std::to_string(report.exit_status())},
                                   {"HOLDFAST_POINT", state.point},
                                   {"HOLDFAST_ERROR", report.error ? report.error->message : ""}};
  auto after = run_hook(in_.env, "after", source.hooks.after, source.hooks.timeout, variables);
  if (after) {
    if (!after->empty()) in_.out.detail(*after);
  } else if (!report.error) {
    report.error = std::move(after.error());
    if (!state.point.empty()) report.error->message += "; the backup itself is made";
  } else {
    in_.out.warn(after.error());
  }
  if (report.error) report.outcome = Outcome::failed;
  state.outcome = report.outcome;
  state.exit_status = report.exit_status();
  state.message = report.error ? report.error->message : "";
}

/// The before hook and the backup.
Result<BackupDone> SourceRunner::protect(const SourcePolicy& source) {
  const std::string output = HF_TRY(run_hook(in_.env, "before", source.hooks.before, source.hooks.timeout,
                                             {{"HOLDFAST_SOURCE", source.name}, {"HOLDFAST_VAULT", in_.settings.vault}}));
  if (!output.empty()) in_.out.detail(output);

  const std::string vault_directory = HF_TRY(vault_path(in_, in_.settings.vault));
  CaptureOptions options = capture_options(in_, vault_directory);
  options.host = source.host;
  options.paths = source.paths;
  for (const std::string& path : source.paths) HF_TRY(check_source_path(in_.env, path, path, vault_directory));
  for (const std::string& pattern : source.excludes) HF_TRY(options.excludes.add(pattern).context([&] { return "exclude of source " + source.name; }));
  for (const std::string& file : source.exclude_files) HF_TRY(add_exclude_file(in_.env, options.excludes, file));
  options.exclude_caches = source.exclude_caches;
  options.one_file_system = source.one_file_system;
  options.tags = source.tags;
  options.tags.push_back(source_tag(source.name));
  options.kind = HF_TRY(kind_chooser(in_.env, in_.settings.policy, "auto", false, &source));

  Vault* const vault = HF_TRY(this->vault());
  in_.progress.bytes_done = in_.progress.bytes_total = 0;
  in_.progress.items_done = in_.progress.items_total = 0;
  in_.progress.errors = 0;
  return back_up(in_, *vault, options, source.limits, source.name);
}

void SourceRunner::forget_by_retention(const SourcePolicy& source, SourceReport& report) {
  if (!source.forgets || source.retention.keeps_everything()) return;
  const auto work = [&]() -> Status {
    Vault* const vault = HF_TRY(this->vault());
    if (vault->is_write_only()) {
      in_.out.note("  the key is write-only: forgetting is left to who holds the vault's keys");
      return {};
    }
    const PointList list = HF_TRY(vault->points());
    const Choice choice = HF_TRY(choose_by_policy(in_.env, in_.settings.policy, {&source}, *vault, list));
    HF_TRY(forget_all(*vault, list, choice.chosen, source.grace, ""));
    for (const Chosen& c : choice.chosen) report.forgotten.push_back(c.point->id.hex());
    if (!choice.chosen.empty())
      in_.out.line("  " + human_count(choice.chosen.size()) + (choice.chosen.size() == 1 ? " point" : " points") + " forgotten by the policy, " + human_count(choice.kept) + " kept; taken back within " +
                   text_of(source.grace) + " by: holdfast undelete");
    return {};
  };
  if (auto done = work(); !done) {
    Error error = std::move(done.error());
    error.message = source.name + ": the backup is made, but older points could not be forgotten: " + error.message;
    in_.out.warn(error);
  }
}

Json SourceRunner::keep_stripes() { return backed_up_.empty() || !vault_ ? Json(nullptr) : keep_in_stripes(in_, vault_->store()); }

Result<std::optional<PruneReport>> SourceRunner::prune_if_due() {
  std::optional<PruneReport> none;
  const bool wanted = std::any_of(backed_up_.begin(), backed_up_.end(), [](const SourcePolicy* s) { return s->prune_every.has_value(); });
  if (!wanted) return none;
  Vault* const vault = HF_TRY(this->vault());
  if (vault->is_write_only()) return none;
  const PruneDue state = HF_TRY(prune_due(*vault));
  if (!state.due) return none;
  const std::int64_t now = in_.env.wall_ns();
  bool due = false;
  for (const SourcePolicy* s : backed_up_) {
    if (!s->prune_every) continue;
    const TimeZone zone = HF_TRY(zone_of(in_.env, *s));
    due = due || state.last_ns == 0 || period_of(*s->prune_every, now, zone) != period_of(*s->prune_every, state.last_ns, zone);
  }
  if (!due) return none;
  PruneOptions options;
  options.jobs = in_.settings.jobs;
  StripePlace stripes = HF_TRY(find_stripes(in_, vault->store(), ""));
  if (stripes.problem) return std::move(*stripes.problem);
  if (stripes.own) options.stripes_elsewhere = stripes.store;
  ProgressView view(in_.out, in_.env, in_.progress, "prune");
  TreeMarker marker(in_.settings.jobs);
  auto done = prune(*vault, options, marker, in_.progress);
  view.stop();
  if (!done) return done.error();
  tell_prune(in_.out, *done, false);
  return std::optional(std::move(*done));
}

Result<Vault*> SourceRunner::vault() {
  if (vault_error_) return *vault_error_;
  if (!vault_) {
    auto opened = open_vault(in_);
    if (!opened) {
      vault_error_ = opened.error();
      return *vault_error_;
    }
    vault_ = std::move(*opened);
  }
  return vault_.get();
}

void SourceRunner::tell_outcome(const SourcePolicy& source, SourceReport& report, RunState& state) {
  if (report.outcome == Outcome::failed) {
    ++state.failures;
    if (should_tell(state.failure_told_ns, state.ended_ns) && tell(Event::failure, source, report, state)) state.failure_told_ns = state.ended_ns;
    return;
  }
  const bool had_failed = state.failures > 0;
  state.failures = 0;
  state.failure_told_ns = 0;
  tell(report.outcome == Outcome::incomplete ? Event::incomplete : had_failed ? Event::recovered : Event::success, source, report, state);
}

void SourceRunner::look_at_objective(const SourcePolicy& source, SourceReport& report, RunState& state) {
  const std::int64_t now = in_.env.wall_ns();
  report.late_ns = missed_rpo(source, state, now);
  if (!report.late_ns) {
    state.rpo_told_ns = 0;
  } else if (should_tell(state.rpo_told_ns, now) && tell(Event::missed_rpo, source, report, state)) {
    state.rpo_told_ns = now;
  }
}

bool SourceRunner::tell(Event event, const SourcePolicy& source, SourceReport& report, const RunState& state) {
  const auto& channels = in_.settings.notify;
  const auto wanting = std::count_if(channels.begin(), channels.end(), [&](const NotifyChannel& c) { return c.events.has(event); });
  if (wanting == 0) return true;
  Notice notice;
  notice.event = event;
  notice.source = source.name;
  notice.host = printable(source.host);
  notice.vault = printable(in_.settings.vault);
  notice.time_ns = in_.env.wall_ns();
  notice.point = state.point;
  switch (event) {
    case Event::failure:
      notice.message = last_lines(report.error ? report.error->message : "it failed", 1000);
      notice.detail = report.error ? last_lines(report.error->detail, 2000) : "";
      notice.hint = report.error ? last_lines(report.error->hint, 500) : "";
      if (state.failures > 1) notice.detail += (notice.detail.empty() ? "" : "\n") + ("It has failed " + std::to_string(state.failures) + " times in a row.");
      break;
    case Event::incomplete:
      notice.message = "A recovery point was made, but some items could not be read.";
      notice.hint = "holdfast points show " + state.point.substr(0, 8) + " --unreadable";
      break;
    case Event::missed_rpo:
      notice.message = state.complete_ns > 0 ? "The newest complete recovery point is " + age_of(*report.late_ns) + " old; the policy allows " + text_of(*source.rpo) + "."
                                             : "There has been no complete recovery point for " + age_of(*report.late_ns) + "; the policy allows " + text_of(*source.rpo) + ".";
      notice.point.clear();
      notice.hint = "holdfast run --source " + source.name + " --now";
      break;
    case Event::recovered: notice.message = "The backup works again."; break;
    case Event::success: notice.message = "A complete recovery point was made."; break;
  }
  const auto undelivered = notify(in_.env, channels, notice, real_pause());
  for (const Undelivered& u : undelivered) {
    in_.out.warn(u.error.message + (u.error.detail.empty() ? "" : ": " + u.error.detail));
    report.untold.push_back(u.channel);
  }
  return std::cmp_less(undelivered.size(), wanting);
}

void SourceRunner::say(const SourceReport& report) {
  const std::string begin = report.name + ": ";
  if (report.error) {
    Error error = *report.error;
    error.message = begin + error.message;
    if (in_.out.json_mode()) in_.out.warn(error);  // the answer has all of it
    else in_.out.error(error);
  }
  const std::string next = report.next_due_ns ? local_time(*report.next_due_ns) : "";
  switch (report.action) {
    case SourceReport::Action::skipped:
    case SourceReport::Action::busy: in_.out.line(begin + report.why + "; skipped"); break;
    case SourceReport::Action::would_run: in_.out.line(begin + "would be backed up: " + report.why); break;
    case SourceReport::Action::checked: in_.out.line(begin + (report.late_ns ? "late" : "in time") + (next.empty() ? "" : ", next due " + next)); break;
    case SourceReport::Action::ran:
      if (report.outcome == Outcome::failed) in_.out.line(begin + "failed" + (next.empty() ? "" : "; tried again by the next run, and due " + next));
      else if (!next.empty()) in_.out.line(begin + "next due " + next);
      break;
  }
  if (report.late_ns) in_.out.warn(begin + "the newest complete recovery point is older than its policy allows (" + age_of(*report.late_ns) + ")");
}

}  // namespace hf::cli
