#include "verify/delta_forest.hpp"

#include "verify/verify_fixture.hpp"

namespace hf {
namespace {

using namespace verify_test;

/// A file of eight chunks, of which each day changes a few bytes in all of them: so each day's segment stands on an older one.
struct ForestTest : VaultFixture {
  static constexpr std::size_t kChunks = 8, kDays = 6;
  std::vector<Buffer> now;
  std::vector<std::set<PackId>> data_packs;  // by day, what was new

  void SetUp() override {
    std::set<PackId> seen;
    std::vector<ChunkRef> old;
    for (std::size_t i = 0; i < kChunks; ++i) now.push_back(noise(50'000, i));
    for (std::size_t day = 0; day < kDays; ++day) {
      backup([&](TreeWriter& t) {
        Entry e = t.file("file", {});
        for (std::size_t i = 0; i < kChunks; ++i) {
          if (day > 0) std::fill_n(now[i].begin() + static_cast<std::ptrdiff_t>(1'000 * day), 20, static_cast<std::uint8_t>(day));
          const ChunkId id = vault->keys().chunk_hash().id(now[i]);
          EXPECT_TRUE(*t.data.add(id, now[i], old.empty() ? std::span<const ChunkRef>() : std::span(old).subspan(i, 1)));
          e.content.refs.push_back({id, static_cast<std::uint32_t>(now[i].size())});
          e.stat.size += now[i].size();
        }
        old = e.content.refs;
        return t.directory("root", {e});
      });
      auto& added = data_packs.emplace_back();
      const auto index = *Index::load(*vault);
      for (const IndexedPack& p : index->packs())
        if (p.pack_class == PackClass::data && seen.insert(p.id).second) added.insert(p.id);
      ASSERT_EQ(added.size(), 1u);
    }
  }
  PackId pack_of(std::size_t day) const { return *data_packs[day].begin(); }
  std::vector<PackId> packs() const {
    std::vector<PackId> out;
    const auto index = *Index::load(*vault);
    for (const IndexedPack& p : index->packs()) out.push_back(p.id);
    return out;
  }
  PackDirectory directory_of(const PackId& id) const {
    SegmentOpener opener(*vault);
    return *read_pack_directory(*vault, **vault->store().open({ObjectKind::pack, id.hex()}), opener);
  }
  /// Of the only segment of a day.
  Buffer frame_of(std::size_t day) const {
    const SegmentInfo s = directory_of(pack_of(day)).segments.at(0);
    Buffer frame(s.stored_bytes);
    EXPECT_TRUE((*vault->store().open({ObjectKind::pack, pack_of(day).hex()}))->read(s.offset, frame));
    return frame;
  }
  /// A byte in the only segment of a day.
  VerifyReport check_with_damage_in(std::size_t day) {
    Objects objects = objects_of(vault->store());
    const SegmentInfo s = directory_of(pack_of(day)).segments.at(0);
    objects[{ObjectKind::pack, pack_of(day).hex()}][s.offset + s.stored_bytes / 2] ^= 1;
    const auto damaged = *open(objects);
    VerifyOptions options;
    options.depth = VerifyDepth::full;
    options.jobs = 2;
    return check(*damaged, options);
  }
};

TEST_F(ForestTest, every_delta_has_its_place_and_what_others_stand_on_comes_first) {
  const auto index = *Index::load(*vault);
  const DeltaForest forest(*vault, *index, packs(), 2, progress);
  std::size_t found = 0;
  const auto order = forest.in_order();
  ASSERT_EQ(order.size(), packs().size());
  const auto position = [&](const PackId& id) { return std::find(order.begin(), order.end(), id) - order.begin(); };
  for (std::size_t day = 0; day < kDays; ++day)
    for (const DeltaForest::Delta& d : forest.standing_on(pack_of(day), directory_of(pack_of(day)).segments.at(0).offset)) {
      EXPECT_LT(position(pack_of(day)), position(forest.pack(d.pack)));
      ++found;
    }
  EXPECT_EQ(found, kDays - 1);
}

TEST_F(ForestTest, a_proof_is_of_this_frame_and_these_chunks_and_serves_once) {
  const auto index = *Index::load(*vault);
  DeltaForest forest(*vault, *index, packs(), 2, progress);
  const SegmentInfo s = directory_of(pack_of(2)).segments.at(0), other = directory_of(pack_of(3)).segments.at(0);
  Buffer frame = frame_of(2);
  const auto prove = [&] { forest.prove(pack_of(2), s.offset, frame, s.chunks); };
  EXPECT_FALSE(forest.take_proof(pack_of(2), s, frame));
  prove();
  EXPECT_FALSE(forest.take_proof(pack_of(3), other, frame_of(3)));
  EXPECT_TRUE(forest.take_proof(pack_of(2), s, frame));
  EXPECT_FALSE(forest.take_proof(pack_of(2), s, frame));
  prove();
  SegmentInfo lies = s;
  lies.chunks = other.chunks;
  EXPECT_FALSE(forest.take_proof(pack_of(2), lies, frame));
  prove();
  lies = s;
  lies.chunks[1].second -= 1;
  EXPECT_FALSE(forest.take_proof(pack_of(2), lies, frame));
  prove();
  EXPECT_FALSE(forest.take_proof(pack_of(2), s, frame_of(3)));
}

TEST_F(ForestTest, a_verify_counts_each_chunk_once_and_finds_all_sound) {
  for (const unsigned jobs : {1u, 4u}) {
    VerifyOptions options;
    options.depth = VerifyDepth::full;
    options.jobs = jobs;
    const VerifyReport r = check(options);
    EXPECT_EQ(r.serious, 0u);
    EXPECT_GE(r.chunks_read, kChunks * kDays);
    EXPECT_GE(r.plain_bytes_read, kChunks * kDays * 50'000u);
    EXPECT_LT(r.plain_bytes_read, kChunks * kDays * 50'000u + 100'000u);
    EXPECT_TRUE(check_with_damage_in(0).serious > 0);
  }
}

/// What is damaged, and all that stands on it, is told of, whatever was opened by way of what.
TEST_F(ForestTest, damage_anywhere_is_found_and_so_is_what_hangs_on_it) {
  for (std::size_t day = 0; day < kDays; ++day) {
    const VerifyReport r = check_with_damage_in(day);
    EXPECT_TRUE(names(r, {ObjectKind::pack, pack_of(day).hex()})) << day;
    for (const Damage& d : r.damage) EXPECT_EQ(d.hint.find("itself is well") != std::string::npos, d.object != "packs/" + pack_of(day).hex()) << d.object << ": " << d.hint;
    // Its own point, and those of later days as far as they stand on it; the days before are whole.
    EXPECT_GE(r.affected_points.size(), 1u) << day;
    EXPECT_LE(r.affected_points.size(), kDays - day) << day;
  }
  EXPECT_EQ(check_with_damage_in(0).affected_points.size(), kDays);
}

}  // namespace
}  // namespace hf
