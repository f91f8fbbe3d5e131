#include "format/wire.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace hf::wire {
namespace {

Buffer varint(std::uint64_t v) {
  Buffer b;
  Writer(b).varint(v);
  return b;
}

TEST(Wire, varints_are_pinned) {
  EXPECT_EQ(to_hex(varint(0)), "00");
  EXPECT_EQ(to_hex(varint(127)), "7f");
  EXPECT_EQ(to_hex(varint(128)), "8001");
  EXPECT_EQ(to_hex(varint(300)), "ac02");
  EXPECT_EQ(to_hex(varint(UINT64_MAX)), "ffffffffffffffffff01");
}
TEST(Wire, signed_varints_are_pinned) {
  const auto zigzag = [](std::int64_t v) {
    Buffer b;
    Writer(b).signed_varint(v);
    return to_hex(b);
  };
  EXPECT_EQ(zigzag(0), "00");
  EXPECT_EQ(zigzag(-1), "01");
  EXPECT_EQ(zigzag(1), "02");
  EXPECT_EQ(zigzag(-64), "7f");
  EXPECT_EQ(zigzag(std::numeric_limits<std::int64_t>::min()), "ffffffffffffffffff01");
}
TEST(Wire, integers_are_little_endian) {
  Buffer b;
  Writer w(b);
  w.u16(0x0102);
  w.u32(0x03040506);
  w.u64(0x0708090A0B0C0D0E);
  EXPECT_EQ(to_hex(b), "0201060504030e0d0c0b0a090807");
}
TEST(Wire, every_number_comes_back) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t v = random() >> (random() % 64);
    Buffer b;
    Writer w(b);
    w.varint(v);
    w.signed_varint(static_cast<std::int64_t>(v));
    w.signed_varint(-static_cast<std::int64_t>(v >> 1));
    Reader r(b);
    EXPECT_EQ(r.varint(), v);
    EXPECT_EQ(r.signed_varint(), static_cast<std::int64_t>(v));
    EXPECT_EQ(r.signed_varint(), -static_cast<std::int64_t>(v >> 1));
    EXPECT_TRUE(r.at_end());
  }
}
TEST(Wire, a_varint_has_one_encoding) {
  for (const char* longer : {"8000", "ff00", "808000", "80808080808080808000"}) {
    const Buffer b = *from_hex(longer);
    Reader r(b);
    r.varint();
    EXPECT_FALSE(r.ok()) << longer;
  }
}
TEST(Wire, a_varint_beyond_64_bits_is_refused) {
  for (const char* large : {"ffffffffffffffffff02", "ffffffffffffffffff7f", "ffffffffffffffffffff01", "8080808080808080808080"}) {
    const Buffer b = *from_hex(large);
    Reader r(b);
    r.varint();
    EXPECT_FALSE(r.ok()) << large;
  }
}
TEST(Wire, the_first_failure_sticks_and_gives_zeros) {
  const Buffer b = {1, 2, 3};
  Reader r(b);
  EXPECT_EQ(r.u32(), 0u);
  EXPECT_FALSE(r.ok());
  EXPECT_EQ(r.u8(), 0u);
  EXPECT_EQ(r.left(), 0u);
  EXPECT_TRUE(r.id<ChunkId>().is_zero());
  EXPECT_TRUE(r.bytes().empty());
  EXPECT_FALSE(r.at_end());
}
TEST(Wire, a_length_beyond_the_end_reads_nothing) {
  Buffer b = varint(UINT64_MAX);
  b.push_back(0);
  Reader r(b);
  EXPECT_TRUE(r.bytes().empty());
  EXPECT_FALSE(r.ok());
}
TEST(Wire, counts_above_their_limit_are_refused) {
  const Buffer b = varint(std::uint64_t{1} << 60);
  Reader r(b);
  EXPECT_EQ(r.count(1000), 0u);
  EXPECT_FALSE(r.ok());
}

}  // namespace
}  // namespace hf::wire
