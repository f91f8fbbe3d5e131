// The verbs that look at a vault and keep it, as a person uses them: on a machine in memory, with a key file, so that no
// pass phrase is stretched.

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

struct VaultVerbs : testing::Test {
  World w;

  void SetUp() override {
    w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob");
    w.env.put_file("/home/anna/docs/tax/2024.pdf", "numbers");
    ASSERT_EQ(run({"init", "--no-recovery-key"}), 0) << w.terminal.messages;
    ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0) << w.terminal.messages;
  }
  int run(std::vector<std::string> typed) {
    for (const char* more : {"--vault", "/v", "--key-file", "/k", "--jobs", "1"}) typed.emplace_back(more);
    return w.run(typed, all_verbs());
  }
  Json json(std::vector<std::string> typed) {
    typed.emplace_back("--json");
    status = run(std::move(typed));
    return Json::parse(w.terminal.data);
  }
  int status = 0;
  std::string file_in(const std::string& folder, std::size_t n = 0) {
    for (const std::string& path : w.env.paths_below("/v/" + folder))
      if (w.env.get_file(path) && n-- == 0) return path;
    return "";
  }
  void remove_below(const std::string& path) {
    for (const std::string& p : w.env.paths_below(path))
      if (w.env.get_file(p)) w.env.sys_unlinkat(Env::kCwd, p.c_str(), false);
  }
  bool said(std::string_view words) { return w.terminal.data.find(words) != std::string::npos || w.terminal.messages.find(words) != std::string::npos; }
};

TEST_F(VaultVerbs, init_refuses_a_place_that_holds_something) {
  EXPECT_EQ(run({"init"}), 1);
  EXPECT_TRUE(said("there is a vault in /v already"));
  EXPECT_EQ(w.run({"init", "/home/anna/docs", "--key-file", "/k"}, all_verbs()), 1);
  EXPECT_TRUE(said("is not empty"));
  EXPECT_EQ(w.env.get_file("/k")->size(), 64u);
}
TEST_F(VaultVerbs, init_prints_a_sheet_that_opens_the_vault) {
  ASSERT_EQ(w.run({"init", "/v2", "--key-file", "/k2", "--recovery-sheet", "/sheet"}, all_verbs()), 0) << w.terminal.messages;
  EXPECT_EQ(w.run({"key", "test", "--vault", "/v2", "--key-file", "/sheet", "--json"}, all_verbs()), 0) << w.terminal.messages;
  EXPECT_EQ(Json::parse(w.terminal.data)["kind"], "recovery-key");
  EXPECT_EQ(w.run({"init", "/v3", "--key-file", "/k2", "--recovery-sheet", "/sheet"}, all_verbs()), 1);  // never over a file
  w.terminal.messages.clear();
  EXPECT_EQ(w.run({"init", "/v4", "--key-file", "/k4", "--json"}, all_verbs()), 0);
  EXPECT_EQ(Json::parse(w.terminal.data)["recovery_key"], false);  // it would be in a log
}
TEST_F(VaultVerbs, a_wrong_or_missing_secret_is_told_and_nothing_hangs) {
  w.env.put_file("/other", std::string(64, 'x'), 0600);
  EXPECT_EQ(w.run({"points", "--vault", "/v", "--key-file", "/other"}, all_verbs()), 1);
  EXPECT_TRUE(said("does not open this vault"));
  EXPECT_EQ(w.run({"points", "--vault", "/v"}, all_verbs()), 1);
  EXPECT_TRUE(said("no passphrase was given"));
  EXPECT_EQ(w.run({"points", "--vault", "/none", "--key-file", "/k"}, all_verbs()), 1);
  EXPECT_TRUE(said("there is no vault in /none"));
}
TEST_F(VaultVerbs, a_person_may_mistype_twice) {
  w.terminal.somebody_there = true;
  w.env.put_file("/p", "horse\n", 0600);
  ASSERT_EQ(run({"key", "add", "--new-passphrase-file", "/p"}), 0) << w.terminal.messages;
  w.terminal.will_type = {"hose", "hors", "horse"};
  EXPECT_EQ(w.run({"points", "--vault", "/v"}, all_verbs()), 0) << w.terminal.messages;
  w.terminal.will_type = {"a", "b", "c", "horse"};
  EXPECT_EQ(w.run({"points", "--vault", "/v"}, all_verbs()), 1);
}
TEST_F(VaultVerbs, points_tells_each_point) {
  ASSERT_EQ(run({"backup", "/home/anna/docs", "--tag", "two"}), 0);
  const Json points = json({"points"});
  ASSERT_EQ(points.size(), 2u);
  for (const char* member : {"id", "time", "source", "kind", "complete", "files", "bytes"}) EXPECT_TRUE(points[0].contains(member)) << member;
  EXPECT_EQ(points[1]["tags"][0], "two");
  EXPECT_EQ(json({"points", "--last", "1"}).size(), 1u);
  EXPECT_EQ(json({"snapshots", "--tag", "two"}).size(), 1u);
  EXPECT_EQ(json({"points", "--host", "elsewhere"}).size(), 0u);
  EXPECT_EQ(json({"points", "show", "latest"})["id"], points[1]["id"]);
  EXPECT_EQ(run({"points", "show", std::string(points[0]["id"]).substr(0, 8)}), 0);
  EXPECT_EQ(run({"points", "show", "latest", "--unreadable"}), 0);
  EXPECT_EQ(run({"points", "show", "ffffffffffff"}), 1);
}
TEST_F(VaultVerbs, ls_shows_the_newest_point_one_path_or_everything) {
  EXPECT_EQ(run({"ls"}), 0);
  EXPECT_EQ(w.terminal.data, "letter.txt\ntax/\n");
  EXPECT_EQ(run({"ls", "-R"}), 0);
  EXPECT_EQ(w.terminal.data, "letter.txt\ntax/\ntax/2024.pdf\n");
  EXPECT_EQ(run({"ls", "tax"}), 0);
  EXPECT_EQ(w.terminal.data, "tax/2024.pdf\n");
  EXPECT_EQ(run({"ls", "latest", "/home/anna/docs/tax/"}), 0);
  EXPECT_EQ(w.terminal.data, "tax/2024.pdf\n");
  const Json one = json({"ls", "latest", "letter.txt"});
  EXPECT_EQ(one[0]["size"], 8);
  EXPECT_EQ(one[0]["type"], "file");
  EXPECT_EQ(run({"ls", "-l"}), 0);
  EXPECT_TRUE(w.terminal.data.starts_with("-rw-r--r--"));
  EXPECT_EQ(run({"ls", "latest", "none"}), 1);
}
TEST_F(VaultVerbs, find_groups_by_content) {
  ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0);
  w.env.put_file("/home/anna/docs/tax/2024.pdf", "other numbers");
  ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0);
  const Json found = json({"find", "*.pdf"});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["path"], "/home/anna/docs/tax/2024.pdf");
  ASSERT_EQ(found[0]["versions"].size(), 2u);
  EXPECT_EQ(found[0]["versions"][0]["points"], 1);
  EXPECT_EQ(found[0]["versions"][1]["points"], 2);
  EXPECT_EQ(json({"find", "docs/*/2024*"}).size(), 1u);
  EXPECT_EQ(json({"find", "/home/**/2024.pdf"}).size(), 1u);
  EXPECT_EQ(json({"find", "/tax/2024.pdf"}).size(), 0u);
  EXPECT_EQ(json({"find", "LETTER.TXT"}).size(), 0u);
  EXPECT_EQ(json({"find", "-i", "LETTER.TXT"}).size(), 1u);
  EXPECT_EQ(json({"find", "*", "--type", "d"}).size(), 1u);
  EXPECT_EQ(json({"find", "*", "--path", "/home/anna/docs/tax"}).size(), 1u);
  EXPECT_EQ(json({"find", "*", "--point", "latest"}).size(), 3u);
  EXPECT_EQ(json({"find", "*", "--as-of", "1999-01-01"}).size(), 0u);
  EXPECT_EQ(run({"find", "2024.pdf"}), 0);
  EXPECT_TRUE(said("2 versions, last seen")) << w.terminal.data;
}
TEST_F(VaultVerbs, diff_names_each_kind_of_change) {
  const std::string before = json({"points"})[0]["id"];
  w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob, again");
  w.env.put_file("/home/anna/docs/new.txt", "new");
  w.env.sys_chmodat(Env::kCwd, "/home/anna/docs/tax/2024.pdf", 0600);
  w.env.put_file("/home/anna/docs/more/deep.txt", "deep");
  ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0);
  std::map<std::string, std::string> changes;
  for (const Json& d : json({"diff", before, "latest"})) changes[d["path"]] = d["change"];
  const std::map<std::string, std::string> expected = {{"letter.txt", "modified"}, {"new.txt", "added"}, {"tax/2024.pdf", "metadata"}, {"more", "added"}, {"more/deep.txt", "added"}};
  EXPECT_EQ(changes, expected);
  EXPECT_EQ(json({"diff", "latest", before}).size(), 5u);
  EXPECT_EQ(json({"diff", before, "latest", "tax"}).size(), 1u);
  EXPECT_EQ(json({"diff", before, "latest", "new.txt"}).size(), 1u);
  EXPECT_EQ(json({"diff", before, before}).size(), 0u);
  EXPECT_EQ(run({"diff", before, "latest", "--names-only"}), 0);
  EXPECT_FALSE(said("2024.pdf"));
}
TEST_F(VaultVerbs, verify_is_quiet_when_sound_and_5_when_not) {
  for (const char* depth : {"--structure", "--ciphertext", "--full"}) EXPECT_EQ(run({"verify", depth}), 0) << depth << w.terminal.messages;
  EXPECT_EQ(run({"verify", "--sample", "10%"}), 0);
  EXPECT_EQ(run({"verify", "--full", "--structure"}), 2);
  EXPECT_EQ(w.run({"verify", "--ciphertext", "--vault", "/v"}, all_verbs()), 0) << w.terminal.messages;  // no secret
  const std::string pack = file_in("packs");
  std::string bytes = *w.env.get_file(pack);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  w.env.put_file(pack, bytes);
  const Json r = json({"verify", "--full"});
  EXPECT_EQ(status, 5);
  EXPECT_EQ(r["sound"], false);
  EXPECT_EQ(r["damage"][0]["object"], "packs/" + pack.substr(pack.rfind('/') + 1));
  EXPECT_EQ(run({"verify", "--full"}), 5);
  EXPECT_TRUE(said("error: pack"));
  EXPECT_TRUE(said("hint:"));
  EXPECT_EQ(w.run({"verify", "--ciphertext", "--vault", "/v"}, all_verbs()), 5);
}
TEST_F(VaultVerbs, stats_counts) {
  const Json s = json({"stats"});
  EXPECT_EQ(s["points"], 1);
  EXPECT_EQ(s["bytes_in_points"], 15);
  EXPECT_GT(s["bytes_stored"], 1000);
  EXPECT_EQ(s["data"]["chunks"], 2);
  EXPECT_EQ(run({"stats"}), 0);
}
TEST_F(VaultVerbs, keys_come_and_go_but_never_the_last) {
  EXPECT_EQ(json({"key", "list"}).size(), 1u);
  EXPECT_EQ(run({"key", "add", "--new-key-file", "/k2", "--label", "server"}), 0) << w.terminal.messages;
  EXPECT_EQ(run({"key", "add", "--new-key-file", "/k2"}), 1);
  EXPECT_TRUE(said("opens the vault already"));
  EXPECT_EQ(run({"key", "add", "--recovery-sheet", "/sheet"}), 0) << w.terminal.messages;
  EXPECT_EQ(run({"key", "add", "--recovery-key"}), 0);
  EXPECT_TRUE(said("HOLDFAST RECOVERY SHEET"));
  EXPECT_EQ(json({"key", "add", "--recovery-key"})["error"]["code"], "usage");
  for (const char* file : {"/k2", "/sheet"}) EXPECT_EQ(w.run({"key", "test", "--vault", "/v", "--key-file", file}, all_verbs()), 0) << w.terminal.messages;
  std::string own, server;
  for (const Json& s : json({"key", "list"})) {
    if (s["opened_this"]) own = s["id"];
    if (s["label"] == "server") server = s["id"];
  }
  EXPECT_EQ(run({"key", "remove", own}), 4);
  EXPECT_EQ(run({"key", "remove", server.substr(0, 8)}), 0) << w.terminal.messages;
  EXPECT_EQ(w.run({"key", "test", "--vault", "/v", "--key-file", "/k2"}, all_verbs()), 1);
  EXPECT_EQ(run({"key", "remove", "zz"}), 1);
  for (const Json& s : json({"key", "list"}))
    if (!s["opened_this"]) run({"key", "remove", s["id"]});
  EXPECT_EQ(run({"key", "remove", own, "--force"}), 4);  // the last one
}
TEST_F(VaultVerbs, rebuild_brings_everything_back_from_packs) {
  const Json before = json({"points"});
  remove_below("/v/index");
  EXPECT_EQ(run({"verify"}), 5);
  EXPECT_EQ(run({"rebuild"}), 0) << w.terminal.messages;
  EXPECT_EQ(run({"verify", "--full"}), 0) << w.terminal.messages;
  for (const char* folder : {"index", "points", "keys", "leases", "proofs"}) remove_below(std::string("/v/") + folder);
  w.env.sys_unlinkat(Env::kCwd, "/v/holdfast-vault", false);
  EXPECT_EQ(run({"points"}), 1);
  const Json r = json({"rebuild"});
  EXPECT_EQ(status, 0) << w.terminal.messages;
  EXPECT_EQ(r["points_restored"], 1);
  EXPECT_EQ(r["description_restored"], true);
  EXPECT_EQ(json({"points"}), before);
  EXPECT_EQ(run({"verify", "--full"}), 0) << w.terminal.messages;
  EXPECT_EQ(w.run({"rebuild", "--vault", "/home/anna", "--key-file", "/k"}, all_verbs()), 1);  // no packs there
}

}  // namespace
}  // namespace hf::cli
