#pragma once
// One backup from options to a told result: what `backup` and `run` share.

#include <string>

#include "cli/verb.hpp"
#include "point/capture.hpp"
#include "policy/policy.hpp"

namespace hf::cli {

struct BackupDone {
  CaptureResult captured;
  double seconds = 0;
};

/// What every backup of this program on this machine has: host, user, program, workers, the vault's place.
CaptureOptions capture_options(Invocation& in, std::string vault_directory);
/// Adds the patterns of a file, one a line.
Status add_exclude_file(Env& env, ExcludeRules& rules, const std::string& file);
/// Says of each path whether it is there; NotFound names the first that is not. Usage where one lies in the vault.
Status check_source_path(Env& env, const std::string& path, const std::string& absolute, const std::string& vault_directory);

/// Which kind of point to make: "full", "incremental", "differential", or for "auto" what the policy says of `source`; where
/// no source of the policy has these paths (nullptr), an incremental one. `source` is a loan.
Result<ChooseKind> kind_chooser(Env& env, const Policy& policy, const std::string& kind, bool independent, const SourcePolicy* source);

/// Captures options.paths, with progress and problems shown, no faster than `limits` say.
Result<BackupDone> back_up(Invocation& in, Vault& vault, CaptureOptions options, const Limits& limits, const std::string& label);
/// Captures standard input as a file of that name.
Result<BackupDone> back_up_stdin(Invocation& in, Vault& vault, CaptureOptions options, const Limits& limits, const std::string& name);

/// The lines that tell what was done.
void tell_backup(Invocation& in, const BackupDone& done, const std::string& label);
/// The same as JSON: the members that `backup --json` documents.
Json json_of_backup(const BackupDone& done, const CaptureOptions& options);

/// "Documents", "3 paths".
std::string label_of(const std::vector<std::string>& paths);
Result<std::string> read_text_file(Env& env, const std::string& path);

}  // namespace hf::cli
