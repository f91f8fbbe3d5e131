#pragma once
// --help from the table: pure functions, examples first, at most `columns` wide.

#include <string>

#include "cli/verbs.hpp"

namespace hf::cli {

/// `holdfast` alone: where to begin. `called_as`: "holdfast", or how else this program is run.
std::string begin_page(std::string_view called_as);
/// `holdfast help`: all verbs, by section, and the options of every verb.
std::string overview(const std::vector<const Verb*>& verbs, std::size_t columns);
/// `holdfast help VERB`
std::string verb_help(const Verb& verb, std::size_t columns);
/// `holdfast help key`: the verbs that begin with this word; "" where there is none.
std::string group_help(const std::vector<const Verb*>& verbs, std::string_view first_word, std::size_t columns);

/// "holdfast backup [OPTIONS] PATH..."
std::string usage_line(const Verb& verb);
/// "-x, --one-file-system" or "    --to DIR"
std::string option_spelling(const Option& option);
/// The option's help with its default, choices, environment variable and whether holdfast.toml knows it.
std::string option_text(const Option& option);

struct ExitStatusRow {
  int status;
  std::string_view meaning;
};
/// What the program's exit status says, for help, manual and docs/reference/exit-codes.md.
const std::vector<ExitStatusRow>& exit_statuses();

}  // namespace hf::cli
