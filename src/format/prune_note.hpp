#pragma once
// That there was nothing to give back, and of which state of the vault that is true (docs/format/needs.md).

#include "base/ids.hpp"
#include "codec/hash.hpp"

namespace hf {

struct PruneNote {
  Digest state{};  ///< over the names and sizes of all objects, and what was asked for
  std::uint64_t packs = 0, bytes_unused = 0, chunks_live = 0;  ///< as PruneReport has them
};
Buffer encode_prune_note(const PruneNote& note);
Result<PruneNote> decode_prune_note(ByteView in);

}  // namespace hf
