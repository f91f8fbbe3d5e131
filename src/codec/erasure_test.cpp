#include "codec/erasure.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace hf::erasure {
namespace {

std::uint8_t times(std::uint8_t a, std::uint8_t b) {  // schoolbook, modulo 0x11D
  unsigned product = 0;
  for (unsigned i = 0; i < 8; ++i)
    if (((b >> i) & 1) != 0) product ^= static_cast<unsigned>(a) << i;
  for (unsigned i = 15; i >= 8; --i)
    if (((product >> i) & 1) != 0) product ^= 0x11Du << (i - 8);
  return static_cast<std::uint8_t>(product);
}

TEST(Erasure, coefficients_are_those_of_parity_md) {
  EXPECT_EQ(coefficient(0, 0), 0xFD);
  EXPECT_EQ(coefficient(0, 1), 0x7E);
  EXPECT_EQ(coefficient(1, 0), 0x7E);
  EXPECT_EQ(coefficient(1, 1), 0xFD);
  for (unsigned row = 0; row < 64; ++row)
    for (unsigned column = 0; column + row + 1 < kBlocksMax; ++column)
      ASSERT_EQ(times(coefficient(row, column), static_cast<std::uint8_t>((255 - row) ^ column)), 1) << row << ", " << column;
}

struct Code {
  std::size_t data, parity, bytes;
  std::vector<Buffer> blocks, sums;
  std::vector<std::uint8_t> rows;

  Code(std::size_t k, std::size_t m, std::size_t n, std::mt19937_64& random) : data(k), parity(m), bytes(n), blocks(k, Buffer(n)), sums(m, Buffer(n)), rows(m) {
    std::iota(rows.begin(), rows.end(), std::uint8_t{0});
    for (Buffer& b : blocks)
      for (auto& byte : b) byte = static_cast<std::uint8_t>(random());
    for (std::size_t c = 0; c < k; ++c) add(c);
  }
  void add(std::size_t column) {
    std::vector<std::uint8_t*> to;
    for (Buffer& s : sums) to.push_back(s.data());
    accumulate(rows, static_cast<unsigned>(column), blocks[column], to);
  }
  /// The blocks of `lost`, from the parity rows `used`.
  std::vector<Buffer> without(const std::vector<std::uint8_t>& lost, const std::vector<std::uint8_t>& used) {
    for (std::size_t c = 0; c < data; ++c)
      if (std::find(lost.begin(), lost.end(), c) == lost.end()) add(c);
    std::vector<Buffer> picked;
    for (std::uint8_t row : used) picked.push_back(sums[row]);
    solve(used, lost, picked);
    return picked;
  }
};

TEST(Erasure, parity_is_the_sum_that_its_definition_says) {
  std::mt19937_64 random(1);
  const Code code(5, 3, 100, random);
  for (unsigned row = 0; row < 3; ++row)
    for (std::size_t at = 0; at < 100; ++at) {
      std::uint8_t sum = 0;
      for (unsigned c = 0; c < 5; ++c) sum = static_cast<std::uint8_t>(sum ^ times(coefficient(row, c), code.blocks[c][at]));
      ASSERT_EQ(code.sums[row][at], sum);
    }
}

TEST(Erasure, any_loss_up_to_the_bound_comes_back_from_any_parity_that_is_left) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 200; ++round) {
    const std::size_t k = 1 + random() % 200, m = 1 + random() % std::min<std::size_t>(kBlocksMax - k, 24);
    Code code(k, m, 1 + random() % 300, random);
    const auto blocks = code.blocks;
    std::vector<std::uint8_t> columns(k), rows = code.rows;
    std::iota(columns.begin(), columns.end(), std::uint8_t{0});
    std::shuffle(columns.begin(), columns.end(), random);
    std::shuffle(rows.begin(), rows.end(), random);
    const std::size_t lost = 1 + random() % std::min(k, m);
    columns.resize(lost);
    rows.resize(lost);
    const auto found = code.without(columns, rows);
    for (std::size_t i = 0; i < lost; ++i) ASSERT_EQ(found[i], blocks[columns[i]]) << k << " + " << m << ", round " << round;
  }
}

TEST(Erasure, pieces_of_any_length_add_up_to_the_whole) {
  std::mt19937_64 random(3);
  Code whole(1, 7, 20'000, random);
  std::vector<Buffer> sums(7, Buffer(20'000));
  for (std::size_t at = 0; at < 20'000;) {
    const std::size_t n = std::min<std::size_t>(20'000 - at, 1 + random() % 9000);
    std::vector<std::uint8_t*> to;
    for (Buffer& s : sums) to.push_back(s.data() + at);
    accumulate(whole.rows, 0, ByteView(whole.blocks[0]).subspan(at, n), to);
    at += n;
  }
  EXPECT_EQ(sums, whole.sums);
}

}  // namespace
}  // namespace hf::erasure
