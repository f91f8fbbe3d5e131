#pragma once

#include <string>
#include <vector>

#include "cli/verbs.hpp"

namespace hf::cli {

/// The whole program but for what main() brings: reads the line, finds settings, runs the verb, prints what came of it.
/// Returns the exit status (help.cpp lists them; 141 where standard output was closed by its reader). Exceptions of
/// libraries end here.
int run_program(Env& env, Terminal& terminal, Progress& progress, const std::vector<const Verb*>& verbs,
                const std::vector<std::string>& typed);

}  // namespace hf::cli
