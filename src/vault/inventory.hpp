#pragma once
// All that a store lists, in one pass: how much it is, and whether it is what a prune found nothing to do for.
//
// Objects never change under their names, so the same names mean the same vault, and the same answer. Only where sessions
// run or points are forgotten does time count too: then nothing is remembered, and nothing is taken from memory.

#include "vault/prune.hpp"

namespace hf {

struct Inventory {
  std::uint64_t bytes = 0;  ///< of all objects
  bool at_rest = true;      ///< no lease, no tombstone: only a change of the listing changes what there is to do
  Digest state{};           ///< over kinds, names and sizes
};
/// Costs a listing of everything.
Result<Inventory> take_inventory(ObjectStore& store);

/// What a prune with these options reported when it found nothing to do in exactly this state, if this machine remembers.
std::optional<PruneReport> remembered_prune(const Vault& vault, const Inventory& inventory, const PruneOptions& options);
/// Remembers that it found nothing to do.
void remember_prune(const Vault& vault, const Inventory& inventory, const PruneOptions& options, const PruneReport& report);

}  // namespace hf
