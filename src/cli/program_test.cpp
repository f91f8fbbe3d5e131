#include "cli/program.hpp"

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"
#include "cli/help.hpp"

namespace hf::cli {
namespace {

Result<int> (*behaviour)(Invocation&) = nullptr;
/// Runs a verb that behaves like `run`.
int run_verb(World& w, Result<int> (*run)(Invocation&), std::vector<std::string> typed = {}) {
  behaviour = run;
  static const Verb verb = {.name = "act", .standalone = true, .run = [](Invocation& in) { return behaviour(in); }};
  typed.insert(typed.begin(), "act");
  return w.run(typed, {&verb});
}

TEST(Program, alone_says_where_to_begin) {
  World w;
  EXPECT_EQ(w.run({}), 0);
  EXPECT_NE(w.terminal.data.find("holdfast backup"), std::string::npos);
  w.env.set_variable("HOLDFAST_CALLED_AS", "./run");
  w.run({});
  EXPECT_NE(w.terminal.data.find("./run backup"), std::string::npos);
}
TEST(Program, help_and_version_in_every_spelling) {
  World w;
  EXPECT_EQ(w.run({"--help"}), 0);
  const std::string overview = w.terminal.data;
  EXPECT_EQ(w.run({"-h"}), 0);
  EXPECT_EQ(w.terminal.data, overview);
  EXPECT_EQ(w.run({"help", "version"}), 0);
  const std::string page = w.terminal.data;
  EXPECT_EQ(w.run({"version", "--help"}), 0);
  EXPECT_EQ(w.terminal.data, page);
  EXPECT_EQ(w.run({"--version"}), 0);
  EXPECT_TRUE(w.terminal.data.starts_with("holdfast ")) << w.terminal.data;
  EXPECT_EQ(w.run({"key"}), 0);
  EXPECT_NE(w.terminal.data.find("key add"), std::string::npos);
  EXPECT_EQ(w.run({"help", "versoin"}), 2);
}
TEST(Program, usage_errors_end_with_2_and_touch_only_messages) {
  World w;
  EXPECT_EQ(w.run({"pionts"}), 2);
  EXPECT_EQ(w.terminal.data, "");
  EXPECT_EQ(w.terminal.messages,
            "error: 'pionts' is not a holdfast command\nhint: did you mean 'points'?   (all commands: holdfast help)\n");
  EXPECT_EQ(w.run({"--verbose"}), 2);
  EXPECT_EQ(w.run({"--json", "pionts"}), 2);
  EXPECT_EQ(Json::parse(w.terminal.data)["error"]["code"], "usage");
}
TEST(Program, the_exit_status_follows_the_error) {
  World w;
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { return 3; }), 3);
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { return Error(Code::io, "x"); }), 1);
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { return Error(Code::corrupt, "x"); }), 5);
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { return Error(Code::refused, "x"); }), 4);
}
TEST(Program, a_stop_says_how_to_go_on) {
  World w;
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { return Error(Code::cancelled, "stopped"); }), 130);
  EXPECT_NE(w.terminal.messages.find("run the same command again"), std::string::npos);
}
TEST(Program, exceptions_become_errors) {
  World w;
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { throw std::bad_alloc(); }), 1);
  EXPECT_NE(w.terminal.messages.find("out of memory"), std::string::npos);
  EXPECT_EQ(run_verb(w, [](Invocation&) -> Result<int> { throw std::runtime_error("odd"); }), 1);
  EXPECT_NE(w.terminal.messages.find("odd"), std::string::npos);
}
TEST(Program, a_reader_that_left_ends_it_quietly) {
  World w;
  w.terminal.data_bytes_max = 1000;
  const int status = run_verb(w, [](Invocation& in) -> Result<int> {
    while (in.out.line("more")) continue;
    return 0;
  });
  EXPECT_EQ(status, 141);
  EXPECT_EQ(w.terminal.messages, "");
}
TEST(Program, questions_have_a_safe_answer_where_nobody_is) {
  World w;
  const auto ask = [](Invocation& in) -> Result<int> { return HF_TRY(in.confirm("Really?", false)) ? 10 : 20; };
  EXPECT_EQ(run_verb(w, ask), 20);
  w.terminal.somebody_there = true;
  w.terminal.will_type = {"what", "y"};
  EXPECT_EQ(run_verb(w, ask), 10);
  w.terminal.will_type = {"y"};
  EXPECT_EQ(w.terminal.asked, "Really? [y/N] Really? [y/N] ");
}
TEST(Program, man_writes_a_page_for_each_verb) {
  World w;
  ASSERT_EQ(w.run({"man", "/out"}, all_verbs()), 0) << w.terminal.messages;
  EXPECT_TRUE(w.env.get_file("/out/holdfast.1"));
  EXPECT_TRUE(w.env.get_file("/out/holdfast-version.1"));
  EXPECT_FALSE(w.env.get_file("/out/holdfast-man.1"));
}

}  // namespace
}  // namespace hf::cli
