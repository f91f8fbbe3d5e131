#include "cli/settings.hpp"

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"

namespace hf::cli {
namespace {

using Words = std::vector<std::string>;

TEST(Settings, the_vault_comes_from_flag_then_environment_then_file_then_default) {
  World w;
  ASSERT_EQ(w.run({"points"}), 0) << w.terminal.messages;
  EXPECT_EQ(seen().vault, "/home/anna/.local/share/holdfast/vault");
  EXPECT_EQ(seen().vault_origin, Origin::preset);
  w.config("vault = \"/from-file\"");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "/from-file");
  w.env.set_variable("HOLDFAST_VAULT", "/from-environment");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "/from-environment");
  w.run({"points", "--vault", "/from-flag"});
  EXPECT_EQ(seen().vault, "/from-flag");
  EXPECT_EQ(seen().vault_origin, Origin::flag);
}
TEST(Settings, xdg_directories_are_honoured_when_absolute) {
  World w;
  w.env.set_variable("XDG_DATA_HOME", "/data");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "/data/holdfast/vault");
  w.env.set_variable("XDG_DATA_HOME", "relative");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "/home/anna/.local/share/holdfast/vault");
  w.env.set_variable("XDG_CONFIG_HOME", "/etc/xdg");
  w.env.put_file("/etc/xdg/holdfast/holdfast.toml", "vault = \"/x\"");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "/x");
}
TEST(Settings, paths_in_the_file_start_at_its_folder_or_at_home) {
  World w;
  w.env.put_file("/etc/backup/h.toml", "vault = \"v\"\n");
  w.run({"points", "--config", "/etc/backup/h.toml"});
  EXPECT_EQ(seen().vault, "/etc/backup/v");
  w.config("vault = \"~/v\"");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "/home/anna/v");
  w.config("vault = \"s3://bucket/v\"");
  w.run({"points"});
  EXPECT_EQ(seen().vault, "s3://bucket/v");
}
TEST(Settings, lists_add_up_and_single_values_replace) {
  World w;
  w.config("[backup]\nexclude = [\"a\"]\nexclude-caches = true\ncompression-level = 9");
  w.run({"backup", "p", "--exclude", "b"});
  EXPECT_EQ(seen().excludes, (Words{"a", "b"}));
  EXPECT_TRUE(seen().caches);
  EXPECT_EQ(seen().level, 9u);
  w.run({"backup", "p", "--no-exclude-caches", "--compression-level=1"});
  EXPECT_FALSE(seen().caches);
  EXPECT_EQ(seen().level, 1u);
  World plain;
  plain.run({"backup", "p"});
  EXPECT_EQ(seen().level, 3u) << "the option's own default";
}
TEST(Settings, a_named_file_must_exist_and_the_usual_one_need_not) {
  World w;
  EXPECT_EQ(w.run({"points", "--config", "/none"}), 1);
  EXPECT_NE(w.terminal.messages.find("/none"), std::string::npos);
  w.env.set_variable("HOLDFAST_CONFIG", "/none-either");
  EXPECT_EQ(w.run({"points"}), 1);
}
TEST(Settings, a_broken_file_stops_verbs_that_need_it_and_no_others) {
  World w;
  w.config("vualt = 1");
  EXPECT_EQ(w.run({"points"}), 2);
  EXPECT_NE(w.terminal.messages.find("holdfast.toml:1: unknown key 'vualt'"), std::string::npos) << w.terminal.messages;
  EXPECT_EQ(w.run({"version"}), 0);
}
TEST(Settings, jobs_are_all_cores_unless_told) {
  World w;
  w.run({"points"});
  EXPECT_EQ(seen().jobs, 4u);
  w.run({"points", "--jobs", "2"});
  EXPECT_EQ(seen().jobs, 2u);
  EXPECT_EQ(w.run({"points", "--jobs", "0"}), 2);
}
TEST(Settings, two_secrets_in_one_place_are_a_mistake_and_a_stronger_place_wins) {
  World w;
  w.env.set_variable("HOLDFAST_PASSPHRASE_FILE", "/a");
  w.env.set_variable("HOLDFAST_PASSPHRASE_COMMAND", "b");
  EXPECT_EQ(w.run({"points"}), 2);
  EXPECT_NE(w.terminal.messages.find("HOLDFAST_PASSPHRASE_FILE and HOLDFAST_PASSPHRASE_COMMAND"), std::string::npos)
      << w.terminal.messages;
  w.env.set_variable("HOLDFAST_PASSPHRASE_COMMAND", "");
  EXPECT_EQ(w.run({"points", "--key-file", "/k"}), 0) << w.terminal.messages;
}

}  // namespace
}  // namespace hf::cli
