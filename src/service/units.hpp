#pragma once
// The units of systemd that start runs: text only, from values. docs/how-to/run-unattended.md shows them.
//
// Each source has a timer and a service; one more pair looks at all of them each hour, so that a missed objective is told
// even when a source's own timer never fires.

#include <string>
#include <vector>

#include "policy/policy.hpp"

namespace hf {

struct UnitPlan {
  std::string program;             ///< absolute path of holdfast
  std::string config_file;         ///< absolute; empty: none
  std::string home;                ///< HOME of the runs: where state and configuration are looked for
  std::string state_directory;     ///< where state is written
  std::string vault;               ///< absolute path where it is on this machine, for what a run may write; else empty
  bool user = true;                ///< for the user's manager, not the system's
  bool runs_commands = false;      ///< hooks, notices or secrets start commands: these may need what hardening takes away
};

struct Unit {
  std::string name;  ///< "holdfast-source-home.timer"
  std::string text;
};

/// The first line of every unit that we write; a file without it is somebody else's.
inline constexpr std::string_view kUnitMark = "# Written by holdfast schedule install, which replaces it.";
inline constexpr std::string_view kUnitPrefix = "holdfast-";

/// The units of one source: its service and its timer. `on_calendar`: Schedule::texts(), not empty.
std::vector<Unit> units_of_source(const UnitPlan& plan, const SourcePolicy& source, const std::vector<std::string>& on_calendar);
/// The pair that looks at all sources each hour.
std::vector<Unit> units_of_watch(const UnitPlan& plan);

/// Usage where a path of the plan has characters that no unit can hold.
Status check_plan(const UnitPlan& plan);

}  // namespace hf
