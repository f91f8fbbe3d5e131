#pragma once
// Finds what belongs to vaults in raw bytes, at any alignment, without names or directories.
//
// Everything that Holdfast stores begins, or ends, with a magic whose first two bytes are "HF", and carries a check over
// its header. So the search looks for these two bytes (16 at a time), then for the rest of a magic, then for the check;
// only what passes all three is a finding. In bytes that are no vault's "HF" occurs once in 64 KiB, and the rest by
// accident once in 2^56 bytes: a scan runs about as fast as memory is read (docs/how-to/salvage.md has the figure).
//
//   magic          what                              check
//   48 46 9e 01    frame of a pack, or small object   of its header
//   "HFPACK\r\n"   beginning of a pack                of the header
//   "HFPKEND\n"    end of a pack                      of the trailer
//   "HFIXEND\n"    end of an index run                of the trailer
//   "HFSLOT\r\n"   key slot                           of the whole
//   "HFVAULT\n"    description of a vault             of the whole

#include <functional>

#include "base/progress.hpp"
#include "format/pack.hpp"
#include "recovery/raw_source.hpp"

namespace hf {

enum class FindingKind : std::uint8_t { frame, pack_header, pack_trailer, index_trailer, key_slot, description };

struct Finding {
  FindingKind kind = FindingKind::frame;
  std::uint64_t offset = 0;  ///< of its first byte in the source
  FrameHeader frame;         ///< of a frame: the header; its body was not looked at
  PackHeader pack;
  PackTrailer trailer;
  ByteView object;           ///< of a key slot or description: all of it; valid during the call
};
using FindingSink = std::function<Status(const Finding&)>;

/// Key slots and descriptions have some hundred bytes. What claims to be larger than this is none.
constexpr std::size_t kSearchedObjectMax = 64 * 1024;

/// Tells `sink` of all findings in `window` from position `from` on, whose first byte is `base` in the source. Gives the
/// position up to which everything is decided: what begins there or later needs more bytes. At the end of the bytes
/// (`is_end`) that is the window's size. With more than kSearchedObjectMax bytes behind `from` it always advances.
/// Pure but for the sink; its errors end the search.
Result<std::size_t> find_in(ByteView window, std::size_t from, bool is_end, std::uint64_t base, const FindingSink& sink);

/// Position of the next "HF" at or behind `from`, or window.size(). An 'H' as last byte does not count.
std::size_t find_magic_start(ByteView window, std::size_t from);

/// One source from front to back, each byte once. Memory: a window of 4 MiB.
Status scan_source(RawSources& sources, std::size_t source, Progress& progress, const FindingSink& sink);

}  // namespace hf
