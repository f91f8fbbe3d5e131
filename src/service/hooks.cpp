#include "service/hooks.hpp"

#include <algorithm>

namespace hf {
namespace {
constexpr std::size_t kShownBytes = 4096;
}

std::string last_lines(std::string_view text, std::size_t bytes_max) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  bool cut = false;
  if (text.size() > bytes_max) {
    text.remove_prefix(text.size() - bytes_max);
    if (const std::size_t line = text.find('\n'); line != std::string_view::npos) text.remove_prefix(line + 1);
    cut = true;
  }
  std::string out = cut ? "[…]\n" : "";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    out += printable(text.substr(at, end - at));
    if (end < text.size()) out += '\n';
    at = end + 1;
  }
  return out;
}

Result<std::string> run_hook(Env& env, const std::string& which, const std::string& command, Span timeout, HookVariables variables) {
  if (command.empty()) return std::string();
  const std::string name = "the " + which + " hook";
  const CommandResult ran = HF_TRY(env.run_command(command, {.timeout_ns = timeout.ns, .variables = std::move(variables), .input = {}, .errors_too = true})
                                       .context([&] { return "starting " + name; }));
  std::string output = last_lines(ran.output, kShownBytes);
  if (!ran.timed_out && ran.exit_status == 0) return output;
  // The command itself is not shown: people put passwords into commands.
  const std::string hint = ran.timed_out ? "find what it waits for, or give it more time in holdfast.toml" : "run the command of holdfast.toml yourself to see why";
  const Code code = which == "before" ? Code::refused : Code::io;
  return Error(code, ran.timed_out ? name + " was not through within " + text_of(timeout) + " and was ended"
                                   : name + " ended with status " + std::to_string(ran.exit_status), hint)
      .with_detail(output.empty() ? "it printed nothing" : output);
}

}  // namespace hf
