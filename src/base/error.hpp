#pragma once
// One error policy: functions that can fail return Result<T>; an Error carries what the caller decides on.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace hf {

/// What went wrong, as far as some caller reacts differently to it. Numbers are never reused (error.cpp has the table).
enum class Code : std::uint8_t {
  internal = 1,      ///< a broken promise of our own code
  usage = 2,         ///< the command line or the configuration is wrong
  not_found = 3,
  already_exists = 4,
  permission = 5,
  no_space = 6,
  io = 7,            ///< the operating system or the device failed
  corrupt = 8,       ///< stored bytes are damaged or forged
  unsupported = 9,   ///< written by a newer version, or asks for something this build lacks
  wrong_secret = 10, ///< no key slot opens with what was given
  not_a_vault = 11,
  changed = 12,      ///< the source changed while it was read
  cancelled = 13,    ///< a person or a signal asked to stop
  refused = 14,      ///< a guard or a policy forbids it
  incomplete = 15,   ///< done, but some items could not be read
  conflict = 16,     ///< something newer or different is in the way
  not_a_directory = 17,
  interrupted = 18,  ///< EINTR: try the same call again
  unreachable = 19,  ///< the store does not answer
  too_many = 20,     ///< a limit was reached (open files, names, links)
};

/// Exit status of the program for an error of this code (docs/reference/exit-codes.md).
int exit_status(Code code);
/// Stable identifier for JSON output, for example "wrong_secret".
std::string_view name_of(Code code);

/// A failure. Message: one fact. Detail: the evidence. Hint: what to do. Cheap to move; copied only on failure paths.
struct Error {
  Code code = Code::internal;
  std::string message;
  std::string object;  ///< what it concerns: a path, an object name; may be empty
  std::string detail;
  std::string hint;
  int os_error = 0;    ///< errno, or 0

  Error() = default;
  Error(Code c, std::string m) : code(c), message(std::move(m)) {}
  Error(Code c, std::string m, std::string h) : code(c), message(std::move(m)), hint(std::move(h)) {}

  Error&& with_hint(std::string h) && { hint = std::move(h); return std::move(*this); }
  Error&& with_detail(std::string d) && { detail = std::move(d); return std::move(*this); }
  Error&& with_object(std::string o) && { object = std::move(o); return std::move(*this); }
  /// "writing pack 12ab: No space left on device"
  Error&& in_context(std::string_view doing) && { message = std::string(doing) + ": " + message; return std::move(*this); }

  /// An Error for an errno value; `doing` says what was tried.
  static Error from_errno(int os_error, std::string_view doing);
};

}  // namespace hf
