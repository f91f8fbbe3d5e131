// What a prune does that favours the newest points: their content lies alone, and older content stands on it.

#include "vault/turning.hpp"

#include "point/prune_world.hpp"
#include "vault/bases.hpp"

namespace hf {
namespace {

/// A file of which a little changes everywhere in each version, so that each is stored as what differs from one before.
struct TurningTest : PruneWorld {
  /// Of about 130 chunks. What lies on a pack of which less than a quarter is in the way stays.
  static constexpr std::size_t kFew = 8, kMany = 50;
  std::string content = noise(300'000, 1);
  std::vector<PointId> made;
  unsigned version = 0;

  void change() {
    const unsigned v = version++;
    for (unsigned i = 0; i < 300; ++i) content.replace(i * 1'000 + 100 * (v % 9), 20, noise(20, 1'000 * v + i + 7));
  }
  void versions(unsigned n) {
    for (; n > 0; --n) {
      change();
      env.put_file("/source/changes", content);
      made.push_back(backup());
    }
  }
  static PruneOptions favouring() {
    PruneOptions o;
    o.write = {.compression_level = 1, .pack_bytes = 64 * 1024};
    o.favour_newest = 0.25;
    return o;
  }
  PruneReport favour() { return run(favouring()); }
  DeltaFigures deltas() { return *delta_figures(*vault, **Index::load(*vault)); }
  /// How many chunks of the point's files are parts of deltas.
  std::size_t chunks_in_deltas(const PointId& id) {
    const auto index = *Index::load(*vault);
    ChunkReader chunks(*vault, *index);
    std::size_t out = 0;
    EXPECT_TRUE(walk_tree(chunks, vault->point(id.hex())->root, [&](const std::string&, const Entry& e) -> Result<Walk> {
      HF_TRY(for_each_chunk(chunks, e, [&](const ChunkRef& ref, std::uint64_t) -> Status {
        const ChunkPlace place = HF_TRY(chunks.locate(ref.id));
        const auto directory = HF_TRY(chunks.directory(place.pack));
        out += directory->at(place.offset)->bases.empty() ? 0U : 1U;
        return {};
      }));
      return Walk::descend;
    }));
    return out;
  }
};

TEST_F(TurningTest, the_newest_lies_alone_and_the_oldest_stands_on_it) {
  versions(12);
  EXPECT_EQ(chunks_in_deltas(made.front()), 0u);
  EXPECT_GT(chunks_in_deltas(made.back()), kMany);
  TreeMarker marker(1);
  const auto told = rehearse_prune(*vault, favouring(), marker, progress);
  ASSERT_TRUE(told) << told.error().message;
  const PruneReport r = favour();
  EXPECT_GT(r.deltas_turned, 0u);
  EXPECT_EQ(told->deltas_turned, r.deltas_turned);
  EXPECT_EQ(told->bytes_after, r.bytes_after);
  EXPECT_LT(r.bytes_after, r.bytes_before * 3 / 2);
  EXPECT_LT(chunks_in_deltas(made.back()), kFew);
  EXPECT_GT(chunks_in_deltas(made.front()), kMany);
  all_points_are_whole();
  EXPECT_EQ(favour().deltas_turned, 0u);
  EXPECT_EQ(run().packs_removed, 0u) << "something was left over";
  versions(2);
  EXPECT_GT(chunks_in_deltas(made.back()), kMany) << "what was laid alone is a base again";
  all_points_are_whole();
}

/// As often as it is done, nothing comes to lie deeper than readers accept.
TEST_F(TurningTest, again_and_again_it_stays_shallow) {
  for (int round = 0; round < 9; ++round) {
    versions(7);
    const PruneReport r = favour();
    EXPECT_GT(r.deltas_turned, 0u) << round;
    EXPECT_LT(chunks_in_deltas(made.back()), kFew) << round;
    EXPECT_LT(deltas().depth_max, kBaseDepthMax) << round;
    all_points_are_whole();
  }
  for (std::size_t i = 0; i < made.size(); ++i)
    if (i % 3 != 0 && i + 1 < made.size()) forget_now(made[i]);
  for (int i = 0; i < 3; ++i) {
    run();
    all_points_are_whole();
  }
}

TEST_F(TurningTest, it_keeps_to_what_may_be_copied) {
  env.put_file("/source/also", noise(200'000, 5));
  versions(9);
  PruneOptions little = favouring();
  little.repack_bytes_max = 1'000;
  EXPECT_EQ(run(little).deltas_turned, 0u);
  little.repack_bytes_max = 200'000;
  for (int i = 0; i < 20; ++i) {
    run(little);
    all_points_are_whole();
    EXPECT_LT(deltas().depth_max, kBaseDepthMax);
  }
  favour();
  EXPECT_LT(chunks_in_deltas(made.back()), kFew);
  all_points_are_whole();
}

TEST_F(TurningTest, what_little_changed_stays_as_it_is) {
  env.put_file("/source/large", noise(2'000'000, 9));
  env.put_file("/source/changes", content);
  made.push_back(backup());
  for (unsigned i = 0; i < 20; ++i) content.replace(100'000 + i * 100, 20, noise(20, i));
  env.put_file("/source/changes", content);
  made.push_back(backup());
  EXPECT_GT(chunks_in_deltas(made.back()), 0u);
  const PruneReport r = favour();
  EXPECT_EQ(r.deltas_turned, 0u);
  EXPECT_EQ(r.bytes_written, 0u);
}

TEST_F(TurningTest, it_waits_for_sessions) {
  versions(6);
  const RecoveryPoint newest = *vault->point(made.back().hex()), oldest = *vault->point(made.front().hex());
  auto s = *WriteSession::begin(*vault, {.compression_level = 1, .pack_bytes = 64 * 1024});
  EXPECT_EQ(favour().deltas_turned, 0u);
  RecoveryPoint p;
  p.root = oldest.root;
  ASSERT_TRUE(s->commit(p));
  EXPECT_GT(favour().deltas_turned, 0u);
  all_points_are_whole();
}

/// Every source has a newest point, and a forgotten one is none.
TEST_F(TurningTest, each_source_has_its_newest) {
  versions(8);
  env.put_file("/other/one", noise(100'000, 70));
  CaptureOptions other = options();
  other.paths = {"/other"};
  env.advance(kDay);
  ASSERT_TRUE(capture(*vault, other, progress, silent));
  versions(1);
  const auto done = forget(*vault, made.back(), {.grace_seconds = 1'000'000, .reason = "test"});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_GT(favour().deltas_turned, 0u);
  EXPECT_LT(chunks_in_deltas(made[made.size() - 2]), kFew);
  EXPECT_GT(chunks_in_deltas(made.back()), kMany) << "it was turned to the forgotten one";
  all_points_are_whole();
}

/// Of what stands on a lost pack nothing is moved, and it is as it was once the pack is back.
TEST_F(TurningTest, a_lost_pack_is_waited_for) {
  versions(6);
  for (const IndexedPack& p : (*Index::load(*vault))->packs()) {
    if (p.pack_class != PackClass::data) continue;
    const ObjectName name{ObjectKind::pack, p.id.hex()};
    const auto lost = vault->store().get(name, 64u << 20);
    if (!lost) continue;  // an earlier prune had it copied
    ASSERT_TRUE(vault->store().remove(name));
    TreeMarker marker(1);
    const auto pruned = prune(*vault, favouring(), marker, progress);
    EXPECT_TRUE(pruned) << pruned.error().message;
    ASSERT_TRUE(vault->store().put(name, *lost));
    all_points_are_whole();
  }
  run();
  all_points_are_whole();
}

/// The program is killed at each of its changes; what it leaves is whole, and the next one goes on.
TEST_F(TurningTest, killed_at_any_step_it_loses_nothing) {
  for (std::uint64_t n = 1;; ++n) {
    struct World final : TurningTest {
      void TestBody() override {}
    } w;
    w.versions(5);
    const auto struck_before = w.env.faults_struck();
    w.env.fail_nth(n, EIO, Failure::from_then_on, {.below = "/vault", .calls = Calls::changes});
    {
      TreeMarker marker(1);
      const auto done = prune(*w.vault, favouring(), marker, w.progress);
      EXPECT_TRUE(done || w.env.faults_struck() > struck_before) << done.error().message;
    }
    const bool struck = w.env.faults_struck() > struck_before;
    w.env.crash(Survive::everything);
    w.vault = *Vault::open(w.env, *open_local_store(w.env, "/vault"), kSecret);
    w.all_points_are_whole();
    w.versions(1);  // takes over what it left
    w.all_points_are_whole();
    for (int i = 0; i < 2; ++i) {
      w.favour();
      w.all_points_are_whole();
    }
    EXPECT_LT(w.deltas().depth_max, kBaseDepthMax);
    if (HasFailure() || !struck) break;
  }
}

}  // namespace
}  // namespace hf
