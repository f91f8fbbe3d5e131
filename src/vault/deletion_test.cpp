#include "vault/deletion.hpp"

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"
#include "store/memory/memory_store.hpp"
#include "vault/prune.hpp"

namespace hf {
namespace {

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000'000;

struct DeletionTest : testing::Test {
  SimEnv env;
  std::unique_ptr<Vault> vault =
      *Vault::create(env, make_memory_store(), {.params = {}, .argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1}, .label = "first"}, {SlotKind::passphrase, as_bytes("horse")});
  PointId commit() {
    auto s = *WriteSession::begin(*vault);
    RecoveryPoint p;
    p.root.name = "root";
    p.root.stat.type = FileType::directory;
    p.root.directory = *s->add_metadata(encode_leaf({}));
    EXPECT_TRUE(s->commit(p));
    return p.id;
  }
  static PointId id_of_nobody() { return PointId::from(Buffer(16, 0xEE)); }
  InForce tombstone_of(const PointId& p) { return (*tombstones(*vault)).at(p); }
};

TEST_F(DeletionTest, a_forgotten_point_is_in_no_list_until_it_is_brought_back) {
  const PointId a = commit(), b = commit();
  ASSERT_TRUE(forget(*vault, a, {.reason = "test"}));
  ASSERT_TRUE(forget(*vault, a, {.reason = "again"}));
  auto list = *vault->points();
  ASSERT_EQ(list.points.size(), 1u);
  EXPECT_EQ(list.points[0].id, b);
  ASSERT_EQ(list.forgotten.size(), 1u);
  EXPECT_EQ(list.forgotten[0].tombstone.reason, "test");
  const auto found = vault->find_point(a.hex());
  ASSERT_FALSE(found);
  EXPECT_NE(found.error().hint.find("undelete"), std::string::npos);
  ASSERT_TRUE(undelete(*vault, a));
  EXPECT_EQ(vault->points()->points.size(), 2u);
  EXPECT_TRUE(vault->find_point(a.hex()));
  ASSERT_TRUE(forget(*vault, a, {}));  // and once more
  EXPECT_EQ(vault->points()->points.size(), 1u);
}

TEST_F(DeletionTest, of_undelete_and_prune_one_decides) {
  const PointId a = commit(), b = commit();
  for (const PointId& p : {a, b}) ASSERT_TRUE(forget(*vault, p, {}));
  const InForce dead_a = tombstone_of(a), dead_b = tombstone_of(b);
  ASSERT_TRUE(undelete(*vault, a));
  EXPECT_FALSE(*reap(*vault, dead_a, env.wall_ns()));  // it had read the tombstone before
  EXPECT_TRUE(vault->find_point(a.hex()));
  EXPECT_TRUE(*reap(*vault, dead_b, env.wall_ns()));
  EXPECT_EQ(undelete(*vault, b).error().code, Code::refused);
  EXPECT_EQ(vault->points()->points.size(), 1u);
  EXPECT_TRUE((*reaped_points(*vault)).contains(b));
  ASSERT_TRUE(bury(*vault, {b}));
  EXPECT_TRUE((*tombstones(*vault)).empty());
  EXPECT_EQ(undelete(*vault, b).error().code, Code::not_found);
}

TEST_F(DeletionTest, a_hold_forbids_to_forget_and_to_remove) {
  const PointId a = commit();
  Hold h;
  h.points = {a};
  h.reason = "audit";
  const std::string name = *add_hold(*vault, h);
  EXPECT_EQ(forget(*vault, a, {}).error().code, Code::refused);
  ASSERT_TRUE(release_hold(*vault, name));
  ASSERT_TRUE(forget(*vault, a, {}));
  ASSERT_TRUE(add_hold(*vault, h));  // it is still there: held while forgotten
  EXPECT_FALSE(*reap(*vault, tombstone_of(a), env.wall_ns()));
  EXPECT_EQ(vault->points()->forgotten.size(), 1u);
}

TEST_F(DeletionTest, a_hold_comes_too_late_for_a_point_that_is_being_removed) {
  const PointId a = commit(), b = commit();
  ASSERT_TRUE(forget(*vault, a, {}));
  ASSERT_TRUE(*reap(*vault, tombstone_of(a), env.wall_ns()));
  Hold h;
  h.reason = "audit";
  h.points = {a};
  EXPECT_FALSE(add_hold(*vault, h));
  h.points = {b, id_of_nobody()};
  EXPECT_EQ(add_hold(*vault, h).error().code, Code::not_found);
  EXPECT_TRUE((*holds(*vault)).empty());
}

TEST_F(DeletionTest, a_hold_with_a_date_ends_by_itself) {
  const PointId a = commit();
  Hold h;
  h.points = {a};
  h.until_ns = env.wall_ns() + kDay;
  ASSERT_TRUE(add_hold(*vault, h));
  EXPECT_TRUE(held_points(*holds(*vault), env.wall_ns()).contains(a));
  env.advance(2 * kDay);
  EXPECT_TRUE(held_points(*holds(*vault), env.wall_ns()).empty());
}

TEST_F(DeletionTest, a_fenced_session_can_not_commit_and_its_successor_can) {
  auto s = *WriteSession::begin(*vault);
  RecoveryPoint p;
  p.root.name = "root";
  p.root.stat.type = FileType::directory;
  p.root.directory = *s->add_metadata(encode_leaf({}));
  const auto list = *leases(*vault);
  ASSERT_EQ(list.leases.size(), 1u);
  EXPECT_FALSE(seems_dead(env, list.leases[0], kDay));
  env.jump_wall(2 * kDay);
  EXPECT_TRUE(seems_dead(env, list.leases[0], kDay));
  ASSERT_TRUE(fence(*vault, list.leases[0]));
  EXPECT_EQ(s->commit(p).error().code, Code::conflict);
  const PointList points = *vault->points();
  EXPECT_TRUE(points.points.empty());
  EXPECT_TRUE(points.damaged.empty());
  commit();
  EXPECT_EQ(vault->points()->points.size(), 1u);
}

TEST_F(DeletionTest, a_fence_after_the_commit_changes_nothing) {
  auto s = *WriteSession::begin(*vault);
  RecoveryPoint p;
  p.root.name = "root";
  p.root.stat.type = FileType::directory;
  p.root.directory = *s->add_metadata(encode_leaf({}));
  const Lease lease = (*leases(*vault)).leases.at(0);
  ASSERT_TRUE(s->commit(p));
  ASSERT_TRUE(fence(*vault, lease));
  EXPECT_EQ(vault->points()->points.size(), 1u);
}

TEST_F(DeletionTest, decisions_follow_each_other) {
  const EpochRecord none = *newest_epoch(*vault);
  EXPECT_EQ(none.number, 0u);
  EpochRecord one = none;
  one.retired.push_back({0, {PackId::from(Buffer(32, 1))}, {}});
  EpochRecord rival = one;
  ASSERT_TRUE(*decide(*vault, none, one));
  EXPECT_EQ(one.number, 1u);
  EXPECT_EQ(one.retired[0].epoch, 1u);
  EXPECT_FALSE(*decide(*vault, none, rival));
  EpochRecord two = one;
  two.condemned = std::move(two.retired[0].packs);
  two.retired.clear();
  ASSERT_TRUE(*decide(*vault, one, two));
  EXPECT_EQ((*newest_epoch(*vault)).number, 2u);
  EXPECT_FALSE(*decide(*vault, none, rival)) << "the first record is gone, and its number still not free";
  EXPECT_EQ((*newest_epoch(*vault)).number, 2u);
  EXPECT_TRUE((*newest_epoch(*vault)).is_absent(PackId::from(Buffer(32, 1))));
}

TEST(TrustedTime, a_clock_far_ahead_of_all_that_happened_is_held_back) {
  const std::int64_t now = 20'000 * kDay;
  EXPECT_EQ(trusted_time(now, {}), now);
  EXPECT_EQ(trusted_time(now, {now - kDay}), now);
  EXPECT_EQ(trusted_time(now, {now - 7 * kDay}), now);
  // Not a day beyond the witness: a grace of seven days, the usual one, had ended at once with a clock that jumped.
  EXPECT_EQ(trusted_time(now, {now - 1000 * kDay}), now - 1000 * kDay);
  EXPECT_EQ(trusted_time(now, {now - 1000 * kDay, now}), now - 1000 * kDay);  // what happened just now is no witness
  EXPECT_EQ(trusted_time(now, {now - 1000 * kDay, now - kDay}), now);
}

// A machine with a flat battery began in 2000, forgot points before its clock was set, and the next prune found that their
// grace was over since 26 years.
TEST(GraceBegins, not_before_what_happened_in_the_vault) {
  const std::int64_t now = 20'000 * kDay;
  EXPECT_EQ(grace_begins(now, {}), now);
  EXPECT_EQ(grace_begins(now, {now - kDay, now}), now);
  EXPECT_EQ(grace_begins(1000 * kDay, {now - kDay, now, now - 2 * kDay}), now);
  EXPECT_EQ(grace_begins(now, {now - kDay, now - 2 * kDay, now + 1000 * kDay}), now) << "one point from the future is that point's clock";
}

}  // namespace
}  // namespace hf
