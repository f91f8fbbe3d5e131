#pragma once
// Completion scripts for shells, from the table of verbs. Pure functions.

#include <string>

#include "cli/verbs.hpp"

namespace hf::cli {

std::string bash_completion(const std::vector<const Verb*>& verbs);
std::string zsh_completion(const std::vector<const Verb*>& verbs);
std::string fish_completion(const std::vector<const Verb*>& verbs);

}  // namespace hf::cli
