#include "cli/config.hpp"

#include "cli/config_notify.hpp"
#include "cli/config_policy.hpp"
#include "cli/text.hpp"
#include "cli/toml.hpp"

namespace hf::cli {
namespace {

class Reader {
 public:
  Reader(std::string_view file_name, const std::vector<const Verb*>& verbs) : file_name_(file_name), verbs_(verbs) {}

  Result<Config> read(const TomlValue& root) {
    HF_TRY(read_table(root, ""));
    config_.policy = HF_TRY(read_policy(root, file_name_));
    config_.notify = HF_TRY(read_notify(root, file_name_));
    return std::move(config_);
  }

  Error error(std::size_t line, const std::string& message, std::string hint = "") const {
    return config_error(file_name_, line, message, std::move(hint));
  }

 private:
  /// `prefix`: the name of the verb whose table this is, or its first word; "" at the top.
  Status read_table(const TomlValue& table, const std::string& prefix) {
    const Verb* verb = prefix.empty() ? nullptr : find_verb(verbs_, prefix);
    for (const auto& [key, value] : table.table) {
      if (prefix.empty() && (is_policy_key(key) || key == "notify")) continue;  // read_policy() and read_notify() read them
      if (value.type == TomlValue::Type::table) {
        const std::string name = prefix.empty() ? key : prefix + " " + key;
        if (!has_keys(name)) return unknown(value.line, key, prefix);
        HF_TRY(read_table(value, name));
        continue;
      }
      const Option* option = find(prefix, verb, key);
      if (option == nullptr) return unknown(value.line, key, prefix);
      auto& values = prefix.empty() ? config_.global : config_.verbs[std::string(verb->name)];
      values[key] = HF_TRY(values_of(*option, key, value));
    }
    return {};
  }

  const Option* find(const std::string& prefix, const Verb* verb, std::string_view key) const {
    if (!prefix.empty() && verb == nullptr) return nullptr;
    for (const Option& option : verb ? verb->options : global_options())
      if (option.config && option.name == key) return &option;
    return nullptr;
  }

  /// Has this verb, or a verb that begins with this word, any key?
  bool has_keys(const std::string& name) const {
    for (const Verb* verb : verbs_) {
      if (verb->name != name && !verb->name.starts_with(name + " ")) continue;
      for (const Option& option : verb->options)
        if (option.config) return true;
    }
    return false;
  }

  Error unknown(std::size_t line, const std::string& key, const std::string& prefix) const {
    std::vector<std::string> known;
    const auto add = [&](const std::vector<Option>& options) {
      for (const Option& option : options)
        if (option.config) known.emplace_back(option.name);
    };
    if (prefix.empty()) {
      add(global_options());
      known.insert(known.end(), {"policy", "source", "notify"});
      for (const Verb* verb : verbs_)
        if (has_keys(std::string(verb->name))) known.emplace_back(verb->name.substr(0, verb->name.find(' ')));
    } else if (const Verb* verb = find_verb(verbs_, prefix)) {
      add(verb->options);
    }
    const std::string where = prefix.empty() ? "" : " in [" + prefix + "]";
    std::string hint = "known" + where + ": " + listed(known);
    if (const auto meant = nearest(key, known)) {
      hint = "did you mean '" + *meant + "'?";
    } else if (prefix.empty()) {
      // A verb's key that was written above its table.
      for (const Verb* verb : verbs_)
        for (const Option& option : verb->options)
          if (option.config && option.name == key) hint = "'" + key + "' belongs below [" + std::string(verb->name) + "]";
    }
    if (known.empty()) hint.clear();
    return error(line, "unknown key '" + printable(key) + "'" + where, hint);
  }

  Result<std::vector<std::string>> values_of(const Option& option, const std::string& key, const TomlValue& value) const {
    std::vector<std::string> values;
    if (value.type == TomlValue::Type::list) {
      if (!option.repeat) return wrong_type(option, key, value);
      for (const TomlValue& element : value.list) values.push_back(HF_TRY(text_of(option, key, element)));
    } else {
      values.push_back(HF_TRY(text_of(option, key, value)));
    }
    return values;
  }

  Result<std::string> text_of(const Option& option, const std::string& key, const TomlValue& value) const {
    if (option.value.empty()) {
      if (value.type != TomlValue::Type::boolean) return wrong_type(option, key, value);
      return std::string(value.boolean ? "true" : "false");
    }
    const bool number = option.kind == Kind::count || option.kind == Kind::bytes;
    std::string text;
    if (value.type == TomlValue::Type::text && option.kind != Kind::count)
      text = value.text;
    else if (value.type == TomlValue::Type::integer && number)
      text = std::to_string(value.integer);
    else
      return wrong_type(option, key, value);
    if (text.find('\0') != std::string::npos) return error(value.line, "'" + key + "' has a NUL character in it");
    if (text.empty()) return error(value.line, "'" + key + "' is empty", "leave it out instead");
    if (auto right = check_value(option, text); !right)
      return error(value.line, "'" + key + "': " + right.error().message, right.error().hint);
    return text;
  }

  Error wrong_type(const Option& option, const std::string& key, const TomlValue& value) const {
    const char* wanted = option.value.empty()         ? "true or false"
                         : option.kind == Kind::count ? "a whole number"
                         : option.kind == Kind::bytes ? "a size like \"500M\""
                         : option.repeat              ? "a text or a list of texts, like [\"a\", \"b\"]"
                                                      : "a text in quotes";
    return error(value.line, "'" + key + "' must be " + wanted + ", and is " + std::string(type_name(value)));
  }

  std::string file_name_;
  const std::vector<const Verb*>& verbs_;
  Config config_;
};

}  // namespace

Result<Config> parse_config(std::string_view text, std::string_view file_name, const std::vector<const Verb*>& verbs) {
  Reader reader(file_name, verbs);
  const auto parsed = parse_toml(text);
  if (!parsed)
    return reader.error(parsed.error().line, parsed.error().message, "the file is TOML: key = \"value\", see https://toml.io");
  return reader.read(*parsed);
}

}  // namespace hf::cli
