#include "format/index_run.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace examples;

constexpr std::uint64_t kObjectBytes = 1 << 20;
Result<IndexTable> decode(ByteView in) { return IndexTable::decode(in, kObjectBytes); }

TEST(IndexEntry, is_pinned_and_comes_back) {
  const IndexEntry e{{0x0102030405060708, 0x090A0B0C0D0E0F10}, 0x11121314, 0x21222324, 0x31323334, 0x4142};
  Buffer b(IndexEntry::kBytes);
  encode_index_entry(e, b);
  EXPECT_EQ(to_hex(b), "0102030405060708090a0b0c0d0e0f10" "14131211" "24232221" "34333231" "4241");
  const IndexEntry back = decode_index_entry(b);
  EXPECT_EQ(back.key, e.key);
  EXPECT_EQ(back.pack, e.pack);
  EXPECT_EQ(back.offset, e.offset);
  EXPECT_EQ(back.stored_bytes, e.stored_bytes);
  EXPECT_EQ(back.chunk, e.chunk);
}
TEST(IndexEntry, order_of_keys_is_order_of_bytes) {
  std::mt19937_64 random(3);
  for (int i = 0; i < 1000; ++i) {
    ChunkId a, b;
    for (auto& x : a.bytes) x = static_cast<std::uint8_t>(random() % 3);
    for (auto& x : b.bytes) x = static_cast<std::uint8_t>(random() % 3);
    const bool before = std::memcmp(a.bytes.data(), b.bytes.data(), 16) < 0;
    EXPECT_EQ(ChunkKey::of(a) < ChunkKey::of(b), before);
  }
}

TEST(IndexTable, is_pinned_and_canonical) {
  const Buffer b = index_table().encode();
  EXPECT_EQ(to_hex(sha256(b)), "2999805ed7aad08547ebe8469995565749ea44eeeeac077cbf5ccbdac596966e");
  damage::canonical_or_refused(b, decode, [](const IndexTable& t) { return t.encode(); });
}
TEST(IndexTable, may_be_empty) { EXPECT_EQ(decode(IndexTable().encode())->entry_count, 0u); }
TEST(IndexTable, fences_must_be_one_a_page_and_in_order) {
  IndexTable t = index_table();
  std::swap(t.fences[0], t.fences[1]);
  EXPECT_FALSE(decode(t.encode()));
  t = index_table();
  t.fences.pop_back();
  EXPECT_FALSE(decode(t.encode()));
  t = index_table();
  t.entry_count = 3 * kIndexPageEntries + 1;
  EXPECT_FALSE(decode(t.encode()));
}
TEST(IndexTable, cannot_promise_more_than_the_object_holds) {
  EXPECT_FALSE(IndexTable::decode(index_table().encode(), 1000));
  for (int lie = 0; lie < 4; ++lie) {  // a count of 2^60 in each place
    Buffer b;
    wire::Writer w(b);
    for (int i = 0; i < lie; ++i) w.varint(0);
    w.varint(std::uint64_t{1} << 60);
    EXPECT_FALSE(decode(b)) << lie;
  }
}
TEST(IndexTrailer, is_pinned_and_damage_is_always_detected) {
  IndexTrailer t;
  t.table_offset = 1'234'567'890'123;
  t.table_stored_bytes = 4711;
  const Buffer b = t.encode();
  EXPECT_EQ(to_hex(b), "48464958454e440acb04fb711f01000067120000ec4f6b42");
  EXPECT_EQ(b.size(), IndexTrailer::kBytes);
  EXPECT_EQ(IndexTrailer::decode(b)->table_offset, t.table_offset);
  EXPECT_EQ(IndexTrailer::decode(b)->table_stored_bytes, t.table_stored_bytes);
  damage::always_detected(b, [](ByteView v) { return IndexTrailer::decode(v); });
}

TEST(IndexFilter, small_runs_have_none) {
  EXPECT_EQ(filter_block_count(0), 0u);
  EXPECT_EQ(filter_block_count(4 * kIndexPageEntries - 1), 0u);
  EXPECT_EQ(filter_block_count(4 * kIndexPageEntries), 13u);  // 544 entries of 12 bits in blocks of 512 bits
  EXPECT_EQ(filter_block_count(100'000'000), 2'343'750u);
}
TEST(IndexFilter, bits_are_pinned) {
  const ChunkKey key{0x0123456789ABCDEF, 0xFEDCBA9876543210};
  EXPECT_EQ(filter_block_of(key, 1000), 995u);
  Buffer block(kFilterBlockBytes);
  filter_set(block, key);
  EXPECT_EQ(to_hex(block),
            "000000000000000000000000000000080000002800000008000010000000080000000000000000000000000000000000"
            "00000000000000000000000000000000");
  EXPECT_TRUE(filter_has(block, key));
}
TEST(IndexFilter, never_misses_and_rarely_errs) {
  std::mt19937_64 random(5);
  constexpr std::uint64_t kEntries = 50'000;
  const std::uint64_t blocks = filter_block_count(kEntries);
  Buffer filter(blocks * kFilterBlockBytes);
  std::vector<ChunkKey> keys;
  for (std::uint64_t i = 0; i < kEntries; ++i) {
    keys.push_back({random(), random()});
    filter_set(MutableBytes(filter).subspan(filter_block_of(keys.back(), blocks) * kFilterBlockBytes, kFilterBlockBytes), keys.back());
  }
  const auto has = [&](const ChunkKey& k) { return filter_has(ByteView(filter).subspan(filter_block_of(k, blocks) * kFilterBlockBytes, kFilterBlockBytes), k); };
  for (const ChunkKey& k : keys) ASSERT_TRUE(has(k));
  int wrong = 0;
  for (int i = 0; i < 50'000; ++i) wrong += has({random(), random()}) ? 1 : 0;
  EXPECT_LT(wrong, 50'000 / 50);  // promised: about 1 %
}
TEST(IndexFilter, every_block_is_reached_and_none_beyond) {
  EXPECT_EQ(filter_block_of({0, 0}, 7), 0u);
  EXPECT_EQ(filter_block_of({0, UINT64_MAX}, 7), 6u);
}

}  // namespace
}  // namespace hf
