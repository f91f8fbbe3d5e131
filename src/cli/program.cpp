#include "cli/program.hpp"

#include <algorithm>
#include <new>

#include "cli/help.hpp"
#include "cli/settings.hpp"

namespace hf::cli {
namespace {

constexpr int kUsage = 2;
constexpr int kReaderGone = 141;  // 128 + SIGPIPE: what a shell shows for any program whose reader left

std::size_t help_columns(Output& out, Terminal& terminal) {
  return terminal.is_terminal(Stream::data) ? std::clamp<std::size_t>(out.columns(), 40, 100) : 80;
}

Result<int> run_typed(Env& env, Terminal& terminal, Progress& progress, Output& out, const std::vector<const Verb*>& verbs,
                      const std::vector<std::string>& typed) {
  if (typed.empty()) {
    out.text(begin_page(env.variable("HOLDFAST_CALLED_AS").value_or("holdfast")));
    return 0;
  }
  CommandLine line = HF_TRY(read_command_line(verbs, typed));
  if (line.wants_help) {
    const std::size_t columns = help_columns(out, terminal);
    out.text(line.verb != nullptr       ? verb_help(*line.verb, columns)
             : !line.verb_group.empty() ? group_help(verbs, line.verb_group, columns)
                                        : overview(verbs, columns));
    return 0;
  }
  if (line.verb == nullptr && line.wants_version) line.verb = &version_verb();
  if (line.verb == nullptr) return Error(Code::usage, "no command was given", "all commands: holdfast help");

  Config config;
  std::string config_file;
  if (!line.verb->standalone) config = HF_TRY(load_config(env, line, verbs, config_file));
  Values values = HF_TRY(resolve_values(env, line, config, config_file));
  Settings settings;
  if (!line.verb->standalone) {
    settings = HF_TRY(make_settings(env, values, config_file));
    settings.policy = HF_TRY(resolve_policy(env, std::move(config.policy), config_file));
    settings.notify = resolve_notify(env, std::move(config.notify), config_file);
  }
  if (!config_file.empty()) out.detail("settings from " + config_file);

  Invocation invocation(*line.verb, env, terminal, out, progress, settings, std::move(values), std::move(line.arguments));
  return line.verb->run(invocation);
}

Result<int> run_caught(auto&& run) {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return Error(Code::internal, "out of memory", "fewer workers need less: --jobs 1");
  } catch (const std::exception& problem) {
    return Error(Code::internal, std::string("a library failed unexpectedly: ") + problem.what(),
                 "please report this with the command that caused it");
  }
}

}  // namespace

int run_program(Env& env, Terminal& terminal, Progress& progress, const std::vector<const Verb*>& verbs,
                const std::vector<std::string>& typed) {
  Output out(terminal, env, output_mode_of(typed));
  Result<int> result = run_caught([&] { return run_typed(env, terminal, progress, out, verbs, typed); });
  int status = 0;
  if (result) {
    status = *result;
  } else if (out.reader_gone()) {
    status = kReaderGone;  // `holdfast ls | head` is no failure worth words
  } else {
    Error& error = result.error();
    if (error.code == Code::cancelled && error.hint.empty())
      error.hint = "nothing that was stored is lost: run the same command again to go on";
    if (error.code == Code::no_space && error.hint.empty()) error.hint = "make room there, then run the same command again: what was stored is whole, and used";
    out.error(error);
    status = error.code == Code::usage ? kUsage : exit_status(error.code);
  }
  if (auto finished = out.finish(); !finished) {
    out.error(finished.error());
    if (status == 0) status = exit_status(finished.error().code);
  }
  if (out.reader_gone() && status == 0) status = kReaderGone;
  return status;
}

}  // namespace hf::cli
