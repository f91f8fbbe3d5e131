#include <algorithm>

#include "cli/help.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  const std::size_t columns = in.terminal.is_terminal(Stream::data) ? std::clamp<std::size_t>(in.out.columns(), 40, 100) : 80;
  std::string name;
  for (const std::string& word : in.arguments("COMMAND")) name += (name.empty() ? "" : " ") + word;
  if (name.empty()) {
    in.out.text(overview(all_verbs(), columns));
    return 0;
  }
  if (const Verb* verb = find_verb(all_verbs(), name)) {
    in.out.text(verb_help(*verb, columns));
    return 0;
  }
  if (const std::string group = group_help(all_verbs(), name, columns); !group.empty()) {
    in.out.text(group);
    return 0;
  }
  return no_such_verb(all_verbs(), name);
}

}  // namespace

const Verb& help_verb() {
  static const Verb verb = {
      .name = "help",
      .section = "The program",
      .summary = "explain a command, or list all of them",
      .examples = {{"holdfast help", "All commands, the options that all of them take, and what exit statuses mean."},
                   {"holdfast help version", "One command: examples first, then its options."}},
      .arguments = {{.name = "COMMAND", .help = "the command to explain", .required = false, .repeat = true}},
      .standalone = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
