#include "vault/rebuild.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "store/memory/memory_store.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/parity.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

using Objects = std::map<ObjectName, Buffer>;

struct RebuildTest : testing::Test {
  std::unique_ptr<Env> env = make_real_env();
  const Buffer key = Buffer(64, 7);
  std::unique_ptr<Vault> vault = *Vault::create(*env, make_memory_store(), {.params = {}, .argon2 = {}, .label = "key"}, {SlotKind::key_file, key});
  std::vector<Buffer> chunks;
  std::vector<PointId> points;
  Progress progress;
  RebuildReport report;

  static Buffer noise(std::size_t n, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Buffer out(n);
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
    return out;
  }
  ChunkId id(const Buffer& chunk) { return vault->keys().chunk_hash().id(chunk); }
  /// `count` new chunks in packs of about `pack_bytes`, and a point.
  void backup(std::size_t count, std::size_t bytes, std::uint64_t pack_bytes = 0) {
    auto s = *WriteSession::begin(*vault, {.pack_bytes = pack_bytes});
    auto w = s->data_writer();
    for (std::size_t i = 0; i < count; ++i) {
      chunks.push_back(noise(bytes, chunks.size() + 1));
      ASSERT_TRUE(*w->add(id(chunks.back()), chunks.back()));
    }
    ASSERT_TRUE(w->finish());
    RecoveryPoint p;
    p.root.name = "root";
    p.root.stat.type = FileType::directory;
    p.root.directory = *s->add_metadata(encode_leaf({}));
    ASSERT_TRUE(s->commit(p));
    points.push_back(p.id);
  }
  Objects objects() {
    Objects out;
    for (ObjectKind kind : kObjectKinds) {
      std::vector<std::string> names;
      EXPECT_TRUE(vault->store().list(kind, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
      for (const std::string& name : names) out[{kind, name}] = *vault->store().get({kind, name}, UINT64_MAX);
    }
    return out;
  }
  static std::unique_ptr<ObjectStore> store_of(const Objects& objects) {
    auto store = make_memory_store();
    for (const auto& [name, bytes] : objects) EXPECT_TRUE(store->put(name, bytes));
    return store;
  }
  /// Opens what is left, as `holdfast rebuild` does.
  Status rebuild_from(const Objects& objects) {
    auto store = store_of(objects);
    report = HF_TRY(restore_description(*store));
    vault = HF_TRY(Vault::open(*env, std::move(store), {SlotKind::key_file, key}));
    return rebuild(*vault, report, progress);
  }
  std::size_t readable() {
    const auto index = *Index::load(*vault);
    ChunkReader reader(*vault, *index);
    return static_cast<std::size_t>(std::count_if(chunks.begin(), chunks.end(), [&](const Buffer& c) {
      const auto read = reader.read(id(c));
      return read && std::equal(c.begin(), c.end(), read->bytes.begin(), read->bytes.end());
    }));
  }
};

TEST_F(RebuildTest, packs_alone_bring_back_everything) {
  for (int i = 0; i < 3; ++i) backup(20, 30'000);
  Objects packs = objects();
  const Objects whole = packs;
  std::erase_if(packs, [](const auto& o) { return o.first.kind != ObjectKind::pack; });
  const Status status = rebuild_from(packs);
  ASSERT_TRUE(status) << status.error().message;
  EXPECT_EQ(report.points_restored, 3u);
  EXPECT_EQ(report.slots_restored, 1u);
  EXPECT_TRUE(report.config_restored);
  EXPECT_EQ(report.packs_torn + report.packs_lost, 0u);
  EXPECT_EQ(readable(), chunks.size());
  const Objects now = objects();
  for (const auto& [name, bytes] : whole)
    if (name.kind != ObjectKind::index) {
      EXPECT_TRUE(now.contains(name) && now.at(name) == bytes) << name.text();
    }
}
TEST_F(RebuildTest, a_second_rebuild_changes_nothing) {
  backup(20, 30'000);
  ASSERT_TRUE(rebuild_from(objects()));
  const Objects once = objects();
  ASSERT_TRUE(rebuild_from(once));
  EXPECT_EQ(report.points_restored, 0u);
  EXPECT_EQ(readable(), chunks.size());
  EXPECT_EQ(objects().size(), once.size());
}
TEST_F(RebuildTest, torn_packs_are_read_segment_by_segment) {
  backup(300, 30'000);  // several segments
  Objects torn = objects();
  for (auto& [name, bytes] : torn)
    if (name.kind == ObjectKind::pack && bytes.size() > 1'000'000) bytes.resize(bytes.size() - 100);  // the directory's end and the trailer
  ASSERT_TRUE(rebuild_from(torn));
  EXPECT_GE(report.packs_torn, 1u);
  EXPECT_EQ(readable(), chunks.size());
}
/// A prune may remove a pack that was listed, also a torn one, before any look at it.
TEST_F(RebuildTest, a_torn_pack_that_goes_meanwhile_is_left_out) {
  struct Vanishing final : ObjectStore {
    Vanishing(std::unique_ptr<ObjectStore> b, ObjectName n, int nth) : base(std::move(b)), name(std::move(n)), left(nth) {}
    std::unique_ptr<ObjectStore> base;
    ObjectName name;
    int left;
    Result<std::unique_ptr<Upload>> create(ObjectKind kind) override { return base->create(kind); }
    Result<std::unique_ptr<ObjectReader>> open(const ObjectName& asked) override {
      if (asked == name && --left == 0) {
        EXPECT_TRUE(base->remove(name));
      }
      return base->open(asked);
    }
    Status list(ObjectKind kind, const std::function<void(std::string_view, std::uint64_t)>& visit) override { return base->list(kind, visit); }
    Status remove(const ObjectName& which) override { return base->remove(which); }
    StoreTraits traits() const override { return base->traits(); }
    std::string place() const override { return base->place(); }
  };
  backup(40, 30'000);
  const std::size_t before = chunks.size();
  Objects torn = objects();
  std::optional<ObjectName> cut;
  for (auto& [name, bytes] : torn)
    if (name.kind == ObjectKind::pack && bytes.size() > 1'000'000 && !cut) {
      bytes.resize(bytes.size() - 100);
      cut = name;
    }
  ASSERT_TRUE(cut);
  for (int nth = 1;; ++nth) {
    auto store = std::make_unique<Vanishing>(store_of(torn), *cut, nth);
    Vanishing& vanishing = *store;
    auto opened = Vault::open(*env, std::move(store), {SlotKind::key_file, key});
    ASSERT_TRUE(opened);
    vault = std::move(*opened);
    report = {};
    const Status done = rebuild(*vault, report, progress);
    ASSERT_TRUE(done) << done.error().message;
    const bool went = std::exchange(vanishing.left, 0) <= 0;
    EXPECT_EQ(readable(), went ? 0u : before) << nth;
    if (!went) break;
  }
}
TEST_F(RebuildTest, a_torn_pack_is_mended_from_its_parity_first_and_nothing_of_it_is_left_out) {
  backup(300, 30'000);
  const Objects bare = objects();
  for (const auto& [name, bytes] : bare)
    if (name.kind == ObjectKind::pack) {
      ASSERT_TRUE(make_parity(vault->store(), *PackId::parse(name.name)));
    }
  Objects torn = objects();
  std::size_t hit = 0;
  for (auto& [name, bytes] : torn)
    if (name.kind == ObjectKind::pack && bytes.size() > 1'000'000) {
      bytes.resize(bytes.size() - 100);  // no directory
      bytes[bytes.size() / 2] ^= 1;      // and a segment that does not open
      ++hit;
    }
  ASSERT_TRUE(rebuild_from(torn));
  EXPECT_EQ(report.packs_healed, hit);
  EXPECT_EQ(report.packs_torn + report.packs_lost, 0u);
  EXPECT_EQ(readable(), chunks.size());
  const Objects now = objects();
  for (const auto& [name, bytes] : bare)
    if (name.kind == ObjectKind::pack) {
      EXPECT_EQ(now.at(name), bytes);
    }
}
TEST_F(RebuildTest, of_a_pack_cut_anywhere_every_whole_segment_comes_back) {
  backup(200, 30'000);
  const Objects whole = objects();
  std::size_t last = chunks.size() + 1;
  for (int eighths = 7; eighths >= 1; --eighths) {
    Objects torn = whole;
    for (auto& [name, bytes] : torn)
      if (name.kind == ObjectKind::pack && bytes.size() > 1'000'000) bytes.resize(bytes.size() * static_cast<std::size_t>(eighths) / 8);
    ASSERT_TRUE(rebuild_from(torn));
    const std::size_t now = readable();
    EXPECT_LE(now, last);
    last = now;
  }
  EXPECT_LT(last, chunks.size() / 2);
}
TEST_F(RebuildTest, damage_in_the_middle_costs_only_the_segment_that_it_hits) {
  backup(300, 30'000);
  Objects damaged = objects();
  std::size_t hit = 0;
  for (auto& [name, bytes] : damaged)
    if (name.kind == ObjectKind::pack && bytes.size() > 1'000'000) {
      bytes[bytes.size() / 2] ^= 1;
      bytes.resize(bytes.size() - 100);
      ++hit;
    }
  ASSERT_EQ(hit, 1u);
  ASSERT_TRUE(rebuild_from(damaged));
  EXPECT_GE(readable(), chunks.size() - 2 * ChunkWriter::kSegmentBytes / 30'000);
  EXPECT_LT(readable(), chunks.size());
}
TEST_F(RebuildTest, no_flipped_bit_makes_it_crash_or_gives_wrong_data) {
  backup(3, 200);
  Objects packs = objects();
  std::erase_if(packs, [](const auto& o) { return o.first.kind != ObjectKind::pack; });
  for (const auto& [name, bytes] : packs)
    for (std::size_t bit = 0; bit < 8 * bytes.size(); bit += 29) {
      Objects damaged = packs;
      damaged[name][bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
      if (!rebuild_from(damaged)) continue;
      const auto index = *Index::load(*vault);
      ChunkReader reader(*vault, *index);
      for (const Buffer& c : chunks) {
        const auto read = reader.read(id(c));
        EXPECT_TRUE(!read || std::equal(c.begin(), c.end(), read->bytes.begin(), read->bytes.end())) << name.text() << " bit " << bit;
      }
    }
}
TEST_F(RebuildTest, stops_when_asked_and_the_old_index_stays) {
  backup(20, 3'000);
  progress.stop_requested = true;
  EXPECT_EQ(rebuild(*vault, report, progress).error().code, Code::cancelled);
  EXPECT_EQ(readable(), chunks.size());
}
TEST_F(RebuildTest, nothing_to_rebuild_from_is_no_vault) {
  const auto store = make_memory_store();
  EXPECT_EQ(restore_description(*store).error().code, Code::not_a_vault);
}
TEST_F(RebuildTest, many_small_packs_give_an_index_that_finds_everything) {
  for (int i = 0; i < 30; ++i) backup(50, 100, 2'000);
  Objects without = objects();
  std::erase_if(without, [](const auto& o) { return o.first.kind == ObjectKind::index; });
  ASSERT_TRUE(rebuild_from(without));
  EXPECT_EQ(report.points_restored, 0u);
  EXPECT_EQ(readable(), chunks.size());
}

// --- the index with many runs ---

TEST_F(RebuildTest, a_merge_that_died_before_it_removed_the_old_runs_is_no_trouble) {
  Objects before;
  for (int i = 0; i < 17; ++i) {
    backup(5, 200);
    if (i == 15) before = objects();
  }
  for (int i = 0; i < 3; ++i) backup(1, 200);  // merges
  Objects both = objects();
  for (const auto& [name, bytes] : before)
    if (name.kind == ObjectKind::index) both[name] = bytes;  // the superseded ones are still there
  vault = *Vault::open(*env, store_of(both), {SlotKind::key_file, key});
  const auto index = *Index::load(*vault);
  EXPECT_LE(index->runs().size(), 18u);
  EXPECT_EQ(readable(), chunks.size());
  backup(1, 200);
  EXPECT_EQ(readable(), chunks.size());
}
TEST_F(RebuildTest, an_index_with_a_damaged_run_is_refused_with_advice_or_used_without_it) {
  for (int i = 0; i < 4; ++i) backup(5, 200);
  Objects damaged = objects();
  for (auto& [name, bytes] : damaged)
    if (name.kind == ObjectKind::index) {
      bytes.back() ^= 1;
      break;
    }
  vault = *Vault::open(*env, store_of(damaged), {SlotKind::key_file, key});
  const auto refused = Index::load(*vault);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().hint.find("rebuild"), std::string::npos);
  std::vector<std::pair<std::string, Error>> unreadable;
  const auto rest = *Index::load_what_opens(*vault, unreadable);
  EXPECT_EQ(unreadable.size(), 1u);
  EXPECT_EQ(rest->runs().size(), 3u);
  ASSERT_TRUE(rebuild_from(damaged));
  EXPECT_EQ(readable(), chunks.size());
}

}  // namespace
}  // namespace hf
