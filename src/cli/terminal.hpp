#pragma once
// The person in front, as far as there is one: two streams to write to, and a keyboard to ask. Terminal is what the
// rest of the room sees; the real one is the only place in cli/ that calls the operating system, FakeTerminal
// (fake_terminal.hpp) takes its place in tests.

#include <sys/types.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "base/progress.hpp"
#include "base/result.hpp"
#include "cli/secret.hpp"

namespace hf::cli {

enum class Stream : std::uint8_t { data, messages };  ///< standard output, standard error

/// Threads: any method, any thread; concurrent writes to one stream may mix.
class Terminal {
 public:
  virtual ~Terminal() = default;
  /// Writes everything; 0 or the errno that stopped it (EPIPE: nobody reads any more).
  virtual int write(Stream, std::string_view) = 0;
  virtual bool is_terminal(Stream) = 0;
  virtual std::size_t columns() = 0;  ///< of the terminal behind `messages` or `data`; 80 where there is none
  /// Is there a keyboard with somebody in front? False for cron, CI, background jobs.
  virtual bool can_ask() = 0;
  /// Prints `prompt` on the controlling terminal and reads a line without showing it.
  /// Code::not_found: no terminal; Code::cancelled: Ctrl-C or end of input. Never waits where can_ask() is false.
  virtual Result<Secret> ask_secret(std::string_view prompt) = 0;
  /// The same for a line that may be seen.
  virtual Result<std::string> ask_line(std::string_view prompt) = 0;
};

/// Standard output, standard error and /dev/tty. `stop` is looked at while waiting for the keyboard.
std::unique_ptr<Terminal> make_real_terminal(const Progress& stop);

/// Takes up the places of standard input, output and error where they were closed. Call before anything is opened: a file of
/// the vault that got number 2 would have messages written into it. What was closed stays unusable: reads and writes fail.
void reserve_standard_streams();

/// From now on SIGINT and SIGTERM set progress.stop_requested; the second one ends the process with status 130, with
/// the terminal's echo switched back on. SIGPIPE does nothing here: writes report it. `progress` must outlive the process.
void install_stop_signals(Progress& progress);

}  // namespace hf::cli
