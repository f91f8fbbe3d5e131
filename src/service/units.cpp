#include "service/units.hpp"

#include <fmt/format.h>

namespace hf {
namespace {

std::string quoted(const std::string& word) {
  std::string out = "\"";
  for (const char c : word) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '%' || c == '$') out += c;
    out += c;
  }
  return out + '"';
}

/// What no backup needs. User managers can't change mounts or capabilities without hiding owners from the backup, and a
/// command of the user's may need anything; both get what harms nobody.
std::string hardening(const UnitPlan& plan) {
  std::string out = "UMask=0077\nLockPersonality=yes\nRestrictRealtime=yes\nSystemCallArchitectures=native\n";
  if (plan.runs_commands) return out;
  out += "NoNewPrivileges=yes\nMemoryDenyWriteExecute=yes\nRestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK\n";
  if (plan.user) return out;
  // Everything can be read, nothing but the vault and the state be written.
  out += "ProtectSystem=strict\nReadWritePaths=-" + quoted(plan.state_directory) + "\n";
  if (!plan.vault.empty()) out += "ReadWritePaths=-" + quoted(plan.vault) + "\n";
  out += "ProtectKernelModules=yes\nProtectKernelTunables=yes\nProtectControlGroups=yes\nProtectClock=yes\nProtectHostname=yes\n"
         "CapabilityBoundingSet=CAP_DAC_READ_SEARCH CAP_DAC_OVERRIDE CAP_CHOWN CAP_FOWNER\n";
  return out;
}

Unit service(const UnitPlan& plan, const std::string& name, const std::string& description, const std::string& arguments, bool finish_first) {
  std::string command = quoted(plan.program) + " " + arguments + " --no-input";
  if (!plan.config_file.empty()) command += " --config " + quoted(plan.config_file);
  std::string text = fmt::format("{}\n[Unit]\nDescription={}\nDocumentation=man:holdfast(1)\n", kUnitMark, description);
  // A notice or a vault behind a network needs it; where it never comes, the run goes on and says so itself.
  if (!plan.user) text += "Wants=network-online.target\nAfter=network-online.target\n";
  text += fmt::format("\n[Service]\nType=oneshot\nExecStart={}\n# 3: some items could not be read; the rest is saved, and it was told\nSuccessExitStatus=3\nNice=10\nIOSchedulingClass=idle\n", command);
  // So that a run by hand and one by the timer remember in the same place.
  text += "Environment=" + quoted("HOME=" + plan.home) + "\n";
  text += "Environment=" + quoted("XDG_STATE_HOME=" + plan.state_directory.substr(0, plan.state_directory.rfind('/'))) + "\n";
  // What was stored is kept and the next run goes on from there, so a backup may be stopped; it is given time to say so.
  if (finish_first) text += "TimeoutStopSec=2min\nKillMode=mixed\n";
  return {name + ".service", text + hardening(plan)};
}

Unit timer(const std::string& name, const std::string& description, const std::vector<std::string>& on_calendar, std::int64_t delay_seconds) {
  std::string text = fmt::format("{}\n[Unit]\nDescription={}\n\n[Timer]\n", kUnitMark, description);
  for (const std::string& expression : on_calendar) text += "OnCalendar=" + expression + "\n";
  text += "# Also when the machine was off or asleep at that time\nPersistent=true\n";
  if (delay_seconds > 0) text += fmt::format("RandomizedDelaySec={}s\n", delay_seconds);
  return {name + ".timer", text + "\n[Install]\nWantedBy=timers.target\n"};
}

}  // namespace

Status check_plan(const UnitPlan& plan) {
  for (const std::string* path : {&plan.program, &plan.config_file, &plan.home, &plan.state_directory, &plan.vault})
    for (const char c : *path)
      if (static_cast<unsigned char>(c) < ' ' || c == 127)
        return Error(Code::usage, "'" + printable(*path) + "' can't stand in a unit of systemd", "use a path without line ends and other control characters");
  return {};
}

std::vector<Unit> units_of_source(const UnitPlan& plan, const SourcePolicy& source, const std::vector<std::string>& on_calendar) {
  const std::string name = std::string(kUnitPrefix) + "source-" + source.name;
  const std::string what = "Holdfast backup of " + source.name;
  return {service(plan, name, what, "run --source " + quoted(source.name), true), timer(name, what, on_calendar, source.jitter.ns / kSecondNs)};
}

std::vector<Unit> units_of_watch(const UnitPlan& plan) {
  const std::string name = std::string(kUnitPrefix) + "watch";
  const std::string what = "Holdfast looks whether backups are late";
  return {service(plan, name, what, "run --check", false), timer(name, what, {"*-*-* *:23:00"}, 300)};
}

}  // namespace hf
