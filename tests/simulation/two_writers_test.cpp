// Two backups into one vault at once, their steps taken in turns; one of them dies, and what it stored is there or not.

#include <gtest/gtest.h>

#include "vault/chunk_reader.hpp"
#include "vault/write_session.hpp"
#include "world.hpp"

namespace hf::simulation {
namespace {

struct TwoWriters : testing::Test {
  World w{1};
  std::unique_ptr<Vault> a, b;  // two programs
  void SetUp() override {
    w.begin(1);
    a = *w.open();
    b = *w.open();
  }
  static Buffer chunk(std::uint64_t seed) {
    Random random(seed);
    const std::string text = some_content(random, 3000);
    return Buffer(text.begin(), text.end());
  }
  static ChunkId id(Vault& v, std::uint64_t seed) { return v.keys().chunk_hash().id(chunk(seed)); }
  static bool add(ChunkWriter& writer, Vault& v, std::uint64_t seed) { return *writer.add(id(v, seed), chunk(seed)); }
  /// A point with one file that holds these chunks.
  static Status commit(WriteSession& s, Vault& v, const std::vector<std::uint64_t>& seeds) {
    Entry file;
    file.name = "file";
    file.stat.type = FileType::regular;
    for (const std::uint64_t seed : seeds) {
      file.content.refs.push_back({id(v, seed), 3000});
      file.stat.size += 3000;
    }
    RecoveryPoint p;
    p.root.name = "root";
    p.root.stat.type = FileType::directory;
    p.root.directory = HF_TRY(s.add_metadata(encode_leaf({file})));
    return s.commit(p);
  }
  bool readable(std::uint64_t seed) {
    const auto v = *w.open();
    const auto index = *Index::load(*v);
    ChunkReader reader(*v, *index);
    const auto read = reader.read(id(*v, seed));
    const Buffer whole = chunk(seed);
    return read && std::equal(whole.begin(), whole.end(), read->bytes.begin(), read->bytes.end());
  }
  /// Every chunk that some point names is there.
  bool all_points_whole() {
    const auto v = *w.open();
    const auto index = *Index::load(*v);
    ChunkReader reader(*v, *index);
    const PointList list = *v->points();
    for (const RecoveryPoint& p : list.points)
      if (!tree_in_vault(reader, p.root)) return false;
    return true;
  }
};

TEST_F(TwoWriters, both_store_what_neither_has_and_both_points_are_whole) {
  const auto sa = *WriteSession::begin(*a), sb = *WriteSession::begin(*b);
  const auto wa = sa->data_writer(), wb = sb->data_writer();
  EXPECT_TRUE(add(*wa, *a, 1));
  EXPECT_TRUE(add(*wb, *b, 1));  // the other's is not durable: never trusted
  EXPECT_TRUE(add(*wa, *a, 2));
  ASSERT_TRUE(wa->finish());
  ASSERT_TRUE(commit(*sa, *a, {1, 2}));
  ASSERT_TRUE(wb->finish());
  ASSERT_TRUE(commit(*sb, *b, {1}));
  w.env.crash(Survive::nothing);
  EXPECT_TRUE(all_points_whole());
}

// The named history: two clients commit at once, one of whose chunks vanish. B begins while A's packs are on their way
// at each of A's steps; A's program is killed there; B commits a point with the same chunks; then the power fails.
TEST_F(TwoWriters, what_a_writer_that_dies_leaves_at_any_step_is_durable_before_the_other_relies_on_it) {
  for (std::uint64_t n = 1;; ++n) {
    w.env.sync_all();
    w.env.crash();
    a = *w.open();
    auto sa = *WriteSession::begin(*a);
    auto wa = sa->data_writer();
    const std::uint64_t first = n * 100;
    for (std::uint64_t i = 0; i < 10; ++i) add(*wa, *a, first + i);
    const auto before = w.env.faults_struck();
    w.env.fail_nth(n, EIO, Failure::from_then_on, {.below = kVault, .calls = Calls::changes});
    const bool done = wa->finish() && commit(*sa, *a, {first, first + 5});
    const bool struck = w.env.faults_struck() > before;
    wa.reset();
    sa.reset();
    w.env.clear_faults();
    b = *w.open();
    {
      const auto sb = *WriteSession::begin(*b);
      const auto wb = sb->data_writer();
      for (std::uint64_t i = 0; i < 10; ++i) add(*wb, *b, first + i);
      ASSERT_TRUE(wb->finish());
      ASSERT_TRUE(commit(*sb, *b, {first, first + 9}));
    }
    w.env.crash(Survive::nothing);
    for (std::uint64_t i = 0; i < 10; ++i) ASSERT_TRUE(readable(first + i)) << "killed at change " << n << ", chunk " << i;
    ASSERT_TRUE(all_points_whole()) << "killed at change " << n;
    if (!struck) {
      EXPECT_TRUE(done);
      break;
    }
  }
}

TEST_F(TwoWriters, a_session_with_a_writer_that_failed_or_was_not_finished_commits_nothing) {
  auto s = *WriteSession::begin(*a);
  auto writer = s->data_writer();
  add(*writer, *a, 1);
  EXPECT_FALSE(commit(*s, *a, {1}));  // not finished

  s = *WriteSession::begin(*a);
  writer = s->data_writer();
  add(*writer, *a, 2);
  w.env.fail_nth(1, ENOSPC, Failure::once, {.below = "/vault/packs", .calls = Calls::changes});
  EXPECT_FALSE(writer->finish());
  EXPECT_FALSE(commit(*s, *a, {2}));
  EXPECT_EQ(a->points()->points.size(), 1u);
}

TEST_F(TwoWriters, a_lease_goes_with_its_session_or_is_found_with_its_point) {
  const auto leases = [&] { return w.env.paths_below("/vault/leases").size(); };
  {
    auto s = *WriteSession::begin(*a);
    EXPECT_EQ(leases(), 1u);
    // The lease can't be removed: the commit is done all the same.
    w.env.fail_nth(1, EIO, Failure::once, {.below = "/vault/leases", .calls = Calls::changes});
    ASSERT_TRUE(commit(*s, *a, {}));
    EXPECT_EQ(leases(), 1u);
  }
  auto dead = *WriteSession::begin(*a);  // removes that one
  EXPECT_EQ(leases(), 1u);
  dead.reset();
  auto next = *WriteSession::begin(*b);
  EXPECT_EQ(leases(), 2u);
  ASSERT_TRUE(commit(*next, *b, {}));
  EXPECT_EQ(leases(), 1u);  // the dead one's: its point may come yet, for all that we know
}

}  // namespace
}  // namespace hf::simulation
