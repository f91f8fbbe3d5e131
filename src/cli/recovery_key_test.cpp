#include "cli/recovery_key.hpp"

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"

namespace hf::cli {
namespace {

struct RecoveryKeyTest : testing::Test {
  SimEnv env;
  Secret key = make_recovery_key(env);
  std::string text{recovery_key_text(key).text()};

  std::string found(std::string_view in) {
    auto result = find_recovery_key(in);
    if (!result) return "error: " + result.error().message;
    return *result ? (result->value().same_as(key) ? "the key" : "another key") : "none";
  }
};

TEST_F(RecoveryKeyTest, is_two_lines_that_come_back) {
  ASSERT_EQ(text.size(), 2 * 23u);
  EXPECT_EQ(found(text), "the key");
}
TEST(RecoveryKey, whose_first_line_has_the_check_of_a_second_line_too_opens_all_the_same) {
  // One sheet in 1,024 was printed well and never read back: its first line was taken for both.
  const auto key = find_recovery_key("PD17-GEQY-Y5Y2-F75B-1T\nZJ10-MSA8-NRJF-RRGJ-N3\n");
  ASSERT_TRUE(key && *key);
  EXPECT_EQ(to_hex((**key).view()).size(), 40u);
  EXPECT_NE(to_hex((**key).view()).substr(0, 20), to_hex((**key).view()).substr(20));
}
TEST_F(RecoveryKeyTest, may_be_typed_in_any_way) {
  std::string lower = text;
  for (char& c : lower) c = c == '-' || c == '\n' ? ' ' : static_cast<char>(std::tolower(c));
  EXPECT_EQ(found(lower), "the key");
  EXPECT_EQ(found(text.substr(23) + text.substr(0, 23)), "the key");  // lines swapped
  std::string windows = text;
  windows.insert(22, "\r");
  EXPECT_EQ(found(windows), "the key");
}
TEST_F(RecoveryKeyTest, is_found_in_the_whole_sheet) {
  const Secret sheet = recovery_sheet({"/srv/my vault", VaultId{}, 0, "host"}, key, {});
  EXPECT_EQ(found(sheet.text()), "the key");
  EXPECT_NE(sheet.text().find("'/srv/my vault'"), std::string::npos);
}
TEST_F(RecoveryKeyTest, each_mistyped_character_is_found_and_placed) {
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '-' || text[at] == '\n') continue;
    std::string wrong = text;
    wrong[at] = wrong[at] == '7' ? '8' : '7';
    const std::string said = found(wrong);
    EXPECT_EQ(said, std::string("error: line ") + (at < 23 ? "1" : "2") + " of the recovery key is mistyped");
  }
}
TEST_F(RecoveryKeyTest, other_texts_are_no_keys) {
  EXPECT_EQ(found(""), "none");
  EXPECT_EQ(found("correct horse battery staple"), "none");
  EXPECT_EQ(found(std::string(64, '\x07')), "none");
  EXPECT_EQ(found(text.substr(0, 23)), "none");
}

}  // namespace
}  // namespace hf::cli
