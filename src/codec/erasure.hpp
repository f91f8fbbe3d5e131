#pragma once
// Reed-Solomon erasure code over GF(2^8) with polynomial 0x11D, by a Cauchy matrix (docs/format/parity.md).
//
//   parity[row] = sum over columns of coefficient(row, column) · data[column],   coefficient = 1 / ((255 - row) xor column)
//
// Every square part of a Cauchy matrix can be inverted: any r parity blocks replace any r lost blocks. A coefficient
// depends on its own row and column only, so parity grows while data streams by, before anyone knows how much will come,
// and rows can be left out at the end.
//
// Pure. Lengths are the caller's: what is shorter than a parity block counts as if zeros followed. The arithmetic is
// ISA-L's, which takes the widest instructions that the CPU has; the bytes are the same on every machine.

#include <span>

#include "base/bytes.hpp"

namespace hf::erasure {

/// Columns and rows together, at most: 255 - row and column must never meet.
constexpr unsigned kBlocksMax = 256;

/// row + column + 1 < kBlocksMax.
std::uint8_t coefficient(unsigned row, unsigned column);

/// parity[i] ^= coefficient(rows[i], column) · data, over the length of `data`. Each parity points to at least as many
/// bytes.
void accumulate(std::span<const std::uint8_t> rows, unsigned column, ByteView data, std::span<std::uint8_t* const> parity);

/// Finds lost blocks. `sums[i]` is parity block rows[i] to which all that is left of the data was added by accumulate();
/// afterwards it is the block of columns[i]. As many rows as columns, each named once; all sums of one length.
void solve(std::span<const std::uint8_t> rows, std::span<const std::uint8_t> columns, std::span<Buffer> sums);

}  // namespace hf::erasure
