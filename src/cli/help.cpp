#include "cli/help.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text.hpp"

namespace hf::cli {
namespace {

struct Row {
  std::string left, right;
};

/// Two columns; a left part that is too wide stands on its own line.
std::string table(const std::vector<Row>& rows, std::size_t columns) {
  constexpr std::size_t kLeftMax = 28;
  std::size_t left = 0;
  for (const Row& row : rows)
    if (row.left.size() <= kLeftMax) left = std::max(left, row.left.size());
  std::string out;
  const std::string pad(left + 4, ' ');
  for (const Row& row : rows) {
    std::string first = "  " + row.left;
    if (row.left.size() > left) {
      out += first + "\n";
      first = pad;
    } else {
      first.resize(left + 4, ' ');
    }
    out += wrap(row.right, columns, first, pad) + "\n";
  }
  return out;
}

std::string options_table(const std::vector<Option>& options, std::size_t columns) {
  std::vector<std::string_view> groups;
  for (const Option& option : options)
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  std::string out;
  for (std::string_view group : groups) {
    std::vector<Row> rows;
    for (const Option& option : options)
      if (option.group == group && !option.flagless) rows.push_back({option_spelling(option), option_text(option)});
    out += fmt::format("\n{}:\n{}", group.empty() ? "Options" : group, table(rows, columns));
  }
  return out;
}

std::string verbs_table(const std::vector<const Verb*>& verbs, std::size_t columns) {
  std::vector<Row> rows;
  for (const Verb* verb : verbs) {
    std::string left(verb->name);
    for (std::string_view alias : verb->aliases) left += ", " + std::string(alias);
    rows.push_back({left, std::string(verb->summary)});
  }
  return table(rows, columns);
}

}  // namespace

const std::vector<ExitStatusRow>& exit_statuses() {
  static const std::vector<ExitStatusRow> rows = {
      {0, "done"},
      {1, "failed; the message says why and what to do"},
      {2, "the command line or holdfast.toml is wrong; nothing was done"},
      {3, "done, but some items could not be read or written; they are named"},
      {4, "refused by a guard or a policy; nothing was changed"},
      {5, "damage was found in the vault; it is named"},
      {130, "stopped by Ctrl-C or a signal"},
  };
  return rows;
}

std::string begin_page(std::string_view called_as) {
  return fmt::format(
      "Holdfast backs up what matters, and knows what can be restored.\n"
      "\n"
      "Begin with two commands:\n"
      "  {0} backup ~/Documents         saves the folder, encrypted; the first time, a vault is made for it\n"
      "  {0} restore --to /tmp/look     brings it back next to the original, and says what was proven\n"
      "\n"
      "All commands:  {0} help            One command:  {0} help backup\n"
      "Five-minute tour: README.md        Everything else: docs/, man holdfast\n",
      called_as);
}

std::string usage_line(const Verb& verb) {
  std::string out = "holdfast " + std::string(verb.name);
  if (!verb.options.empty()) out += " [OPTIONS]";
  for (const Argument& argument : verb.arguments) {
    const std::string name = std::string(argument.name) + (argument.repeat ? "..." : "");
    out += argument.required ? " " + name : " [" + name + "]";
  }
  return out;
}

std::string option_spelling(const Option& option) {
  std::string out = option.letter ? fmt::format("-{}, ", option.letter) : "    ";
  out += option.value.empty() && option.config ? "--[no-]" : "--";
  out += option.name;
  if (!option.value.empty()) out += " " + std::string(option.value);
  return out;
}

std::string option_text(const Option& option) {
  std::string out(option.help);
  std::vector<std::string> notes;
  if (!option.choices.empty()) {
    const std::vector<std::string> choices(option.choices.begin(), option.choices.end());
    // Not where the phrase names them already.
    const bool named =
        std::all_of(choices.begin(), choices.end(), [&](const std::string& c) { return out.find(c) != std::string::npos; });
    if (!named) notes.push_back(listed(choices, " or "));
  }
  if (!option.preset.empty()) notes.push_back("default: " + std::string(option.preset));
  if (option.repeat) notes.push_back("may be repeated");
  if (!option.env.empty()) notes.push_back("or " + std::string(option.env));
  for (std::size_t i = 0; i < notes.size(); ++i) out += (i == 0 ? " (" : "; ") + notes[i];
  return notes.empty() ? out : out + ")";
}

std::string verb_help(const Verb& verb, std::size_t columns) {
  std::string out = wrap(fmt::format("holdfast {}: {}", verb.name, verb.summary), columns) + "\n\nExamples:\n";
  for (const Example& example : verb.examples)
    out += fmt::format("  {}\n{}\n", example.command, wrap(example.what, columns, "      ", "      "));
  out += fmt::format("\nUsage: {}\n", usage_line(verb));
  if (!verb.aliases.empty())
    out += "Also called: " + listed(std::vector<std::string>(verb.aliases.begin(), verb.aliases.end())) + "\n";
  for (std::string_view paragraph : verb.description)
    out += "\n" + (paragraph.starts_with(' ') ? std::string(paragraph) : wrap(paragraph, columns)) + "\n";
  if (!verb.arguments.empty()) {
    std::vector<Row> rows;
    for (const Argument& argument : verb.arguments) {
      const Option like{.help = argument.help, .choices = argument.choices};
      rows.push_back({std::string(argument.name) + (argument.repeat ? "..." : ""), option_text(like)});
    }
    out += "\nArguments:\n" + table(rows, columns);
  }
  out += options_table(verb.options, columns);
  const bool configurable = std::any_of(verb.options.begin(), verb.options.end(), [](const Option& o) { return o.config; });
  if (configurable) {
    std::vector<std::string> keys;
    for (const Option& option : verb.options)
      if (option.config) keys.emplace_back(option.name);
    out += "\n" + wrap(fmt::format("In holdfast.toml, below [{}]: {}.", verb.name, listed(keys)), columns) + "\n";
  }
  out += "\nOptions of every command (--vault, --json, --quiet and others): holdfast help\n";
  return out;
}

std::string group_help(const std::vector<const Verb*>& verbs, std::string_view first_word, std::size_t columns) {
  std::vector<const Verb*> group;
  for (const Verb* verb : verbs)
    if (!verb->hidden && verb->name.starts_with(std::string(first_word) + " ")) group.push_back(verb);
  if (group.empty()) return "";
  std::string out = "Examples:\n";
  for (const Verb* verb : group)
    if (!verb->examples.empty()) {
      const Example& example = verb->examples.front();
      out += fmt::format("  {}\n{}\n", example.command, wrap(example.what, columns, "      ", "      "));
    }
  return out + "\nCommands:\n" + verbs_table(group, columns) + fmt::format("\nMore: holdfast help {}\n", group.front()->name);
}

std::string overview(const std::vector<const Verb*>& verbs, std::size_t columns) {
  std::string out = "Holdfast backs up what matters, and knows what can be restored.\n\nExamples:\n";
  std::size_t examples = 0;
  for (const Verb* verb : verbs) {
    if (verb->hidden || verb->examples.empty() || examples == 4) continue;
    const Example& example = verb->examples.front();
    out += fmt::format("  {}\n{}\n", example.command, wrap(example.what, columns, "      ", "      "));
    ++examples;
  }
  out += "\nUsage: holdfast COMMAND [OPTIONS] [ARGUMENTS]\n";
  std::vector<std::string_view> sections;
  for (const Verb* verb : verbs)
    if (!verb->hidden && std::find(sections.begin(), sections.end(), verb->section) == sections.end())
      sections.push_back(verb->section);
  for (std::string_view section : sections) {
    std::vector<const Verb*> rows;
    for (const Verb* verb : verbs)
      if (!verb->hidden && verb->section == section) rows.push_back(verb);
    out += fmt::format("\n{}:\n{}", section.empty() ? "Commands" : section, verbs_table(rows, columns));
  }
  std::vector<Option> options = global_options();
  for (Option& option : options) option.group = "Options of every command, before or after its name";
  out += options_table(options, columns);
  std::vector<Row> rows;
  for (const ExitStatusRow& row : exit_statuses()) rows.push_back({std::to_string(row.status), std::string(row.meaning)});
  out += "\nExit status:\n" + table(rows, columns);
  return out + "\nOne command: holdfast help COMMAND, or man holdfast-COMMAND.\n";
}

}  // namespace hf::cli
