#include "cli/config.hpp"

#include <gtest/gtest.h>

#include <random>

#include "cli/fake_world.hpp"

namespace hf::cli {
namespace {

using Words = std::vector<std::string>;

Error refused(std::string_view text) {
  auto config = parse_config(text, "h.toml", toy_verbs());
  EXPECT_FALSE(config) << text;
  return config ? Error() : config.error();
}

TEST(Config, reads_common_keys_and_tables_of_verbs) {
  const auto config = parse_config(R"(
vault = "/srv/vault"
passphrase-command = "pass show holdfast"
jobs = 3
[backup]
exclude = ["*.tmp", 'a\b']
exclude-file = "one"
exclude-caches = true
compression-level = 7
)",
                                   "h.toml", toy_verbs());
  ASSERT_TRUE(config) << config.error().message;
  EXPECT_EQ(config->global.at("vault"), Words{"/srv/vault"});
  EXPECT_EQ(config->global.at("jobs"), Words{"3"});
  const auto& backup = config->verbs.at("backup");
  EXPECT_EQ(backup.at("exclude"), (Words{"*.tmp", "a\\b"}));
  EXPECT_EQ(backup.at("exclude-file"), Words{"one"});
  EXPECT_EQ(backup.at("exclude-caches"), Words{"true"});
  EXPECT_EQ(backup.at("compression-level"), Words{"7"});
}
TEST(Config, empty_is_fine) { EXPECT_TRUE(parse_config("# nothing\n", "h.toml", toy_verbs())); }

TEST(Config, unknown_keys_name_file_line_and_what_was_meant) {
  const Error key = refused("\nvualt = \"x\"\n");
  EXPECT_EQ(key.message, "h.toml:2: unknown key 'vualt'");
  EXPECT_EQ(key.hint, "did you mean 'vault'?");
  EXPECT_EQ(refused("[backup]\nexlude = []").message, "h.toml:2: unknown key 'exlude' in [backup]");
  EXPECT_EQ(refused("[bakcup]\nexclude = []").hint, "did you mean 'backup'?");
  EXPECT_EQ(refused("exclude-caches = true").hint, "'exclude-caches' belongs below [backup]");
  EXPECT_EQ(refused("[backup]\nto = \"x\"").message, "h.toml:2: unknown key 'to' in [backup]");
}
TEST(Config, wrong_types_say_what_is_wanted_and_what_is_there) {
  EXPECT_EQ(refused("vault = 3").message, "h.toml:1: 'vault' must be a text in quotes, and is a whole number");
  EXPECT_EQ(refused("[backup]\nexclude-caches = \"yes\"").message,
            "h.toml:2: 'exclude-caches' must be true or false, and is a text");
  EXPECT_EQ(refused("[backup]\nexclude = [1]").message,
            "h.toml:2: 'exclude' must be a text or a list of texts, like [\"a\", \"b\"], and is a whole number");
  EXPECT_NE(refused("[backup]\ncompression-level = -1").message.find("not a whole number"), std::string::npos);
  EXPECT_NE(refused("backup = 1").message.find("unknown key 'backup'"), std::string::npos);
  EXPECT_NE(refused("vault = [\"a\"]").message.find("is a list"), std::string::npos);
}
TEST(Config, what_is_not_toml_names_the_line) {
  EXPECT_EQ(refused("vault = \"a\"\nvault = \"b\"").message, "h.toml:2: 'vault' is there already, in line 1");
  EXPECT_EQ(refused("vault = /x").message, "h.toml:1: '/x' is not a value; a text needs quotes");
}
TEST(Config, any_bytes_give_an_answer) {
  const std::string seed = "vault = \"/v\"\n[backup]\nexclude = [\"a\", 'b']\nexclude-caches = true\ncompression-level = 3\n";
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string text = seed;
    for (int change = 0; change < 3; ++change) text[random() % text.size()] = static_cast<char>(random());
    (void)parse_config(text, "h.toml", toy_verbs());
  }
  (void)parse_config(std::string(5000, '['), "h.toml", toy_verbs());
  (void)parse_config("a = " + std::string(5000, '['), "h.toml", toy_verbs());
}

}  // namespace
}  // namespace hf::cli
