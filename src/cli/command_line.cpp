#include "cli/command_line.hpp"

#include <algorithm>

#include "cli/text.hpp"

namespace hf::cli {
namespace {

/// Options of the verb first, then those that every verb takes.
class Reader {
 public:
  Reader(const std::vector<const Verb*>& verbs, const std::vector<std::string>& typed) : verbs_(verbs), typed_(typed) {}

  Result<CommandLine> read() {
    while (at_ < typed_.size()) {
      const std::string& word = typed_[at_++];
      if (only_arguments_ || word == "-" || !word.starts_with('-'))
        HF_TRY(take_word(word));
      else if (word == "--")
        only_arguments_ = true;
      else if (word.starts_with("--"))
        HF_TRY(take_long(word));
      else
        HF_TRY(take_letters(word));
    }
    HF_TRY(find_group_end());
    const auto set = [&](std::string_view flag) {
      return line_.options.contains(flag) && line_.options.find(flag)->second.back() == "true";
    };
    line_.wants_help = set("help");
    line_.wants_version = set("version");
    if (line_.verb != nullptr && !line_.wants_help) HF_TRY(check_arguments());
    return std::move(line_);
  }

 private:
  Error usage(std::string message, std::string hint = "") const {
    const std::string help = "holdfast " + (line_.verb ? std::string(line_.verb->name) + " --help" : "help");
    return Error(Code::usage, std::move(message), hint.empty() ? help : hint + "   (" + help + ")");
  }

  Status take_word(const std::string& word) {
    if (line_.verb != nullptr) {
      line_.arguments.push_back(word);
      return {};
    }
    const std::string name = line_.verb_group.empty() ? word : line_.verb_group + " " + word;
    if (const Verb* verb = find_verb(verbs_, name)) {
      line_.verb = verb;
      line_.verb_group.clear();
      return {};
    }
    if (line_.verb_group.empty() && is_group(word)) {
      line_.verb_group = word;
      return {};
    }
    return no_such_verb(verbs_, name);
  }

  bool is_group(std::string_view word) const {
    return std::any_of(verbs_.begin(), verbs_.end(),
                       [&](const Verb* verb) { return verb->name.starts_with(std::string(word) + " "); });
  }

  /// "holdfast key" alone shows what there is; with arguments or options it is a mistake.
  Status find_group_end() {
    if (!line_.verb_group.empty()) line_.options["help"] = {"true"};
    return {};
  }

  const Option* find(auto&& matches) const {
    if (line_.verb != nullptr)
      for (const Option& option : line_.verb->options)
        if (!option.flagless && matches(option)) return &option;
    for (const Option& option : global_options())
      if (!option.flagless && matches(option)) return &option;
    return nullptr;
  }

  Status take_long(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const Option* option = find([&](const Option& o) { return o.name == name; });
    bool flag_value = true;
    if (option == nullptr && name.starts_with("no-")) {
      option = find([&](const Option& o) { return o.value.empty() && o.config && o.name == name.substr(3); });
      flag_value = false;
    }
    if (option == nullptr) return no_such_option("--" + name);
    if (option->value.empty()) {
      if (equals != std::string::npos) return usage("--" + name + " takes no value");
      return take(*option, flag_value ? "true" : "false");
    }
    if (equals != std::string::npos) return take(*option, word.substr(equals + 1));
    return take_next(*option, "--" + name);
  }

  Status take_letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      const char letter = word[i];
      const Option* option = find([&](const Option& o) { return o.letter == letter; });
      if (option == nullptr) return no_such_option(std::string("-") + letter, word);
      if (option->value.empty()) {
        HF_TRY(take(*option, "true"));
        continue;
      }
      if (i + 1 < word.size()) return take(*option, word.substr(i + 1));
      return take_next(*option, std::string("-") + letter);
    }
    return {};
  }

  Status take_next(const Option& option, const std::string& shown) {
    if (at_ == typed_.size()) return usage(shown + " needs a value: " + shown + " " + std::string(option.value));
    const std::string& next = typed_[at_];
    // `--to --json` forgot the value more often than it means a folder of that name.
    const bool looks_like_option =
        next.starts_with("--") &&
        find([&](const Option& o) { return "--" + std::string(o.name) == next.substr(0, next.find('=')); }) != nullptr;
    if (looks_like_option)
      return usage(shown + " needs a value before " + next,
                   option.choices.empty() ? "if the value is meant: --" + std::string(option.name) + "=" + next : "");
    ++at_;
    return take(option, next);
  }

  Status take(const Option& option, const std::string& value) {
    const std::string shown = "--" + std::string(option.name);
    auto& values = line_.options[std::string(option.name)];
    if (option.value.empty()) {
      values = {value};
      return {};
    }
    if (!option.repeat && !values.empty()) return usage(shown + " was given twice");
    if (value.empty()) return usage(shown + " needs a value: " + shown + " " + std::string(option.value));
    if (auto right = check_value(option, value); !right) return usage(shown + ": " + right.error().message, right.error().hint);
    values.push_back(value);
    return {};
  }

  Error no_such_option(const std::string& shown, const std::string& word = "") const {
    std::vector<std::string> names;
    const auto add = [&](const std::vector<Option>& options) {
      for (const Option& option : options) {
        if (option.flagless) continue;
        names.push_back("--" + std::string(option.name));
        if (option.value.empty() && option.config) names.push_back("--no-" + std::string(option.name));
      }
    };
    if (line_.verb != nullptr) add(line_.verb->options);
    add(global_options());
    const std::string whose = line_.verb ? "holdfast " + std::string(line_.verb->name) : "holdfast";
    std::string message = whose + " has no option " + shown;
    if (!word.empty() && word != shown) message += " (in " + word + ")";
    for (const Verb* verb : verbs_) {
      if (line_.verb != nullptr) break;
      for (const Option& option : verb->options)
        if ("--" + std::string(option.name) == shown)
          return usage(shown + " must come after the command", "holdfast " + std::string(verb->name) + " " + shown);
    }
    if (shown.starts_with("--pass"))  // what restic, borg and others call it
      return usage(message,
                   "a secret is never typed as an option: --passphrase-file FILE, or the variable HOLDFAST_PASSPHRASE_COMMAND");
    const auto meant = nearest(shown, names);
    return usage(message, meant ? "did you mean " + *meant + "?" : "");
  }

  Status check_arguments() {
    const auto& wanted = line_.verb->arguments;
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      if (i >= line_.arguments.size()) {
        if (!wanted[i].required) continue;
        std::string hint;
        if (!line_.verb->examples.empty()) hint = "for example: " + std::string(line_.verb->examples[0].command);
        return usage("holdfast " + std::string(line_.verb->name) + " needs " + std::string(wanted[i].name) + ": " +
                         std::string(wanted[i].help),
                     hint);
      }
      const Option like{.name = wanted[i].name, .choices = wanted[i].choices};
      for (std::size_t j = i; j < line_.arguments.size() && (j == i || wanted[i].repeat); ++j)
        if (auto right = check_value(like, line_.arguments[j]); !right)
          return usage(std::string(wanted[i].name) + ": " + right.error().message, right.error().hint);
    }
    const bool open_ended = !wanted.empty() && wanted.back().repeat;
    if (!open_ended && line_.arguments.size() > wanted.size())
      return usage("holdfast " + std::string(line_.verb->name) + " does not know what to do with '" +
                   line_.arguments[wanted.size()] + "'");
    return {};
  }

  const std::vector<const Verb*>& verbs_;
  const std::vector<std::string>& typed_;
  std::size_t at_ = 0;
  bool only_arguments_ = false;
  CommandLine line_;
};

}  // namespace

Result<CommandLine> read_command_line(const std::vector<const Verb*>& verbs, const std::vector<std::string>& typed) {
  return Reader(verbs, typed).read();
}

OutputMode output_mode_of(const std::vector<std::string>& typed) {
  OutputMode mode;
  for (std::size_t i = 0; i < typed.size() && typed[i] != "--"; ++i) {
    std::string_view word = typed[i];
    if (word == "--json") mode.json = true;
    if (word == "--quiet" || word == "-q") mode.quiet = true;
    if (word == "--verbose" || word == "-v") mode.verbose = true;
    if (word == "--color" && i + 1 < typed.size()) word = typed[i + 1];
    if (word.starts_with("--color=")) word.remove_prefix(8);
    if (word == "always" && typed[i].starts_with("--color")) mode.color = Color::always;
    if (word == "never" && typed[i].starts_with("--color")) mode.color = Color::never;
  }
  return mode;
}

}  // namespace hf::cli
