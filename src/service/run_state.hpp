#pragma once
// What is remembered of a source between runs: a small JSON file each, and a lock beside it. The vault is the truth; this
// only says when to look again and what was told already. So a file that is missing, damaged or of a later version is
// taken as "nothing known", which makes the source due.
//
// Crash story: the file is replaced as a whole. A run that dies leaves the state of the one before it, hence the source
// due; and its lock is gone with its process.

#include <optional>
#include <string>

#include "platform/env.hpp"

namespace hf {

enum class Outcome : std::uint8_t { none, done, incomplete, failed };
std::string_view name_of(Outcome outcome);

/// Times are Unix nanoseconds; 0: never.
struct RunState {
  std::int64_t first_seen_ns = 0;           ///< when the source was first looked at
  std::int64_t started_ns = 0, ended_ns = 0;  ///< of the last run
  Outcome outcome = Outcome::none;
  int exit_status = 0;
  std::string message;                      ///< of the error, where it failed
  std::string point;                        ///< of the last run, in hexadecimal; empty: it made none
  std::int64_t complete_ns = 0;             ///< of the newest complete point that is known
  std::uint64_t failures = 0;               ///< in a row
  std::int64_t failure_told_ns = 0, rpo_told_ns = 0;  ///< when people were last told; 0 once it is over
  std::int64_t next_due_ns = 0;             ///< for people: decide() computes it anew
  bool operator==(const RunState&) const = default;
};

/// Pure. Nothing where the text is no state of this version.
std::optional<RunState> parse_state(std::string_view text);
std::string text_of(const RunState& state);

/// $XDG_STATE_HOME/holdfast, else ~/.local/state/holdfast. NotFound without a home directory.
Result<std::string> state_directory(Env& env);

/// Reads the state of a source; `damaged` tells whether there was a file that could not be used.
std::optional<RunState> read_state(Env& env, const std::string& directory, const std::string& source, bool& damaged);
/// Replaces it; makes the directory.
Status write_state(Env& env, const std::string& directory, const std::string& source, const RunState& state);

/// One run of a source at a time, on this machine and for this user. Ends with the object, and with the process.
class SourceLock {
 public:
  /// Nothing where another run has it. Where the file system has no locks it is given to everyone.
  static Result<std::optional<SourceLock>> take(Env& env, const std::string& directory, const std::string& source);

 private:
  explicit SourceLock(Fd file) : file_(std::move(file)) {}
  Fd file_;
};

}  // namespace hf
