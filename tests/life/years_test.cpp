// Years in the life of a vault: a point each noon, of a tree that changes, forgotten each day as the policy says and
// pruned each week; then half of its packs are damaged, healed, and everything that was promised to be there is restored.
//
// HOLDFAST_LIFE_YEARS=N lives N years instead of one; HOLDFAST_LIFE_SEEDS=N does so for N seeds, HOLDFAST_LIFE_SEED=S for
// this one.

#include <cstdlib>

#include "retention_oracle.hpp"
#include "vault_life.hpp"

namespace hf::life {
namespace {

constexpr int kFirstDay = 22'000;  // 2030-03-27: in four days clocks go forward, a year has both changes and a new year

int number_from(const char* variable, int otherwise) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? otherwise : std::atoi(text);
}

int day_of(const Json& time) {
  int year = 0;
  unsigned month = 0, day = 0;
  if (!time.is_string() || std::sscanf(time.get<std::string>().c_str(), "%d-%u-%u", &year, &month, &day) != 3) return -1;
  const std::chrono::sys_days days = std::chrono::year(year) / static_cast<int>(month) / static_cast<int>(day);
  return static_cast<int>(days.time_since_epoch().count());
}

class Life : public testing::Test {
 protected:
  static constexpr Rules kRules{.last = 3, .daily = 7, .weekly = 5, .monthly = 7, .quarterly = 3, .yearly = 2, .within_days = 10};

  void live(std::uint64_t seed, int days);

 private:
  /// What `policy explain` says today: who stays and until when; who leaves.
  void explain(VaultLife& life, int today);
  void forget(VaultLife& life, int today);
  std::set<int> expected(int today) const {
    std::set<int> kept = days_kept(kRules, kFirstDay, today);
    kept.insert(held_.begin(), held_.end());
    return kept;
  }

  std::map<std::string, int> day_of_point_;
  std::map<std::string, int> promised_;  // the day on which it would leave, as explain said last; -1: none can be told
  std::map<std::string, int> left_;      // and the day on which it did
  std::set<int> held_;
};

void Life::explain(VaultLife& life, int today) {
  std::set<int> stay;
  for (const Json& p : life.ask({"policy", "explain"})) {
    const std::string id = p.value("id", "");
    EXPECT_FALSE(left_.contains(id)) << "came back";
    if (!p["keep"]) continue;
    stay.insert(day_of_point_.at(id));
    const int until = day_of(p["until"]);
    // A promise stays as it was given, but for what a person does to the point.
    if (promised_.contains(id) && promised_[id] >= 0 && until >= 0) {
      EXPECT_EQ(promised_[id], until) << "of day " << day_of_point_.at(id) << ", said on day " << today;
    }
    promised_[id] = until;
  }
  EXPECT_EQ(stay, expected(today)) << "on day " << today;
}

void Life::forget(VaultLife& life, int today) {
  const Json answer = life.ask({"forget", "--policy"});
  for (const Json& p : answer["forgotten"]) {
    const std::string id = p.value("id", "");
    left_[id] = today;
    if (const auto said = promised_.find(id); said != promised_.end() && said->second >= 0) {
      EXPECT_EQ(said->second, today) << "the point of day " << day_of_point_.at(id) << " left on another day than explain said";
    }
  }
}

void Life::live(std::uint64_t seed, int days) {
  day_of_point_.clear(), promised_.clear(), left_.clear(), held_.clear();
  VaultLife life(seed);
  life.configure("keep-last = 3\nkeep-daily = 7\nkeep-weekly = 5\nkeep-monthly = 7\nkeep-quarterly = 3\nkeep-yearly = 2\nkeep-within = \"10d\"\n");
  life.noon_of(kFirstDay);
  ASSERT_EQ(life.run({"init", "--no-recovery-key"}), 0) << life.said();
  std::map<int, std::string> point_of;
  std::string hold;
  std::uint64_t removed = 0;
  for (int n = 0; n < days && !HasFailure(); ++n) {
    const int today = kFirstDay + n;
    SCOPED_TRACE("day " + std::to_string(n));
    life.noon_of(today);
    const std::string point = point_of[today] = life.back_up(today);
    day_of_point_[point] = today;
    // A point is held that would leave soon, for a hundred days.
    if (n == 20) {
      hold = life.ask({"hold", "add", point_of[today - 2], "--reason", "an audit"}).value("id", "");
      held_.insert(today - 2);
      promised_.erase(point_of[today - 2]);
    }
    if (n == 120) {
      EXPECT_EQ(life.run({"hold", "release", hold}), 0) << life.said();
      held_.clear();
      promised_.erase(point_of[kFirstDay + 18]);
    }
    if (n % 7 == 3 || n < 12) explain(life, today);
    forget(life, today);
    // What was forgotten by mistake comes back; the policy forgets it again.
    if (n % 90 == 60 && !left_.empty()) {
      const auto [id, when] = *std::max_element(left_.begin(), left_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
      if (today - when < 7) {
        EXPECT_EQ(life.run({"undelete", id}), 0) << life.said();
        EXPECT_TRUE(life.points().contains(id));
        promised_.erase(id);
        left_.erase(id);
        forget(life, today);
        EXPECT_TRUE(left_.contains(id));
      }
    }
    if (n % 7 != 6) continue;
    std::set<int> there;
    for (const auto& [id, day] : life.points()) there.insert(day);
    EXPECT_EQ(there, expected(today));
    const Json planned = n % 84 == 6 ? life.ask({"prune", "--dry-run"}) : Json();
    const Json pruned = life.ask({"prune"});
    removed += pruned.value("points_removed", 0u);
    EXPECT_EQ(pruned.value("clock_ahead_seconds", -1), 0);
    if (planned.is_object()) {
      EXPECT_EQ(planned.value("bytes_after", 0u), pruned.value("bytes_after", 1u));
    }
    life.ask({"verify", "--structure"});
  }
  if (HasFailure()) return;

  const int today = kFirstDay + days - 1;
  explain(life, today);
  for (const auto& [id, until] : promised_)
    if (!left_.contains(id) && until >= 0) {
      EXPECT_GT(until, today) << "the point of day " << day_of_point_.at(id) << " should have left";
    }
  EXPECT_GT(removed, static_cast<std::uint64_t>(days) / 2);
  EXPECT_EQ(life.points().size(), expected(today).size());

  const std::size_t damaged = life.damage_half_of_the_packs();
  EXPECT_GT(damaged, 3u);
  const Json healed = life.ask({"verify", "--heal"});
  EXPECT_EQ(healed.value("healed_count", 0u), damaged) << life.said();
  EXPECT_EQ(life.ask({"verify", "--full"})["damage_count"], 0) << life.said();
  EXPECT_EQ(life.restore_all(), "");
  printf("seed %llu: %d days, %llu points removed for good, %zu left, %zu packs damaged and healed\n", static_cast<unsigned long long>(seed), days,
         static_cast<unsigned long long>(removed), life.points().size(), damaged);
  for (const auto& [verb, seconds] : life.cpu_seconds()) printf("  %-8s %6.2f s of CPU\n", verb.c_str(), seconds);
}

TEST_F(Life, ends_with_the_points_that_were_promised_and_survives_damage_to_half_of_its_packs) {
  const int one = number_from("HOLDFAST_LIFE_SEED", 0), years = number_from("HOLDFAST_LIFE_YEARS", 1);
  const int first = one > 0 ? one : 1, last = one > 0 ? one : number_from("HOLDFAST_LIFE_SEEDS", 1);
  for (int seed = first; seed <= last && !HasFailure(); ++seed) {
    SCOPED_TRACE("replay it: HOLDFAST_LIFE_SEED=" + std::to_string(seed) + " HOLDFAST_LIFE_YEARS=" + std::to_string(years) + " life_test");
    live(static_cast<std::uint64_t>(seed), years * 365);
  }
}

}  // namespace
}  // namespace hf::life
