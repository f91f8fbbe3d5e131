#include "recovery/join.hpp"

#include <algorithm>

namespace hf {
namespace {

/// As much as lies there and can be read, at the front or at the end of `out`; the rest stays zero.
std::uint64_t read_front(const RawSources& sources, const Extent& from, MutableBytes out) {
  std::uint64_t n = std::min<std::uint64_t>(out.size(), sources.bytes(from.source) - from.offset);
  while (n > 0 && !sources.read({from.source, from.offset, n}, out.first(n))) n /= 2;
  return n;
}

}  // namespace

std::optional<TwoPieces> join_two_pieces(const RawSources& sources, const Extent& head, const Extent& next, std::uint32_t frame_bytes, SegmentOpener& opener,
                                         OpenedSegment& out, std::uint64_t& tried) {
  // In one piece it was tried already. Where a piece begins in its block is the same in the file as on the medium, so both
  // ends must agree about where blocks begin.
  const std::uint64_t tail_end = next.offset, total = frame_bytes;
  if (tail_end < FrameHeader::kBytes || (head.source == next.source && head.offset + total == tail_end)) return std::nullopt;
  const std::uint64_t phase = (head.offset + total - tail_end) % 4096;  // of unsigned numbers: a difference of blocks
  const std::uint64_t block = phase % 4096 == 0 ? 4096 : phase % 1024 == 0 ? 1024 : phase % 512 == 0 ? 512 : 0;
  if (block == 0) return std::nullopt;

  Buffer frame(total), front(total);
  const std::uint64_t front_bytes = read_front(sources, head, front);
  const std::uint64_t tail_bytes = std::min(total, tail_end);
  // The tail stands at the end of the frame; the front grows over it, block by block.
  Buffer tail(tail_bytes);
  std::uint64_t tail_from = 0;  // what of it can be read, from here to the end
  while (tail_from < tail_bytes && !sources.read({next.source, tail_end - (tail_bytes - tail_from), tail_bytes - tail_from}, MutableBytes(tail).subspan(tail_from)))
    tail_from += std::max<std::uint64_t>(1, (tail_bytes - tail_from) / 2);
  std::copy(tail.begin(), tail.end(), frame.begin() + static_cast<std::ptrdiff_t>(total - tail_bytes));
  const std::uint64_t front_least = total - (tail_bytes - tail_from);
  std::uint64_t copied = 0;
  for (std::uint64_t cut = block - head.offset % block; cut < total; cut += block) {
    if (cut > front_bytes) break;
    std::copy(front.begin() + static_cast<std::ptrdiff_t>(copied), front.begin() + static_cast<std::ptrdiff_t>(cut), frame.begin() + static_cast<std::ptrdiff_t>(copied));
    copied = cut;
    if (cut < front_least || cut < FrameHeader::kBytes) continue;
    tried += total;
    if (opener.open(frame, out))
      return TwoPieces{{{head.source, head.offset, cut}, {next.source, tail_end - (total - cut), total - cut}}};
  }
  return std::nullopt;
}

}  // namespace hf
