#include "cli/completion.hpp"

#include <fmt/format.h>

#include <set>

#include "cli/text.hpp"

namespace hf::cli {
namespace {

std::string words_of(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::string_view word : words) out += (out.empty() ? "" : " ") + std::string(word);
  return out;
}
std::vector<std::string> names_of(const Verb& verb) {
  std::vector<std::string> names = {std::string(verb.name)};
  names.insert(names.end(), verb.aliases.begin(), verb.aliases.end());
  return names;
}
std::string first_word(std::string_view name) { return std::string(name.substr(0, name.find(' '))); }
std::string second_word(std::string_view name) {
  const std::size_t space = name.find(' ');
  return space == std::string_view::npos ? "" : std::string(name.substr(space + 1));
}
std::vector<const Verb*> shown(const std::vector<const Verb*>& verbs) {
  std::vector<const Verb*> out;
  for (const Verb* verb : verbs)
    if (!verb->hidden) out.push_back(verb);
  return out;
}
/// First words that begin a name of two.
std::set<std::string> groups_of(const std::vector<const Verb*>& verbs) {
  std::set<std::string> groups;
  for (const Verb* verb : verbs)
    if (verb->name.find(' ') != std::string_view::npos) groups.insert(first_word(verb->name));
  return groups;
}
/// Every first word, aliases too, in the table's order.
std::vector<std::string> first_words(const std::vector<const Verb*>& verbs) {
  std::vector<std::string> out;
  std::set<std::string> seen;
  for (const Verb* verb : verbs)
    for (const std::string& name : names_of(*verb))
      if (seen.insert(first_word(name)).second) out.push_back(first_word(name));
  return out;
}
std::vector<std::string> spellings(const Option& option) {
  if (option.flagless) return {};
  std::vector<std::string> out;
  if (option.letter) out.push_back(fmt::format("-{}", option.letter));
  out.push_back("--" + std::string(option.name));
  if (option.value.empty() && option.config) out.push_back("--no-" + std::string(option.name));
  return out;
}
std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : std::string(between)) + word;
  return out;
}
std::string long_spellings(const std::vector<Option>& options) {
  std::vector<std::string> out;
  for (const Option& option : options)
    for (const std::string& spelling : spellings(option))
      if (spelling.starts_with("--")) out.push_back(spelling);
  return joined(out, " ");
}
/// Global options that take the next word, as alternatives of a shell's `case`.
std::string global_value_options(std::string_view between) {
  std::vector<std::string> out;
  for (const Option& option : global_options())
    if (!option.value.empty())
      for (const std::string& spelling : spellings(option)) out.push_back(spelling);
  return joined(out, between);
}

// ---- bash ----

std::string bash_action(std::string_view value, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return fmt::format("offer='{}'", words_of(choices));
  if (value == "DIR") return "files=-d";
  if (is_path(value)) return "files=-f";
  return ":";
}

std::string bash_value_cases(const std::vector<Option>& options, std::string_view verb) {
  std::string out;
  for (const Option& option : options) {
    if (option.value.empty() || option.flagless) continue;
    std::vector<std::string> patterns;
    for (const std::string& spelling : spellings(option))
      patterns.push_back(verb.empty() ? "*\" " + spelling + "\"" : fmt::format("\"{} {}\"", verb, spelling));
    out += fmt::format("        {}) {}; value=1 ;;\n", joined(patterns, "|"), bash_action(option.value, option.choices));
  }
  return out;
}

}  // namespace

std::string bash_completion(const std::vector<const Verb*>& all) {
  const auto verbs = shown(all);
  std::string options, values, arguments, groups;
  for (const Verb* verb : verbs) {
    for (const std::string& name : names_of(*verb)) {
      if (!verb->options.empty()) options += fmt::format("        '{}') options='{}' ;;\n", name, long_spellings(verb->options));
      values += bash_value_cases(verb->options, name);
      if (verb->arguments.empty()) continue;
      const Argument& last = verb->arguments.back();
      const std::string action = last.name == "COMMAND" ? "offer=$verbs" : bash_action(last.name, last.choices);
      if (action != ":") arguments += fmt::format("        '{}') {} ;;\n", name, action);
    }
  }
  for (const std::string& group : groups_of(verbs)) {
    std::vector<std::string> seconds;
    for (const Verb* verb : verbs)
      if (first_word(verb->name) == group && !second_word(verb->name).empty()) seconds.push_back(second_word(verb->name));
    groups += fmt::format("        '{}') offer='{}' ;;\n", group, joined(seconds, " "));
  }
  const std::string group_pattern = [&] {
    std::vector<std::string> words;
    for (const std::string& group : groups_of(verbs)) words.push_back(group);
    return words.empty() ? std::string("''") : joined(words, "|");
  }();
  return fmt::format(R"(# bash completion for holdfast. Made by: holdfast completion bash
_holdfast() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local verbs='{verbs}' globals='{globals}'
    local verb='' group='' options='' offer='' files='' value='' i word
    COMPREPLY=()
    # --name=value arrives as three words.
    if [[ $cur == '=' ]]; then
        cur=''
    elif [[ $prev == '=' && $COMP_CWORD -gt 2 ]]; then
        prev=${{COMP_WORDS[COMP_CWORD-2]}}
    fi
    for (( i = 1; i < COMP_CWORD; i++ )); do
        word=${{COMP_WORDS[i]}}
        case $word in
        {skip}) [[ ${{COMP_WORDS[i+1]}} == '=' ]] && (( i++ )); (( i++ )) ;;
        -*) ;;
        *)
            if [[ -n $group ]]; then
                verb="$group $word"
                break
            fi
            case $word in
            {groups_pattern}) group=$word ;;
            *) verb=$word; break ;;
            esac
            ;;
        esac
    done
    case "$verb $prev" in
{values}        *) ;;
    esac
    if [[ -z $value ]]; then
        case $verb in
{options}        *) ;;
        esac
        if [[ $cur == -* ]]; then
            offer="$options $globals"
        elif [[ -z $verb && -n $group ]]; then
            case $group in
{groups}            *) ;;
            esac
        elif [[ -z $verb ]]; then
            offer=$verbs
        else
            case $verb in
{arguments}            *) ;;
            esac
        fi
    fi
    if [[ -n $files ]]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen "$files" -- "$cur")
    elif [[ -n $offer ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$offer" -- "$cur")
    fi
}}
complete -F _holdfast holdfast
)",
                     fmt::arg("verbs", joined(first_words(verbs), " ")), fmt::arg("globals", long_spellings(global_options())),
                     fmt::arg("skip", global_value_options("|")), fmt::arg("groups_pattern", group_pattern),
                     fmt::arg("values", values + bash_value_cases(global_options(), "")), fmt::arg("options", options),
                     fmt::arg("groups", groups), fmt::arg("arguments", arguments));
}

// ---- zsh ----

namespace {

/// Inside single quotes and inside an _arguments specification.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'')
      out += "'\\''";
    else if (c == '[' || c == ']' || c == ':' || c == '\\')
      out += std::string("\\") + c;
    else
      out += c;
  }
  return out;
}
std::string zsh_action(std::string_view value, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return "(" + words_of(choices) + ")";
  if (value == "DIR") return "_files -/";
  if (is_path(value)) return "_files";
  return "";
}
std::string zsh_options(const std::vector<Option>& options) {
  std::string out;
  for (const Option& option : options)
    for (const std::string& spelling : spellings(option)) {
      const bool is_long = spelling.starts_with("--");
      out += fmt::format(" \\\n      '{}{}{}[{}]", option.repeat ? "*" : "", spelling,
                         option.value.empty() ? ""
                         : is_long            ? "="
                                              : "+",
                         zsh_text(option.help));
      if (!option.value.empty()) out += fmt::format(":{}:{}", zsh_text(option.value), zsh_action(option.value, option.choices));
      out += "'";
    }
  return out;
}
std::string zsh_arguments(const Verb& verb) {
  std::string out;
  for (std::size_t i = 0; i < verb.arguments.size(); ++i) {
    const Argument& a = verb.arguments[i];
    const std::string where = a.repeat ? "*" : std::to_string(i + 1) + (a.required ? "" : ":");
    const std::string action = a.name == "COMMAND" ? "_holdfast_verbs" : zsh_action(a.name, a.choices);
    out += fmt::format(" \\\n      '{}:{}:{}'", where, zsh_text(a.name), action);
  }
  return out;
}
std::string zsh_verb_case(const Verb& verb, const std::string& pattern) {
  return fmt::format("    {})\n      _arguments \"$globals[@]\"{}{} && return 0\n      ;;\n", pattern, zsh_options(verb.options),
                     zsh_arguments(verb));
}

}  // namespace

std::string zsh_completion(const std::vector<const Verb*>& all) {
  const auto verbs = shown(all);
  const auto groups = groups_of(verbs);
  std::string described, cases, group_functions;
  for (const std::string& word : first_words(verbs)) {
    const Verb* verb = find_verb(verbs, word);
    std::string summary = verb ? std::string(verb->summary) : "";
    if (verb == nullptr)
      for (const Verb* v : verbs)
        if (first_word(v->name) == word) summary += (summary.empty() ? "" : ", ") + second_word(v->name);
    described += fmt::format("    '{}:{}'\n", word, zsh_text(summary));
  }
  for (const Verb* verb : verbs)
    if (second_word(verb->name).empty()) cases += zsh_verb_case(*verb, joined(names_of(*verb), "|"));
  for (const std::string& group : groups) {
    std::string seconds, second_cases;
    for (const Verb* verb : verbs) {
      if (first_word(verb->name) != group || second_word(verb->name).empty()) continue;
      seconds += fmt::format("    '{}:{}'\n", second_word(verb->name), zsh_text(verb->summary));
      second_cases += zsh_verb_case(*verb, second_word(verb->name));
    }
    group_functions += fmt::format(R"(
_holdfast_{group}() {{
  local curcontext="$curcontext" state line
  local -a actions
  actions=(
{seconds}  )
  _arguments -C "$globals[@]" '1: :->action' '*:: :->rest' && return 0
  case $state in
  action) _describe -t actions action actions ;;
  rest)
    case $words[1] in
{cases}    esac
    ;;
  esac
}}
)",
                                   fmt::arg("group", group), fmt::arg("seconds", seconds), fmt::arg("cases", second_cases));
    cases += fmt::format("    {0})\n      _holdfast_{0}\n      ;;\n", group);
  }
  return fmt::format(R"(#compdef holdfast
# zsh completion for holdfast. Made by: holdfast completion zsh

_holdfast_verbs() {{
  local -a verbs
  verbs=(
{described}  )
  _describe -t commands command verbs
}}
{group_functions}
_holdfast() {{
  local curcontext="$curcontext" state line
  local -a globals
  globals=({globals}
  )
  _arguments -C "$globals[@]" '1: :->verb' '*:: :->rest' && return 0
  case $state in
  verb) _holdfast_verbs ;;
  rest)
    case $words[1] in
{cases}    esac
    ;;
  esac
}}

if [[ "$funcstack[1]" == _holdfast ]]; then
  _holdfast "$@"
else
  compdef _holdfast holdfast
fi
)",
                     fmt::arg("described", described), fmt::arg("group_functions", group_functions),
                     fmt::arg("globals", zsh_options(global_options())), fmt::arg("cases", cases));
}

// ---- fish ----

namespace {

std::string fish_text(std::string_view text) {
  std::string out;
  for (char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return "'" + out + "'";
}
std::string fish_value(std::string_view value, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return " -xa " + fish_text(words_of(choices));
  if (value == "DIR") return " -xa '(__fish_complete_directories)'";
  if (is_path(value)) return " -rF";
  return " -x";
}
std::string fish_options(const std::vector<Option>& options, std::string_view condition) {
  std::string out;
  for (const Option& option : options) {
    if (option.flagless) continue;
    const auto row = [&](const std::string& name, char letter, std::string_view help) {
      out += "complete -c holdfast";
      if (!condition.empty()) out += fmt::format(" -n {}", fish_text(condition));
      if (letter) out += fmt::format(" -s {}", letter);
      out += fmt::format(" -l {} -d {}", name, fish_text(help));
      if (!option.value.empty()) out += fish_value(option.value, option.choices);
      out += "\n";
    };
    row(std::string(option.name), option.letter, option.help);
    if (option.value.empty() && option.config) row("no-" + std::string(option.name), 0, "not: " + std::string(option.help));
  }
  return out;
}

}  // namespace

std::string fish_completion(const std::vector<const Verb*>& all) {
  const auto verbs = shown(all);
  std::string out = fmt::format(R"fish(# fish completion for holdfast. Made by: holdfast completion fish

# The words of the command line that are neither options nor their values, after "holdfast".
function __holdfast_words
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case {}
                set skip 1
            case '-*'
            case '*'
                echo $word
        end
    end
end
function __holdfast_verb_is
    set -l words (__holdfast_words)
    set -l wanted (string split ' ' -- $argv[1])
    set -l n (count $wanted)
    test (count $words) -ge $n; and test "$words[1..$n]" = "$wanted"
end
function __holdfast_words_are
    set -l words (__holdfast_words)
    test "$words" = "$argv[1]"
end

complete -c holdfast -f
)fish",
                                global_value_options(" "));
  out += fish_options(global_options(), "");
  for (const std::string& word : first_words(verbs)) {
    const Verb* verb = find_verb(verbs, word);
    out += fmt::format("complete -c holdfast -n '__holdfast_words_are \"\"' -a {} -d {}\n", word,
                       fish_text(verb ? verb->summary : std::string_view("more commands")));
  }
  for (const Verb* verb : verbs) {
    if (!second_word(verb->name).empty())
      out += fmt::format("complete -c holdfast -n '__holdfast_words_are {}' -a {} -d {}\n", first_word(verb->name),
                         second_word(verb->name), fish_text(verb->summary));
    for (const std::string& name : names_of(*verb)) {
      const std::string condition = fmt::format("__holdfast_verb_is \"{}\"", name);
      out += fish_options(verb->options, condition);
      if (verb->arguments.empty()) continue;
      const Argument& last = verb->arguments.back();
      if (last.name == "COMMAND")
        out +=
            fmt::format("complete -c holdfast -n {} -a {}\n", fish_text(condition), fish_text(joined(first_words(verbs), " ")));
      else if (!last.choices.empty())
        out += fmt::format("complete -c holdfast -n {} -a {}\n", fish_text(condition), fish_text(words_of(last.choices)));
      else if (last.name == "DIR")
        out += fmt::format("complete -c holdfast -n {} -a '(__fish_complete_directories)'\n", fish_text(condition));
      else if (is_path(last.name))
        out += fmt::format("complete -c holdfast -n {} -F\n", fish_text(condition));
    }
  }
  return out;
}

}  // namespace hf::cli
