#pragma once
// Content-defined cuts: where a stream of bytes is cut depends only on the bytes near the cut and on the vault's key,
// so that an insertion moves cuts with it and everything else is found again (docs/format/chunking.md).

#include <array>

#include "base/bytes.hpp"

namespace hf {

/// Sizes in bytes. `size_avg` is a power of two; 64 <= size_min <= size_avg <= size_max.
struct ChunkerParams {
  std::uint32_t size_min = 16 * 1024;
  std::uint32_t size_avg = 64 * 1024;
  std::uint32_t size_max = 256 * 1024;
  auto operator<=>(const ChunkerParams&) const = default;
  bool valid() const;
};

/// Keyed, normalised Gear (FastCDC family). The hash at a position covers exactly the 64 bytes that end there, hence
/// any core can start anywhere and finds the same cuts as soon as it meets one. Same key, parameters and bytes give
/// the same cuts on every machine and in every later release. Immutable: any thread.
class Chunker {
 public:
  Chunker(ByteView key, ChunkerParams params);
  const ChunkerParams& params() const { return params_; }
  /// Length of the first chunk of `stream`; `stream` must hold at least size_max bytes or all that is left.
  /// 0 only for an empty stream.
  std::size_t next_cut(ByteView stream) const;
  /// A chunk of zeros that next_cut() gives for a long run of zeros: such chunks need not be hashed again.
  std::size_t zero_run_cut() const { return zero_run_cut_; }

 private:
  std::size_t scan(ByteView stream) const;

  ChunkerParams params_;
  int bits_strict_, bits_loose_;
  std::array<std::uint64_t, 256> gear_;
  std::size_t zero_run_cut_ = 0;
};

/// True if all bytes are zero.
bool is_zero(ByteView bytes);

}  // namespace hf
