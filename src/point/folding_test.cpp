// What a prune does with deltas: folds them, leaves them, and keeps the places that can be opened.

#include "vault/folding.hpp"

#include "point/prune_world.hpp"
#include "vault/bases.hpp"

namespace hf {
namespace {

/// A file of which a little changes everywhere in each version, so that each is stored as what differs from the one before.
struct FoldingTest : PruneWorld {
  std::string content = noise(300'000, 1);
  std::vector<PointId> made;
  unsigned version = 0;

  void versions(unsigned n) {
    for (; n > 0; --n) {
      const unsigned v = version++;
      for (unsigned i = 0; i < 300; ++i) content.replace(i * 1'000 + 100 * (v % 9), 80, noise(80, 1'000 * v + i + 7));
      env.put_file("/source/changes", content);
      made.push_back(backup());
    }
  }
  std::uint64_t deltas() { return delta_figures(*vault, **Index::load(*vault))->segments; }
  std::uint64_t bytes_alone() {
    struct Other final : PruneWorld {
      void TestBody() override {}
    } other;
    other.env.put_file("/source/changes", content);
    other.backup();
    return other.run().bytes_after;
  }
};

TEST_F(FoldingTest, what_is_kept_for_one_delta_alone_goes) {
  versions(5);
  EXPECT_GT(deltas(), 0u) << "nothing is tried here";
  EXPECT_EQ(run().deltas_folded, 0u);
  for (std::size_t i = 0; i + 1 < made.size(); ++i) forget_now(made[i]);
  TreeMarker marker(1);
  const auto told = rehearse_prune(*vault, prune_options(), marker, progress);
  ASSERT_TRUE(told) << told.error().message;
  const PruneReport r = run();
  EXPECT_GT(r.deltas_folded, 0u);
  EXPECT_EQ(told->deltas_folded, r.deltas_folded);
  EXPECT_EQ(told->bytes_after, r.bytes_after);
  EXPECT_LT(r.bytes_after, bytes_alone() * 6 / 5);
  all_points_are_whole();
  for (int i = 0; i < 2; ++i) run();  // sizes are estimated; what seems worth it now did not before
  EXPECT_EQ(run().deltas_folded, 0u);
  versions(3);  // what was folded is a base again
  EXPECT_GT(deltas(), 0u);
  all_points_are_whole();
}

TEST_F(FoldingTest, what_a_point_or_another_delta_needs_stays_and_so_do_deltas_on_it) {
  versions(5);
  for (std::size_t i = 1; i + 1 < made.size(); ++i) forget_now(made[i]);
  const PruneReport r = run();
  EXPECT_EQ(r.deltas_folded, 0u);
  EXPECT_GT(deltas(), 0u);
  all_points_are_whole();
}

TEST_F(FoldingTest, it_keeps_to_what_may_be_copied_and_to_the_waste_that_may_stay) {
  versions(5);
  for (std::size_t i = 0; i + 1 < made.size(); ++i) forget_now(made[i]);
  PruneOptions little = prune_options(), lax = prune_options();
  little.repack_bytes_max = 1'000;
  lax.unused_percent_max = 90;
  for (const PruneOptions& o : {little, lax}) {
    const PruneReport r = run(o);
    EXPECT_EQ(r.deltas_folded, 0u);
    EXPECT_GT(r.bytes_unused, 20'000u);
    all_points_are_whole();
  }
  EXPECT_GT(run().deltas_folded, 0u);
  all_points_are_whole();
}

TEST_F(FoldingTest, it_waits_for_sessions_that_may_hold_what_would_go) {
  versions(5);
  auto s = *WriteSession::begin(*vault, {.compression_level = 1, .pack_bytes = 64 * 1024});
  const RecoveryPoint oldest = *vault->point(made[0].hex());
  for (std::size_t i = 0; i + 1 < made.size(); ++i) forget_now(made[i]);
  EXPECT_EQ(run().deltas_folded, 0u);
  all_points_are_whole();
  RecoveryPoint p;
  p.root = oldest.root;
  ASSERT_TRUE(s->commit(p));
  PruneReport r = run();
  all_points_are_whole();
  forget_now(p.id);
  for (int i = 0; i < 3; ++i) r = run();
  EXPECT_EQ(r.packs_waiting, 0u);
  EXPECT_LT(r.bytes_after, bytes_alone() * 6 / 5);
  all_points_are_whole();
}

/// One night's pack holds something that stays beside what changed: then what folded deltas stood on would stay, too.
TEST_F(FoldingTest, nothing_is_folded_where_what_it_stood_on_is_kept_by_what_stays) {
  versions(3);
  env.put_file("/source/photo", noise(150'000, 500));
  versions(1);
  versions(3);
  for (std::size_t i = 0; i + 1 < made.size(); ++i) forget_now(made[i]);
  PruneOptions o = prune_options();
  o.unused_percent_max = 12;
  for (int i = 0; i < 4; ++i) {
    const PruneReport r = run(o);
    EXPECT_LE(r.bytes_after, r.bytes_before);
    all_points_are_whole();
  }
}

/// A backup stores anew what stands on a pack that is lost. Of the two places a prune must keep the one that can be opened, and
/// copy from there, whichever pack has the smaller name.
TEST(Footing, a_place_that_can_be_opened_is_kept) {
  for (unsigned seed = 0; seed < 10; ++seed) {
    struct World final : FoldingTest {
      void TestBody() override {}
    } w;
    w.content = PruneWorld::noise(300'000, 300 + seed);
    w.versions(1);
    const std::vector<IndexedPack> before = (*Index::load(*w.vault))->packs();
    w.versions(1);
    ASSERT_GT(w.deltas(), 0u);
    for (const IndexedPack& p : before) {
      if (p.pack_class != PackClass::data) continue;
      ASSERT_TRUE(w.vault->store().remove({ObjectKind::pack, p.id.hex()}));
    }
    w.env.put_file("/source/changes", w.content + "!");
    w.made.push_back(w.backup());
    for (std::size_t i = 0; i + 1 < w.made.size(); ++i) w.forget_now(w.made[i]);
    PruneOptions all = w.prune_options();
    all.unused_percent_max = 0;
    for (int i = 0; i < 3; ++i) {
      w.run(all);
      w.all_points_are_whole();
    }
  }
}

/// What stands on a lost pack can't be read, whatever a prune does. It stays where it lies, in as many packs, until the pack
/// comes back.
TEST_F(FoldingTest, what_stands_on_a_lost_pack_stays_as_it_is) {
  versions(1);
  const std::vector<IndexedPack> before = (*Index::load(*vault))->packs();
  env.put_file("/source/goes", noise(60'000, 77));
  versions(1);
  env.put_file("/source/goes", "gone");
  versions(1);
  std::vector<std::pair<ObjectName, Buffer>> lost;
  for (const IndexedPack& p : before) {
    if (p.pack_class != PackClass::data) continue;
    const ObjectName name{ObjectKind::pack, p.id.hex()};
    lost.emplace_back(name, *vault->store().get(name, 64u << 20));
    ASSERT_TRUE(vault->store().remove(name));
  }
  forget_now(made[0]);
  PruneOptions all = prune_options();
  all.unused_percent_max = 0;
  run(all);
  const std::uint64_t there = packs();
  for (int i = 0; i < 4; ++i) {
    TreeMarker marker(1);
    const auto told = rehearse_prune(*vault, all, marker, progress);
    ASSERT_TRUE(told) << told.error().message;
    const PruneReport r = run(all);
    EXPECT_EQ(told->bytes_after, r.bytes_after);
    EXPECT_EQ(told->packs_removed, r.packs_removed);
    EXPECT_EQ(r.packs_restored, 0u);
    EXPECT_EQ(packs(), there);
  }
  for (const auto& [name, bytes] : lost) ASSERT_TRUE(vault->store().put(name, bytes));
  all_points_are_whole();
}

}  // namespace
}  // namespace hf
