// Write-only keys: what one can do, what it can't, and what it could try.

#include "point/prune_world.hpp"
#include "vault/rebuild.hpp"
#include "vault/rotate.hpp"
#include "vault/run_builder.hpp"
#include "vault/stock.hpp"

namespace hf {
namespace {

const Buffer kLaptopFile(64, 7), kTabletFile(64, 8);
const Secret kLaptop{SlotKind::key_file, kLaptopFile}, kTablet{SlotKind::key_file, kTabletFile};

struct WriterTest : PruneWorld {
  SlotId laptop = *vault->add_writer(kLaptop, "laptop");

  std::unique_ptr<Vault> open(const Secret& secret) {
    auto opened = Vault::open(env, *open_local_store(env, "/vault"), secret);
    EXPECT_TRUE(opened) << opened.error().message;
    return opened ? std::move(*opened) : nullptr;
  }
  std::set<PackId> packs_of(const WriterId& writer) {
    std::set<PackId> out;
    EXPECT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) {
      const PackId id = *PackId::parse(name);
      if (*maker_of(*vault, id) == writer) out.insert(id);
    }));
    return out;
  }
  static std::string file_of(const PackId& id) { return "/vault/packs/" + id.hex().substr(0, 2) + "/" + id.hex(); }
  /// Those that hold more than copies of small objects.
  std::set<PackId> packs_with_chunks(const WriterId& writer) {
    std::set<PackId> out;
    const auto index = (*Index::load(*vault))->only(writer);
    for (const IndexedPack& p : index->packs())
      if (p.chunk_count > 0) out.insert(p.id);
    return out;
  }
  /// An index run as the laptop could write it, whatever is true.
  void put_run(const Vault& liar, const std::vector<IndexedPack>& packs, std::vector<IndexEntry> entries, const std::vector<RunId>& supersedes = {}) {
    std::sort(entries.begin(), entries.end(), [](const IndexEntry& a, const IndexEntry& b) { return a.key < b.key; });
    std::size_t at = 0;
    ASSERT_TRUE(write_index_run(
        liar, packs, entries.size(), [&]() -> Result<std::optional<IndexEntry>> { return at < entries.size() ? std::optional(entries[at++]) : std::nullopt; }, supersedes));
  }
};

TEST_F(WriterTest, it_makes_points_and_sees_its_own_alone) {
  env.put_file("/source/file", noise(100'000, 1));
  const PointId theirs = backup();
  const auto writer = open(kLaptop);
  EXPECT_EQ(writer->writer(), WriterId::from(laptop.view()));
  EXPECT_TRUE(writer->points()->points.empty());
  EXPECT_EQ(writer->point(theirs.hex()).error().code, Code::not_found);
  EXPECT_TRUE((*Index::load(*writer))->packs().empty());

  env.put_file("/source/own", noise(50'000, 2));
  const RecoveryPoint own = backup_with(*writer);
  EXPECT_GT(own.bytes_new, 150'000u) << "nothing is taken from what others stored";
  EXPECT_FALSE(own.parent);
  const PointList seen = *writer->points();
  ASSERT_EQ(seen.points.size(), 1u);
  EXPECT_TRUE(seen.damaged.empty());
  all_points_are_whole(*writer);
  // The next one builds on it.
  const RecoveryPoint next = backup_with(*writer);
  EXPECT_EQ(next.parent, own.id);
  EXPECT_EQ(next.bytes_new, 0u);

  // Who holds the vault's keys sees all, and who made it.
  const PointList all = *vault->points();
  ASSERT_EQ(all.points.size(), 3u);
  EXPECT_TRUE(all.points[0].writer.is_zero());
  EXPECT_EQ(all.points[1].writer, writer->writer());
  all_points_are_whole();
  // And builds on nothing that a write-only key made.
  const RecoveryPoint ours = backup_with(*vault);
  EXPECT_EQ(ours.parent, theirs);
  EXPECT_GE(ours.bytes_new, 50'000u);
}

TEST_F(WriterTest, two_of_them_see_nothing_of_each_other) {
  ASSERT_TRUE(vault->add_writer(kTablet, "tablet"));
  env.put_file("/source/file", noise(100'000, 1));
  const auto one = open(kLaptop), two = open(kTablet);
  backup_with(*one);
  EXPECT_TRUE(two->points()->points.empty());
  EXPECT_GT(backup_with(*two).bytes_new, 100'000u);
  EXPECT_EQ(one->points()->points.size(), 1u);
  EXPECT_EQ(vault->points()->points.size(), 2u);
  all_points_are_whole();
}

TEST_F(WriterTest, what_is_not_for_it_is_refused) {
  env.put_file("/source/file", noise(10'000, 1));
  const PointId theirs = backup();
  const auto writer = open(kLaptop);
  const PointId own = backup_with(*writer).id;
  TreeMarker marker(1);
  RebuildReport rebuilt;
  for (const PointId& id : {theirs, own}) {
    EXPECT_EQ(forget(*writer, id, {}).error().code, Code::refused);
    EXPECT_EQ(undelete(*writer, id).error().code, Code::refused);
    EXPECT_EQ(add_hold(*writer, Hold{{id}, 0, 0, "test", "test"}).error().code, Code::refused);
  }
  EXPECT_EQ(prune(*writer, prune_options(), marker, progress).error().code, Code::refused);
  EXPECT_EQ(rebuild(*writer, rebuilt, progress).error().code, Code::refused);
  EXPECT_EQ(rotate_keys(*writer).error().code, Code::refused);
  EXPECT_EQ(writer->add_key(kTablet, "more").error().code, Code::refused);
  EXPECT_EQ(writer->add_writer(kTablet, "more").error().code, Code::refused);
  EXPECT_EQ(writer->remove_key(laptop).error().code, Code::refused);
  EXPECT_EQ(writer->key_slots().error().code, Code::refused);
  EXPECT_EQ(*writer->test_key(kLaptop), laptop);
  EXPECT_EQ(*vault->test_key(kLaptop), laptop);
}

TEST_F(WriterTest, it_is_no_way_in) {
  // The last key that opens all can't be removed for its sake; it can.
  EXPECT_EQ(vault->remove_key(vault->opened_by()).error().code, Code::refused);
  ASSERT_TRUE(vault->remove_key(laptop));
  EXPECT_EQ(Vault::open(env, *open_local_store(env, "/vault"), kLaptop).error().code, Code::wrong_secret);
}

TEST_F(WriterTest, what_it_seals_as_something_else_is_not_believed) {
  env.put_file("/source/file", noise(10'000, 1));
  const PointId theirs = backup();
  const auto writer = open(kLaptop);
  backup_with(*writer);
  const auto sealed_as = [&](SealedKind kind, const WriterId& as, ByteView plain) {
    FrameHeader h = writer->new_frame(kind);
    std::copy(as.bytes.begin(), as.bytes.end(), h.salt.begin());
    return seal_object(h, vault->id(), *writer->keys().object_key(h), plain);
  };
  // A tombstone of its own making forgets nothing, and is told.
  const Buffer tombstone = sealed_as(SealedKind::tombstone, writer->writer(), encode_tombstone({theirs, 0, 0, "lie"}));
  EXPECT_EQ(vault->open_sealed(SealedKind::tombstone, tombstone).error().code, Code::refused);
  for (SealedKind kind : {SealedKind::hold, SealedKind::proof, SealedKind::tombstone, SealedKind::slot_label, SealedKind::parameters, SealedKind::cache})
    EXPECT_EQ(vault->open_sealed(kind, sealed_as(kind, writer->writer(), as_bytes("lie"))).error().code, Code::refused);
  // What all read it can seal, and not sign.
  EpochRecord record;
  record.number = 1;
  Buffer forged = encode_epoch(record);
  EXPECT_EQ(vault->open_sealed(SealedKind::epoch, sealed_as(SealedKind::epoch, kSharedWriter, forged)).error().code, Code::corrupt);
  append(forged, sign(writer->keys().signing_seed(), forged));
  EXPECT_EQ(vault->open_sealed(SealedKind::epoch, sealed_as(SealedKind::epoch, kSharedWriter, forged)).error().code, Code::corrupt);
  EXPECT_EQ(vault->open_sealed(SealedKind::epoch, sealed_as(SealedKind::epoch, writer->writer(), forged)).error().code, Code::refused);
  EXPECT_EQ(vault->open_sealed(SealedKind::point, sealed_as(SealedKind::point, kSharedWriter, forged)).error().code, Code::refused);
  // A decision that was made is read by both.
  EpochRecord decided;
  ASSERT_TRUE(*decide(*vault, {}, decided));
  EXPECT_EQ(newest_epoch(*writer)->number, 1u);
  EXPECT_EQ(newest_epoch(*vault)->number, 1u);
}

TEST_F(WriterTest, a_prune_keeps_each_writers_chunks_where_it_finds_them) {
  env.put_file("/source/shared", noise(200'000, 1));
  env.put_file("/source/goes", noise(300'000, 2));
  const PointId theirs = backup();
  const auto writer = open(kLaptop);
  const PointId first = backup_with(*writer).id;
  ASSERT_EQ(env.sys_unlinkat(Env::kCwd, "/source/goes", false), 0);
  backup_with(*writer);

  // The other's point goes: its packs do, and the writer's stay.
  forget_now(theirs);
  const std::set<PackId> own = packs_with_chunks(writer->writer());
  run();
  EXPECT_TRUE(packs_with_chunks({}).empty());
  EXPECT_EQ(packs_with_chunks(writer->writer()), own);
  all_points_are_whole(*writer);

  // The writer's first point goes: what is left is copied, still as the writer's.
  EXPECT_EQ(forget(*writer, first, {}).error().code, Code::refused);
  forget_now(first);
  const PruneReport r = run();
  EXPECT_GT(r.packs_removed, 0u);
  EXPECT_NE(packs_with_chunks(writer->writer()), own);
  EXPECT_FALSE(packs_with_chunks(writer->writer()).empty());
  EXPECT_TRUE(packs_with_chunks({}).empty());
  all_points_are_whole(*writer);
  all_points_are_whole();
  EXPECT_EQ(backup_with(*writer).bytes_new, 0u) << "it finds its chunks";
  const PruneReport again = run();
  EXPECT_EQ(again.packs_removed, 0u);
}

TEST_F(WriterTest, what_its_points_need_is_kept_wherever_it_lies) {
  env.put_file("/source/file", noise(200'000, 1));
  const auto writer = open(kLaptop);
  backup_with(*writer);
  // As a salvage leaves it: the same chunks in packs of the vault's own, and none of the writer's.
  const PointId ours = backup();
  const auto own = (*Index::load(*vault))->only(writer->writer());
  std::unordered_set<PackId> lost;
  for (const IndexedPack& p : own->packs()) lost.insert(p.id);
  ASSERT_TRUE(own->drop_packs(lost));
  for (const PackId& id : lost) ASSERT_TRUE(vault->store().remove({ObjectKind::pack, id.hex()}));
  forget_now(ours);
  env.put_file("/source/file", noise(50'000, 2));
  backup();
  for (int i = 0; i < 3; ++i) run();
  all_points_are_whole();
  EXPECT_EQ(vault->points()->points.size(), 2u);
}

TEST_F(WriterTest, a_pack_with_a_copied_directory_is_not_taken_over) {
  env.put_file("/source/file", noise(100'000, 1));
  const RecoveryPoint point = backup_with(*vault);
  std::optional<PackId> real;
  for (const PackId& id : packs_with_chunks({})) {
    const Buffer raw = *vault->store().get({ObjectKind::pack, id.hex()}, 1u << 30);
    if (PackHeader::decode(raw)->pack_class == PackClass::data) real = id;
  }
  const Buffer whole = *vault->store().get({ObjectKind::pack, real->hex()}, 1u << 30);
  const PackTrailer trailer = *PackTrailer::decode(ByteView(whole).last(PackTrailer::kBytes));
  const ByteView directory = ByteView(whole).subspan(trailer.directory_offset, trailer.directory_stored_bytes);
  // Header and directory of the real one, with nothing between, and with noise between; under names that any prune prefers.
  for (const bool padded : {false, true}) {
    Buffer forged(whole.begin(), whole.begin() + PackHeader::kBytes);
    if (padded) forged.resize(trailer.directory_offset, 7);
    PackTrailer end = trailer;
    end.directory_offset = forged.size();
    append(forged, directory);
    append(forged, end.encode());
    const PackId name = PackId::from(Buffer(32, padded ? 1 : 0));
    ASSERT_TRUE(vault->store().put({ObjectKind::pack, name.hex()}, forged));
  }
  env.put_file("/source/other", noise(1'000, 2));
  backup();
  for (const IndexedPack& p : (*Index::load(*vault))->packs()) EXPECT_GT(p.id, PackId::from(Buffer(32, 1)));
  run();
  all_points_are_whole();
  RebuildReport report;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  for (int i = 0; i < 2; ++i) run();
  all_points_are_whole();
}

TEST_F(WriterTest, damage_in_the_header_of_its_packs_makes_none_of_them_needless) {
  env.put_file("/source/file", noise(100'000, 1));
  const auto writer = open(kLaptop);
  backup_with(*writer);
  for (const PackId& id : packs_with_chunks(writer->writer())) {
    const std::string path = file_of(id);
    std::string raw = *env.get_file(path);
    raw[60] = static_cast<char>(raw[60] ^ 1);
    env.put_file(path, raw);
  }
  env.put_file("/source/more", noise(10'000, 2));
  const PointId gone = backup();
  forget_now(gone);
  for (int i = 0; i < 3; ++i) run();
  all_points_are_whole();
}

TEST_F(WriterTest, the_only_copy_that_is_left_is_kept_whoever_made_it) {
  env.put_file("/source/file", noise(100'000, 1));
  const auto writer = open(kLaptop);
  for (const bool ours_lost : {true, false}) {
    const PointId ours = backup();
    const PointId theirs = backup_with(*writer).id;
    // Found damaged: what is read back is the other's.
    Proof proof;
    proof.time_ns = env.wall_ns();
    for (const PackId& id : packs_with_chunks(ours_lost ? WriterId() : writer->writer())) {
      const std::string path = file_of(id);
      std::string raw = *env.get_file(path);
      if (PackHeader::decode(as_bytes(raw))->pack_class == PackClass::metadata) continue;
      for (std::size_t at = 150; at < raw.size(); at += 1000) raw[at] = static_cast<char>(raw[at] ^ 1);
      env.put_file(path, raw);
      proof.damaged.push_back(id);
    }
    ASSERT_TRUE(vault->store().put({ObjectKind::proof, std::string(64, ours_lost ? 'a' : 'b')}, vault->seal(SealedKind::proof, encode_proof(proof))));
    all_points_are_whole();
    SCOPED_TRACE(ours_lost ? "ours is lost" : "theirs is lost");
    forget_now(ours_lost ? theirs : ours);
    for (int i = 0; i < 3; ++i) {
      SCOPED_TRACE(i);
      run();
      all_points_are_whole();
    }
    EXPECT_GE(vault->points()->points.size(), 1u);
    // The other way round, anew.
    const PointList list = *vault->points();
    for (const RecoveryPoint& p : list.points) forget_now(p.id);
    run();
    env.put_file("/source/file", noise(100'000, ours_lost ? 5 : 6));
  }
}

TEST_F(WriterTest, a_store_that_removes_nothing_for_it_stops_no_backup) {
  struct NoRemoval final : ObjectStore {
    explicit NoRemoval(std::unique_ptr<ObjectStore> b) : base(std::move(b)) {}
    std::unique_ptr<ObjectStore> base;
    Result<std::unique_ptr<Upload>> create(ObjectKind kind) override { return base->create(kind); }
    Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override { return base->open(name); }
    Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override { return base->list(kind, visit); }
    Status remove(const ObjectName&) override { return Error(Code::permission, "Operation not permitted"); }
    Status settle(std::span<const ObjectName> names) override { return base->settle(names); }
    StoreTraits traits() const override { return base->traits(); }
    std::string place() const override { return base->place(); }
  };
  auto opened = Vault::open(env, std::make_unique<NoRemoval>(*open_local_store(env, "/vault")), kLaptop);
  ASSERT_TRUE(opened);
  for (unsigned i = 0; i < 40; ++i) {
    env.put_file("/source/file", noise(5'000, i));
    backup_with(**opened);
  }
  all_points_are_whole(**opened);
  EXPECT_LE((*Index::load(**opened))->runs().size(), 17u);
  std::size_t leases = 0;
  const auto count = [&] {
    leases = 0;
    EXPECT_TRUE(vault->store().list(ObjectKind::lease, [&](std::string_view, std::uint64_t) { ++leases; }));
  };
  count();
  EXPECT_EQ(leases, 40u);
  run();
  count();
  EXPECT_EQ(leases, 0u) << "who may remove does";
}

TEST_F(WriterTest, latest_is_the_newest_of_who_asks) {
  env.put_file("/source/file", noise(1'000, 1));
  const PointId ours = backup();
  const auto writer = open(kLaptop);
  env.advance(kDay);
  const PointId theirs = backup_with(*writer).id;
  EXPECT_EQ(vault->find_point("latest")->id, ours);
  EXPECT_EQ(vault->find_point(theirs.hex())->id, theirs);
  EXPECT_EQ(writer->find_point("latest")->id, theirs);
  EXPECT_EQ(writer->find_point(ours.hex()).error().code, Code::not_found);
  forget_now(ours);
  EXPECT_EQ(vault->find_point("latest")->id, theirs);
}

TEST_F(WriterTest, what_a_verify_found_damaged_is_stored_again) {
  env.put_file("/source/file", noise(50'000, 1));
  const auto writer = open(kLaptop);
  backup_with(*writer);
  env.put_file("/source/copy", noise(50'000, 1));
  EXPECT_LT(backup_with(*writer).bytes_new, 10'000u);
  Proof proof;
  proof.time_ns = env.wall_ns();
  for (const PackId& id : packs_with_chunks(writer->writer())) proof.damaged.push_back(id);
  ASSERT_TRUE(vault->store().put({ObjectKind::proof, std::string(64, 'a')}, vault->seal(SealedKind::proof, encode_proof(proof))));
  env.put_file("/source/third", noise(50'000, 1));
  EXPECT_GE(backup_with(*writer).bytes_new, 50'000u);
}

TEST_F(WriterTest, a_session_that_died_is_taken_over_by_the_next_of_the_same_key) {
  const auto writer = open(kLaptop);
  const Buffer chunk(5000, 3);
  const ChunkId id = vault->keys().chunk_hash().id(chunk);
  {
    auto s = *WriteSession::begin(*writer);
    auto w = s->data_writer();
    ASSERT_TRUE(*w->add(id, chunk));
    ASSERT_TRUE(w->finish());
  }
  EXPECT_TRUE(*(*WriteSession::begin(*vault))->claim(id)) << "what others left is not relied on";
  EXPECT_FALSE(*(*WriteSession::begin(*writer))->claim(id));
}

TEST_F(WriterTest, a_run_that_lies_deceives_no_backup_and_no_prune) {
  env.put_file("/source/file", noise(300'000, 1));
  backup();
  const auto writer = open(kLaptop);
  backup_with(*writer);
  const std::set<PackId> ours = packs_with_chunks({});
  const auto all = *Index::load(*vault);
  std::vector<IndexedPack> our_packs, their_packs;
  for (const IndexedPack& p : all->packs()) (ours.contains(p.id) ? our_packs : their_packs).push_back(p);
  std::vector<RunId> our_runs;
  for (const auto& run : all->runs())
    if (run->writer().is_zero()) our_runs.push_back(*RunId::parse(run->name()));

  // What it knows that we are about to store is said to be stored already; our packs to be its own, without need; our runs
  // to be superseded.
  const std::string coming = noise(40'000, 9);
  std::vector<IndexEntry> lies;
  {
    env.put_file("/elsewhere/coming", coming);
    CaptureOptions o = options();
    o.paths = {"/elsewhere"};
    ASSERT_TRUE(capture(*writer, o, progress, silent));
    for (const auto& run : (*Index::load(*writer))->runs())
      ASSERT_TRUE(run->for_each([&](const IndexEntry& e) -> Status {
        lies.push_back(e);
        lies.back().pack = 0;
        lies.back().offset = 64;
        return {};
      }));
  }
  put_run(*writer, their_packs, lies);
  put_run(*writer, our_packs, {});
  put_run(*writer, their_packs, {}, our_runs);

  env.put_file("/source/coming", coming);
  const RecoveryPoint next = backup_with(*vault);
  EXPECT_GE(next.bytes_new, coming.size());
  // What its lies do to its own points is its own loss; while they are there, what they name is kept.
  const PointList before = *vault->points();
  for (const RecoveryPoint& p : before.points)
    if (!p.writer.is_zero()) forget_now(p.id);
  run();
  run();
  for (const PackId& id : ours) EXPECT_TRUE(packs_of({}).contains(id)) << id.hex();
  const auto index = *Index::load(*vault);
  ChunkReader chunks(*vault, *index);
  const PointList list = *vault->points();
  for (const RecoveryPoint& p : list.points)
    if (p.writer.is_zero()) {
      ASSERT_TRUE(walk_tree(chunks, p.root, [&](const std::string&, const Entry& e) -> Result<Walk> {
        if (e.is_regular()) HF_TRY(for_each_chunk(chunks, e, [&](const ChunkRef& ref, std::uint64_t) -> Status { return chunks.read(ref.id) ? Status() : Status(Error(Code::corrupt, "lost")); }));
        return Walk::descend;
      }));
    }
}

TEST_F(WriterTest, a_rotation_reaches_it) {
  env.put_file("/source/file", noise(30'000, 1));
  backup_with(*open(kLaptop));
  ASSERT_TRUE(rotate_keys(*vault));
  vault = open(kSecret);
  const auto writer = open(kLaptop);
  EXPECT_EQ(writer->keys().current_epoch(), 2u);
  EXPECT_TRUE(writer->keys_problem().empty());
  env.put_file("/source/file", noise(30'000, 2));
  backup_with(*writer);
  all_points_are_whole(*writer);
  all_points_are_whole();
  EXPECT_EQ(writer->points()->points.size(), 2u);
  // One that was made after it knows its own epoch, and needs no other.
  ASSERT_TRUE(vault->add_writer(kTablet, "tablet"));
  backup_with(*open(kTablet));
  ASSERT_TRUE(rotate_keys(*vault, {.drop = {laptop}}));
  vault = open(kSecret);
  EXPECT_EQ(open(kTablet)->keys().current_epoch(), 3u);
  backup_with(*open(kTablet));
  all_points_are_whole();
  EXPECT_EQ(Vault::open(env, *open_local_store(env, "/vault"), kLaptop).error().code, Code::wrong_secret);
}

TEST_F(WriterTest, a_rebuild_gives_each_its_index_back) {
  env.put_file("/source/file", noise(100'000, 1));
  backup();
  const auto writer = open(kLaptop);
  const RecoveryPoint own = backup_with(*writer);
  std::vector<ObjectName> gone;
  for (ObjectKind kind : {ObjectKind::index, ObjectKind::point})
    ASSERT_TRUE(vault->store().list(kind, [&](std::string_view name, std::uint64_t) { gone.push_back({kind, std::string(name)}); }));
  for (const ObjectName& name : gone) ASSERT_TRUE(vault->store().remove(name));
  RebuildReport report;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  EXPECT_EQ(report.points_restored, 2u);
  EXPECT_TRUE(report.problems.empty());
  all_points_are_whole();
  all_points_are_whole(*writer);
  const RecoveryPoint next = backup_with(*writer);
  EXPECT_EQ(next.bytes_new, 0u);
  EXPECT_EQ(next.parent, own.id);
}

TEST_F(WriterTest, many_small_backups_are_merged_by_each_for_itself) {
  const auto writer = open(kLaptop);
  for (unsigned i = 0; i < 40; ++i) {
    env.put_file("/source/file", noise(5'000, i));
    backup_with(i % 2 == 0 ? *vault : *writer);
  }
  std::map<WriterId, std::size_t> runs;
  for (const auto& run : (*Index::load(*vault))->runs()) ++runs[run->writer()];
  EXPECT_EQ(runs.size(), 2u);
  for (const auto& [w, n] : runs) EXPECT_LE(n, 17u);
  all_points_are_whole();
  all_points_are_whole(*writer);
}

}  // namespace
}  // namespace hf
