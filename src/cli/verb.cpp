#include "cli/verb.hpp"

#include <algorithm>
#include <charconv>

#include "base/assert.hpp"
#include "base/units.hpp"
#include "cli/text.hpp"

namespace hf::cli {

Result<std::uint64_t> parse_count(std::string_view text) {
  std::uint64_t n = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (problem != std::errc() || end != text.data() + text.size())
    return Error(Code::usage, "'" + std::string(text) + "' is not a whole number");
  return n;
}

Result<double> parse_percent(std::string_view text) {
  std::string_view number = text;
  if (number.ends_with('%')) number.remove_suffix(1);
  double n = 0;
  const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), n);
  if (problem != std::errc() || end != number.data() + number.size() || !(n >= 0 && n <= 100))
    return Error(Code::usage, "'" + std::string(text) + "' is not a share between 0% and 100%");
  return n;
}

Status check_value(const Option& option, std::string_view text) {
  if (!option.choices.empty()) {
    std::vector<std::string> choices(option.choices.begin(), option.choices.end());
    if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
      const auto meant = nearest(text, choices);
      return Error(Code::usage, "'" + std::string(text) + "' is not one of " + listed(choices, " or "),
                   meant ? "did you mean '" + *meant + "'?" : "");
    }
  }
  switch (option.kind) {
    case Kind::text:
      return {};
    case Kind::count:
      HF_TRY(parse_count(text));
      return {};
    case Kind::bytes:
      HF_TRY(parse_bytes(text));
      return {};
    case Kind::time:
      HF_TRY(parse_time(text));
      return {};
    case Kind::percent:
      HF_TRY(parse_percent(text));
      return {};
  }
  return {};
}

const Option& Invocation::option(std::string_view name) const {
  for (const Option& o : verb.options)
    if (o.name == name) return o;
  for (const Option& o : global_options())
    if (o.name == name) return o;
  HF_ASSERT(false);  // an option that the verb's table has
  std::abort();
}

const Value* Invocation::value(std::string_view name) const {
  option(name);
  const auto found = values_.find(name);
  return found == values_.end() || found->second.texts.empty() ? nullptr : &found->second;
}

bool Invocation::flag(std::string_view name) const {
  HF_ASSERT(option(name).value.empty());
  const Value* v = value(name);
  return v != nullptr && v->texts.back() == "true";
}
bool Invocation::given(std::string_view name) const {
  const Value* v = value(name);
  return v != nullptr && v->origin > Origin::preset;
}
std::string Invocation::text(std::string_view name) const {
  const Value* v = value(name);
  return v == nullptr ? "" : v->texts.back();
}
std::vector<std::string> Invocation::texts(std::string_view name) const {
  const Value* v = value(name);
  return v == nullptr ? std::vector<std::string>() : v->texts;
}

// Values were checked when they came in (check_value), so parsing them again cannot fail.
std::optional<std::uint64_t> Invocation::count(std::string_view name) const {
  HF_ASSERT(option(name).kind == Kind::count);
  const Value* v = value(name);
  return v == nullptr ? std::nullopt : std::optional(*parse_count(v->texts.back()));
}
std::optional<std::uint64_t> Invocation::bytes(std::string_view name) const {
  HF_ASSERT(option(name).kind == Kind::bytes);
  const Value* v = value(name);
  return v == nullptr ? std::nullopt : std::optional(*parse_bytes(v->texts.back()));
}
std::optional<std::int64_t> Invocation::time(std::string_view name) const {
  HF_ASSERT(option(name).kind == Kind::time);
  const Value* v = value(name);
  return v == nullptr ? std::nullopt : std::optional(*parse_time(v->texts.back()));
}
std::optional<double> Invocation::percent(std::string_view name) const {
  HF_ASSERT(option(name).kind == Kind::percent);
  const Value* v = value(name);
  return v == nullptr ? std::nullopt : std::optional(*parse_percent(v->texts.back()));
}

std::vector<std::string> Invocation::arguments(std::string_view name) const {
  for (std::size_t i = 0; i < verb.arguments.size(); ++i) {
    if (verb.arguments[i].name != name) continue;
    if (i >= arguments_.size()) return {};
    const auto first = arguments_.begin() + static_cast<std::ptrdiff_t>(i);
    return {first, verb.arguments[i].repeat ? arguments_.end() : first + 1};
  }
  HF_ASSERT(false);  // an argument that the verb's table has
  return {};
}
std::string Invocation::argument(std::string_view name) const {
  const auto all = arguments(name);
  return all.empty() ? "" : all.front();
}

Result<bool> Invocation::confirm(std::string_view question, bool otherwise) const {
  if (settings.no_input || !terminal.can_ask()) return otherwise;
  const std::string prompt = printable(question) + (otherwise ? " [Y/n] " : " [y/N] ");
  while (true) {
    const std::string answer = HF_TRY(terminal.ask_line(prompt));
    if (answer.empty()) return otherwise;
    if (answer == "y" || answer == "Y" || answer == "yes") return true;
    if (answer == "n" || answer == "N" || answer == "no") return false;
  }
}

// There is no option that takes a secret itself: whoever may list processes would read it.
const std::vector<Option>& global_options() {
  static const std::vector<Option> options = {
      {.name = "vault", .value = "PATH", .help = "the vault to work with", .config = true, .env = "HOLDFAST_VAULT"},
      {.name = "passphrase-file", .value = "FILE", .help = "read the passphrase from the first line of FILE", .config = true,
       .env = "HOLDFAST_PASSPHRASE_FILE"},
      {.name = "passphrase-command", .value = "COMMAND", .help = "run COMMAND and take the first line that it prints as the passphrase",
       .config = true, .env = "HOLDFAST_PASSPHRASE_COMMAND", .flagless = true},
      {.name = "key-file", .value = "FILE", .help = "open the vault with the key in FILE", .config = true, .env = "HOLDFAST_KEY_FILE"},
      {.name = "config", .value = "FILE", .help = "read settings from FILE instead of ~/.config/holdfast/holdfast.toml",
       .env = "HOLDFAST_CONFIG"},
      {.name = "json", .help = "print the answer as one JSON object or array"},
      {.name = "quiet", .letter = 'q', .help = "print only the answer, warnings and errors"},
      {.name = "verbose", .letter = 'v', .help = "tell more about what is being done"},
      {.name = "no-input", .help = "never ask; fail or take the safe choice instead"},
      {.name = "jobs", .value = "N", .kind = Kind::count, .help = "worker threads (default: one for each core)", .config = true},
      {.name = "color", .value = "WHEN", .help = "colours: auto, always or never", .preset = "auto", .choices = {"auto", "always", "never"}},
      {.name = "help", .letter = 'h', .help = "show help, for the verb if there is one"},
      {.name = "version", .help = "show the version"},
  };
  return options;
}

const Verb* find_verb(const std::vector<const Verb*>& verbs, std::string_view name) {
  for (const Verb* verb : verbs) {
    if (verb->name == name) return verb;
    for (std::string_view alias : verb->aliases)
      if (alias == name) return verb;
  }
  return nullptr;
}

Error no_such_verb(const std::vector<const Verb*>& verbs, const std::string& name) {
  std::vector<std::string> names;
  for (const Verb* verb : verbs) {
    if (verb->hidden) continue;
    names.emplace_back(verb->name);
    names.insert(names.end(), verb->aliases.begin(), verb->aliases.end());
  }
  const auto meant = nearest(name, names);
  return Error(Code::usage, "'" + name + "' is not a holdfast command",
               meant ? "did you mean '" + *meant + "'?   (all commands: holdfast help)" : "all commands: holdfast help");
}

}  // namespace hf::cli
