#pragma once
// One source's turn in `holdfast run`: is it due, then hooks, backup, notices, and what is remembered for the next time.
//
//   lock ─ state ─ due? ─ before hook ─ capture ─ after hook ─ objective ─ notices ─ state
//
// Crash story: the state is written last. A run that dies leaves the state of the one before, so the source stays due;
// what its capture stored is found by the next one; its lock is gone with it. A notice may then be sent twice, never not.

#include <memory>
#include <optional>

#include <nlohmann/json.hpp>

#include "cli/backup_job.hpp"
#include "cli/prune_job.hpp"
#include "service/notify.hpp"
#include "service/schedule.hpp"

namespace hf::cli {

struct RunMode {
  bool now = false;      ///< also what is not due
  bool check = false;    ///< back up nothing, only look at objectives
  bool dry_run = false;  ///< change nothing, tell nobody
};

struct SourceReport {
  enum class Action : std::uint8_t { skipped, busy, would_run, checked, ran } action = Action::skipped;
  std::string name, why;
  Outcome outcome = Outcome::none;          ///< of this run
  std::optional<Error> error;               ///< why it failed
  std::optional<Json> backup;               ///< as of `backup --json`
  std::optional<std::int64_t> next_due_ns;
  std::optional<std::int64_t> late_ns;      ///< age of the newest complete point, where the objective is missed
  std::vector<std::string> forgotten;       ///< points that its retention no longer kept, in hexadecimal
  std::vector<std::string> untold;          ///< channels that a notice did not reach
  bool stopped = false;                     ///< by Ctrl-C or a signal: no outcome
  int exit_status() const;
};
std::string_view name_of(SourceReport::Action action);

/// Takes sources in turn. The vault is opened when the first of them needs it, and once.
class SourceRunner {
 public:
  SourceRunner(Invocation& in, const RunMode& mode) : in_(in), mode_(mode) {}
  SourceReport turn(const SourcePolicy& source);
  /// Puts what was backed up into stripes, where the vault has any; for --json.
  Json keep_stripes();
  /// Gives space back where a source that was backed up asks for it and there is something to give back.
  Result<std::optional<PruneReport>> prune_if_due();

 private:
  void back_up_source(const SourcePolicy& source, SourceReport& report, RunState& state);
  Result<BackupDone> protect(const SourcePolicy& source);
  /// What the retention of the source does not keep. Never a reason for the backup to count as failed.
  void forget_by_retention(const SourcePolicy& source, SourceReport& report);
  Result<Vault*> vault();
  /// True unless channels want it and none was reached.
  bool tell(Event event, const SourcePolicy& source, SourceReport& report, const RunState& state);
  void tell_outcome(const SourcePolicy& source, SourceReport& report, RunState& state);
  void look_at_objective(const SourcePolicy& source, SourceReport& report, RunState& state);
  void say(const SourceReport& report);

  Invocation& in_;
  const RunMode mode_;
  std::unique_ptr<Vault> vault_;
  std::optional<Error> vault_error_;
  std::vector<const SourcePolicy*> backed_up_;
};

}  // namespace hf::cli
