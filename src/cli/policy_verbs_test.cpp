// policy check, explain and simulate as a person uses them: on a machine in memory, whose days pass at a word.

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "cli/fake_world.hpp"
#include "cli/verbs.hpp"
#include "policy/policy.hpp"

namespace hf::cli {
namespace {

struct PolicyVerbs : testing::Test {
  World w;
  int status = 0;

  void SetUp() override {
    w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob");
    policy("keep-daily = 3\nkeep-weekly = 2\nkeep-monthly = 3\n");
    ASSERT_EQ(run({"init", "--no-recovery-key"}), 0) << w.terminal.messages;
  }
  void policy(const std::string& keys) {
    w.config("vault = \"/v\"\nkey-file = \"/k\"\njobs = 1\n[policy]\ntime-zone = \"UTC\"\n[source.docs]\npaths = [\"~/docs\"]\n" + keys);
  }
  int run(const std::vector<std::string>& typed) { return w.run(typed, all_verbs()); }
  Json json(std::vector<std::string> typed) {
    typed.emplace_back("--json");
    status = run(typed);
    return Json::parse(w.terminal.data);
  }
  void a_day_passes() {
    w.env.advance(kDayNs);
    w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob, " + std::to_string(w.env.wall_ns()));
    ASSERT_EQ(run({"backup", "/home/anna/docs"}), 0) << w.terminal.messages;
  }
  bool said(std::string_view words) { return w.terminal.data.find(words) != std::string::npos || w.terminal.messages.find(words) != std::string::npos; }
};

TEST_F(PolicyVerbs, explain_promises_what_later_days_bring) {
  for (int day = 0; day < 10; ++day) a_day_passes();
  std::map<std::string, std::string> promised;  // id → day
  std::set<std::string> gone;
  for (int day = 0; day < 25; ++day) {
    for (const Json& p : json({"policy", "explain"})) {
      const std::string id = p["id"];
      if (gone.contains(id)) {
        EXPECT_FALSE(p["keep"]) << "came back";
      } else if (!p["keep"]) {
        gone.insert(id);
        if (promised.contains(id)) {
          std::vector<std::string> days;
          for (const Json& q : json({"points"})) days.push_back(q["time"].get<std::string>().substr(0, 10));
          EXPECT_EQ(promised[id], days.back());
        }
      } else if (p["until"].is_string()) {
        promised[id] = p["until"].get<std::string>().substr(0, 10);
      }
    }
    a_day_passes();
  }
  EXPECT_GT(gone.size(), 20u);
  EXPECT_EQ(json({"points"}).size(), 35u);  // it only told
}
TEST_F(PolicyVerbs, explain_tells_the_rule_and_the_day) {
  for (int day = 0; day < 4; ++day) a_day_passes();
  ASSERT_EQ(run({"policy", "explain"}), 0);
  EXPECT_TRUE(said("1st of 3 daily (")) << w.terminal.data;
  EXPECT_TRUE(said("newest complete"));
  EXPECT_TRUE(said("forget: daily: beyond 3; weekly: ")) << w.terminal.data;
  const Json points = json({"policy", "explain", "--source", "docs"});
  ASSERT_EQ(points.size(), 4u);
  EXPECT_EQ(points[3]["policy_source"], "docs");
  EXPECT_EQ(points[3]["rules"][0]["rule"], "daily");
  EXPECT_EQ(points[3]["rules"][0]["place"], 1);
  EXPECT_FALSE(points[3]["proven"]);
  ASSERT_EQ(run({"verify", "--full"}), 0) << w.terminal.messages;
  EXPECT_TRUE(json({"policy", "explain"})[0]["proven"]);
}
TEST_F(PolicyVerbs, points_of_no_source_are_told_and_kept) {
  a_day_passes();
  w.env.put_file("/home/anna/other/x", "x");
  ASSERT_EQ(run({"backup", "/home/anna/other"}), 0);
  const Json points = json({"policy", "explain"});
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[1]["policy_source"], nullptr);
  EXPECT_TRUE(points[1]["keep"]);
  ASSERT_EQ(run({"policy", "explain"}), 0);
  EXPECT_TRUE(said("no source of the policy"));
  EXPECT_EQ(json({"policy", "explain", "--source", "docs"}).size(), 1u);
}
TEST_F(PolicyVerbs, check_ends_with_4_where_something_can_not_come_true) {
  policy("schedule = \"weekly\"\nrpo = \"26h\"\nkeep-daily = 7\nkeep-monthly = 12\n");
  const Json answer = json({"policy", "check"});
  EXPECT_EQ(status, 4);
  EXPECT_EQ(answer["contradictions"], 1);
  EXPECT_EQ(answer["sources"][0]["findings"][0]["key"], "rpo");
  policy("schedule = \"daily\"\nkeep-daily = 7\nkeep-monthly = 12\n");
  EXPECT_EQ(run({"policy", "check"}), 0);
  EXPECT_TRUE(said("No contradiction found."));
  policy("schedule = \"dayly\"\ntime-zone = \"Nowhere/City\"\nkeep-monthly = 12\n");
  EXPECT_EQ(json({"policy", "check"})["contradictions"], 2);
}
TEST_F(PolicyVerbs, simulate_estimates_from_what_points_stored) {
  EXPECT_EQ(run({"policy", "simulate", "--fresh", "--years", "2"}), 0);
  EXPECT_TRUE(said("JFMAMJJASOND"));
  EXPECT_TRUE(said("No estimate of storage"));
  for (int day = 0; day < 4; ++day) a_day_passes();
  const Json answer = json({"policy", "simulate", "--years", "3"});
  ASSERT_EQ(answer.size(), 1u);
  EXPECT_EQ(answer[0]["growth"]["points"], 4);
  const Json& last = answer[0]["states"].back();
  EXPECT_EQ(last["rules"]["monthly"], 3);
  EXPECT_EQ(last["points"], last["times"].size());
  EXPECT_GT(last["bytes_most"], last["bytes_least"]);
  EXPECT_GT(last["bytes_least"], answer[0]["states"][0]["bytes_least"]);
  EXPECT_EQ(run({"policy", "simulate", "--on", "1971-01-01"}), 2);
  EXPECT_EQ(run({"policy", "simulate", "--every", "1"}), 2);
}
TEST_F(PolicyVerbs, without_a_policy_one_is_shown) {
  w.config("vault = \"/v\"\nkey-file = \"/k\"\n");
  EXPECT_EQ(run({"policy", "check"}), 2);
  EXPECT_TRUE(said("[source.home]"));
  policy("keep-daily = 7\n");
  EXPECT_EQ(run({"policy", "explain", "--source", "dcos"}), 2);
  EXPECT_TRUE(said("did you mean 'docs'?"));
}

}  // namespace
}  // namespace hf::cli
