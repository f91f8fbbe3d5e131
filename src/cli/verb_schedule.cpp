#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/table.hpp"
#include "cli/unit_files.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "service/run_state.hpp"
#include "service/schedule.hpp"

namespace hf::cli {
namespace {

/// Where units go, and which manager reads them.
struct Place {
  std::string root;  ///< of a machine that is not running; empty: this one
  bool user = true;
  std::string directory;
  std::string systemctl() const { return user ? "systemctl --user" : "systemctl"; }
};

Result<Place> place(Invocation& in) {
  Place p;
  p.root = in.text("root");
  if (!p.root.empty()) p.root = HF_TRY(in.env.absolute_path(p.root));
  if (p.root == "/") p.root.clear();
  if (in.flag("system") && in.flag("user")) return Error(Code::usage, "--system and --user can't both be", "root has system timers, everyone else has a user's, unless you say otherwise");
  p.user = in.flag("user") || (!in.flag("system") && in.env.user_id() != 0);
  if (!p.user) {
    p.directory = p.root + "/etc/systemd/system";
    return p;
  }
  const auto config = in.env.variable("XDG_CONFIG_HOME"), home = in.env.variable("HOME");
  if (config && config->starts_with('/')) p.directory = p.root + *config + "/systemd/user";
  else if (home && home->starts_with('/')) p.directory = p.root + *home + "/.config/systemd/user";
  else return Error(Code::usage, "there is no place for a user's timers", "set HOME, or use --system");
  return p;
}

bool runs_commands(const Settings& settings, const SourcePolicy* source) {
  if (settings.secret.kind == SecretSource::Kind::passphrase_command) return true;
  if (source != nullptr && (!source->hooks.before.empty() || !source->hooks.after.empty())) return true;
  return std::any_of(settings.notify.begin(), settings.notify.end(), [](const NotifyChannel& c) {
    return c.kind == NotifyChannel::Kind::command || c.url.kind == SecretRef::Kind::command || c.token.kind == SecretRef::Kind::command || c.password.kind == SecretRef::Kind::command;
  });
}

Result<UnitPlan> unit_plan(Invocation& in, const Place& where) {
  UnitPlan plan;
  plan.user = where.user;
  plan.program = in.text("program");
  if (plan.program.empty())
    if (auto self = in.env.read_link(Env::kCwd, "/proc/self/exe")) plan.program = *self;
  if (!plan.program.starts_with('/')) return Error(Code::usage, "it is not known where holdfast itself lies", "name it: --program /usr/local/bin/holdfast");
  if (!in.settings.config_file.empty()) plan.config_file = HF_TRY(in.env.absolute_path(in.settings.config_file));
  plan.home = in.env.variable("HOME").value_or("/root");
  plan.state_directory = HF_TRY(state_directory(in.env));
  plan.vault = HF_TRY(vault_path(in, in.settings.vault));
  HF_TRY(check_plan(plan));
  return plan;
}

/// All units that the policy asks for; none where no source has a schedule.
Result<std::vector<Unit>> wanted_units(Invocation& in, const Place& where) {
  UnitPlan plan = HF_TRY(unit_plan(in, where));
  std::vector<Unit> out;
  for (const SourcePolicy& source : in.settings.policy.sources) {
    const Schedule schedule = HF_TRY(Schedule::load(in.env, source));
    if (schedule.empty()) continue;
    plan.runs_commands = runs_commands(in.settings, &source);
    for (Unit& unit : units_of_source(plan, source, schedule.texts())) out.push_back(std::move(unit));
  }
  if (out.empty()) return out;
  plan.runs_commands = runs_commands(in.settings, nullptr);
  for (Unit& unit : units_of_watch(plan)) out.push_back(std::move(unit));
  return out;
}

/// Runs systemctl on this machine; what it says is shown where it fails. Nothing where the units are for another root.
Status systemctl(Invocation& in, const Place& where, const std::string& arguments, std::string_view undone) {
  if (!where.root.empty()) return {};
  const CommandResult ran = HF_TRY(in.env.run_command(where.systemctl() + " " + arguments, {.timeout_ns = 120 * kSecondNs, .variables = {}, .input = {}, .errors_too = true}));
  if (ran.exit_status == 0 && !ran.timed_out) return {};
  return Error(Code::io, where.systemctl() + " failed: " + std::string(undone), "is systemd running, and are you logged in? Then: " + where.systemctl() + " " + arguments)
      .with_detail(printable(ran.output.substr(0, 1000)));
}

std::string timers_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names)
    if (name.ends_with(".timer")) out += " " + name;
  return out;
}
std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + name;
  return out;
}

Result<int> run_install(Invocation& in) {
  const Place where = HF_TRY(place(in));
  const std::vector<Unit> units = HF_TRY(wanted_units(in, where));
  if (units.empty()) return Error(Code::usage, "no source has a schedule", "add to holdfast.toml, below [source.NAME]: schedule = \"daily\"");
  std::vector<std::string> names;
  for (const Unit& unit : units) names.push_back(unit.name);
  std::vector<std::string> gone;
  for (const std::string& ours : HF_TRY(our_units(in.env, where.directory)))
    if (std::find(names.begin(), names.end(), ours) == names.end()) gone.push_back(ours);

  Json files = Json::array();
  for (const Unit& unit : units) files.push_back({{"name", unit.name}, {"text", unit.text}});
  Json answer = {{"directory", where.directory}, {"units", std::move(files)}, {"removed", gone}};
  if (in.flag("dry-run")) {
    answer["written"] = Json::array();
    in.out.json(std::move(answer));
    for (const Unit& unit : units) {
      in.out.line("==> " + where.directory + "/" + unit.name);
      for (std::size_t at = 0; at < unit.text.size();) {
        const std::size_t end = unit.text.find('\n', at);
        in.out.line(unit.text.substr(at, end - at));
        at = end + 1;
      }
    }
    for (const std::string& name : gone) in.out.line("==> " + where.directory + "/" + name + " would be removed");
    return 0;
  }

  const std::vector<std::string> written = HF_TRY(write_units(in.env, where.directory, units));
  // A hardened service may write below it, but could not make it.
  if (where.root.empty()) HF_TRY(in.env.make_directories(HF_TRY(state_directory(in.env))));
  if (!gone.empty()) {
    if (auto stopped = systemctl(in, where, "disable --now" + timers_of(gone), "old timers still run"); !stopped) in.out.warn(stopped.error());
    HF_TRY(remove_units(in.env, where.directory, gone));
  }
  answer["written"] = written;
  in.out.json(std::move(answer));
  in.out.line(written.empty() ? "Nothing to write: the units in " + where.directory + " are up to date." : "Wrote " + list_of(written) + " to " + where.directory + ".");
  if (!gone.empty()) in.out.line("Removed " + list_of(gone) + ".");
  HF_TRY(systemctl(in, where, "daemon-reload", "the timers are written but not started"));
  HF_TRY(systemctl(in, where, "enable --now" + timers_of(names), "the timers are written but not started"));
  if (!where.root.empty()) in.out.note("Not enabled, since this is not the running machine: systemctl --root=" + where.root + (where.user ? " --global" : "") + " enable" + timers_of(names));
  else if (where.user) in.out.note("So that they run while you are not logged in: loginctl enable-linger");
  if (in.settings.notify.empty()) in.out.note("Nobody is told when a backup fails: add a [notify.NAME] to holdfast.toml, then: holdfast notify test");
  return 0;
}

Result<int> run_status(Invocation& in) {
  const Place where = HF_TRY(place(in));
  const std::vector<Unit> units = HF_TRY(wanted_units(in, where));
  const auto directory = state_directory(in.env);
  Json sources = Json::array();
  bool in_order = true;
  Table table({{"Source"}, {"Timer"}, {"Next due"}, {"Last run"}, {"Outcome"}});
  for (const SourcePolicy& source : in.settings.policy.sources) {
    const Schedule schedule = HF_TRY(Schedule::load(in.env, source));
    // The worse of service and timer counts: somebody else's before absent, absent before outdated.
    const auto badness = [](UnitFile f) { return f == UnitFile::foreign ? 3 : f == UnitFile::absent ? 2 : f == UnitFile::differs ? 1 : 0; };
    std::optional<UnitFile> file;
    for (const Unit& unit : units)
      if (unit.name == std::string(kUnitPrefix) + "source-" + source.name + ".timer" || unit.name == std::string(kUnitPrefix) + "source-" + source.name + ".service") {
        const UnitFile state = HF_TRY(look_at_unit(in.env, where.directory, unit));
        if (!file || badness(state) > badness(*file)) file = state;
      }
    bool damaged = false;
    const auto state = directory ? read_state(in.env, *directory, source.name, damaged) : std::nullopt;
    const DueDecision decision = decide(schedule, state, in.env.wall_ns());
    const std::string timer = file ? std::string(name_of(*file)) : "no schedule";
    if (file && *file != UnitFile::same) in_order = false;
    const bool ran = state && state->started_ns > 0;
    table.row({source.name, timer, decision.due ? "now: " + decision.why : decision.next ? local_time(*decision.next) : "-", ran ? local_time(state->started_ns) : "-",
               ran ? std::string(name_of(state->outcome)) : "-"});
    sources.push_back({{"name", source.name},
                       {"timer", timer},
                       {"due", decision.due},
                       {"why", decision.why},
                       {"next_due", decision.next ? Json(utc_time(*decision.next)) : Json(nullptr)},
                       {"last_run", ran ? Json(utc_time(state->started_ns)) : Json(nullptr)},
                       {"outcome", ran ? Json(name_of(state->outcome)) : Json(nullptr)},
                       {"point", ran && !state->point.empty() ? Json(state->point) : Json(nullptr)},
                       {"message", state ? state->message : ""},
                       {"newest_complete", state && state->complete_ns > 0 ? Json(utc_time(state->complete_ns)) : Json(nullptr)}});
  }
  in.out.json({{"directory", where.directory}, {"in_order", in_order}, {"sources", std::move(sources)}});
  if (in.settings.policy.sources.empty()) in.out.note("holdfast.toml has no [source.NAME].");
  else table.print(in.out);
  if (!in_order) in.out.note("Some timers are not as the policy asks: holdfast schedule install");
  return 0;
}

Result<int> run_remove(Invocation& in) {
  const Place where = HF_TRY(place(in));
  const std::vector<std::string> names = HF_TRY(our_units(in.env, where.directory));
  in.out.json({{"directory", where.directory}, {"removed", names}});
  if (names.empty()) {
    in.out.line("Nothing to remove: there is no unit of Holdfast in " + where.directory + ".");
    return 0;
  }
  if (auto stopped = systemctl(in, where, "disable --now" + timers_of(names), "the timers may still run until the next start"); !stopped) in.out.warn(stopped.error());
  HF_TRY(remove_units(in.env, where.directory, names));
  if (auto reloaded = systemctl(in, where, "daemon-reload", "it does not know yet that the units are gone"); !reloaded) in.out.warn(reloaded.error());
  in.out.line("Removed " + list_of(names) + " from " + where.directory + ". Nothing starts backups by itself any more.");
  return 0;
}

const std::vector<Option> kPlaceOptions = {
    {.name = "system", .help = "timers of the machine, in /etc/systemd/system (what root gets anyway)"},
    {.name = "user", .help = "timers of this user, in ~/.config/systemd/user (what everyone else gets anyway)"},
    {.name = "root", .value = "DIR", .help = "of the system whose root directory is DIR; nothing is started"}};
const Option kProgram = {.name = "program", .value = "FILE", .help = "the holdfast that timers start (default: this one)"};

std::vector<Option> with(std::vector<Option> more) {
  more.insert(more.end(), kPlaceOptions.begin(), kPlaceOptions.end());
  return more;
}

}  // namespace

const Verb& schedule_install_verb() {
  static const Verb verb = {
      .name = "schedule install",
      .section = "Unattended",
      .summary = "write and start systemd timers for the sources of the policy",
      .description = {"Each source with a schedule gets a timer and a service, which runs holdfast run --source NAME; one more pair looks each hour "
                      "whether an objective (rpo) is missed. Timers catch up on what was slept through. Root gets system units, everyone else the "
                      "user's own. Run it again when the policy has changed: only what differs is written, and the units of sources that are gone "
                      "are removed. A unit that Holdfast did not write is never touched.",
                      "Services of the system are kept from writing anything but the vault and the state, unless hooks, notices or secrets run "
                      "commands, which may need more.",
                      "With --json the answer is an object: directory, units (name and text of each), written (names), removed (names)."},
      .examples = {{"holdfast schedule install --dry-run", "See the units without writing anything."},
                   {"holdfast schedule install", "Write them, and start the timers."},
                   {"holdfast schedule install --system --root /mnt --program /usr/bin/holdfast", "Prepare a system that is not running."}},
      .options = with({{.name = "dry-run", .letter = 'n', .help = "print the units, and change nothing"}, kProgram}),
      .run = run_install,
  };
  return verb;
}

const Verb& schedule_status_verb() {
  static const Verb verb = {
      .name = "schedule status",
      .section = "Unattended",
      .summary = "show the timers, the last run and the next due time of each source",
      .description = {"Timer is installed, outdated (install again), absent, or foreign (somebody else's unit has that name). The last run is what "
                      "holdfast run remembers on this machine; holdfast points tells what the vault has.",
                      "With --json the answer is an object: directory, in_order, sources; of each: name, timer, due, why, next_due, last_run, "
                      "outcome, point, message, newest_complete."},
      .examples = {{"holdfast schedule status", "See whether everything is on its way."}, {"holdfast schedule status --json", "The same for another program."}},
      .options = with({kProgram}),
      .run = run_status,
  };
  return verb;
}

const Verb& schedule_remove_verb() {
  static const Verb verb = {
      .name = "schedule remove",
      .section = "Unattended",
      .summary = "stop and remove the timers that schedule install wrote",
      .description = {"Units that Holdfast did not write stay. The vault, the policy and what is remembered of runs stay too.",
                      "With --json the answer is an object: directory, removed (names)."},
      .examples = {{"holdfast schedule remove", "No backups by themselves any more."}, {"holdfast schedule remove --system", "Those of the machine."}},
      .options = with({}),
      .run = run_remove,
  };
  return verb;
}

}  // namespace hf::cli
