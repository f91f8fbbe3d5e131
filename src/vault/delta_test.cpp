#include "vault/delta.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <random>
#include <thread>

#include "store/memory/memory_store.hpp"
#include "vault/bases.hpp"
#include "vault/rebuild.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

struct DeltaTest : testing::Test {
  std::unique_ptr<Env> env = make_real_env();
  const Buffer key = Buffer(64, 7);
  std::unique_ptr<Vault> vault = *Vault::create(*env, make_memory_store(), {.params = {}, .argon2 = {}, .label = "key"}, {SlotKind::key_file, key});
  std::mt19937_64 random{1};

  Buffer noise(std::size_t n) {
    Buffer out(n);
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
    return out;
  }
  /// With a few bytes here and there replaced, inserted or taken away.
  Buffer edited(Buffer b, unsigned edits = 3) {
    for (unsigned i = 0; i < edits && !b.empty(); ++i) {
      const auto at = b.begin() + static_cast<std::ptrdiff_t>(random() % b.size());
      switch (random() % 3) {
        case 0: *at = static_cast<std::uint8_t>(random()); break;
        case 1: b.insert(at, 1 + random() % 20, static_cast<std::uint8_t>(random())); break;
        default: b.erase(at, at + std::min<std::ptrdiff_t>(b.end() - at, static_cast<std::ptrdiff_t>(1 + random() % 20)));
      }
    }
    return b;
  }
  ChunkRef ref(const Buffer& chunk) const { return {vault->keys().chunk_hash().id(chunk), static_cast<std::uint32_t>(chunk.size())}; }

  struct Change {
    Buffer chunk;
    std::vector<ChunkRef> near;
  };
  struct Outcome {
    std::uint64_t stored = 0, delta = 0;
    unsigned depth = 0;
  };
  /// A session that stores these and ends without a point.
  Outcome store(const std::vector<Change>& changes, WriteOptions options = {}) {
    const auto session = *WriteSession::begin(*vault, options);
    const auto writer = session->data_writer();
    for (const Change& c : changes) EXPECT_TRUE(*writer->add(ref(c.chunk).id, c.chunk, c.near));
    EXPECT_TRUE(writer->finish());
    EXPECT_TRUE(session->suspend());
    const DeltaTally* t = session->delta_tally();
    return {session->bytes_stored, t == nullptr ? 0 : t->bytes_plain.load(), t == nullptr ? 0 : t->depth_max.load()};
  }
  Outcome store(const Buffer& chunk, const std::vector<Buffer>& near = {}) {
    Change c{chunk, {}};
    for (const Buffer& n : near) c.near.push_back(ref(n));
    return store({c});
  }
  /// What reading the chunk gives.
  Result<Buffer> read(const Buffer& chunk) {
    const auto index = HF_TRY(Index::load(*vault));
    ChunkReader reader(*vault, *index);
    const auto loaded = HF_TRY(reader.read(ref(chunk).id));
    return Buffer(loaded.bytes.begin(), loaded.bytes.end());
  }
  bool comes_back(const Buffer& chunk) {
    const auto back = read(chunk);
    return back && *back == chunk;
  }
  /// A pack that holds the one where its directory says the other is, and an index that tells of it: no writer makes that.
  void store_under_the_name_of(const Buffer& chunk, const Buffer& other) {
    auto pack = *PackWriter::begin(*vault, PackClass::data);
    Compressor compressor(3);
    const NewChunk lie{ref(chunk).id, static_cast<std::uint32_t>(other.size())};
    ASSERT_TRUE(pack->add_segment({&lie, 1}, other, compressor));
    ASSERT_TRUE(pack->finish());
    RebuildReport report;
    Progress progress;
    ASSERT_TRUE(rebuild(*vault, report, progress));
  }
  /// How many delta segments there are, and how many of them stand on one segment.
  struct Width {
    std::size_t deltas = 0, narrow = 0;
  };
  Width how_wide() {
    Width out;
    const auto index = *Index::load(*vault);
    SegmentOpener opener(*vault);
    for (const IndexedPack& pack : index->packs())
      EXPECT_TRUE(for_each_delta(*vault, opener, pack.id, [&](const SegmentInfo& s) -> Status {
        std::set<std::pair<PackId, std::uint32_t>> stands_on;
        for (const ChunkId& id : s.bases) {
          const auto at = *index->find(id);
          stands_on.insert({at->pack, at->offset});
        }
        ++out.deltas;
        out.narrow += stands_on.size() == 1;
        return {};
      }));
    return out;
  }
  ObjectName pack_of(const Buffer& chunk) {
    const auto index = *Index::load(*vault);
    return {ObjectKind::pack, (*index->find(ref(chunk).id))->pack.hex()};
  }
};

TEST_F(DeltaTest, what_changed_a_little_is_stored_as_what_changed) {
  const Buffer old = noise(200'000), now = edited(old);
  store(old);
  const Outcome o = store(now, {old});
  EXPECT_EQ(o.delta, now.size());
  EXPECT_EQ(o.depth, 1u);
  EXPECT_LT(o.stored, 4'000u);
  EXPECT_TRUE(comes_back(old));
  EXPECT_TRUE(comes_back(now));
}

TEST_F(DeltaTest, what_does_not_pay_is_stored_alone) {
  const Buffer other = noise(100'000), chunk = noise(100'000);
  store(other);
  EXPECT_EQ(store(chunk, {other}).delta, 0u);
  EXPECT_TRUE(comes_back(chunk));
  ASSERT_TRUE(vault->store().remove(pack_of(other)));
  EXPECT_TRUE(comes_back(chunk));
}

TEST_F(DeltaTest, off_means_off) {
  const Buffer old = noise(100'000), now = edited(old);
  store(old);
  WriteOptions off;
  off.delta = DeltaPolicy::off;
  EXPECT_EQ(store({{now, {ref(old)}}}, off).delta, 0u);
}

TEST_F(DeltaTest, a_base_that_is_absent_damaged_or_unknown_is_passed_over) {
  const Buffer gone = noise(100'000), torn = noise(100'000), unknown = noise(100'000);
  store(gone);
  store(torn);
  Buffer bytes = *vault->store().get(pack_of(torn), 1u << 30);
  bytes[bytes.size() / 2] ^= 1;
  const ObjectName torn_name = pack_of(torn), gone_name = pack_of(gone);
  ASSERT_TRUE(vault->store().remove(torn_name));
  ASSERT_TRUE(vault->store().put(torn_name, bytes));
  ASSERT_TRUE(vault->store().remove(gone_name));
  for (const Buffer* old : {&gone, &torn, &unknown}) {
    const Buffer now = edited(*old);
    EXPECT_EQ(store(now, {*old}).delta, 0u);
    EXPECT_TRUE(comes_back(now));
  }
}

TEST_F(DeltaTest, generations_stay_within_the_depth_and_all_come_back) {
  std::vector<Buffer> versions{noise(60'000)};
  store(versions[0]);
  unsigned deepest = 0, alone = 0;
  for (int i = 0; i < 25; ++i) {
    versions.push_back(edited(versions.back()));
    const Outcome o = store(versions.back(), {versions[versions.size() - 2]});
    deepest = std::max(deepest, o.depth);
    alone += o.delta == 0;
  }
  EXPECT_EQ(deepest, delta_limits(PackClass::data).depth_max);
  EXPECT_EQ(alone, 0u) << "where it would be too deep, it stands on what the last one stands on";
  for (const Buffer& v : versions) EXPECT_TRUE(comes_back(v));
  const auto index = *Index::load(*vault);
  const DeltaFigures f = *delta_figures(*vault, *index);
  EXPECT_EQ(f.depth_max, deepest);
  EXPECT_EQ(f.segments, 25u - alone);
  EXPECT_GT(f.bytes_saved, f.bytes_stored);
}

// Each version of a file stood on two or three segments of the one before, which each stood on two or three: from the third
// on so much had to be open for one segment that its chunks were stored alone, and what stood on them was opened again and again.
TEST_F(DeltaTest, a_long_history_of_much_that_changes_stays_narrow_and_small) {
  constexpr std::size_t kChunk = 60'000, kChunks = 120, kVersions = 16;  // 7 MB, and four segments in each version
  std::vector<std::vector<Buffer>> versions(1);
  std::vector<Change> changes;
  for (std::size_t i = 0; i < kChunks; ++i) changes.push_back({versions[0].emplace_back(noise(kChunk)), {}});
  const std::uint64_t first = store(changes).stored;
  std::uint64_t growth = 0;
  for (std::size_t v = 1; v < kVersions; ++v) {
    changes.clear();
    for (const Buffer& old : versions.back()) changes.push_back({edited(old, 5), {ref(old)}});
    const Outcome o = store(changes);
    EXPECT_GE(o.delta, kChunks * kChunk * 99 / 100) << v;
    EXPECT_LE(o.depth, delta_limits(PackClass::data).depth_max);
    growth += o.stored;
    auto& now = versions.emplace_back();
    for (Change& c : changes) now.push_back(std::move(c.chunk));
  }
  EXPECT_LT(growth, first / 10);
  const Width width = how_wide();
  EXPECT_GE(width.narrow, width.deltas * 9 / 10);
  EXPECT_LE(width.deltas, 6 * (kVersions - 1)) << "and not cut into ever smaller pieces";
  const auto index = *Index::load(*vault);
  ChunkReader reader(*vault, *index);
  for (const auto& version : versions)
    for (const Buffer& chunk : version) {
      const auto back = reader.read(ref(chunk).id);
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_TRUE(std::equal(back->bytes.begin(), back->bytes.end(), chunk.begin(), chunk.end()));
    }
}

/// As of many small files a few do each day. One segment for all of a day would need each old segment for a file or two in it,
/// and who reads what many days have left would open each of them for every day.
TEST_F(DeltaTest, what_changes_here_and_there_stands_on_one_old_segment) {
  constexpr std::size_t kChunk = 60'000, kChunks = 120, kDays = 8, kApart = 30;  // one in each segment, and here and there two
  std::vector<Buffer> now;
  std::vector<Change> changes;
  for (std::size_t i = 0; i < kChunks; ++i) changes.push_back({now.emplace_back(noise(kChunk)), {}});
  store(changes);
  for (std::size_t day = 0; day < kDays; ++day) {
    changes.clear();
    for (std::size_t i = day * 3; i < kChunks; i += kApart) {
      Buffer next = edited(now[i]);
      changes.push_back({next, {ref(now[i])}});
      now[i] = std::move(next);
    }
    EXPECT_LT(store(changes).stored, 8'000u) << day;
  }
  const Width width = how_wide();
  EXPECT_EQ(width.narrow, width.deltas);
  EXPECT_GE(width.deltas, kDays * 3);
  for (const Buffer& chunk : now) EXPECT_TRUE(comes_back(chunk));
}

TEST_F(DeltaTest, what_has_changed_by_half_is_a_base_again) {
  std::vector<Buffer> versions{noise(100'000)};
  store(versions[0]);
  unsigned alone = 0;
  for (int i = 0; i < 24; ++i) {
    const Buffer fresh = noise(10'000);
    versions.push_back(versions.back());
    std::copy(fresh.begin(), fresh.end(), versions.back().begin() + static_cast<std::ptrdiff_t>(random() % 90'000));
    alone += store(versions.back(), {versions[versions.size() - 2]}).delta == 0;
  }
  EXPECT_GE(alone, 2u);
  EXPECT_LE(alone, 6u);
  for (const Buffer& v : versions) EXPECT_TRUE(comes_back(v));
}

TEST_F(DeltaTest, nothing_is_stored_against_a_base_that_is_something_else) {
  const Buffer old = noise(100'000), now = edited(old), other = noise(100'000);
  store_under_the_name_of(old, other);
  ASSERT_TRUE(*(*Index::load(*vault))->find(ref(old).id));
  EXPECT_EQ(store(edited(other), {old}).delta, 0u) << "though it is much like what lies there";
  EXPECT_EQ(store(now, {old}).delta, 0u);
  EXPECT_TRUE(comes_back(now));
}

TEST_F(DeltaTest, chains_that_split_and_join_come_back_in_any_order_of_reading) {
  std::vector<Buffer> all;
  for (int i = 0; i < 8; ++i) store(all.emplace_back(noise(1 + random() % 50'000)));
  for (int round = 0; round < 12; ++round) {
    std::vector<Change> changes;
    for (int i = 0; i < 8; ++i) {
      const Buffer &a = all[random() % all.size()], &b = all[random() % all.size()];
      Buffer mixed = edited(a);
      append(mixed, ByteView(b).first(random() % b.size()));
      append(mixed, noise(8));  // so that no two are the same
      changes.push_back({mixed, {ref(a), ref(b)}});
    }
    store(changes);
    for (Change& c : changes) all.push_back(std::move(c.chunk));
  }
  const auto index = *Index::load(*vault);
  for (std::size_t cache : {std::size_t{1}, std::size_t{16} << 20}) {
    ChunkReader reader(*vault, *index, cache);
    std::shuffle(all.begin(), all.end(), random);
    for (const Buffer& c : all) {
      const auto back = reader.read(ref(c).id);
      ASSERT_TRUE(back) << back.error().message;
      ASSERT_TRUE(std::equal(back->bytes.begin(), back->bytes.end(), c.begin(), c.end()));
    }
  }
}

/// Writes a segment that says what no honest writer says.
void write_hostile(Vault& vault, const Buffer& chunk, const std::vector<ChunkId>& bases, ByteView prefix) {
  auto pack = *PackWriter::begin(vault, PackClass::data);
  Compressor compressor(3);
  const Buffer apart(prefix.begin(), prefix.end());  // zstd takes no prefix that lies where the plaintext does
  const NewChunk c{vault.keys().chunk_hash().id(chunk), static_cast<std::uint32_t>(chunk.size())};
  const DeltaPrefix against{bases, apart};
  ASSERT_TRUE(pack->add_segment({&c, 1}, chunk, compressor, &against));
  ASSERT_FALSE(pack->last_segment().bases.empty());
  ASSERT_TRUE(pack->finish());
}

TEST_F(DeltaTest, threads_that_need_the_same_bases_wait_for_each_other_and_never_for_ever) {
  std::vector<Buffer> all;
  for (int i = 0; i < 4; ++i) store(all.emplace_back(noise(50'000)));
  for (int i = 0; i < 24; ++i) {
    Buffer mixed = edited(all[random() % 4]);
    append(mixed, all[random() % all.size()]);
    append(mixed, noise(8));
    store({{mixed, {ref(all[random() % all.size()]), ref(all[random() % all.size()])}}});
    all.push_back(std::move(mixed));
  }
  // And some that go round in a circle, which no writer makes: whoever waits there must not be waited for.
  const Buffer a = noise(50'000), b = edited(a), c = edited(b);
  write_hostile(*vault, a, {ref(b).id}, b);
  write_hostile(*vault, b, {ref(c).id}, c);
  write_hostile(*vault, c, {ref(a).id}, a);
  RebuildReport report;
  Progress progress;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  const auto index = *Index::load(*vault);
  for (std::size_t cache : {std::size_t{1}, std::size_t{16} << 20}) {
    ChunkReader reader(*vault, *index, cache);
    std::atomic<unsigned> wrong = 0, refused = 0;
    const auto work = [&](unsigned seed) {
      std::mt19937 order(seed);
      for (int i = 0; i < 100; ++i) {
        const Buffer& one = all[order() % all.size()];
        const auto back = reader.read(ref(one).id);
        wrong += !back || !std::equal(back->bytes.begin(), back->bytes.end(), one.begin(), one.end());
        if (i % 10 == 0) refused += !reader.read(ref(*std::array{&a, &b, &c}[order() % 3]).id);
      }
    };
    std::vector<std::jthread> threads;
    for (unsigned t = 0; t < 4; ++t) threads.emplace_back(work, t);
    threads.clear();
    EXPECT_EQ(wrong, 0u);
    EXPECT_EQ(refused, 40u);
  }
}

TEST_F(DeltaTest, a_damaged_base_is_named_and_never_gives_wrong_bytes) {
  const Buffer old = noise(100'000), now = edited(old);
  store(old);
  store(now, {old});
  ASSERT_TRUE(vault->store().remove(pack_of(old)));
  const auto back = read(now);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::corrupt);
  EXPECT_NE(back.error().message.find("base chunk " + ref(old).id.brief()), std::string::npos) << back.error().message;
}

TEST_F(DeltaTest, bases_are_told_for_who_deletes) {
  const Buffer old = noise(100'000), now = edited(old), newest = edited(now);
  store(old);
  store(now, {old});
  store(newest, {now});
  const std::vector<PackId> packs{*PackId::parse(pack_of(now).name), *PackId::parse(pack_of(newest).name)};
  std::vector<ChunkId> bases;
  SegmentOpener opener(*vault);
  for (const PackId& pack : packs)
    ASSERT_TRUE(for_each_delta(*vault, opener, pack, [&](const SegmentInfo& s) -> Status {
      bases.insert(bases.end(), s.bases.begin(), s.bases.end());
      return {};
    }));
  EXPECT_EQ(bases, (std::vector<ChunkId>{ref(old).id, ref(now).id}));
}

TEST_F(DeltaTest, what_stands_on_a_missing_pack_is_stored_again) {
  const Buffer old = noise(100'000), now = edited(old), newest = edited(now);
  store(old);
  store(now, {old});
  store(newest, {now});
  ASSERT_TRUE(vault->store().remove(pack_of(old)));
  const Outcome o = store({{newest, {}}, {now, {}}, {old, {}}});  // add() is new for each of them
  EXPECT_GT(o.stored, 300'000u);
  for (const Buffer* c : {&old, &now, &newest}) EXPECT_TRUE(comes_back(*c));
}

// A backup was killed when it had stored deltas; what they stood on was removed by a prune, which knew nothing of them; and
// the next backup took the packs over, and relied on what nobody could read any more.
TEST_F(DeltaTest, packs_of_a_dead_session_are_not_taken_over_where_what_they_stand_on_is_gone) {
  const Buffer old = noise(100'000), now = edited(old), newest = edited(now), other = noise(50'000);
  store(old);
  const ObjectName base = pack_of(old);
  const auto dies_with = [&](const Buffer& chunk, const std::vector<ChunkRef>& near) {
    const auto session = *WriteSession::begin(*vault);
    const auto writer = session->data_writer();
    EXPECT_TRUE(*writer->add(ref(chunk).id, chunk, near));
    EXPECT_TRUE(writer->finish());
  };
  dies_with(now, {ref(old)});
  const auto index = *Index::load(*vault);
  ASSERT_TRUE(index->drop_packs({*PackId::parse(base.name)}));
  ASSERT_TRUE(vault->store().remove(base));
  dies_with(other, {});
  const auto session = *WriteSession::begin(*vault);
  EXPECT_TRUE(*session->claim(ref(now).id));
  EXPECT_TRUE(*session->claim(ref(old).id));
  EXPECT_FALSE(*session->claim(ref(other).id)) << "what stands on nothing is of use";
}

// A pack was lost, the index was made anew, and the files that had lost something were backed up again, as the hint says: the
// backup found them in the index, as deltas on what was lost, and stored nothing.
TEST_F(DeltaTest, a_rebuilt_index_tells_of_no_delta_whose_base_is_lost) {
  const Buffer old = noise(100'000), now = edited(old), newest = edited(now), other = noise(50'000);
  store(old);
  store({{now, {ref(old)}}, {other, {}}});
  store(newest, {now});
  ASSERT_TRUE(vault->store().remove(pack_of(old)));
  RebuildReport report;
  Progress progress;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  EXPECT_FALSE(report.problems.empty());
  EXPECT_TRUE(comes_back(other));
  {
    const auto session = *WriteSession::begin(*vault);
    EXPECT_FALSE(*session->claim(ref(other).id));
    for (const Buffer* lost : {&old, &now, &newest}) EXPECT_TRUE(*session->claim(ref(*lost).id));
  }
  store({{newest, {}}, {now, {}}, {old, {}}});
  for (const Buffer* c : {&old, &now, &newest, &other}) EXPECT_TRUE(comes_back(*c));
}

TEST_F(DeltaTest, bases_that_go_round_in_a_circle_are_refused) {
  const Buffer a = noise(50'000), b = edited(a);
  write_hostile(*vault, a, {ref(b).id}, b);
  write_hostile(*vault, b, {ref(a).id, ref(a).id}, a);
  const Buffer self = noise(50'000);
  write_hostile(*vault, self, {ref(self).id}, self);
  ASSERT_TRUE((*WriteSession::begin(*vault))->suspend());
  EXPECT_FALSE(read(a)) << "a session takes no pack over that stands on nothing";
  RebuildReport report;
  Progress progress;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  for (const Buffer* c : {&a, &b, &self}) {
    const auto back = read(*c);
    ASSERT_FALSE(back);
    EXPECT_EQ(back.error().code, Code::corrupt);
    EXPECT_NE(back.error().message.find("deep"), std::string::npos) << back.error().message;
  }
}

/// Whether a chunk can be read does not hang on what was read before.
TEST_F(DeltaTest, what_lies_too_deep_is_refused_also_where_its_bases_are_open) {
  std::vector<Buffer> chain{noise(50'000)};
  store(chain[0]);
  for (unsigned depth = 1; depth <= kBaseDepthMax + 1; ++depth) {
    chain.push_back(edited(chain.back()));
    write_hostile(*vault, chain[depth], {ref(chain[depth - 1]).id}, chain[depth - 1]);
  }
  RebuildReport report;
  Progress progress;
  ASSERT_TRUE(rebuild(*vault, report, progress));
  const auto index = *Index::load(*vault);
  ChunkReader warm(*vault, *index);
  for (const Buffer& c : chain) {
    const bool is_too_deep = &c == &chain.back();
    const auto back = warm.read(ref(c).id);
    EXPECT_NE(back.has_value(), is_too_deep);
    EXPECT_NE(read(c).has_value(), is_too_deep);
    if (is_too_deep) {
      EXPECT_NE(back.error().message.find("deep"), std::string::npos) << back.error().message;
    }
  }
}

TEST_F(DeltaTest, other_bases_than_those_it_was_made_against_never_give_wrong_bytes) {
  const Buffer old = noise(50'000), now = edited(old), other = noise(50'000);
  store(old);
  store(other);
  write_hostile(*vault, now, {ref(other).id}, old);
  ASSERT_TRUE((*WriteSession::begin(*vault))->suspend());
  const auto back = read(now);
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::corrupt);
}

TEST_F(DeltaTest, a_base_that_is_another_in_one_place_is_found_in_the_next) {
  const Buffer old = noise(50'000), now = edited(old), newest = edited(now), other = noise(50'000);
  store(old);
  store(now, {old});
  store(newest, {now});
  store_under_the_name_of(old, other);
  const auto index = *Index::load(*vault);
  const auto places = *index->find_all(ref(old).id);
  ASSERT_EQ(places.size(), 2u);
  for (const ChunkPlace& last : places) {  // in either order: what is looked at first is not believed
    index->distrust({last.pack});
    ChunkReader reader(*vault, *index);
    for (const Buffer* c : {&newest, &now, &old}) {
      const auto back = reader.read(ref(*c).id);
      ASSERT_TRUE(back) << back.error().message;
      EXPECT_TRUE(std::equal(back->bytes.begin(), back->bytes.end(), c->begin(), c->end()));
    }
  }
}

TEST_F(DeltaTest, more_bases_than_a_segment_may_ask_for_are_refused) {
  const Buffer big = noise(1 << 20), now = edited(big);
  store(big);
  write_hostile(*vault, now, std::vector<ChunkId>(33, ref(big).id), big);  // 33 MiB of prefix
  ASSERT_TRUE((*WriteSession::begin(*vault))->suspend());
  const auto back = read(now);
  ASSERT_FALSE(back);
  EXPECT_NE(back.error().message.find("larger than a segment may ask for"), std::string::npos) << back.error().message;
}

TEST_F(DeltaTest, torn_packs_of_deltas_are_rebuilt_from_one_another) {
  std::vector<Buffer> versions{noise(60'000)};
  store(versions[0]);
  for (int i = 0; i < 4; ++i) {
    versions.push_back(edited(versions.back()));
    store(versions.back(), {versions[versions.size() - 2]});
  }
  std::vector<std::string> packs, runs;
  ASSERT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { packs.emplace_back(name); }));
  ASSERT_TRUE(vault->store().list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { runs.emplace_back(name); }));
  for (const std::string& name : runs) ASSERT_TRUE(vault->store().remove({ObjectKind::index, name}));
  for (const std::string& name : packs) {  // without their ends
    Buffer bytes = *vault->store().get({ObjectKind::pack, name}, 1u << 30);
    bytes.resize(bytes.size() - 40);
    ASSERT_TRUE(vault->store().remove({ObjectKind::pack, name}));
    ASSERT_TRUE(vault->store().put({ObjectKind::pack, name}, bytes));
  }
  RebuildReport report;
  Progress progress;
  const Status done = rebuild(*vault, report, progress);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(report.packs_torn, packs.size());
  EXPECT_EQ(report.chunks, versions.size());
  for (const Buffer& v : versions) EXPECT_TRUE(comes_back(v));
}

}  // namespace
}  // namespace hf
