// Clocks that jump by years, ahead and back, around everything that deletes: forget, prune, holds with a date. By true
// time, which only this test knows, nothing goes before its grace is over or while it is held.
//
// HOLDFAST_LIFE_SEEDS=N tries N times as many seeds.

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <random>
#include <set>

#include "cli/fake_world.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000, kHour = kDay / 24, kGrace = 7 * kDay;

class Clocks : public testing::Test {
 protected:
  World w;
  std::int64_t now = 0;       // true time since the beginning
  std::int64_t wrong_by = 0;  // the clock

  struct Known {
    std::int64_t forgotten = -1, held_until = -1;  // true times; -1: not
    bool right_clock = true;                       // when it was forgotten
  };
  std::map<std::string, Known> known;

  void SetUp() override {
    w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob");
    w.config("vault = \"/v\"\nkey-file = \"/k\"\njobs = 1\n");
    ASSERT_EQ(w.run({"init", "--no-recovery-key"}, all_verbs()), 0) << w.terminal.messages;
  }
  Json ask(std::vector<std::string> typed, std::initializer_list<int> statuses = {0}) {
    std::string line;
    for (const std::string& word : typed) line += " " + word;
    typed.emplace_back("--json");
    const int status = w.run(typed, all_verbs());
    EXPECT_NE(std::find(statuses.begin(), statuses.end(), status), statuses.end()) << "holdfast" << line << ": " << status << "\n" << w.terminal.messages;
    return Json::parse(w.terminal.data, nullptr, false);
  }
  void pass(std::int64_t ns) {
    w.env.advance(ns);
    now += ns;
  }
  void jump_to(std::int64_t wrong) {
    w.env.jump_wall(wrong - wrong_by);
    wrong_by = wrong;
  }
  std::string backup() {
    w.env.put_file("/home/anna/docs/letter.txt", "Dear Bob, it is " + std::to_string(now));
    const std::string id = ask({"backup", "/home/anna/docs"}).value("point", "");
    known[id] = {};
    return id;
  }
  void forget(const std::vector<std::string>& how) {
    std::vector<std::string> typed = how;
    typed.insert(typed.begin(), "forget");
    const Json answer = ask(typed, {0, 4});  // 4: under a hold
    if (!answer.contains("forgotten")) return;
    for (const Json& p : answer["forgotten"]) {
      Known& k = known.at(p.value("id", ""));
      if (k.forgotten < 0) k.forgotten = now, k.right_clock = wrong_by == 0;
    }
  }
  void hold(const std::string& id, std::int64_t ns) {
    char date[32];
    const std::time_t until = static_cast<std::time_t>((w.env.wall_ns() + ns) / 1'000'000'000);
    std::tm utc = {};
    gmtime_r(&until, &utc);
    std::strftime(date, sizeof date, "%Y-%m-%d %H:%M", &utc);
    ask({"hold", "add", id, "--reason", "an audit", "--until", date});
    if (wrong_by == 0) known.at(id).held_until = now + ns - kHour;
  }
  std::set<std::string> ids(std::vector<std::string> typed) {
    std::set<std::string> out;
    for (const Json& p : ask(std::move(typed))) out.insert(p.value("id", ""));
    return out;
  }
  /// What must be there is there; gives what is gone for good.
  std::set<std::string> check() {
    std::set<std::string> there = ids({"points"}), gone;
    there.merge(ids({"points", "--forgotten"}));
    for (const auto& [id, k] : known) {
      if (there.contains(id)) continue;
      EXPECT_TRUE(k.forgotten >= 0 && now - k.forgotten >= kGrace) << "gone " << (now - k.forgotten) / kHour << " hours after it was forgotten; the clock is wrong by " << wrong_by / kDay << " days";
      EXPECT_GE(now, k.held_until) << "gone while it was held";
      gone.insert(id);
    }
    for (const std::string& id : gone) known.erase(id);
    return gone;
  }
};

TEST_F(Clocks, the_usual_grace_does_not_end_when_the_clock_jumps_ahead) {
  const std::string first = backup();
  pass(kDay);
  backup();
  forget({first});
  pass(kHour);
  jump_to(1500 * kDay);
  for (int i = 0; i < 3; ++i) {
    backup();
    EXPECT_EQ(ask({"prune"})["points_removed"], 0);
    EXPECT_GT(ask({"prune"})["clock_ahead_seconds"], 1000 * 86'400);
    pass(5 * kHour);
  }
  jump_to(0);
  ask({"prune"});
  EXPECT_EQ(w.run({"undelete", first}, all_verbs()), 0) << w.terminal.messages;
  check();
}

TEST_F(Clocks, a_grace_that_begins_with_a_flat_battery_does_not_end_when_the_clock_is_set) {
  std::vector<std::string> points;
  for (int day = 0; day < 6; ++day, pass(kDay)) points.push_back(backup());
  jump_to(-9000 * kDay);
  points.push_back(backup());
  forget({"--keep-last", "3"});  // to rules, points from the future are no business of today
  EXPECT_EQ(ids({"points"}).size(), points.size());
  forget({points[0], points[1]});
  jump_to(0);
  pass(kHour);
  ask({"prune"});
  EXPECT_TRUE(check().empty());
  for (int day = 0; day < 9; ++day, pass(kDay)) backup(), ask({"prune"});
  EXPECT_FALSE(check().empty()) << "its grace is over, and it never goes";
}

TEST_F(Clocks, a_hold_with_a_date_holds_by_true_time) {
  const std::string held = backup();
  pass(kDay);
  backup();
  hold(held, 20 * kDay);
  jump_to(1000 * kDay);
  forget({held, "--grace", "0"});  // the hold seems to be over
  ask({"prune"});
  jump_to(0);
  ask({"prune"});
  check();
  EXPECT_TRUE(known.contains(held));
  EXPECT_EQ(w.run({"undelete", held}, all_verbs()), 0) << w.terminal.messages;
  EXPECT_TRUE(ids({"points"}).contains(held));
}

/// One life: days pass, and now and then the clock is wrong for some hours.
TEST_F(Clocks, nothing_goes_early_whatever_they_do) {
  const char* const more = std::getenv("HOLDFAST_LIFE_SEEDS");
  const std::uint64_t seeds = 2 * (more == nullptr ? 1u : static_cast<unsigned>(std::atoi(more)));
  std::size_t gone = 0;
  for (std::uint64_t seed = 1; seed <= seeds && !HasFailure(); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937_64 random(seed);
    const auto below = [&](std::size_t n) { return static_cast<std::int64_t>(random() % n); };
    const auto any_listed = [&]() -> std::string {
      const std::set<std::string> listed = ids({"points"});
      return *std::next(listed.begin(), below(listed.size()));
    };
    if (seed > 1) jump_to(0);
    const auto something = [&] {
      switch (below(5)) {
        case 0: backup(); break;
        case 1: forget({any_listed()}); break;
        case 2: forget({"--keep-last", "2", "--keep-daily", "6"}); break;
        case 3: if (below(3) == 0) hold(any_listed(), (5 + below(30)) * kDay); break;
        default: ask({"prune"});
      }
    };
    for (int day = 0; day < 35 && !HasFailure(); ++day) {
      backup();
      for (auto n = below(3); n > 0; --n) something();
      if (below(6) == 0) {
        // Each time less far ahead than the time before: what happened by such a clock is no witness for the next one.
        jump_to(below(3) == 0 ? -(below(9000) + 400) * kDay : (20'000 - static_cast<std::int64_t>(seed) * 1900 % 15'000 - 37 * day) * kDay);
        for (auto n = 1 + below(6); n > 0; --n) something(), pass(kHour);
        jump_to(0);
      }
      ask({"prune"});
      gone += check().size();
      pass(kDay - 8 * kHour);
    }
  }
  EXPECT_GT(gone, 5u) << "hardly anything was ever removed: nothing is tried here";
}

}  // namespace
}  // namespace hf::cli
