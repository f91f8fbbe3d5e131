// What the real machine alone has.

#include "platform/env_contract.hpp"

namespace hf {
namespace {

TEST(RealEnv, commands_have_no_input_and_give_status_and_output) {
  auto env = make_real_env();
  EXPECT_EQ(env->run_command("cat; echo out; exit 7")->output, "out\n");
  EXPECT_EQ(env->run_command("exit 7")->exit_status, 7);
  EXPECT_EQ(env->run_command("kill -9 $$")->exit_status, 137);
  EXPECT_EQ(env->run_command("head -c 3000000 /dev/zero")->output.size(), 1048576u);
}

TEST(RealEnv, commands_get_input_and_variables_and_may_give_their_errors) {
  auto env = make_real_env();
  const std::string long_input(300'000, 'x');
  EXPECT_EQ(env->run_command("cat", {.input = long_input})->output, long_input);
  EXPECT_EQ(env->run_command("echo $A-$HOME", {.variables = {{"A", "one two"}, {"HOME", "/there"}}})->output, "one two-/there\n");
  EXPECT_EQ(env->run_command("echo out; echo err >&2", {.errors_too = true})->output, "out\nerr\n");
}

TEST(RealEnv, a_command_whose_time_is_over_ends_with_all_that_it_started) {
  auto env = make_real_env();
  const auto late = env->run_command("echo begun; sleep 600 & sleep 600; echo never", {.timeout_ns = 200'000'000});
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->timed_out);
  EXPECT_EQ(late->output, "begun\n");
  EXPECT_EQ(late->exit_status, 143);
  const auto in_time = env->run_command("echo done; exit 3", {.timeout_ns = 600'000'000'000});
  ASSERT_TRUE(in_time);
  EXPECT_FALSE(in_time->timed_out);
  EXPECT_EQ(in_time->exit_status, 3);
  EXPECT_EQ(in_time->output, "done\n");
}

TEST(RealEnv, a_process_that_a_command_left_behind_is_not_waited_for) {
  auto env = make_real_env();
  const auto ran = env->run_command("sleep 600 & echo $!", {.timeout_ns = 300'000'000'000});
  ASSERT_TRUE(ran);
  EXPECT_FALSE(ran->timed_out);
  EXPECT_EQ(env->run_command("kill " + ran->output)->exit_status, 0);
}

TEST(RealEnv, reads_files_whose_size_is_not_known) {
  EXPECT_GT(make_real_env()->read_file("/proc/self/status", 1 << 20)->size(), 100u);
}

}  // namespace
}  // namespace hf
