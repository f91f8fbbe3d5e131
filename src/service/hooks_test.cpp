#include "service/hooks.hpp"

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"

namespace hf {
namespace {

constexpr Span kTime{600 * kSecondNs};

TEST(Hooks, no_command_does_nothing) {
  SimEnv env;
  EXPECT_EQ(*run_hook(env, "before", "", kTime, {}), "");
}

TEST(Hooks, a_hook_hears_of_the_backup_and_its_output_is_kept) {
  SimEnv env;
  env.on_command([](const std::string&, const CommandOptions& options) -> Result<CommandResult> {
    EXPECT_EQ(options.timeout_ns, kTime.ns);
    EXPECT_TRUE(options.errors_too);
    return CommandResult{.exit_status = 0, .output = options.variables.at(0).second + "\n", .timed_out = false};
  });
  EXPECT_EQ(*run_hook(env, "after", "x", kTime, {{"HOLDFAST_SOURCE", "home"}}), "home");
}

TEST(Hooks, a_failure_shows_the_end_of_the_output_and_never_the_command) {
  SimEnv env;
  env.on_command([](const std::string&) -> Result<CommandResult> { return CommandResult{.exit_status = 7, .output = "no disk\x1b[31m\n", .timed_out = false}; });
  const auto failed = run_hook(env, "before", "mount --password=secret", kTime, {});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Code::refused);
  EXPECT_EQ(failed.error().message, "the before hook ended with status 7");
  EXPECT_EQ(failed.error().detail, "no disk\\x1b[31m");
  EXPECT_EQ((failed.error().hint + failed.error().detail + failed.error().message).find("secret"), std::string::npos);
}

TEST(Hooks, a_hook_that_hangs_is_ended_and_said_so) {
  const auto env = make_real_env();
  const auto late = run_hook(*env, "before", "echo waiting; sleep 600", Span{200'000'000}, {});
  ASSERT_FALSE(late);
  EXPECT_NE(late.error().message.find("not through within"), std::string::npos);
  EXPECT_EQ(late.error().detail, "waiting");
}

TEST(Hooks, long_output_is_cut_at_a_line) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "line " + std::to_string(i) + "\n";
  const std::string shown = last_lines(text, 100);
  EXPECT_TRUE(shown.starts_with("[…]\nline ")) << shown;
  EXPECT_TRUE(shown.ends_with("line 999"));
}

}  // namespace
}  // namespace hf
