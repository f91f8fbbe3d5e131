#include "cli/command_line.hpp"

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"

namespace hf::cli {
namespace {

using Words = std::vector<std::string>;

CommandLine read(const Words& typed) {
  auto line = read_command_line(toy_verbs(), typed);
  EXPECT_TRUE(line) << line.error().message;
  return line ? *line : CommandLine{};
}
Error refused(const Words& typed) {
  const auto line = read_command_line(toy_verbs(), typed);
  EXPECT_FALSE(line);
  if (line) return {};
  EXPECT_EQ(line.error().code, Code::usage);
  EXPECT_NE(line.error().hint.find("holdfast"), std::string::npos) << "a hint that leads on: " << line.error().hint;
  return line.error();
}
Words values(const CommandLine& line, const std::string& option) {
  const auto found = line.options.find(option);
  return found == line.options.end() ? Words{} : found->second;
}

TEST(CommandLine, common_options_go_before_and_after_the_verb) {
  for (const Words& typed :
       {Words{"--vault", "/v", "-q", "points"}, Words{"points", "--vault=/v", "-q"}, Words{"-q", "points", "--vault", "/v"}}) {
    const CommandLine line = read(typed);
    EXPECT_EQ(line.verb->name, "points");
    EXPECT_EQ(values(line, "vault"), Words{"/v"});
    EXPECT_EQ(values(line, "quiet"), Words{"true"});
  }
}
TEST(CommandLine, options_and_arguments_mix) {
  const CommandLine line = read({"backup", "a", "-e", "x", "b", "--exclude=y", "-ez", "--exclude-caches", "-ql2G"});
  EXPECT_EQ(line.arguments, (Words{"a", "b"}));
  EXPECT_EQ(values(line, "exclude"), (Words{"x", "y", "z"}));
  EXPECT_EQ(values(line, "exclude-caches"), Words{"true"});
  EXPECT_EQ(values(line, "limit"), Words{"2G"});
}
TEST(CommandLine, every_byte_of_names_and_values_arrives) {
  // A parser of general use split "[a,b]", stopped at "++" and took "%%" for a separator.
  const CommandLine line = read({"backup", "[a,b]", "++", "%%", "\xFF\n", "{}", "-", "--", "--exclude", "-x", "--"});
  EXPECT_EQ(line.arguments, (Words{"[a,b]", "++", "%%", "\xFF\n", "{}", "-", "--exclude", "-x", "--"}));
  EXPECT_EQ(values(read({"backup", "a", "--exclude", "-tmp", "--exclude=a=b"}), "exclude"), (Words{"-tmp", "a=b"}));
}
TEST(CommandLine, aliases_and_two_word_verbs) {
  EXPECT_EQ(read({"snapshots"}).verb->name, "points");
  EXPECT_EQ(read({"key", "add"}).verb->name, "key add");
  EXPECT_EQ(read({"key", "-q", "list"}).verb->name, "key list");
  EXPECT_TRUE(read({"key"}).wants_help);
  EXPECT_EQ(read({"key"}).verb_group, "key");
}
TEST(CommandLine, a_flag_of_the_configuration_can_be_taken_back) {
  EXPECT_EQ(values(read({"backup", "a", "--no-exclude-caches"}), "exclude-caches"), Words{"false"});
  EXPECT_NE(refused({"backup", "a", "--no-json"}).message.find("--no-json"), std::string::npos);
}
TEST(CommandLine, help_needs_nothing_else) {
  EXPECT_TRUE(read({"backup", "--help"}).wants_help);
  EXPECT_TRUE(read({"-h"}).wants_help);
  EXPECT_TRUE(read({"--version"}).wants_version);
}
TEST(CommandLine, slips_are_answered_with_what_was_meant) {
  EXPECT_NE(refused({"pionts"}).hint.find("did you mean 'points'?"), std::string::npos);
  EXPECT_NE(refused({"snapshot"}).hint.find("did you mean 'snapshots'?"), std::string::npos);
  EXPECT_NE(refused({"key", "ad"}).hint.find("did you mean 'key add'?"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--exclude-cache"}).hint.find("did you mean --exclude-caches?"), std::string::npos);
  EXPECT_NE(refused({"points", "--jsn"}).hint.find("did you mean --json?"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--overwrite", "allways"}).hint.find("did you mean 'always'?"), std::string::npos);
}
TEST(CommandLine, says_what_is_missing_or_too_much) {
  EXPECT_NE(refused({"backup"}).message.find("needs PATH"), std::string::npos);
  EXPECT_NE(refused({"points", "x"}).message.find("'x'"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--to"}).message.find("--to DIR"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--to="}).message.find("--to DIR"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--to", "--json"}).hint.find("--to=--json"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--to", "x", "--to", "y"}).message.find("twice"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--exclude-caches=yes"}).message.find("takes no value"), std::string::npos);
  EXPECT_NE(refused({"--to", "x", "backup", "a"}).message.find("after the command"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "-qz"}).message.find("-z (in -qz)"), std::string::npos);
}
TEST(CommandLine, values_are_checked_before_anything_runs) {
  EXPECT_NE(refused({"backup", "a", "--limit", "much"}).message.find("not a size"), std::string::npos);
  EXPECT_NE(refused({"backup", "a", "--compression-level", "3.5"}).message.find("whole number"), std::string::npos);
}
TEST(CommandLine, no_option_takes_a_secret) {
  EXPECT_NE(refused({"points", "--password", "x"}).hint.find("--passphrase-file"), std::string::npos);
  refused({"points", "--passphrase-command", "x"});
}

}  // namespace
}  // namespace hf::cli
