#pragma once
// Where each value comes from: flag > environment > holdfast.toml > the option's own default.

#include "cli/command_line.hpp"
#include "cli/config.hpp"

namespace hf::cli {

/// Reads the configuration file: --config, else HOLDFAST_CONFIG, else $XDG_CONFIG_HOME/holdfast/holdfast.toml (which may
/// be absent, the others not). `file` gets its path, or "" where there is none.
Result<Config> load_config(Env& env, const CommandLine& line, const std::vector<const Verb*>& verbs, std::string& file);

/// The value of every option of the verb and of every command. Paths from `config_file` are made relative to its folder.
Result<Values> resolve_values(Env& env, const CommandLine& line, const Config& config, const std::string& config_file);

/// The typed part that every verb sees.
Result<Settings> make_settings(Env& env, const Values& values, const std::string& config_file);

/// The policy as verbs see it: hosts filled in with this machine's name, paths absolute.
Result<Policy> resolve_policy(Env& env, Policy policy, const std::string& config_file);

/// Who is told of runs, as verbs see it: paths absolute or relative to where one stands.
std::vector<NotifyChannel> resolve_notify(Env& env, std::vector<NotifyChannel> channels, const std::string& config_file);

/// $XDG_DATA_HOME/holdfast/vault, else ~/.local/share/holdfast/vault; "" without a home directory.
std::string default_vault(Env& env);

/// $XDG_CACHE_HOME/holdfast, else ~/.cache/holdfast; "" without a home directory.
std::string cache_directory(Env& env);

}  // namespace hf::cli
