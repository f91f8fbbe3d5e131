#include "cli/man_page.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/help.hpp"
#include "cli/text.hpp"
#include "version.hpp"

namespace hf::cli {
namespace {

/// Text as troff shows it unchanged (groff(7), "Escape sequences"): ASCII only, no control line by accident.
std::string escaped(std::string_view text) {
  std::string out;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool line_start = out.empty() || out.back() == '\n';
    const unsigned char c = byte(i);
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";  // a minus as one types it, not a hyphen
    } else if (c == '\'') {
      out += line_start ? "\\&\\(aq" : "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else if (c == '"') {
      out += "\\(dq";
    } else if (c == '.' && line_start) {
      out += "\\&.";
    } else if (c < 0x80) {
      out += text[i];
    } else {
      const std::size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
      unsigned point = c & (0xFFu >> (n + 1));
      for (std::size_t k = 1; k < n && i + 1 < text.size(); ++k) point = point << 6 | (byte(++i) & 0x3Fu);
      out += fmt::format("\\[u{:04X}]", point);
    }
  }
  return out;
}
std::string bold(std::string_view text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(std::string_view text) { return "\\fI" + escaped(text) + "\\fR"; }

std::string title(std::string_view name) {
  std::string upper(name);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return fmt::format(".TH {} 1 \"\" \"Holdfast {}\" \"Holdfast manual\"\n.nh\n.ad l\n", escaped(upper), kVersion);
}

std::string page_name(std::string_view verb) {
  std::string name = "holdfast-" + std::string(verb);
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string tagged(const std::string& tag, std::string_view text) { return ".TP\n" + tag + "\n" + escaped(text) + "\n"; }

std::string spelling(const Option& option) {
  std::string out;
  if (option.letter) out += bold(fmt::format("-{}", option.letter)) + ", ";
  out += bold((option.value.empty() && option.config ? "--[no-]" : "--") + std::string(option.name));
  if (!option.value.empty()) out += " " + italic(option.value);
  return out;
}

std::string options_section(const std::vector<Option>& options) {
  std::vector<std::string_view> groups;
  for (const Option& option : options)
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  std::string out;
  for (std::string_view group : groups) {
    if (!group.empty()) out += ".SS " + escaped(group) + "\n";
    for (const Option& option : options)
      if (option.group == group && !option.flagless) out += tagged(spelling(option), option_text(option));
  }
  return out;
}

std::string examples_section(const std::vector<Example>& examples) {
  std::string out = ".SH EXAMPLES\n";
  for (const Example& example : examples) out += ".TP\n" + bold(example.command) + "\n" + escaped(example.what) + "\n";
  return out;
}

std::string exit_status_section() {
  std::string out = ".SH EXIT STATUS\n";
  for (const ExitStatusRow& row : exit_statuses()) out += tagged(bold(std::to_string(row.status)), row.meaning);
  return out;
}

}  // namespace

std::string man_page_file(const Verb& verb) { return page_name(verb.name) + ".1"; }

std::string verb_man_page(const Verb& verb) {
  std::string out = title(page_name(verb.name));
  out += fmt::format(".SH NAME\n{} \\- {}\n", escaped(page_name(verb.name)), escaped(verb.summary));
  out += ".SH SYNOPSIS\n" + bold("holdfast " + std::string(verb.name));
  if (!verb.options.empty()) out += " [" + italic("OPTIONS") + "]";
  for (const Argument& argument : verb.arguments) {
    const std::string name = italic(argument.name) + (argument.repeat ? "..." : "");
    out += argument.required ? " " + name : " [" + name + "]";
  }
  out += "\n" + examples_section(verb.examples) + ".SH DESCRIPTION\n";
  if (verb.description.empty()) out += escaped(std::string(verb.summary)) + ".\n";
  bool first = true;
  for (std::string_view paragraph : verb.description) {
    if (!first) out += ".PP\n";
    first = false;
    out += paragraph.starts_with(' ') ? ".nf\n" + escaped(paragraph) + "\n.fi\n" : escaped(paragraph) + "\n";
  }
  if (!verb.aliases.empty())
    out += ".PP\nAlso called: " + escaped(listed(std::vector<std::string>(verb.aliases.begin(), verb.aliases.end()))) + ".\n";
  if (!verb.arguments.empty()) {
    out += ".SH ARGUMENTS\n";
    for (const Argument& argument : verb.arguments) {
      const Option like{.help = argument.help, .choices = argument.choices};
      out += tagged(italic(argument.name) + (argument.repeat ? "..." : ""), option_text(like));
    }
  }
  if (!verb.options.empty()) out += ".SH OPTIONS\n" + options_section(verb.options);
  const bool configurable = std::any_of(verb.options.begin(), verb.options.end(), [](const Option& o) { return o.config; });
  if (configurable) {
    out += ".SH FILES\nKeys of holdfast.toml, below " + bold("[" + std::string(verb.name) + "]") + ":\n";
    for (const Option& option : verb.options)
      if (option.config) out += tagged(bold(option.name), option.help);
  }
  return out + exit_status_section() + ".SH SEE ALSO\n\\fBholdfast\\fR(1) for the options of every command.\n";
}

std::string program_man_page(const std::vector<const Verb*>& verbs) {
  std::string out = title("holdfast");
  out += ".SH NAME\nholdfast \\- back up, and know what can be restored\n";
  out += ".SH SYNOPSIS\n" + bold("holdfast") + " " + italic("COMMAND") + " [" + italic("OPTIONS") + "] [" + italic("ARGUMENTS") +
         "]\n";
  std::vector<Example> examples;
  std::vector<std::string_view> sections;
  for (const Verb* verb : verbs) {
    if (verb->hidden) continue;
    if (!verb->examples.empty() && examples.size() < 4) examples.push_back(verb->examples.front());
    if (std::find(sections.begin(), sections.end(), verb->section) == sections.end()) sections.push_back(verb->section);
  }
  out += examples_section(examples);
  out += ".SH DESCRIPTION\n" +
         escaped(
             "Holdfast saves files and folders as recovery points in a vault: a deduplicated, encrypted repository on one store. "
             "Each recovery point can be restored alone. What lies in the vault can be read only with its passphrase or a key.") +
         "\n.SH COMMANDS\n";
  for (std::string_view section : sections) {
    out += ".SS " + escaped(section.empty() ? "Commands" : section) + "\n";
    for (const Verb* verb : verbs)
      if (!verb->hidden && verb->section == section)
        out += tagged("\\fB" + escaped(page_name(verb->name)) + "\\fR(1)", verb->summary);
  }
  out += ".SH OPTIONS\nThese go before or after the command.\n" + options_section(global_options());
  out += ".SH ENVIRONMENT\n";
  for (const Option& option : global_options())
    if (!option.env.empty()) out += tagged(bold(option.env), option.help);
  out += tagged(bold("NO_COLOR"), "No colours, unless asked for by --color.");
  out +=
      ".SH FILES\n" + tagged("\\fI$XDG_CONFIG_HOME/holdfast/holdfast.toml\\fR, else \\fI\\(ti/.config/holdfast/holdfast.toml\\fR",
                             "Settings in TOML. An option on the command line counts more than a variable, and that more than "
                             "this file. Keys at the top:");
  out += ".RS\n";
  for (const Option& option : global_options())
    if (option.config) out += tagged(bold(option.name), option.help);
  out += ".RE\n.PP\nKeys of one command, in a table of its name:\n.RS\n";
  for (const Verb* verb : verbs)
    for (const Option& option : verb->options)
      if (option.config && !verb->hidden)
        out += tagged(bold("[" + std::string(verb->name) + "] " + std::string(option.name)), option.help);
  out += ".RE\n";
  out += tagged("\\fI$XDG_DATA_HOME/holdfast/vault\\fR, else \\fI\\(ti/.local/share/holdfast/vault\\fR",
                "The vault where no other is named.");
  out += tagged("\\fI$XDG_CACHE_HOME/holdfast/\\fR, else \\fI\\(ti/.cache/holdfast/\\fR",
                "What saves work the next time, sealed with the vault's keys. Losing it costs time and nothing else.");
  return out + exit_status_section();
}

}  // namespace hf::cli
