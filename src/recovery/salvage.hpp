#pragma once
// Salvage: from raw bytes in which packs lie somewhere, whole or in pieces, to a new vault that holds what could be saved.
//
//   scan (catalogue.hpp) ─ open (found_keys.hpp) ─ whole packs, then pieces of broken ones ─ index ─ points ─ assess
//
// A pack that is whole is copied as it is: every byte of it is checked, so it gets the name that it had. Of the others
// each segment stands alone: it is opened, its chunks are identified, and those that nothing else gave go, uncut, into new
// packs. So nothing is stored that was not authenticated with the vault's keys; what is not the vault's does not open.
//
// Sources are read twice and never written: once from front to back for the scan, then where something lies. Memory: the
// catalogue; 32 bytes for each chunk saved; 8 MiB and two segments (of at most 33 MiB) a worker.
//
// Crash story: slots, packs, index, points; the description last. What is left of a salvage that was broken off is no vault
// yet; run again into the same place, it goes on: chunks that lie there already are not stored again.

#include "recovery/catalogue.hpp"
#include "recovery/salvage_store.hpp"
#include "vault/vault.hpp"
#include "verify/verify.hpp"

namespace hf {

enum class SalvagedState : std::uint8_t {
  whole,    ///< everything that it names is there
  part,     ///< some paths lost something
  nothing,  ///< its root directory is gone: nothing can be restored
};

struct SalvagedPoint {
  RecoveryPoint point;
  SalvagedState state = SalvagedState::whole;
  std::uint64_t paths_hit = 0;  ///< files and directories that lost something
};

struct SalvageReport {
  std::uint64_t packs_whole = 0, packs_broken = 0;  ///< broken: at least one segment of it opened
  std::uint64_t bytes_whole = 0;                    ///< stored bytes of whole packs
  std::uint64_t segments_saved = 0;                 ///< of broken packs
  std::uint64_t segments_damaged = 0;               ///< of this vault's packs; header found, body does not open
  std::uint64_t segments_joined = 0;                ///< saved although they lay in two pieces
  std::uint64_t segments_known = 0;                 ///< all their chunks were saved from elsewhere
  std::uint64_t segments_foreign = 0;               ///< of other vaults, or of packs of which nothing opens
  std::uint64_t segments_untried = 0;               ///< past the limit on bytes that do not open
  std::uint64_t chunks = 0, bytes_saved = 0;        ///< plaintext of unlike chunks
  std::vector<SalvagedPoint> points;                ///< oldest first
  std::uint64_t points_damaged = 0;                 ///< frames of points that do not open: other vaults', or damaged
  std::vector<PointId> points_missing;              ///< named by others as parent or base, and not found
  VerifyReport assessment;                          ///< of the new vault: paths that lost something, with the bytes
  bool all_whole() const;
};

struct SalvageOptions {
  unsigned jobs = 1;
};

/// Saves into `vault`, whose store is an UnfinishedStore: the caller completes it.
Result<SalvageReport> salvage(Vault& vault, RawSources& sources, const Catalogue& catalogue, const SalvageOptions& options, Progress& progress);

/// The same report, with nothing copied. `view` is the store of `vault`. Memory: 32 bytes more for each chunk.
Result<SalvageReport> assess_salvage(Vault& vault, ViewStore& view, RawSources& sources, const Catalogue& catalogue, const SalvageOptions& options, Progress& progress);

}  // namespace hf
