#pragma once
// Commands around a backup, from the policy. They run by /bin/sh, with a time-out, and hear of the backup by variables.

#include <string>
#include <utility>
#include <vector>

#include "platform/env.hpp"
#include "policy/policy.hpp"

namespace hf {

using HookVariables = std::vector<std::pair<std::string, std::string>>;

/// What it printed, both streams together; "" where `command` is empty. Fails where it cannot start, ends with another
/// status than 0, or is not through in time: the error's detail is the end of its output.
/// `which`: "before" or "after", for messages.
Result<std::string> run_hook(Env& env, const std::string& which, const std::string& command, Span timeout, HookVariables variables);

/// Each line fit for a terminal or a message; at most `bytes_max` from the end, whole lines.
std::string last_lines(std::string_view text, std::size_t bytes_max);

}  // namespace hf
