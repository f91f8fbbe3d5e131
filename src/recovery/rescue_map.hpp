#pragma once
// The map file of GNU ddrescue: which parts of an image hold what was on the device, and which were never read. Its
// layout: "Mapfile structure" in the ddrescue manual.
//
//   # comments
//   0x2F00000     +               1        the status line: position, what it was doing, pass
//   0x00000000  0x117000  +                one line an area: position, size, status
//   0x00117000  0x000200  -

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hf {

/// Bytes from `offset` up to, not including, `end`.
struct ByteGap {
  std::uint64_t offset = 0, end = 0;
  bool operator==(const ByteGap&) const = default;
};

struct RescueArea {
  std::uint64_t offset = 0, bytes = 0;
  char status = '?';  ///< '+' read; '?' not tried, '*' not trimmed, '/' not scraped, '-' bad
};

/// What a reader takes at most: some millions of areas.
constexpr std::size_t kRescueMapBytesMax = std::size_t{256} << 20;

/// Usage with the number of the line where it is no such map: areas must be in order, apart from each other and within 64
/// bits.
Result<std::vector<RescueArea>> parse_rescue_map(std::string_view text);

/// Whatever the map does not call read, neighbours joined. What lies outside of the map counts as read: an image may be
/// longer, and nothing in it is believed before it opens.
std::vector<ByteGap> gaps_of(const std::vector<RescueArea>& areas);

}  // namespace hf
