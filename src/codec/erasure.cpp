#include "codec/erasure.hpp"

#include <isa-l/erasure_code.h>

#include <algorithm>
#include <array>

#include "base/assert.hpp"

namespace hf::erasure {
namespace {
constexpr std::size_t kTableBytes = 32;  // of one coefficient, as ISA-L wants it
// Pieces that stay in the first-level cache while every row takes them.
constexpr std::size_t kPieceBytes = 8 * 1024;
}  // namespace

std::uint8_t coefficient(unsigned row, unsigned column) {
  HF_ASSERT(row + column + 1 < kBlocksMax);
  return gf_inv(static_cast<std::uint8_t>((255 - row) ^ column));
}

void accumulate(std::span<const std::uint8_t> rows, unsigned column, ByteView data, std::span<std::uint8_t* const> parity) {
  HF_ASSERT(rows.size() == parity.size() && rows.size() < kBlocksMax);
  if (rows.empty()) return;
  std::array<std::uint8_t, kBlocksMax> coefficients;
  std::array<std::uint8_t, kBlocksMax * kTableBytes> tables;
  for (std::size_t i = 0; i < rows.size(); ++i) coefficients[i] = coefficient(rows[i], column);
  const int count = static_cast<int>(rows.size());
  ec_init_tables(1, count, coefficients.data(), tables.data());
  std::array<std::uint8_t*, kBlocksMax> to;
  std::copy(parity.begin(), parity.end(), to.begin());
  for (std::size_t at = 0; at < data.size(); at += kPieceBytes) {
    const std::size_t n = std::min(kPieceBytes, data.size() - at);
    // ISA-L takes what it only reads without const.
    ec_encode_data_update(static_cast<int>(n), 1, count, 0, tables.data(), const_cast<std::uint8_t*>(data.data() + at), to.data());
    for (std::size_t i = 0; i < rows.size(); ++i) to[i] += n;
  }
}

void solve(std::span<const std::uint8_t> rows, std::span<const std::uint8_t> columns, std::span<Buffer> sums) {
  const std::size_t n = rows.size();
  HF_ASSERT(columns.size() == n && sums.size() == n && n < kBlocksMax);
  if (n == 0) return;
  Buffer matrix(n * n), inverse(n * n);
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t c = 0; c < n; ++c) matrix[r * n + c] = coefficient(rows[r], columns[c]);
  const int singular = gf_invert_matrix(matrix.data(), inverse.data(), static_cast<int>(n));
  HF_ASSERT(singular == 0);  // distinct rows and columns of a Cauchy matrix
  const int count = static_cast<int>(n);
  Buffer tables(n * n * kTableBytes);
  ec_init_tables(count, count, inverse.data(), tables.data());
  std::vector<Buffer> blocks(n, Buffer(sums[0].size()));
  std::array<std::uint8_t*, kBlocksMax> from, to;
  for (std::size_t i = 0; i < n; ++i) {
    HF_ASSERT(sums[i].size() == blocks[i].size());
    from[i] = sums[i].data();
    to[i] = blocks[i].data();
  }
  ec_encode_data(static_cast<int>(blocks[0].size()), count, count, tables.data(), from.data(), to.data());
  for (std::size_t i = 0; i < n; ++i) sums[i].swap(blocks[i]);
}

}  // namespace hf::erasure
