#pragma once
// A frame that a file system laid down in two pieces.
//
// A file that is fragmented lies in pieces of whole blocks. The frame that a cut goes through does not open where its
// header lies; but the frame after it is found too, and so it is known where the second piece ends. Unknown is only where
// the first one ends: at one of the block boundaries in between, and the seal tells which, once all others failed to open.
// (Bifragment gap carving: S. Garfinkel, "Carving contiguous and fragmented files with fast object validation", 2007.)

#include <optional>

#include "recovery/raw_source.hpp"
#include "vault/pack_reader.hpp"

namespace hf {

struct TwoPieces {
  Extent parts[2];
};

/// `head`: from the frame's header on; `next`: where the frame behind it begins; `frame_bytes`: of the whole. Opens it into
/// `out`, and gives where the pieces lie. Nothing where they are not two pieces of 512-byte blocks, or do not open.
/// Costs up to frame_bytes / 512 attempts to open it, but as a rule 500 for a frame of 2 MiB; `tried` counts bytes.
std::optional<TwoPieces> join_two_pieces(const RawSources& sources, const Extent& head, const Extent& next, std::uint32_t frame_bytes, SegmentOpener& opener,
                                         OpenedSegment& out, std::uint64_t& tried);

}  // namespace hf
