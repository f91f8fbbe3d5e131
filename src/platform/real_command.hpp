#pragma once
// Env::run_command on Linux.

#include "platform/env.hpp"

namespace hf {

Result<CommandResult> run_real_command(Env& env, const std::string& command, const CommandOptions& options);

}  // namespace hf
