#pragma once
// From packs alone back to a whole vault: description, key slots, index, recovery points.

#include "base/progress.hpp"
#include "vault/vault.hpp"

namespace hf {

struct RebuildReport {
  std::uint64_t packs = 0, packs_torn = 0, packs_lost = 0;  ///< torn: read segment by segment; lost: nothing in them opens
  std::uint64_t packs_healed = 0;  ///< their directories did not open; mended from their parity
  std::uint64_t chunks = 0;
  std::uint64_t points_restored = 0, slots_restored = 0;
  std::uint64_t rotations_restored = 0;  ///< of the keys
  bool config_restored = false;
  std::vector<std::string> problems;
};

/// Puts back the description, key slots and rotations of the keys that copies inside packs hold, where they are absent. Needs no secret: run
/// before Vault::open(). NotAVault where neither a description nor a pack with a copy of it is there.
Result<RebuildReport> restore_description(ObjectStore& store);

/// Writes the index anew from the directories of all packs (torn ones mended from their parity, else segment by segment), puts back absent recovery
/// points, then removes the old index runs, but for those that tell of a pack which could not be read this time.
/// Crash: the old runs stay until the new ones are durable; run it again.
Status rebuild(Vault& vault, RebuildReport& report, Progress& progress);

}  // namespace hf
