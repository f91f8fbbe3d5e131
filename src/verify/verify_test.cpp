#include "verify/verify.hpp"

#include "point/mark.hpp"
#include "verify/verify_fixture.hpp"

namespace hf {
namespace {

using namespace verify_test;

struct VerifyTest : VaultFixture {
  RecoveryPoint first, second;

  /// letters/{a,b} and photos/c; then b changed and photos stayed.
  void SetUp() override {
    first = backup([](TreeWriter& t) {
      const Entry letters = t.directory("letters", {t.file("a", {noise(200, 1)}), t.file("b", {noise(150, 2), noise(150, 3)})});
      return t.directory("root", {letters, t.directory("photos", {t.file("c", {noise(300, 4)})})});
    });
    second = backup([](TreeWriter& t) {
      const Entry letters = t.directory("letters", {t.file("a", {noise(200, 1)}), t.file("b", {noise(150, 2), noise(100, 5)})});
      return t.directory("root", {letters, t.directory("photos", {t.file("c", {noise(300, 4)})})});
    });
  }
  Objects objects() { return objects_of(vault->store()); }
  ObjectName pack_of(const Buffer& chunk) {
    const auto index = *Index::load(*vault);
    const auto place = *index->find(vault->keys().chunk_hash().id(chunk));
    return {ObjectKind::pack, place->pack.hex()};
  }
};

TEST_F(VerifyTest, a_whole_vault_is_sound_at_every_depth) {
  for (VerifyDepth depth : {VerifyDepth::structure, VerifyDepth::ciphertext, VerifyDepth::full}) {
    const VerifyReport r = check({.depth = depth});
    EXPECT_TRUE(r.sound()) << r.damage[0].message;
    EXPECT_EQ(r.damage_count, 0u);
    EXPECT_TRUE(r.trees_checked);
    EXPECT_EQ(r.points, 2u);
    EXPECT_TRUE(r.notes.empty()) << r.notes[0];
  }
  EXPECT_TRUE(verify_ciphertext(vault->store(), 1, progress)->sound());
  const VerifyReport r = check();
  EXPECT_EQ(r.chunks_read, r.index_entries);
  EXPECT_EQ(r.packs_read, r.packs);
}

TEST_F(VerifyTest, several_workers_find_the_same_as_one) {
  Objects damaged = objects();
  damaged[pack_of(noise(300, 4))][100] ^= 1;
  const VerifyReport one = check(**open(damaged)), four = check(**open(damaged), {.jobs = 4});
  EXPECT_EQ(one.damage_count, four.damage_count);
  EXPECT_EQ(one.affected_count, four.affected_count);
  EXPECT_EQ(one.chunks_read, four.chunks_read);
}

TEST_F(VerifyTest, damage_is_named_with_its_bytes_files_and_points) {
  Objects damaged = objects();
  damaged[pack_of(noise(100, 5))][PackHeader::kBytes + FrameHeader::kBytes + 20] ^= 0x10;  // b, as the second point has it
  const VerifyReport r = check(**open(damaged));
  ASSERT_EQ(r.damage.size(), 1u);
  const Damage& d = r.damage[0];
  EXPECT_EQ(d.kind, DamageKind::damaged_pack);
  EXPECT_EQ(d.offset, PackHeader::kBytes);
  EXPECT_GT(d.bytes, 100u);
  EXPECT_EQ(d.chunks, 1u);
  EXPECT_EQ(d.files, 1u);
  EXPECT_EQ(d.points, 1u);
  ASSERT_EQ(r.affected.size(), 1u);
  EXPECT_EQ(r.affected[0].path, "/home/letters/b");
  EXPECT_EQ(r.affected[0].bytes_lost, 100u);
  ASSERT_EQ(r.affected_points.size(), 1u);
  EXPECT_EQ(r.affected_points[0].id, second.id);
  EXPECT_FALSE(r.sound());
}

TEST_F(VerifyTest, a_missing_pack_is_named_even_by_structure_alone) {
  Objects damaged = objects();
  const ObjectName gone = pack_of(noise(300, 4));
  damaged.erase(gone);
  for (VerifyDepth depth : {VerifyDepth::structure, VerifyDepth::full}) {
    const VerifyReport r = check(**open(damaged), {.depth = depth});
    EXPECT_TRUE(names(r, gone));
    EXPECT_EQ(r.damage[0].kind, DamageKind::missing_pack);
    EXPECT_EQ(r.affected_count, 3u);  // a, b and c: all of the first point's data lay there
    EXPECT_EQ(r.affected_points.size(), 2u);
  }
}

TEST_F(VerifyTest, a_pack_cut_short_is_seen_by_its_size) {
  Objects damaged = objects();
  const ObjectName cut = pack_of(noise(300, 4));
  damaged[cut].resize(damaged[cut].size() - 40);
  EXPECT_TRUE(names(check(**open(damaged), {.depth = VerifyDepth::structure}), cut));
  const VerifyReport r = check(**open(damaged));
  EXPECT_TRUE(names(r, cut));
  EXPECT_EQ(r.affected_count, 0u);  // directory and trailer are cut; every segment still opens
}

TEST_F(VerifyTest, a_directory_that_is_lost_takes_what_is_below_it) {
  const ObjectName pack{ObjectKind::pack, [&] {
    const auto index = *Index::load(*vault);
    return (*index->find(second.root.directory->id))->pack.hex();
  }()};
  Objects damaged = objects();
  damaged.erase(pack);
  const VerifyReport r = check(**open(damaged));
  ASSERT_FALSE(r.affected.empty());
  EXPECT_TRUE(r.affected[0].directory);
  EXPECT_EQ(r.affected[0].path, "/home");
}

TEST_F(VerifyTest, what_was_stored_again_elsewhere_is_no_loss) {
  Objects damaged = objects();
  const ObjectName gone = pack_of(noise(300, 4));
  damaged.erase(gone);
  reopen(damaged);
  backup([](TreeWriter& t) {
    const Entry letters = t.directory("letters", {t.file("a", {noise(200, 1)}), t.file("b", {noise(150, 2), noise(150, 3)})});
    return t.directory("root", {letters, t.directory("photos", {t.file("c", {noise(300, 4)})})});
  });
  const VerifyReport r = check();
  EXPECT_TRUE(r.sound());
  ASSERT_EQ(r.damage.size(), 1u);
  EXPECT_TRUE(r.damage[0].healed);
  EXPECT_EQ(r.affected_count, 0u);
}

TEST_F(VerifyTest, without_an_index_it_says_rebuild) {
  Objects damaged = objects();
  std::erase_if(damaged, [](const auto& o) { return o.first.kind == ObjectKind::index; });
  const VerifyReport r = check(**open(damaged));
  EXPECT_FALSE(r.sound());
  ASSERT_FALSE(r.damage.empty());
  EXPECT_EQ(r.damage[0].kind, DamageKind::missing_chunk);
  EXPECT_NE(r.damage[0].hint.find("rebuild"), std::string::npos);
}

TEST_F(VerifyTest, an_index_that_tells_wrong_places_is_found_out) {
  Objects damaged = objects();
  const auto index = *Index::load(*vault);
  const auto run = index->runs()[0];
  std::vector<IndexEntry> entries;
  ASSERT_TRUE(run->for_each([&](const IndexEntry& e) -> Status {
    entries.push_back(e);
    return {};
  }));
  std::swap(entries[0].chunk, entries[1].chunk);
  entries[0].offset += 1;
  std::size_t at = 0;
  ASSERT_TRUE(write_index_run(*vault, run->table().packs, entries.size(), [&]() -> Result<std::optional<IndexEntry>> {
    return at < entries.size() ? std::optional(entries[at++]) : std::nullopt;
  }));
  ASSERT_TRUE(vault->store().remove({ObjectKind::index, run->name()}));
  const VerifyReport r = check();
  ASSERT_FALSE(r.sound());
  EXPECT_TRUE(std::any_of(r.damage.begin(), r.damage.end(), [](const Damage& d) { return d.kind == DamageKind::damaged_index; }));
}

TEST_F(VerifyTest, packs_in_no_run_are_harmless_and_told) {
  Objects more = objects();
  {
    auto session = *WriteSession::begin(*vault);
    auto writer = session->data_writer();
    const Buffer chunk = noise(500, 77);
    ASSERT_TRUE(writer->add(vault->keys().chunk_hash().id(chunk), chunk));
    ASSERT_TRUE(writer->finish());
  }
  const VerifyReport r = check();
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.orphan_packs, 1u);
  EXPECT_EQ(r.notes.size(), 1u);
}

TEST_F(VerifyTest, a_pack_in_no_run_that_was_found_damaged_is_not_built_on) {
  const Buffer chunk = noise(500, 77);
  const ChunkId id = vault->keys().chunk_hash().id(chunk);
  const Objects before = objects();
  {
    auto session = *WriteSession::begin(*vault);
    auto writer = session->data_writer();
    ASSERT_TRUE(writer->add(id, chunk));
    ASSERT_TRUE(writer->finish());
  }
  Objects damaged = objects();
  for (auto& [name, bytes] : damaged)
    if (name.kind == ObjectKind::pack && !before.contains(name)) bytes[PackHeader::kBytes + FrameHeader::kBytes + 20] ^= 1;
  reopen(damaged);
  EXPECT_TRUE(check().sound());
  EXPECT_EQ(proven_points(*vault)->size(), 2u);
  EXPECT_TRUE(*(*WriteSession::begin(*vault))->claim(id));
}

TEST_F(VerifyTest, lists_of_chunks_of_large_files_are_followed) {
  const RecoveryPoint large = backup([&](TreeWriter& t) {
    std::vector<ChunkRef> refs;
    for (std::uint64_t i = 0; i < 40; ++i) refs.push_back(t.chunk(noise(100, 1000 + i)));
    Entry e = t.file("disk.img", {});
    e.stat.size = 4000;
    e.content.level = 1;
    const std::span<const ChunkRef> all(refs);
    for (std::size_t i = 0; i < 40; i += 20) e.content.refs.push_back(*t.session.add_metadata(encode_ref_list({all.begin() + static_cast<std::ptrdiff_t>(i), all.begin() + static_cast<std::ptrdiff_t>(i) + 20})));
    return t.directory("root", {e});
  });
  EXPECT_TRUE(check().sound());
  Objects damaged = objects();
  damaged.erase(pack_of(noise(100, 1005)));
  const VerifyReport r = check(**open(damaged));
  ASSERT_EQ(r.affected.size(), 1u);
  EXPECT_EQ(r.affected[0].path, "/home/disk.img");
  EXPECT_EQ(r.affected[0].bytes_lost, 4000u);
}

TEST_F(VerifyTest, a_sample_takes_what_was_read_longest_ago) {
  const VerifyReport some = check({.sample_percent = 10});
  EXPECT_TRUE(some.sound());
  EXPECT_LT(some.packs_read, some.packs);
  EXPECT_EQ(some.oldest_proof_ns, 0);
  std::size_t runs = 1;
  while (proven_packs(*vault)->size() < some.packs && runs < 100) {
    EXPECT_TRUE(check({.sample_percent = 10}).sound());
    ++runs;
  }
  EXPECT_LE(runs, some.packs);  // none twice before all were once
  EXPECT_NE(check({.sample_percent = 10}).oldest_proof_ns, 0);
}

TEST_F(VerifyTest, points_are_proven_once_all_was_read_and_what_is_made_later_is_not) {
  EXPECT_TRUE(proven_points(*vault)->empty());
  check({.depth = VerifyDepth::structure});
  EXPECT_TRUE(proven_points(*vault)->empty());
  while (proven_packs(*vault)->size() < check({.sample_percent = 10}).packs) {
  }
  const auto proven = *proven_points(*vault);
  EXPECT_EQ(proven.size(), vault->points()->points.size());
  const PointId later = backup([](TreeWriter& t) { return t.directory("root", {t.file("later", {noise(200, 9)})}); }).id;
  EXPECT_EQ(*proven_points(*vault), proven);
  check();
  EXPECT_TRUE(proven_points(*vault)->contains(later));
}

TEST_F(VerifyTest, damage_takes_the_proof_from_the_points_that_it_hits_alone) {
  std::set<std::string> before;
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { before.emplace(name); }));
  const PointId later = backup([](TreeWriter& t) { return t.directory("root", {t.file("later", {noise(200, 9)})}); }).id;
  std::vector<std::string> added;
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) {
    if (!before.contains(std::string(name))) added.emplace_back(name);
  }));
  check();
  EXPECT_EQ(proven_points(*vault)->size(), vault->points()->points.size());
  for (const std::string& name : added) ASSERT_TRUE(vault->store().remove({ObjectKind::pack, name}));
  check();
  EXPECT_TRUE(proven_points(*vault)->contains(second.id));
  EXPECT_FALSE(proven_points(*vault)->contains(later));
}

TEST_F(VerifyTest, proofs_stay_few) {
  for (int i = 0; i < 100; ++i) check({.sample_percent = 1});
  std::size_t proofs = 0;
  ASSERT_TRUE(vault->store().list(ObjectKind::proof, [&](std::string_view, std::uint64_t) { ++proofs; }));
  EXPECT_LE(proofs, 33u);
  EXPECT_EQ(proven_packs(*vault)->size(), check().packs);
  EXPECT_TRUE(check({.depth = VerifyDepth::structure}).sound());
}

TEST_F(VerifyTest, stops_when_asked_to) {
  progress.stop_requested = true;
  EXPECT_EQ(verify(*vault, {}, progress).error().code, Code::cancelled);
}

// --- every damage of every object: detected, named, never a crash ---

std::size_t stride() { return std::getenv("HOLDFAST_TEST_EXHAUSTIVE") != nullptr ? 1 : 23; }

TEST_F(VerifyTest, every_flipped_bit_of_every_object_is_named) {
  const Objects whole = objects();
  std::size_t flips = 0;
  for (const auto& [name, bytes] : whole) {
    for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += stride()) {
      Objects damaged = whole;
      damaged[name][bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
      ++flips;
      const auto v = open(damaged);
      if (!v) {  // what keeps it from being opened must be the damaged object itself
        ASSERT_TRUE(name.kind == ObjectKind::config || name.kind == ObjectKind::key) << name.text() << " bit " << bit << ": " << v.error().message;
      } else {
        const VerifyReport r = check(**v, {.store_proof = false});
        ASSERT_FALSE(r.sound()) << name.text() << " bit " << bit;
        ASSERT_TRUE(names(r, name)) << name.text() << " bit " << bit << ": " << r.damage[0].object << ": " << r.damage[0].message;
        check(**v, {.depth = VerifyDepth::structure});
      }
      const auto stored = verify_ciphertext(*store_of(damaged), 1, progress);
      ASSERT_TRUE(stored);
      if (name.kind != ObjectKind::point) {
        ASSERT_TRUE(names(*stored, name)) << name.text() << " bit " << bit;
      }
    }
  }
  EXPECT_GT(flips, 1000u);
}

TEST_F(VerifyTest, every_truncation_of_every_object_is_named) {
  const Objects whole = objects();
  for (const auto& [name, bytes] : whole) {
    for (std::size_t size = 0; size < bytes.size(); size += size + 1 + stride() / 3 < bytes.size() ? 1 + stride() / 3 : 1) {
      Objects damaged = whole;
      damaged[name].resize(size);
      const auto v = open(damaged);
      if (!v) {
        ASSERT_TRUE(name.kind == ObjectKind::config || name.kind == ObjectKind::key) << name.text() << " cut to " << size;
        continue;
      }
      const VerifyReport r = check(**v, {.store_proof = false});
      ASSERT_TRUE(!r.sound() && names(r, name)) << name.text() << " cut to " << size;
      check(**v, {.depth = VerifyDepth::structure});
    }
  }
}

TEST_F(VerifyTest, every_missing_object_is_noticed) {
  const Objects whole = objects();
  for (const auto& [name, bytes] : whole) {
    Objects damaged = whole;
    damaged.erase(name);
    const auto v = open(damaged);
    if (!v) continue;
    const VerifyReport r = check(**v, {.store_proof = false});
    // A point or a key slot that is gone leaves no trace: nothing promises that it was there.
    if (name.kind == ObjectKind::point || name.kind == ObjectKind::key) continue;
    EXPECT_FALSE(r.sound()) << name.text();
  }
}

TEST_F(VerifyTest, objects_swapped_for_others_of_their_kind_are_named) {
  const Objects whole = objects();
  for (const auto& [name, bytes] : whole)
    for (const auto& [other, content] : whole) {
      if (other.kind != name.kind || other == name) continue;
      Objects damaged = whole;
      damaged[name] = content;
      const auto v = open(damaged);
      if (!v) continue;
      EXPECT_TRUE(names(check(**v, {.store_proof = false}), name)) << name.text();
    }
}

/// Another store, in which something happens just before the nth look at it.
class Overtaken final : public ObjectStore {
 public:
  Overtaken(ObjectStore& base, int nth, std::function<void()> happens) : base_(base), left_(nth), happens_(std::move(happens)) {}
  Result<std::unique_ptr<Upload>> create(ObjectKind kind) override { return base_.create(kind); }
  Result<std::unique_ptr<ObjectReader>> open(const ObjectName& name) override {
    look(name.kind);
    return base_.open(name);
  }
  Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override {
    look(kind);
    return base_.list(kind, visit);
  }
  Status remove(const ObjectName& name) override { return base_.remove(name); }
  StoreTraits traits() const override { return base_.traits(); }
  std::string place() const override { return base_.place(); }
  bool happened() const { return left_ <= 0; }

 private:
  void look(ObjectKind kind) {
    if (kind != ObjectKind::proof && --left_ == 0) happens_();
  }
  ObjectStore& base_;
  int left_;
  const std::function<void()> happens_;
};

// Packs that a prune had removed, and points whose grace had passed, were told as damage by a verify that had listed them
// before: with exit status 5, in the middle of the night.
TEST_F(VerifyTest, what_a_prune_removes_meanwhile_is_no_damage) {
  const Objects whole = objects();
  for (const VerifyDepth depth : {VerifyDepth::structure, VerifyDepth::ciphertext, VerifyDepth::full})
    for (int nth = 1;; ++nth) {
      reopen(whole);
      const auto prune_now = [&] {
        EXPECT_TRUE(forget(*vault, first.id, {.grace_seconds = 0, .reason = "test"}));
        PruneOptions options;
        options.unused_percent_max = 0;
        TreeMarker trees(1);
        const auto done = prune(*vault, options, trees, progress);
        ASSERT_TRUE(done) << done.error().message;
        EXPECT_GT(done->packs_removed, 0u);
        EXPECT_GT(done->packs_repacked, 0u);
      };
      auto store = std::make_unique<Overtaken>(vault->store(), nth, prune_now);
      const Overtaken& overtaken = *store;
      const auto reader = vault->over(std::move(store));
      const VerifyReport r = check(*reader, {.depth = depth, .heal = depth == VerifyDepth::full && nth % 2 == 0});
      EXPECT_TRUE(r.sound()) << "overtaken at look " << nth << ": " << r.damage.at(0).object << ": " << r.damage.at(0).message;
      EXPECT_EQ(r.damage_count, 0u);
      EXPECT_TRUE(check(*vault).sound());
      if (!overtaken.happened()) break;
    }
}

}  // namespace
}  // namespace hf
