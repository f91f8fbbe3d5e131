#pragma once
// Mending a damaged pack from its parity. No key is needed: every block is judged by its digest, the whole by its name.
//
// Crash story: the healed pack is written beside the damaged one, block by block, while its name is computed anew. Only
// where that is the pack's own name does it take the damaged one's place, in one step (Upload::replace): after a crash
// there is the damaged pack, or the healed one. Two that heal one pack do the same work twice.

#include "vault/parity.hpp"

namespace hf {

struct Healing {
  std::uint64_t blocks = 0;         ///< rebuilt from parity
  std::uint64_t bytes = 0;          ///< in them
  std::uint32_t block_bytes = 0;
  std::uint64_t first_offset = 0;   ///< of the first of them
  std::uint64_t parity_blocks = 0;  ///< that were there and sound
  bool was_missing = false;         ///< there was no pack at all
  bool was_cut = false;             ///< it had another size
  /// "3 blocks of 64 KiB rebuilt from parity": for people.
  std::string text() const;
};

/// Heals a pack that was found damaged, or a missing one (`may_be_missing`) that is so small that its parity holds all of it.
/// NotFound: there is no parity. Corrupt: it is not enough, or damaged itself; nothing was changed then.
/// Success without any block: every block is what it should be and so is the whole; nothing was written.
/// Memory: the parity of the pack.
Result<Healing> heal_pack(ObjectStore& store, const PackId& pack, bool may_be_missing = false);

}  // namespace hf
