// Prune over whole backups: what is removed, what stays, and what it says.

#include "vault/prune.hpp"

#include "point/prune_world.hpp"
#include "vault/bases.hpp"
#include "vault/rebuild.hpp"

namespace hf {
namespace {

using PruneTest = PruneWorld;

TEST_F(PruneTest, what_no_point_needs_is_given_back) {
  env.put_file("/source/stays", noise(200'000, 1));
  env.put_file("/source/goes", noise(400'000, 2));
  const PointId first = backup();
  env.put_file("/source/goes", "small");
  backup();
  all_points_are_whole();
  const PruneReport nothing = run();
  EXPECT_EQ(nothing.packs_removed, 0u);
  forget_now(first);
  const PruneReport r = run();
  EXPECT_EQ(r.points_removed, 1u);
  EXPECT_GT(r.packs_removed, 0u);
  EXPECT_LT(r.bytes_after + 350'000, r.bytes_before);
  EXPECT_EQ(r.packs_waiting, 0u);
  all_points_are_whole();
  EXPECT_EQ(vault->points()->points.size(), 1u);
  EXPECT_TRUE((*tombstones(*vault)).empty());
  const PruneReport again = run();
  EXPECT_EQ(again.packs_removed, 0u);
  EXPECT_EQ(again.bytes_before, again.bytes_after);
}

TEST_F(PruneTest, a_rehearsal_is_exact_to_the_byte_and_changes_nothing) {
  for (unsigned i = 0; i < 30; ++i) env.put_file("/source/" + std::to_string(i), noise(20'000, i));
  const PointId first = backup();
  for (unsigned i = 0; i < 30; i += 2) env.put_file("/source/" + std::to_string(i), noise(20'000, 100 + i));
  backup();
  forget_now(first);
  TreeMarker marker(1);
  const auto told = rehearse_prune(*vault, prune_options(), marker, progress);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(vault->points()->forgotten.size(), 1u);
  const PruneReport done = run();
  EXPECT_GT(done.packs_repacked, 0u);
  EXPECT_EQ(told->bytes_before, done.bytes_before);
  EXPECT_EQ(told->bytes_after, done.bytes_after);
  EXPECT_EQ(told->bytes_written, done.bytes_written);
  EXPECT_EQ(told->packs_removed, done.packs_removed);
  all_points_are_whole();
}

TEST_F(PruneTest, grace_keeps_a_point_and_undelete_brings_it_back) {
  env.put_file("/source/a", noise(100'000, 1));
  const PointId first = backup();
  env.put_file("/source/a", noise(100'000, 2));
  backup();
  ASSERT_TRUE(forget(*vault, first, {.grace_seconds = 3 * 24 * 3600, .reason = ""}));
  PruneReport r = run();
  EXPECT_EQ(r.points_waiting, 1u);
  EXPECT_EQ(r.packs_removed, 0u);
  ASSERT_TRUE(undelete(*vault, first));
  all_points_are_whole();
  ASSERT_TRUE(forget(*vault, first, {.grace_seconds = 3 * 24 * 3600, .reason = ""}));
  env.advance(4 * kDay);
  r = run();
  EXPECT_EQ(r.points_removed, 1u);
  EXPECT_EQ(undelete(*vault, first).error().code, Code::not_found);
  all_points_are_whole();
}

TEST_F(PruneTest, a_clock_that_jumps_by_years_removes_nothing_early) {
  env.put_file("/source/a", noise(100'000, 1));
  const PointId first = backup();
  env.put_file("/source/a", noise(100'000, 2));
  backup();
  ASSERT_TRUE(forget(*vault, first, {.grace_seconds = 30 * 24 * 3600, .reason = ""}));
  env.jump_wall(1000 * kDay);
  for (int i = 0; i < 3; ++i) {
    const PruneReport r = run();
    EXPECT_EQ(r.points_removed, 0u);
    EXPECT_GT(r.clock_doubt_ns, 900 * kDay);
  }
  env.jump_wall(-1000 * kDay);
  EXPECT_EQ(run().points_removed, 0u);
  ASSERT_TRUE(undelete(*vault, first));
  all_points_are_whole();
}

TEST_F(PruneTest, a_held_point_survives_forgetting_and_grace) {
  const PointId first = forgotten_version();
  Hold h;
  h.points = {first};
  h.reason = "audit";
  const std::string name = *add_hold(*vault, h);
  EXPECT_EQ(run().points_removed, 0u);
  all_points_are_whole();
  ASSERT_TRUE(release_hold(*vault, name));
  EXPECT_EQ(run().points_removed, 1u);
}

TEST_F(PruneTest, a_session_that_runs_keeps_what_it_builds_on) {
  env.put_file("/source/a", noise(200'000, 1));
  const PointId first = backup();
  env.put_file("/source/a", "gone");
  const PointId second = backup();
  // A session begins, and finds the old content in the vault.
  auto s = *WriteSession::begin(*vault, {.compression_level = 1, .pack_bytes = 64 * 1024});
  const RecoveryPoint old = *vault->point(first.hex());
  forget_now(first);
  PruneReport r = run();
  EXPECT_EQ(r.points_removed, 1u);
  EXPECT_EQ(r.packs_removed, 0u);
  EXPECT_GT(r.packs_waiting, 0u);
  ASSERT_EQ(r.waits_for.size(), 1u);
  RecoveryPoint p;
  p.root = old.root;  // refers to what the forgotten point had
  const auto committed = s->commit(p);
  ASSERT_TRUE(committed) << committed.error().message;
  r = run();
  EXPECT_GT(r.packs_restored, 0u);
  all_points_are_whole();
  forget_now(p.id);
  forget_now(second);
  r = run();
  EXPECT_EQ(r.points_removed, 2u);
  EXPECT_EQ(r.packs_waiting, 0u);
  all_points_are_whole();
}

TEST_F(PruneTest, a_session_that_begins_after_the_retirement_stores_anew) {
  const std::string content = noise(200'000, 1);
  env.put_file("/source/a", content);
  const PointId first = backup();
  env.put_file("/source/a", "gone");
  backup();
  auto blocker = *WriteSession::begin(*vault);  // keeps the packs from being removed
  forget_now(first);
  EXPECT_GT(run().packs_waiting, 0u);
  env.put_file("/source/a", content);
  backup();  // must not rely on what is retired
  ASSERT_TRUE(blocker->suspend());
  const PruneReport r = run();
  EXPECT_GT(r.packs_removed, 0u);
  all_points_are_whole();
}

TEST_F(PruneTest, a_dead_session_is_fenced_and_waited_for_no_longer) {
  env.put_file("/source/a", noise(200'000, 1));
  const PointId first = backup();
  env.put_file("/source/a", "gone");
  backup();
  auto stalled = *WriteSession::begin(*vault);
  forget_now(first);
  env.advance(4 * kDay);
  const PruneReport r = run();
  EXPECT_EQ(r.sessions_fenced, 1u);
  EXPECT_GT(r.packs_removed, 0u);
  RecoveryPoint p;
  p.root.name = "root";
  p.root.stat.type = FileType::directory;
  p.root.directory = *stalled->add_metadata(encode_leaf({}));
  EXPECT_EQ(stalled->commit(p).error().code, Code::conflict);
  all_points_are_whole();
}

TEST_F(PruneTest, a_rebuild_after_a_prune_brings_no_dead_point_back) {
  env.put_file("/source/a", noise(200'000, 1));
  const PointId first = backup();
  env.put_file("/source/a", noise(50'000, 2));
  backup();
  forget_now(first);
  run();
  RebuildReport report;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  EXPECT_EQ(report.points_restored, 0u);
  EXPECT_EQ(vault->points()->points.size(), 1u);
  ASSERT_TRUE(vault->store().remove({ObjectKind::point, vault->points()->points[0].id.hex()}));
  ASSERT_TRUE(rebuild(*vault, report, progress));  // the living one has its copy still
  EXPECT_EQ(report.points_restored, 1u);
  all_points_are_whole();
}

/// A rebuild may have read a copy of the point before its pack went, and puts it back.
TEST_F(PruneTest, a_verdict_stays_as_long_as_somebody_may_bring_the_point_back) {
  const PointId old = forgotten_version();
  PointId rebuild;
  rebuild.bytes.fill(7);
  auto lease = HeldLease::begin(*vault, rebuild);
  ASSERT_TRUE(lease);
  for (int i = 0; i < 3; ++i) {
    run();
    EXPECT_TRUE(reaped_points(*vault)->contains(old));
  }
  ASSERT_TRUE(lease->end());
  for (int i = 0; i < 2; ++i) run();
  EXPECT_FALSE(reaped_points(*vault)->contains(old));
}

TEST_F(PruneTest, many_small_packs_become_few) {
  for (unsigned i = 0; i < 40; ++i) {
    env.put_file("/source/" + std::to_string(i), noise(3'000, i));
    backup();
  }
  const std::uint64_t before = packs();
  const PruneReport r = run();
  EXPECT_LT(packs() * 4, before);
  EXPECT_LT(r.bytes_after, r.bytes_before);
  all_points_are_whole();
  EXPECT_EQ(run().packs_repacked, 0u);
}

TEST_F(PruneTest, max_repack_bounds_what_is_copied) {
  std::vector<PointId> made;
  for (unsigned round = 0; round < 4; ++round) {
    for (unsigned i = 0; i < 16; ++i) env.put_file("/source/" + std::to_string(16 * round + i), noise(16'000, 16 * round + i));
    made.push_back(backup());
  }
  for (unsigned i = 0; i < 64; i += 2) env.put_file("/source/" + std::to_string(i), "gone");
  backup();
  for (const PointId& p : made) forget_now(p);
  PruneOptions o = prune_options();
  o.repack_bytes_max = 300'000;
  PruneReport r = run(o);
  EXPECT_LE(r.bytes_repacked, 300'000u);
  EXPECT_GT(r.bytes_repacked, 0u);
  EXPECT_GT(r.bytes_unused, 200'000u);
  all_points_are_whole();
  r = run();
  EXPECT_GT(r.bytes_repacked, 600'000u);
  EXPECT_LT(r.bytes_unused, 50'000u);
  all_points_are_whole();
}

TEST_F(PruneTest, two_prunes_in_turns_never_keep_what_the_other_one_retires) {
  for (unsigned i = 0; i < 8; ++i) {  // the same content twice, by two sessions at once
    env.put_file("/source/" + std::to_string(i), noise(30'000, i));
  }
  backup();
  auto blocker = *WriteSession::begin(*vault);
  env.put_file("/source/new", noise(50'000, 99));
  backup();
  for (int i = 0; i < 3; ++i) run();
  ASSERT_TRUE(blocker->suspend());
  for (int i = 0; i < 2; ++i) run();
  EXPECT_EQ(run().packs_waiting, 0u);
  all_points_are_whole();
}

TEST_F(PruneTest, proven_packs_are_compressed_anew_once) {
  std::string text;
  for (unsigned i = 0, x = 1; i < 100'000; ++i) {
    x = x * 1664525 + 1013904223;
    text += "word" + std::to_string((x >> 16) % 3000) + ((x >> 8) % 9 == 0 ? "\n" : " ");
  }
  env.put_file("/source/text", text);
  backup();
  PruneOptions again = prune_options();
  again.recompress_level = 15;
  EXPECT_EQ(run(again).packs_recompressed, 0u);  // not read back yet
  Proof proof;
  proof.time_ns = env.wall_ns();
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { proof.packs.push_back(*PackId::parse(name)); }));
  const auto prove = [&] {
    const Buffer object = vault->seal(SealedKind::proof, encode_proof(proof));
    ASSERT_TRUE(vault->store().put({ObjectKind::proof, to_hex(content_name(object))}, object));
  };
  prove();
  const PruneReport r = run(again);
  EXPECT_GT(r.packs_recompressed, 0u);
  EXPECT_LT(r.bytes_after, r.bytes_before);
  all_points_are_whole();
  proof.packs.clear();
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { proof.packs.push_back(*PackId::parse(name)); }));
  prove();
  EXPECT_EQ(run(again).packs_recompressed, 0u);  // nothing more to gain
  all_points_are_whole();
}

/// What an independent full is for: every older pack may be lost, and it is whole.
TEST_F(PruneTest, an_independent_point_shares_no_chunk_and_prune_leaves_it_so) {
  env.put_file("/source/a", noise(300'000, 1));
  env.put_file("/source/b", noise(100'000, 2));
  const PointId first = backup();
  CaptureOptions apart = options();
  apart.kind = [](const PointList&) -> Result<KindChoice> { return KindChoice{PointKind::full, true}; };
  env.advance(kDay);
  const auto done = capture(*vault, apart, progress, silent);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(done->point.independent());
  EXPECT_GT(done->point.bytes_new, 400'000u);
  env.put_file("/source/b", noise(100'000, 3));
  const PointId follower = backup();
  EXPECT_EQ(vault->point(follower.hex())->domain, done->point.id);
  EXPECT_LT(vault->point(follower.hex())->bytes_new, 150'000u);

  // Much is repacked, and still each of the two has its own copy.
  EXPECT_EQ(fewest_places(done->point), 2u);
  forget_now(follower);
  PruneOptions all = prune_options();
  all.unused_percent_max = 0;
  for (int i = 0; i < 3; ++i) {
    run(all);
    EXPECT_EQ(fewest_places(done->point), 2u) << i;
  }
  all_points_are_whole();
  EXPECT_EQ(fewest_places(done->point), 2u);

  // When the older generation is forgotten, one copy is enough.
  const std::uint64_t before = run().bytes_after;
  forget_now(first);
  run();
  EXPECT_LT(run().bytes_after + 350'000, before);
  all_points_are_whole();
}

/// Runs that are lost: the next backup takes over packs that no run tells of. What only the copies in them tell of, or is there
/// for the second time, since an independent point wanted it so, is not for a prune to remove.
struct LostIndexTest : PruneTest {
  std::set<std::string> runs() {
    std::set<std::string> out;
    EXPECT_TRUE(vault->store().list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { out.emplace(name); }));
    return out;
  }
  void lose_index(const std::set<std::string>& but_for = {}) {
    for (const std::string& name : runs())
      if (!but_for.contains(name)) {
        ASSERT_TRUE(vault->store().remove({ObjectKind::index, name}));
      }
  }
  PointId backup_of(unsigned version) {
    env.put_file("/source/a", noise(100'000, version));
    return backup();
  }
};

TEST_F(LostIndexTest, copies_of_points_stay) {
  std::vector<PointId> made;
  for (unsigned i = 0; i < 3; ++i) made.push_back(backup_of(i));
  lose_index();
  made.push_back(backup_of(3));
  EXPECT_EQ(run().packs_removed, 0u);
  for (const PointId& p : made) ASSERT_TRUE(vault->store().remove({ObjectKind::point, p.hex()}));
  RebuildReport report;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  EXPECT_EQ(report.points_restored, made.size());
  all_points_are_whole();
}

TEST_F(LostIndexTest, the_second_place_of_an_independent_point_stays) {
  backup_of(0);
  const std::set<std::string> before = runs();
  CaptureOptions apart = options();
  apart.kind = [](const PointList&) -> Result<KindChoice> { return KindChoice{PointKind::full, true}; };
  env.advance(kDay);
  const auto done = capture(*vault, apart, progress, silent);
  ASSERT_TRUE(done) << done.error().message;
  lose_index(before);
  env.put_file("/source/b", noise(1'000, 7));
  backup();
  EXPECT_EQ(fewest_places(done->point), 2u);
  for (int i = 0; i < 2; ++i) run();
  EXPECT_EQ(fewest_places(done->point), 2u);
}

TEST_F(LostIndexTest, a_removed_point_stays_removed_where_a_pack_that_no_run_tells_of_has_a_copy_of_it) {
  std::vector<PointId> made;
  std::vector<std::set<std::string>> packs_then;
  const auto packs_now = [&] {
    std::set<std::string> out;
    EXPECT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) {
      if (bytes > 50'000) out.emplace(name);
    }));
    return out;
  };
  for (unsigned i = 0; i < 3; ++i) {
    made.push_back(backup_of(i));
    packs_then.push_back(packs_now());
  }
  lose_index();
  env.put_file("/source/b", noise(1'000, 7));
  backup();
  for (const std::string& name : packs_then[1])  // what the second point needs is lost, so that nothing unknown is removed
    if (!packs_then[0].contains(name)) {
      ASSERT_TRUE(vault->store().remove({ObjectKind::pack, name}));
    }
  forget_now(made[0]);
  for (int i = 0; i < 3; ++i) run();
  RebuildReport report;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  EXPECT_EQ(report.points_restored, 0u);
  run();
}

TEST_F(PruneTest, an_independent_point_survives_the_loss_of_every_older_pack) {
  env.put_file("/source/a", noise(300'000, 1));
  backup();
  std::vector<std::string> older;
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { older.emplace_back(name); }));
  CaptureOptions apart = options();
  apart.kind = [](const PointList&) -> Result<KindChoice> { return KindChoice{PointKind::full, true}; };
  env.advance(kDay);
  const PointId second = capture(*vault, apart, progress, silent)->point.id;
  for (int i = 0; i < 40; ++i) backup();  // so that index runs are merged
  for (const std::string& name : older) ASSERT_TRUE(vault->store().remove({ObjectKind::pack, name}));
  const auto index = *Index::load(*vault);
  ChunkReader chunks(*vault, *index);
  std::uint64_t bytes = 0;
  const auto walked = walk_tree(chunks, vault->point(second.hex())->root, [&](const std::string&, const Entry& e) -> Result<Walk> {
    for (const ChunkRef& ref : e.content.refs) bytes += HF_TRY(chunks.read(ref.id)).bytes.size();
    return Walk::descend;
  });
  EXPECT_TRUE(walked) << walked.error().message;
  EXPECT_EQ(bytes, 300'000u);
}

TEST_F(PruneTest, a_damaged_point_stops_it_before_anything_is_removed) {
  env.put_file("/source/a", noise(100'000, 1));
  const PointId first = backup();
  backup();
  forget_now(first);
  ASSERT_TRUE(vault->store().put({ObjectKind::point, std::string(32, 'a')}, as_bytes("no point")));
  const std::uint64_t before = packs();
  TreeMarker marker(1);
  const auto done = prune(*vault, prune_options(), marker, progress);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::corrupt);
  EXPECT_EQ(packs(), before);
}

// A restore had loaded the index when a prune copied what it needed into another pack and removed the old one: it failed
// for a point that was never forgotten.
TEST_F(PruneTest, who_reads_finds_what_a_prune_has_moved) {
  env.put_file("/source/stays", noise(30'000, 1));
  env.put_file("/source/goes", noise(30'000, 2));
  const PointId first = backup();
  env.put_file("/source/goes", "small");
  const PointId second = backup();
  const auto old_index = *Index::load(*vault);
  ChunkReader chunks(*vault, *old_index, 1);
  const RecoveryPoint point = *vault->point(second.hex());
  const auto read_all = [&]() -> Status {
    return walk_tree(chunks, point.root, [&](const std::string&, const Entry& e) -> Result<Walk> {
      if (e.is_regular()) HF_TRY(for_each_chunk(chunks, e, [&](const ChunkRef& ref, std::uint64_t) -> Status {
        HF_TRY(chunks.read(ref.id));
        return {};
      }));
      return Walk::descend;
    });
  };
  forget_now(first);
  PruneOptions all = prune_options();
  all.unused_percent_max = 0;
  EXPECT_GT(run(all).packs_repacked, 0u);
  auto read = read_all();
  EXPECT_TRUE(read) << read.error().message;
  // Once more: what it found then is moved, too.
  env.put_file("/source/goes", noise(40'000, 3));
  const PointId third = backup();
  env.put_file("/source/goes", "small again");
  backup();
  forget_now(third);
  EXPECT_GT(run(all).packs_removed, 0u);
  read = read_all();
  EXPECT_TRUE(read) << read.error().message;
  // What is lost is told as lost, by the pack that it lay in.
  std::vector<std::string> names;
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  for (const std::string& name : names) ASSERT_TRUE(vault->store().remove({ObjectKind::pack, name}));
  const auto index = *Index::load(*vault);
  ChunkReader fresh(*vault, *index);
  const auto lost = fresh.read(point.root.directory->id);
  ASSERT_FALSE(lost);
  EXPECT_NE(lost.error().message.find("is missing"), std::string::npos) << lost.error().message;
}

// A version of a file was stored as what differs from the one before. Both were forgotten, the older one's pack was removed;
// the newer one's pack stayed, for what else was in it, and with it the entry in the index. Then the file became what it
// had been: the backup found its content in the index, stored nothing, and the point could not be read.
TEST_F(PruneTest, what_the_index_tells_of_can_be_read_also_where_no_point_needs_it) {
  std::string version = noise(30'000, 1);
  env.put_file("/source/changes", version);
  const PointId first = backup();
  version[15'000] ^= 1;
  env.put_file("/source/changes", version);
  env.put_file("/source/stays", noise(50'000, 2));
  const PointId second = backup();
  const auto deltas = [&] { return delta_figures(*vault, **Index::load(*vault))->segments; };
  EXPECT_GT(deltas(), 0u);
  env.put_file("/source/changes", noise(30'000, 3));
  backup();
  forget_now(first);
  forget_now(second);
  PruneOptions leave = prune_options();
  leave.unused_percent_max = 100;
  EXPECT_EQ(run(leave).packs_repacked, 0u);
  run(leave);
  EXPECT_GT(deltas(), 0u) << "nothing is tried here";
  env.put_file("/source/changes", version);
  backup();
  all_points_are_whole();
}

}  // namespace
}  // namespace hf
