#include "format/parity.hpp"

#include "codec/erasure.hpp"
#include "format/damage.hpp"
#include "format/examples.hpp"

namespace hf {
namespace {
using namespace examples;

constexpr std::uint64_t kKiB = 1024, kMiB = 1024 * 1024;

/// As finish() writes it; empty where it says that there is none.
Buffer parity_of(ByteView pack, std::uint64_t expected, std::uint64_t piece = UINT64_MAX, unsigned percent = kParityPercent) {
  std::vector<Digest> blocks;
  ContentName name(&blocks);
  ParityBuilder builder(expected, percent);
  for (std::uint64_t at = 0; at < pack.size(); at += std::min<std::uint64_t>(piece, pack.size() - at)) {
    const ByteView bytes = pack.subspan(at, std::min<std::uint64_t>(piece, pack.size() - at));
    name.update(bytes);
    builder.update(bytes);
  }
  const PackId id{name.finish()};
  Buffer out;
  const auto made = builder.finish(id, blocks, [&](ByteView b) -> Status {
    append(out, b);
    return {};
  });
  EXPECT_TRUE(made);
  EXPECT_EQ(*made, !out.empty());
  return out;
}

ParityHead example_head() {
  ParityHead h;
  h.shape = {.pack_bytes = 33'554'432, .block_bits = 16, .groups = 3, .rows = 7};
  h.pack = id<PackId>(0x01);
  h.table = counting<Digest>(0x40);
  return h;
}

TEST(ParityShape, takes_about_four_percent_and_never_less_than_two_blocks) {
  EXPECT_EQ(ParityShape::suited(32 * kMiB), (ParityShape{.pack_bytes = 32 * kMiB, .block_bits = 16, .groups = 3, .rows = 7}));
  EXPECT_EQ(ParityShape::suited(3000), (ParityShape{.pack_bytes = 3000, .block_bits = 12, .groups = 1, .rows = 1}));
  EXPECT_EQ(ParityShape::suited(20'000).parity_blocks(), 2u);
  EXPECT_EQ(ParityShape::suited(1 * kMiB), (ParityShape{.pack_bytes = 1 * kMiB, .block_bits = 14, .groups = 1, .rows = 3}));
  for (std::uint64_t bytes = 1; bytes < 8ull << 30; bytes += 1 + bytes / 7)
    for (unsigned percent : {1u, kParityPercent, kParityPercentMax}) {
      const ParityShape s = ParityShape::suited(bytes, percent);
      if (bytes > ParityShape::kBlocksMax << 16) continue;
      ASSERT_TRUE(s.valid()) << bytes << ", " << percent << " %";
      ASSERT_GE(s.parity_blocks(), s.blocks() == 1 ? 1u : 2u);
      if (bytes >= 4 * kMiB && percent == kParityPercent) {
        const double share = static_cast<double>(s.object_bytes()) / static_cast<double>(bytes);
        ASSERT_GE(share, 0.04) << bytes;
        ASSERT_LE(share, 0.058) << bytes;
      }
    }
}

TEST(ParityHead, is_pinned_and_comes_back) {
  const Buffer b = example_head().encode();
  EXPECT_EQ(b.size(), ParityHead::kBytes);
  EXPECT_EQ(to_hex(b),
            "48465041524954590100011003000000070000000000000200000000"
            "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"
            "404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f" + to_hex(ByteView(b).last(4)));
  const ParityHead h = *ParityHead::decode(b);
  EXPECT_EQ(h.encode(), b);
  EXPECT_EQ(h.shape, example_head().shape);
  damage::always_detected(b, [](ByteView v) { return ParityHead::decode(v); });
}
Buffer with(Buffer b, std::size_t at, std::uint8_t value) {
  b[at] = value;
  const Digest d = sha256(ByteView(b).first(b.size() - 4));
  std::copy_n(d.begin(), 4, b.end() - 4);
  return b;
}
TEST(ParityHead, newer_ones_are_unsupported_and_shapes_beyond_the_limits_are_refused) {
  const Buffer b = example_head().encode();
  EXPECT_EQ(ParityHead::decode(with(b, 8, 2)).error().code, Code::unsupported);
  EXPECT_EQ(ParityHead::decode(with(b, 10, 2)).error().code, Code::unsupported);
  EXPECT_EQ(ParityHead::decode(with(b, 11, 17)).error().code, Code::corrupt);  // blocks of 128 KiB
  EXPECT_EQ(ParityHead::decode(with(b, 12, 0)).error().code, Code::corrupt);   // no groups
  EXPECT_EQ(ParityHead::decode(with(b, 12, 2)).error().code, Code::corrupt);   // 256 columns and 7 rows
  EXPECT_EQ(ParityHead::decode(with(b, 16, 0)).error().code, Code::corrupt);   // no rows
  EXPECT_EQ(ParityHead::decode(with(b, 16, 90)).error().code, Code::corrupt);  // 171 columns and 90 rows
  EXPECT_EQ(ParityHead::decode(with(b, 27, 1)).error().code, Code::corrupt);   // a pack of 2^56 bytes
}

TEST(ParityChoice, is_pinned_and_comes_back) {
  const Buffer b = ParityChoice{}.encode();
  EXPECT_EQ(to_hex(ByteView(b).first(11)), "4846504152534554010004");
  EXPECT_EQ(ParityChoice::decode(b)->encode(), b);
  damage::always_detected(b, [](ByteView v) { return ParityChoice::decode(v); });
  EXPECT_EQ(ParityChoice::decode(with(b, 8, 2)).error().code, Code::unsupported);
  EXPECT_EQ(ParityChoice::decode(with(b, 10, 0)).error().code, Code::corrupt);
  EXPECT_EQ(ParityChoice::decode(with(b, 10, 26)).error().code, Code::corrupt);
}

// The vector of docs/format/parity.md.
TEST(Parity, of_a_small_pack_is_as_parity_md_says) {
  Buffer pack(10'000);
  for (std::size_t i = 0; i < pack.size(); ++i) pack[i] = static_cast<std::uint8_t>(i);
  const Buffer object = parity_of(pack, pack.size());
  const ParityHead head = *ParityHead::decode(object);
  EXPECT_EQ(head.shape, (ParityShape{.pack_bytes = 10'000, .block_bits = 12, .groups = 1, .rows = 2}));
  EXPECT_EQ(object.size(), head.shape.object_bytes());
  EXPECT_EQ(object.size(), 2 * (96 + 5 * 32) + 2 * 4096u);
  EXPECT_EQ(head.pack.bytes, content_name(pack));
  EXPECT_EQ(head.pack.hex(), "ce4cc4671c37f0c1dc2434a37deec05c958f753fdfcd56624b4386a7b3ca51b5");
  EXPECT_EQ(to_hex(ByteView(object).subspan(head.shape.parity_offset(0), 8)), "007cf884ed911569");
  EXPECT_EQ(to_hex(ByteView(object).subspan(head.shape.parity_offset(1), 8)), "00fce519d72b32ce");
  EXPECT_EQ(to_hex(sha256(object)), "650400c814c16676b253d695504d98b0c9972d83eeca0963874ba68e3b09fc8f");
}

TEST(Parity, comes_out_the_same_in_pieces_as_in_one) {
  for (std::uint64_t bytes : {1u, 4095u, 4097u, 70'000u, 4194304u, 4194305u, 9'000'001u}) {
    const Buffer pack = noise(bytes, bytes);
    const Buffer whole = parity_of(pack, bytes);
    for (std::uint64_t piece : {997u, 65'536u, 3'000'000u})
      if (piece > 1000 || bytes < 100'000) {
        EXPECT_TRUE(parity_of(pack, bytes, piece) == whole) << bytes << " in pieces of " << piece;
      }
    EXPECT_EQ(whole.size(), ParityShape::suited(bytes).object_bytes());
    const ParityHead head = *ParityHead::decode(whole);
    EXPECT_TRUE(ParityTable::decode(head, ByteView(whole).subspan(ParityHead::kBytes, head.shape.table_bytes())));
  }
}

TEST(Parity, of_a_pack_that_ends_early_is_as_large_as_its_own_size_asks) {
  const Buffer pack = noise(6 * kMiB);
  const Buffer object = parity_of(pack, 36 * kMiB);
  const ParityHead head = *ParityHead::decode(object);
  EXPECT_EQ(head.shape.groups, 3u);
  EXPECT_EQ(head.shape.rows, 2u);
  EXPECT_EQ(object.size(), head.shape.object_bytes());
}

TEST(Parity, of_far_more_than_was_expected_there_is_none) { EXPECT_TRUE(parity_of(noise(17 * kMiB), 5 * kMiB).empty()); }

TEST(ParityTable, of_another_pack_is_refused) {
  const Buffer one = noise(5 * kMiB, 1), object = parity_of(one, one.size());
  ParityHead head = *ParityHead::decode(object);
  const ByteView table = ByteView(object).subspan(ParityHead::kBytes, head.shape.table_bytes());
  EXPECT_TRUE(ParityTable::decode(head, table));
  head.pack = id<PackId>(9);
  EXPECT_FALSE(ParityTable::decode(head, table));
  Buffer forged(table.begin(), table.end());
  forged[0] ^= 1;
  EXPECT_FALSE(ParityTable::decode(*ParityHead::decode(object), forged));
}

}  // namespace
}  // namespace hf
