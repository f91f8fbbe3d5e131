#include "cli/settings.hpp"

#include <algorithm>

namespace hf::cli {
namespace {

constexpr std::size_t kConfigBytesMax = 1 << 20;
constexpr std::uint64_t kJobsMax = 1024;

std::string variable(Env& env, std::string_view name) { return env.variable(std::string(name)).value_or(""); }

/// An XDG base directory (freedesktop.org basedir-spec 0.8: relative paths there are to be ignored).
std::string base_directory(Env& env, const char* name, const char* below_home) {
  const std::string given = variable(env, name);
  if (given.starts_with('/')) return given;
  const std::string home = variable(env, "HOME");
  return home.empty() ? "" : home + below_home;
}

/// holdfast.toml knows no shell: "~/" is done here, and relative paths start at the file's folder, not where one stands.
std::string config_path(Env& env, const std::string& path, const std::string& config_file) {
  if (path.starts_with("~/")) return variable(env, "HOME") + path.substr(1);
  if (path.starts_with('/') || path.find("://") != std::string::npos) return path;
  const std::size_t slash = config_file.rfind('/');
  return slash == std::string::npos ? path : config_file.substr(0, slash + 1) + path;
}

}  // namespace

Result<Config> load_config(Env& env, const CommandLine& line, const std::vector<const Verb*>& verbs, std::string& file) {
  file.clear();
  bool must_exist = true;
  if (const auto typed = line.options.find("config"); typed != line.options.end()) file = typed->second.back();
  if (file.empty()) file = variable(env, "HOLDFAST_CONFIG");
  if (file.empty()) {
    must_exist = false;
    const std::string base = base_directory(env, "XDG_CONFIG_HOME", "/.config");
    if (base.empty()) return Config{};
    file = base + "/holdfast/holdfast.toml";
  }
  auto text = env.read_file(file, kConfigBytesMax);
  if (!text) {
    const bool absent = text.error().code == Code::not_found || text.error().code == Code::not_a_directory;
    if (absent && !must_exist) {
      file.clear();
      return Config{};
    }
    return std::move(text).context([&] { return "reading the configuration"; }).error();
  }
  return parse_config(as_text(*text), file, verbs);
}

Result<Values> resolve_values(Env& env, const CommandLine& line, const Config& config, const std::string& config_file) {
  Values values;
  const auto resolve = [&](const Option& option, const decltype(config.global)* from_config) -> Status {
    Value value;
    if (!option.preset.empty()) value = {{std::string(option.preset)}, Origin::preset};
    if (from_config != nullptr) {
      if (const auto found = from_config->find(option.name); found != from_config->end()) {
        value = {found->second, Origin::config};
        if (is_path(option.value))
          for (std::string& path : value.texts) path = config_path(env, path, config_file);
      }
    }
    if (!option.env.empty()) {
      if (const std::string text = variable(env, option.env); !text.empty()) {
        if (auto right = check_value(option, text); !right)
          return Error(Code::usage, std::string(option.env) + ": " + right.error().message, right.error().hint);
        value = {{text}, Origin::environment};
      }
    }
    if (const auto found = line.options.find(option.name); found != line.options.end()) {
      // What can be repeated adds to holdfast.toml: nobody wants to lose the usual excludes by naming one more.
      if (option.repeat && value.origin == Origin::config)
        value.texts.insert(value.texts.end(), found->second.begin(), found->second.end());
      else
        value.texts = found->second;
      value.origin = Origin::flag;
    }
    if (value.origin != Origin::nowhere) values[std::string(option.name)] = std::move(value);
    return {};
  };
  for (const Option& option : global_options()) HF_TRY(resolve(option, &config.global));
  if (line.verb != nullptr) {
    const auto table = config.verbs.find(line.verb->name);
    for (const Option& option : line.verb->options)
      HF_TRY(resolve(option, table == config.verbs.end() ? nullptr : &table->second));
  }
  return values;
}

Result<Policy> resolve_policy(Env& env, Policy policy, const std::string& config_file) {
  for (SourcePolicy& source : policy.sources) {
    if (source.host.empty()) source.host = env.host_name();
    for (std::string& path : source.exclude_files) path = config_path(env, path, config_file);
    for (std::string& path : source.paths) path = HF_TRY(env.absolute_path(config_path(env, path, config_file)));
  }
  return policy;
}

std::vector<NotifyChannel> resolve_notify(Env& env, std::vector<NotifyChannel> channels, const std::string& config_file) {
  for (NotifyChannel& channel : channels) {
    for (SecretRef* secret : {&channel.url, &channel.token, &channel.password})
      if (secret->kind == SecretRef::Kind::file) secret->value = config_path(env, secret->value, config_file);
    if (!channel.ca_file.empty()) channel.ca_file = config_path(env, channel.ca_file, config_file);
  }
  return channels;
}

std::string default_vault(Env& env) {
  const std::string base = base_directory(env, "XDG_DATA_HOME", "/.local/share");
  return base.empty() ? "" : base + "/holdfast/vault";
}

std::string cache_directory(Env& env) {
  const std::string base = base_directory(env, "XDG_CACHE_HOME", "/.cache");
  return base.empty() ? "" : base + "/holdfast";
}

Result<Settings> make_settings(Env& env, const Values& values, const std::string& config_file) {
  Settings settings;
  settings.config_file = config_file;
  const auto find = [&](std::string_view name) {
    const auto found = values.find(name);
    return found == values.end() ? nullptr : &found->second;
  };
  const auto flag = [&](std::string_view name) { return find(name) != nullptr && find(name)->texts.back() == "true"; };
  settings.no_input = flag("no-input");

  if (const Value* vault = find("vault")) {
    settings.vault = vault->texts.back();
    settings.vault_origin = vault->origin;
  } else {
    settings.vault = default_vault(env);
    settings.vault_origin = Origin::preset;
  }

  settings.jobs = std::max(1u, env.cpu_count());
  if (const Value* jobs = find("jobs")) {
    const std::uint64_t n = HF_TRY(parse_count(jobs->texts.back()));
    if (n < 1 || n > kJobsMax)
      return Error(Code::usage, "--jobs must be between 1 and " + std::to_string(kJobsMax),
                   "leave it out to use all " + std::to_string(settings.jobs) + " cores");
    settings.jobs = static_cast<unsigned>(n);
  }

  // The strongest place that names a secret decides alone; two in one place would be a guess.
  for (const Option& option : global_options()) {
    using From = SecretSource::Kind;
    const From kind = option.name == "passphrase-file"      ? From::passphrase_file
                      : option.name == "passphrase-command" ? From::passphrase_command
                      : option.name == "key-file"           ? From::key_file
                                                            : From::none;
    const Value* value = find(option.name);
    if (kind == From::none || value == nullptr) continue;
    const std::string origin = value->origin == Origin::flag          ? "--" + std::string(option.name)
                               : value->origin == Origin::environment ? std::string(option.env)
                                                                      : std::string(option.name) + " in " + config_file;
    const Value* chosen = settings.secret.kind == From::none                 ? nullptr
                          : settings.secret.kind == From::passphrase_file    ? find("passphrase-file")
                          : settings.secret.kind == From::passphrase_command ? find("passphrase-command")
                                                                             : find("key-file");
    if (chosen != nullptr && chosen->origin == value->origin)
      return Error(Code::usage, settings.secret.origin + " and " + origin + " both name a secret", "keep one of them");
    if (chosen == nullptr || chosen->origin < value->origin) settings.secret = {kind, value->texts.back(), origin};
  }
  return settings;
}

}  // namespace hf::cli
