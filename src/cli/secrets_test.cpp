#include "cli/secrets.hpp"

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"

namespace hf::cli {
namespace {

struct SecretsTest : testing::Test {
  World w;
  Output out{w.terminal, w.env, {}};
  Settings settings{.vault = "/v"};

  Result<VaultSecret> open() { return secret_to_open(w.env, w.terminal, out, settings); }
  Result<VaultSecret> create() { return secret_to_create(w.env, w.terminal, out, settings, "the vault /v"); }
};

TEST_F(SecretsTest, a_passphrase_file_gives_its_first_line) {
  w.env.put_file("/p", "correct horse \r\nsecond", 0600);
  settings.secret = {SecretSource::Kind::passphrase_file, "/p", "--passphrase-file"};
  const auto secret = open();
  ASSERT_TRUE(secret) << secret.error().message;
  EXPECT_EQ(secret->bytes.text(), "correct horse ");
  EXPECT_EQ(w.terminal.messages, "");
}
TEST_F(SecretsTest, a_file_that_others_may_read_is_used_with_a_warning) {
  w.env.put_file("/p", "x", 0644);
  settings.secret = {SecretSource::Kind::passphrase_file, "/p", "--passphrase-file"};
  ASSERT_TRUE(open());
  EXPECT_NE(w.terminal.messages.find("chmod 600 /p"), std::string::npos);
}
TEST_F(SecretsTest, empty_or_missing_files_are_errors) {
  w.env.put_file("/p", "\nx", 0600);
  settings.secret = {SecretSource::Kind::passphrase_file, "/p", "--passphrase-file"};
  EXPECT_FALSE(open());
  settings.secret.value = "/none";
  EXPECT_EQ(open().error().code, Code::not_found);
}
TEST_F(SecretsTest, a_command_gives_its_first_line_or_fails) {
  w.env.on_command([](const std::string& command) -> Result<CommandResult> {
    return CommandResult{command == "good" ? 0 : 1, "horse\nrest"};
  });
  settings.secret = {SecretSource::Kind::passphrase_command, "good", "HOLDFAST_PASSPHRASE_COMMAND"};
  EXPECT_EQ(open()->bytes.text(), "horse");
  settings.secret.value = "bad";
  EXPECT_NE(open().error().message.find("status 1"), std::string::npos);
}
TEST_F(SecretsTest, a_key_file_is_taken_whole) {
  w.env.put_file("/k", std::string_view("a\nb\0c\n", 6), 0600);
  settings.secret = {SecretSource::Kind::key_file, "/k", "--key-file"};
  const auto secret = open();
  ASSERT_TRUE(secret);
  EXPECT_EQ(secret->kind, VaultSecret::Kind::key_file);
  EXPECT_EQ(secret->bytes.size(), 6u);
}
TEST_F(SecretsTest, asks_a_person_where_there_is_one) {
  w.terminal.somebody_there = true;
  w.terminal.will_type = {"horse"};
  EXPECT_EQ(open()->bytes.text(), "horse");
  EXPECT_EQ(w.terminal.asked, "Passphrase for /v: ");
}
TEST_F(SecretsTest, nobody_there_is_an_error_that_names_every_way) {
  for (bool no_input : {false, true}) {
    settings.no_input = no_input;
    w.terminal.somebody_there = no_input;
    const auto secret = open();
    ASSERT_FALSE(secret);
    for (const char* way : {"--passphrase-file", "--key-file", "HOLDFAST_PASSPHRASE_COMMAND", "HOLDFAST_PASSPHRASE_FILE",
                            "HOLDFAST_KEY_FILE", "holdfast.toml"})
      EXPECT_NE(secret.error().hint.find(way), std::string::npos) << way;
    EXPECT_EQ(create().error().code, Code::not_found);
    EXPECT_EQ(w.terminal.asked, "");
  }
}
TEST_F(SecretsTest, a_new_passphrase_is_typed_twice_until_both_agree) {
  w.terminal.somebody_there = true;
  w.terminal.will_type = {"", "horse", "house", "correct horse", "correct horse"};
  EXPECT_EQ(create()->bytes.text(), "correct horse");
  EXPECT_NE(w.terminal.messages.find("empty"), std::string::npos);
  EXPECT_NE(w.terminal.messages.find("short"), std::string::npos);
  EXPECT_NE(w.terminal.messages.find("differ"), std::string::npos);
}
TEST_F(SecretsTest, only_a_person_gets_another_attempt) {
  w.env.put_file("/p", "x", 0600);
  settings.secret = {SecretSource::Kind::passphrase_file, "/p", "--passphrase-file"};
  EXPECT_EQ(secret_to_open(w.env, w.terminal, out, settings, 2).error().code, Code::wrong_secret);
}
TEST_F(SecretsTest, generated_ones_are_long_readable_and_different) {
  const Secret a = generate_passphrase(w.env), b = generate_passphrase(w.env);
  EXPECT_EQ(a.size(), 29u);
  EXPECT_FALSE(a.same_as(b));
  EXPECT_TRUE(from_base32(a.text()));
}

}  // namespace
}  // namespace hf::cli
