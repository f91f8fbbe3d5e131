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
    o.favour_newest = PruneOptions::kTurnedShare;
    o.jobs = 3;
    return o;
  }
  PruneReport favour() { return run(favouring()); }
  DeltaFigures deltas() { return *delta_figures(*vault, **Index::load(*vault)); }
  /// On how many segments one stands at most, itself and at all depths.
  struct Width {
    std::size_t direct = 0, all = 0;
  };
  Width widest() {
    const auto index = *Index::load(*vault);
    SegmentOpener opener(*vault);
    using Place = std::pair<PackId, std::uint32_t>;
    std::map<Place, std::set<Place>> below;
    for (const IndexedPack& p : index->packs())
      EXPECT_TRUE(for_each_delta(*vault, opener, p.id, [&](const SegmentInfo& s) -> Status {
        for (const ChunkId& id : s.bases) {
          const auto at = *index->find(id);
          below[{p.id, s.offset}].insert({at->pack, at->offset});
        }
        return {};
      }));
    Width most;
    for (const auto& [segment, direct] : below) {
      std::set<Place> all;
      std::vector<Place> open{segment};
      while (!open.empty()) {
        const Place at = open.back();
        open.pop_back();
        if (const auto more = below.find(at); more != below.end())
          for (const Place& b : more->second)
            if (all.insert(b).second) open.push_back(b);
      }
      most.direct = std::max(most.direct, direct.size());
      most.all = std::max(most.all, all.size());
    }
    return most;
  }
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
  PruneOptions by_one = favouring();
  by_one.jobs = 1;
  const auto told = rehearse_prune(*vault, by_one, marker, progress);
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

/// Machines that began as copies of one another: to lay each of them alone would take much more than it gives.
TEST_F(TurningTest, what_many_began_with_stays_as_it_is) {
  std::vector<std::string> copies(6, noise(100'000, 3));
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < copies.size(); ++i) env.put_file("/source/copy" + std::to_string(i), copies[i]);
    made.push_back(backup());
    for (std::size_t i = 0; i < copies.size(); ++i)
      for (unsigned at = 0; at < 100'000; at += 1'000) copies[i].replace(at, 20, noise(20, static_cast<unsigned>(i) * 1'000'000 + at + 1));
  }
  EXPECT_GT(deltas().bytes_plain, 500'000u);
  const PruneReport r = favour();
  EXPECT_LT(r.bytes_after, r.bytes_before * 5 / 4);
  all_points_are_whole();
}

/// How many segments must be open for one grows with the number of places that its bases came to lie in, at each level.
TEST_F(TurningTest, what_was_moved_about_does_not_come_to_stand_on_everything) {
  constexpr unsigned kFiles = 441, kRow = 21;
  std::vector<std::string> files;
  for (unsigned i = 0; i < kFiles; ++i) files.push_back(noise(29'000, i + 1));
  const auto write = [&] {
    for (unsigned i = 0; i < kFiles; ++i) env.put_file("/source/" + std::to_string(1'000 + i), files[i]);
    made.push_back(backup());
  };
  write();
  std::uint64_t turned = 0;
  for (unsigned round = 0; round < 3; ++round) {
    std::vector<std::string> moved(kFiles);
    for (unsigned i = 0; i < kFiles; ++i) moved[i % kRow * kRow + i / kRow] = std::move(files[i]);
    files = std::move(moved);
    write();
    for (unsigned i = 0; i < kFiles; ++i) files[i].replace(100 * (round + 1), 16, noise(16, 1'000 * round + i + 1));
    write();
    PruneOptions all = favouring();
    all.favour_newest = 0;
    const PruneReport r = run(all);
    turned += r.deltas_turned;
    EXPECT_LT(r.bytes_after, r.bytes_before * 3 / 2);
    EXPECT_LE(widest().direct, TurnGroup::kOntoSegmentsMax);
    EXPECT_LE(widest().all, 40u);
    EXPECT_LT(deltas().depth_max, kBaseDepthMax);
  }
  EXPECT_GT(turned, 0u);
  all_points_are_whole();
}

/// Old deltas stand on what the newest point needs as well, and has in another order: that stays where it lies together.
TEST_F(TurningTest, what_deltas_stand_on_together_is_not_laid_apart) {
  constexpr unsigned kFiles = 441;
  std::vector<std::string> first, files;
  for (unsigned i = 0; i < kFiles; ++i) first.push_back(noise(29'000, i + 1));
  files = first;
  const auto write = [&] {
    for (unsigned i = 0; i < kFiles; ++i) env.put_file("/source/" + std::to_string(1'000 + i), files[i]);
    made.push_back(backup());
  };
  const auto change = [&](unsigned from, unsigned step, unsigned salt) {
    for (unsigned i = from; i < kFiles; i += step)
      for (unsigned at = 0; at < 29'000; at += 1'000) files[i].replace(at + salt, 16, noise(16, 100'000 * salt + 100 * i + at / 1'000));
  };
  write();
  change(0, 1, 1);
  write();
  for (unsigned i = 0; i < kFiles; i += 2) files[i] = first[i];
  change(1, 2, 2);
  write();
  for (unsigned i = 0; i < kFiles; i += 2) files[i] = first[i * 97 % 442 / 2 * 2];
  write();
  const PruneReport r = favour();
  EXPECT_GT(r.deltas_turned, 0u);
  EXPECT_LE(widest().direct, TurnGroup::kOntoSegmentsMax + 3);
  all_points_are_whole();
}

/// Packs that were away while edges were turned several times come back, and what is in them is not too deep.
TEST_F(TurningTest, what_comes_back_can_be_opened) {
  versions(5);
  env.put_file("/source/other", content);  // goes its own way from here
  std::string other = content;
  made.push_back(backup());
  std::map<ObjectName, Buffer> away;
  const auto packs_before = (*Index::load(*vault))->packs();
  for (int round = 0; round < 6; ++round) {
    for (int i = 0; i < 3; ++i) {
      for (unsigned at = 0; at < 300'000; at += 1'000) other.replace(at + 40 * static_cast<unsigned>(i), 20, noise(20, at + static_cast<unsigned>(100 * round + i)));
      env.put_file("/source/other", other);
      made.push_back(backup());
    }
    if (round == 0)
      for (const IndexedPack& p : packs_before)
        if (const ObjectName name{ObjectKind::pack, p.id.hex()}; p.pack_class == PackClass::data && away.size() < packs_before.size() / 2) {
          away[name] = *vault->store().get(name, 64u << 20);
          ASSERT_TRUE(vault->store().remove(name));
        }
    TreeMarker marker(1);
    const auto done = prune(*vault, favouring(), marker, progress);
    EXPECT_TRUE(done) << done.error().message;
  }
  for (const auto& [name, bytes] : away) ASSERT_TRUE(vault->store().put(name, bytes));
  all_points_are_whole();
  for (int i = 0; i < 3; ++i) favour();
  all_points_are_whole();
  EXPECT_LT(deltas().depth_max, kBaseDepthMax);
}

/// A vault that can't be written to is not told as a file that can't be read, whatever is being laid.
TEST_F(TurningTest, what_fails_is_told_by_its_own_name) {
  content = noise(6'000'000, 1);
  for (unsigned round = 0; round < 2; ++round) {
    for (std::size_t at = 0; at < content.size(); at += 1'000) content.replace(at + 100 * round, 20, noise(20, static_cast<unsigned>(at + round + 1)));
    env.put_file("/source/changes", content);
    made.push_back(backup());
  }
  PruneOptions by_one = favouring();
  by_one.jobs = 1;  // so that each segment is written while the content is visited
  for (std::uint64_t n = 1; n <= 40; ++n) {
    env.fail_nth(n, ENOSPC, Failure::from_then_on, {.below = "/vault/tmp", .calls = Calls::changes});
    TreeMarker marker(1);
    const auto done = prune(*vault, by_one, marker, progress);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().message.find("changes: "), std::string::npos) << done.error().message;
    env.crash(Survive::everything);
    vault = *Vault::open(env, *open_local_store(env, "/vault"), kSecret);
  }
  all_points_are_whole();
}

/// The program is killed at each of its changes; what it leaves is whole, and the next one goes on.
TEST_F(TurningTest, killed_at_any_step_it_loses_nothing) {
  struct World final : TurningTest {
    void TestBody() override {}
  };
  World undisturbed;
  undisturbed.versions(6);
  undisturbed.favour();
  const std::uint64_t bytes = undisturbed.run().bytes_after;
  unsigned twice = 0;
  for (std::uint64_t n = 1;; ++n) {
    World w;
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
    twice += w.run().bytes_after > bytes * 5 / 4 ? 1U : 0U;
    if (HasFailure() || !struck) break;
  }
  // Between the run that tells of the copies and the record that gives up the old packs, both stay: nothing tells them from what
  // two writers stored. Else all of the space comes back.
  EXPECT_LT(twice, 8u);
}

}  // namespace
}  // namespace hf
