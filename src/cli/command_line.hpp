#pragma once
// Reads what was typed, by the table of verbs. The rules are getopt_long's: options and arguments in any order, "--"
// ends the options, -abc is -a -b -c, --name=VALUE or --name VALUE. Every byte of a value or argument stays as it is.

#include <map>
#include <string>
#include <vector>

#include "cli/verbs.hpp"

namespace hf::cli {

struct CommandLine {
  const Verb* verb = nullptr;  ///< nullptr: no verb was typed
  std::string verb_group;      ///< "key" where only the first word of "key add", "key list" … was typed
  std::map<std::string, std::vector<std::string>, std::less<>> options;  ///< name → values; flags: "true" or "false"
  std::vector<std::string> arguments;
  bool wants_help = false, wants_version = false;
};

/// `typed` without the program's name. Code::usage with a hint otherwise. With --help nothing is missing.
Result<CommandLine> read_command_line(const std::vector<const Verb*>& verbs, const std::vector<std::string>& typed);

/// How the answer and messages should look, found even on a line that cannot be read otherwise.
OutputMode output_mode_of(const std::vector<std::string>& typed);

}  // namespace hf::cli
