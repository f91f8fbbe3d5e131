// What points need, with and without what was worked out before: whatever the cache holds, the answer is the same.

#include "point/mark.hpp"

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"
#include "point/capture.hpp"
#include "store/local/local_store.hpp"
#include "vault/local_cache.hpp"

namespace hf {
namespace {

const Secret kSecret{SlotKind::passphrase, as_bytes("horse")};

struct MarkTest : testing::Test {
  SimEnv env;
  Progress progress;
  std::unique_ptr<Vault> vault = make("/vault");
  std::string directory = "/home/.cache/holdfast/" + vault->id().hex();

  std::unique_ptr<Vault> make(const std::string& path) {
    InitOptions options;
    options.argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1};
    options.params.cuts = {.size_min = 256, .size_avg = 2048, .size_max = 8192};
    auto made = *Vault::create(env, *create_local_store(env, path), options, kSecret);
    made->keep_cache_in("/home/.cache/holdfast");
    return made;
  }
  struct Silent final : ProblemSink {
    void problem(const Error&) override {}
  } silent;
  void backup(Vault& to) {
    CaptureOptions o;
    o.paths = {"/source"};
    o.host = "host";
    o.write = {.compression_level = 1, .pack_bytes = 64 * 1024};
    const auto done = capture(to, o, progress, silent);
    ASSERT_TRUE(done) << done.error().message;
  }
  void change(unsigned round) {
    for (unsigned folder = 0; folder < 4; ++folder)
      for (unsigned file = 0; file < 8; ++file)
        if (round == 0 || (folder == round % 4 && file == round % 8))
          env.put_file("/source/" + std::to_string(folder) + "/" + std::to_string(file), std::string(3000 + 100 * file, static_cast<char>('a' + file)) + std::to_string(round));
  }
  void grow(unsigned points) {
    for (unsigned i = 0; i < points; ++i) {
      change(round_++);
      backup(*vault);
    }
  }
  struct Needed {
    std::vector<ChunkKey> keys;
    std::uint64_t nodes_read = 0;
  };
  /// Of all points.
  Needed needed(Vault& of, Marker::Scope scope = Marker::Scope::every_point) {
    const PointList list = *of.points();
    const auto index = *Index::load(of);
    std::vector<const RecoveryPoint*> points;
    for (const RecoveryPoint& p : list.points) points.push_back(&p);
    TreeMarker marker(1);
    ClaimSet live;
    const auto done = marker.mark(of, *index, points, scope, live, progress);
    EXPECT_TRUE(done) << done.error().message;
    Needed out{{}, marker.nodes_read()};
    auto entries = *MergedEntries::over(index->runs());
    for (auto e = *entries.next(); e; e = *entries.next())
      if (live.contains(e->key)) out.keys.push_back(e->key);
    EXPECT_GE(live.size(), out.keys.empty() ? 0u : 1u);
    return out;
  }
  Needed without_cache() {
    vault->keep_cache_in("");
    Needed out = needed(*vault);
    vault->keep_cache_in("/home/.cache/holdfast");
    return out;
  }
  Buffer cache_file() { return *env.read_file(directory + "/needs", 1u << 20); }

  unsigned round_ = 0;
};

TEST_F(MarkTest, a_second_look_reads_only_what_is_new) {
  grow(6);
  const Needed first = needed(*vault);
  EXPECT_GT(first.nodes_read, 8u);
  const Needed second = needed(*vault);
  EXPECT_EQ(second.nodes_read, 0u);
  EXPECT_EQ(second.keys, first.keys);
  grow(1);
  const Needed third = needed(*vault);
  EXPECT_GT(third.nodes_read, 0u);
  EXPECT_LE(third.nodes_read, 3u);  // the root, "source", and the folder that changed
  EXPECT_EQ(third.keys, without_cache().keys);
}

TEST_F(MarkTest, what_is_no_longer_needed_leaves_the_cache) {
  grow(8);
  needed(*vault);
  const PointList list = *vault->points();
  for (std::size_t i = 0; i + 1 < list.points.size(); ++i) ASSERT_TRUE(vault->store().remove({ObjectKind::point, list.points[i].id.hex()}));
  grow(1);
  EXPECT_EQ(needed(*vault).keys, without_cache().keys);
  const NeedGraph graph = *NeedGraph::decode(*read_cache(*vault, CacheKind::needs));
  EXPECT_TRUE(graph.knows_node(ChunkKey::of(list.points.back().root.directory->id)));
  EXPECT_FALSE(graph.knows_node(ChunkKey::of(list.points.front().root.directory->id)));
}

TEST_F(MarkTest, a_torn_or_altered_cache_reads_as_nothing) {
  grow(3);
  const Needed truth = needed(*vault);
  const Buffer whole = cache_file();
  for (std::size_t n = 0; n < whole.size(); n += 1 + whole.size() / 40) {
    Buffer torn(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(n)), altered = whole;
    altered[n] = static_cast<std::uint8_t>(altered[n] ^ 4);
    for (const Buffer& bad : {torn, altered}) {
      ASSERT_TRUE(env.write_file_atomically(directory + "/needs", bad));
      EXPECT_FALSE(read_cache(*vault, CacheKind::needs));
      const Needed again = needed(*vault);
      EXPECT_EQ(again.keys, truth.keys);
      EXPECT_EQ(again.nodes_read, truth.nodes_read);
    }
  }
  EXPECT_EQ(needed(*vault).nodes_read, 0u);  // and was made anew
}

TEST_F(MarkTest, a_cache_of_another_vault_or_another_kind_reads_as_nothing) {
  grow(2);
  needed(*vault);
  const auto other = make("/other");
  backup(*other);
  ASSERT_TRUE(env.make_directories("/home/.cache/holdfast/" + other->id().hex()));
  ASSERT_TRUE(env.write_file_atomically("/home/.cache/holdfast/" + other->id().hex() + "/needs", cache_file()));
  EXPECT_FALSE(read_cache(*other, CacheKind::needs));
  EXPECT_GT(needed(*other).nodes_read, 0u);
  ASSERT_TRUE(env.write_file_atomically(directory + "/points", cache_file()));
  EXPECT_FALSE(read_cache(*vault, CacheKind::points));
}

TEST_F(MarkTest, an_old_cache_is_as_good_as_its_age) {
  grow(3);
  needed(*vault);
  const Buffer old = cache_file();
  grow(4);
  needed(*vault);
  ASSERT_TRUE(env.write_file_atomically(directory + "/needs", old));
  const Needed again = needed(*vault);
  EXPECT_GT(again.nodes_read, 0u);
  EXPECT_EQ(again.keys, without_cache().keys);
}

TEST_F(MarkTest, it_works_where_no_cache_can_be_kept) {
  env.put_file("/home/.cache/holdfast", "not a directory");
  grow(2);
  const Needed first = needed(*vault);
  EXPECT_EQ(needed(*vault).nodes_read, first.nodes_read);
  vault->keep_cache_in("");
  EXPECT_EQ(needed(*vault).keys, first.keys);
}

TEST_F(MarkTest, a_walk_that_fails_teaches_nothing) {
  grow(3);
  const PointList list = *vault->points();
  const auto index = *Index::load(*vault);
  std::vector<const RecoveryPoint*> points;
  for (const RecoveryPoint& p : list.points) points.push_back(&p);
  TreeMarker marker(1);
  ClaimSet live;
  for (std::uint64_t n = 1;; ++n) {
    env.clear_faults();
    env.fail_nth(n, EIO, Failure::once, {.below = "/vault/packs", .calls = Calls::reads});
    if (marker.mark(*vault, *index, points, Marker::Scope::every_point, live, progress)) break;
    ASSERT_LT(n, 1000u);
  }
  env.clear_faults();
  EXPECT_EQ(needed(*vault).keys, without_cache().keys);
}

TEST_F(MarkTest, nothing_to_do_is_found_without_opening_anything_until_something_changes) {
  grow(4);
  const auto run = [&](const PruneOptions& options = {}) {
    TreeMarker marker(1);
    const auto done = prune(*vault, options, marker, progress);
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : PruneReport();
  };
  const PruneReport first = run();
  ASSERT_EQ(first.bytes_before, first.bytes_after);
  ASSERT_EQ(first.packs_dead, 0u);
  env.fail_nth(1, EIO, Failure::from_then_on, {.below = "/vault", .calls = Calls::changes});  // not even a lease
  const PruneReport again = run();
  EXPECT_EQ(again.packs, first.packs);
  EXPECT_EQ(again.chunks_live, first.chunks_live);
  env.clear_faults();
  const PointList list = *vault->points();
  ASSERT_TRUE(forget(*vault, list.points[0].id, {.grace_seconds = 1000, .reason = ""}));
  EXPECT_EQ(run().points_waiting, 1u);
  env.advance(2'000LL * 1'000'000'000);
  EXPECT_EQ(run().points_removed, 1u);
  run();
  const PruneReport rest = run();
  EXPECT_EQ(rest.bytes_before, rest.bytes_after);
  PruneOptions strict;
  strict.unused_percent_max = 0;
  EXPECT_GE(run(strict).packs_repacked, rest.bytes_unused > 0 ? 1u : 0u);
}

TEST_F(MarkTest, signatures_that_held_are_not_checked_again_and_a_point_that_changed_is) {
  grow(40);
  EXPECT_EQ(vault->points()->points.size(), 40u);
  EXPECT_TRUE(read_cache(*vault, CacheKind::points));
  EXPECT_EQ(vault->points()->points.size(), 40u);
  // Another point under a name that is known: its signature holds, and it is found out by its name.
  const PointList list = *vault->points();
  const Buffer other = *vault->store().get({ObjectKind::point, list.points[1].id.hex()}, 1u << 20);
  ASSERT_TRUE(env.write_file_atomically("/vault/points/" + list.points[0].id.hex(), other));
  const PointList again = *vault->points();
  EXPECT_EQ(again.points.size(), 39u);
  EXPECT_EQ(again.damaged.size(), 1u);
}

}  // namespace
}  // namespace hf
