// Rotation, shares and printed pages, as a person uses them: on a machine in memory.

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

struct KeyVerbs : testing::Test {
  World w;

  void SetUp() override {
    w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob");
    ASSERT_EQ(run({"init", "--recovery-sheet", "/sheet"}), 0) << w.terminal.messages;
    ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0) << w.terminal.messages;
  }
  int run(std::vector<std::string> typed, const char* key = "/k") {
    for (const char* more : {"--vault", "/v", "--key-file", key, "--jobs", "1"}) typed.emplace_back(more);
    return w.run(typed, all_verbs());
  }
  Json json(std::vector<std::string> typed, const char* key = "/k") {
    typed.emplace_back("--json");
    status = run(std::move(typed), key);
    return Json::parse(w.terminal.data);
  }
  int status = 0;
  bool said(std::string_view words) { return w.terminal.data.find(words) != std::string::npos || w.terminal.messages.find(words) != std::string::npos; }
  std::string file(const std::string& path) { return w.env.get_file(path).value_or(""); }
};

TEST_F(KeyVerbs, a_rotation_leaves_every_key_working) {
  const Json r = json({"key", "rotate"});
  EXPECT_EQ(status, 0) << w.terminal.messages;
  EXPECT_EQ(r["epoch"], 2);
  EXPECT_EQ(r["reached"].size(), 2u);
  ASSERT_EQ(run({"backup", "/home/anna/docs"}, "/sheet"), 0) << w.terminal.messages;
  for (const char* key : {"/k", "/sheet"}) {
    EXPECT_EQ(json({"points"}, key).size(), 2u);
    EXPECT_EQ(run({"verify", "--full"}, key), 0) << w.terminal.messages;
    const Json tested = json({"key", "test"}, key);
    EXPECT_EQ(tested["epoch"], 2);
    EXPECT_GE(tested["proven"].size(), 4u) << tested;  // both roots, the point, a pack of each epoch
  }
  EXPECT_EQ(json({"stats"})["key_slots"], 2);
}
TEST_F(KeyVerbs, the_list_tells_what_lies_under_each_epoch) {
  EXPECT_EQ(run({"key", "list"}), 0);
  EXPECT_FALSE(said("EPOCH"));
  ASSERT_EQ(run({"key", "rotate"}), 0);
  EXPECT_EQ(run({"key", "list"}), 0);
  EXPECT_TRUE(said("100.0 %"));
  w.env.put_file("/home/anna/docs/new.txt", "new");
  ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0);
  const Json epochs = json({"key", "list", "--epochs"});
  ASSERT_EQ(epochs.size(), 2u);
  EXPECT_EQ(epochs[1]["current"], true);
  EXPECT_GT(epochs[0]["packs"], 0);
  EXPECT_GT(epochs[1]["packs"], 0);
  EXPECT_NEAR(double(epochs[0]["percent"]) + double(epochs[1]["percent"]), 100, 0.01);
}
TEST_F(KeyVerbs, a_dropped_key_is_out) {
  const Json slots = json({"key", "list"});
  std::string sheet;
  for (const Json& s : slots)
    if (s["kind"] == "recovery-key") sheet = s["id"];
  EXPECT_EQ(run({"key", "rotate", "--drop", "zz"}), 1);
  EXPECT_EQ(run({"key", "rotate", "--drop", sheet.substr(0, 8)}, "/sheet"), 4);  // it opened the vault just now
  const Json r = json({"key", "rotate", "--drop", sheet.substr(0, 8)});
  EXPECT_EQ(status, 0) << w.terminal.messages;
  EXPECT_EQ(r["dropped"][0], sheet);
  EXPECT_EQ(run({"points"}, "/sheet"), 1);
  EXPECT_EQ(run({"points"}), 0);
}
TEST_F(KeyVerbs, drop_others_keeps_the_one_in_use) {
  ASSERT_EQ(run({"key", "add", "--new-key-file", "/k2"}), 0);
  EXPECT_EQ(json({"key", "rotate", "--drop-others"})["dropped"].size(), 2u);
  EXPECT_EQ(json({"key", "list"}).size(), 1u);
}
TEST_F(KeyVerbs, shares_open_the_vault_together) {
  EXPECT_EQ(run({"key", "add", "--shares", "2/3"}), 2);
  EXPECT_EQ(run({"key", "add", "--shares", "4/3", "--shares-dir", "/shares"}), 2);
  const Json added = json({"key", "add", "--shares", "2/3", "--shares-dir", "/shares"});
  EXPECT_EQ(status, 0) << w.terminal.messages;
  EXPECT_EQ(added["kind"], "shares");
  EXPECT_EQ(added["label"], "2 of 3 shares");
  w.env.put_file("/two", file("/shares/share-1-of-3.txt") + file("/shares/share-3-of-3.txt"), 0600);
  w.env.put_file("/one", file("/shares/share-2-of-3.txt"), 0600);
  const Json tested = json({"key", "test"}, "/two");
  EXPECT_EQ(status, 0) << w.terminal.messages;
  EXPECT_EQ(tested["kind"], "shares");
  EXPECT_EQ(run({"key", "test"}, "/one"), 2);
  EXPECT_TRUE(said("2 are needed")) << w.terminal.messages;
  EXPECT_TRUE(file("/shares/share-2-of-3.pdf").starts_with("%PDF-1.4"));
  ASSERT_EQ(run({"key", "rotate"}, "/two"), 0) << w.terminal.messages;
  ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0) << w.terminal.messages;
  EXPECT_EQ(json({"points"}, "/two").size(), 2u);
  EXPECT_EQ(run({"key", "add", "--shares", "2/3", "--shares-dir", "/shares"}), 1);  // never over files that exist
  EXPECT_EQ(json({"key", "list"}).size(), 3u);                                      // and no slot that nobody opens stays
}
TEST_F(KeyVerbs, a_sheet_that_ends_in_pdf_is_a_page) {
  ASSERT_EQ(run({"key", "add", "--recovery-sheet", "/page.pdf"}), 0) << w.terminal.messages;
  const std::string pdf = file("/page.pdf");
  EXPECT_TRUE(pdf.starts_with("%PDF-1.4"));
  EXPECT_TRUE(pdf.ends_with("%%EOF\n"));
  EXPECT_NE(pdf.find("HOLDFAST RECOVERY SHEET"), std::string::npos);
  const std::size_t at = pdf.rfind("startxref\n") + 10;
  EXPECT_EQ(pdf.substr(std::stoul(pdf.substr(at)), 4), "xref");
}

}  // namespace
}  // namespace hf::cli
