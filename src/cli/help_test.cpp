// What is generated from the table: help, manual pages, completions. The shape is checked for the real verbs, so that a
// new one cannot come without examples and explanations.
#include "cli/help.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/command_line.hpp"
#include "cli/completion.hpp"
#include "cli/fake_world.hpp"
#include "cli/man_page.hpp"
#include "cli/text.hpp"

namespace hf::cli {
namespace {

bool is_phrase(std::string_view text) {
  return !text.empty() && !text.ends_with('.') && !(text[0] >= 'A' && text[0] <= 'Z' && text.size() > 1 && text[1] >= 'a');
}

TEST(Verbs, each_one_is_explained) {
  std::set<std::string_view> names;
  for (const Verb* verb : all_verbs()) {
    SCOPED_TRACE(verb->name);
    EXPECT_TRUE(names.insert(verb->name).second) << "named twice";
    for (std::string_view alias : verb->aliases) EXPECT_TRUE(names.insert(alias).second) << "named twice";
    EXPECT_TRUE(is_phrase(verb->summary)) << "a phrase in lower case, no full stop: " << verb->summary;
    EXPECT_LE(verb->summary.size(), 72u);
    EXPECT_FALSE(verb->section.empty());
    EXPECT_NE(verb->run, nullptr);
    EXPECT_GE(verb->examples.size(), 2u);
    for (const Example& example : verb->examples) {
      EXPECT_NE(example.command.find("holdfast "), std::string_view::npos);
      EXPECT_TRUE(example.what.ends_with('.')) << example.what;
    }
    for (std::size_t i = 0; i < verb->arguments.size(); ++i) {
      EXPECT_FALSE(verb->arguments[i].help.empty()) << verb->arguments[i].name;
      EXPECT_TRUE(!verb->arguments[i].repeat || i + 1 == verb->arguments.size()) << "only the last may repeat";
      EXPECT_TRUE(i == 0 || verb->arguments[i - 1].required || !verb->arguments[i].required) << "required ones come first";
    }
  }
}
TEST(Verbs, each_option_is_explained_and_no_name_means_two_things) {
  for (const Verb* verb : all_verbs()) {
    SCOPED_TRACE(verb->name);
    std::set<std::string> names;
    std::vector<Option> options = verb->options;
    options.insert(options.end(), global_options().begin(), global_options().end());
    for (const Option& option : options) {
      EXPECT_TRUE(is_phrase(option.help)) << "--" << option.name << ": a phrase in lower case, no full stop: " << option.help;
      EXPECT_TRUE(names.insert(std::string(option.name)).second) << "--" << option.name << " twice";
      EXPECT_TRUE(option.letter == 0 || names.insert(std::string(1, option.letter)).second) << "-" << option.letter << " twice";
      EXPECT_TRUE(option.preset.empty() || check_value(option, option.preset)) << option.name;
      EXPECT_TRUE(!option.value.empty() || (!option.repeat && option.preset.empty() && option.choices.empty()))
          << option.name << " is a flag";
      if (option.value.empty() && option.config) names.insert("no-" + std::string(option.name));
    }
  }
}
TEST(Verbs, each_example_is_a_line_that_the_program_reads) {
  for (const Verb* verb : all_verbs()) {
    for (const Example& example : verb->examples) {
      SCOPED_TRACE(example.command);
      if (!example.command.starts_with("holdfast ") || example.command.find_first_of("'\"$(\\") != std::string_view::npos)
        continue;
      std::istringstream words{std::string(example.command.substr(9))};
      std::vector<std::string> typed;
      for (std::string word; words >> word && word != "|" && word != ">" && word != "&&";) typed.push_back(word);
      const auto line = read_command_line(all_verbs(), typed);
      EXPECT_TRUE(line) << line.error().message;
    }
  }
}

TEST(Help, leads_with_examples_and_fits_the_width) {
  std::vector<std::string> pages = {begin_page("holdfast"), overview(all_verbs(), 80), overview(toy_verbs(), 80),
                                    group_help(toy_verbs(), "key", 80)};
  for (const auto* verbs : {&all_verbs(), &toy_verbs()})
    for (const Verb* verb : *verbs) {
      const std::string page = verb_help(*verb, 80);
      EXPECT_LT(page.find("Examples:"), page.find("Usage:")) << verb->name;
      pages.push_back(page);
    }
  for (const std::string& page : pages) {
    EXPECT_TRUE(page.ends_with('\n'));
    std::istringstream lines(page);
    for (std::string line; std::getline(lines, line);) {
      const bool is_command = line.find("holdfast ") != std::string::npos && line.starts_with("  ");
      EXPECT_LE(columns_of(line), is_command ? 110u : 80u) << line;
      EXPECT_FALSE(line.ends_with(' ')) << line;
    }
  }
}
TEST(Help, shows_defaults_choices_and_the_other_ways) {
  const std::string page = verb_help(*toy_verbs()[0], 80);
  for (const char* part :
       {"Usage: holdfast backup [OPTIONS] PATH...", "-e, --exclude PATTERN", "may be repeated", "--[no-]exclude-caches",
        "(default: 3)", "always, if-changed or never", "\nLimits:\n", "below [backup]", "  kept   as it\n"})
    EXPECT_NE(page.find(part), std::string::npos) << part << "\n" << page;
}
TEST(Help, lists_every_verb_that_is_not_hidden) {
  const std::string page = overview(all_verbs(), 80);
  for (const Verb* verb : all_verbs())
    EXPECT_EQ(page.find("\n  " + std::string(verb->name)) != std::string::npos, !verb->hidden) << verb->name;
  EXPECT_NE(overview(toy_verbs(), 80).find("points, snapshots"), std::string::npos);
}

// ---- checked by the programs that will read them, where those are installed ----

bool installed(const std::string& program) { return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0; }

class Scratch {
 public:
  explicit Scratch(const std::string& content) {
    const char* dir = std::getenv("TMPDIR");
    path_ = std::string(dir ? dir : "/tmp") + "/hf-cli-XXXXXX";
    const int fd = ::mkstemp(path_.data());
    EXPECT_GE(fd, 0);
    ::close(fd);
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~Scratch() { std::remove(path_.c_str()); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// What a command prints on both streams, and its status at the end.
std::string said_by(const std::string& command) {
  std::string out;
  FILE* pipe = ::popen(("{ " + command + "; } 2>&1").c_str(), "r");
  char part[4096];
  for (std::size_t n; (n = std::fread(part, 1, sizeof part, pipe)) > 0;) out.append(part, n);
  const int status = ::pclose(pipe);
  return status == 0 ? out : out + "\nstatus " + std::to_string(status);
}

TEST(ManPage, is_clean_to_groff) {
  if (!installed("groff")) GTEST_SKIP() << "groff is not installed";
  std::vector<std::string> pages = {program_man_page(all_verbs()), program_man_page(toy_verbs())};
  for (const auto* verbs : {&all_verbs(), &toy_verbs()})
    for (const Verb* verb : *verbs) pages.push_back(verb_man_page(*verb));
  for (const std::string& page : pages) {
    const Scratch file(page);
    EXPECT_EQ(said_by("groff -man -ww -Tutf8 -z " + file.path()), "") << page;
    if (!installed("man")) continue;
    EXPECT_EQ(said_by("LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings=all -l " + file.path() + " 2>&1 >/dev/null"), "") << page;
  }
}
TEST(ManPage, takes_any_text) {
  const Verb odd = {.name = "odd",
                    .summary = "a \\ back.slash and 'quotes'",
                    .description = {".starts like a control line", "'so does this", "– € 😀"},
                    .examples = {{"holdfast odd '*.tmp' \\", "–"}}};
  const std::string page = verb_man_page(odd);
  EXPECT_NE(page.find("\\&.starts"), std::string::npos);
  if (!installed("groff")) GTEST_SKIP() << "groff is not installed";
  const Scratch file(page);
  EXPECT_EQ(said_by("groff -man -ww -Tutf8 -z " + file.path()), "");
}

TEST(Completion, is_clean_to_bash_zsh_and_fish) {
  for (const auto* verbs : {&all_verbs(), &toy_verbs()}) {
    const Scratch bash(bash_completion(*verbs)), zsh(zsh_completion(*verbs)), fish(fish_completion(*verbs));
    EXPECT_EQ(said_by("bash -n " + bash.path()), "");
    for (const auto& [shell, script] : {std::pair("zsh", zsh.path()), std::pair("fish", fish.path())}) {
      if (!installed(shell)) continue;
      EXPECT_EQ(said_by(std::string(shell) + " -n " + script), "");
    }
  }
}

/// What bash offers for the last of these words.
std::string bash_offers(const std::vector<std::string>& words) {
  const Scratch script(bash_completion(toy_verbs()));
  std::string line = "COMP_WORDS=(holdfast";
  for (const std::string& word : words) line += " " + shell_quoted(word);
  const Scratch body(". " + script.path() + "\n" + line + ")\nCOMP_CWORD=" + std::to_string(words.size()) +
                     "\n_holdfast\necho \"${COMPREPLY[*]}\"\n");
  std::string said = said_by("cd / && bash " + body.path());
  while (said.ends_with('\n')) said.pop_back();
  return said;
}
TEST(Completion, bash_offers_verbs_options_choices_and_files) {
  EXPECT_EQ(bash_offers({"b"}), "backup");
  EXPECT_EQ(bash_offers({"--vault", "/v", "sn"}), "snapshots");
  EXPECT_EQ(bash_offers({"backup", "--overw"}), "--overwrite");
  EXPECT_EQ(bash_offers({"backup", "--overwrite", "n"}), "never");
  EXPECT_EQ(bash_offers({"backup", "--overwrite", "=", "a"}), "always");
  EXPECT_EQ(bash_offers({"backup", "--no-e"}), "--no-exclude-caches");
  EXPECT_EQ(bash_offers({"--color", "al"}), "always");
  EXPECT_EQ(bash_offers({"key", ""}), "add list");
  EXPECT_EQ(bash_offers({"key", "add", "--new"}), "--new-key-file");
  EXPECT_EQ(bash_offers({"completion", "z"}), "zsh");
  EXPECT_EQ(bash_offers({"help", "ver"}), "verify version");
  EXPECT_EQ(bash_offers({"backup", "/us"}), "/usr");
  EXPECT_EQ(bash_offers({"backup", "--to", "/us"}), "/usr");
}
TEST(Completion, fish_offers_verbs_options_and_choices) {
  if (!installed("fish")) GTEST_SKIP() << "fish is not installed";
  const Scratch script(fish_completion(toy_verbs()));
  const auto offers = [&](const std::string& line) {
    return said_by("HOME=/nonexistent fish --no-config -c 'source " + script.path() + "; complete -C \"" + line +
                   "\"' 2>/dev/null | cut -f1 | tr '\\n' ' '");
  };
  EXPECT_EQ(offers("holdfast ba"), "backup ");
  EXPECT_EQ(offers("holdfast key "), "add list ");
  EXPECT_EQ(offers("holdfast --vault /v backup --overwrite n"), "never ");
  EXPECT_EQ(offers("holdfast backup --no-e"), "--no-exclude-caches ");
}

}  // namespace
}  // namespace hf::cli
