#pragma once
// Manual pages in troff (man macros), from the table of verbs. Pure functions.

#include <string>

#include "cli/verbs.hpp"

namespace hf::cli {

/// holdfast(1): all commands, common options, environment, files, exit status.
std::string program_man_page(const std::vector<const Verb*>& verbs);
/// holdfast-backup(1)
std::string verb_man_page(const Verb& verb);
/// "holdfast-key-add.1"
std::string man_page_file(const Verb& verb);

}  // namespace hf::cli
