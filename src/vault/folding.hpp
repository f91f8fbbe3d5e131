#pragma once
// Folding: deltas are stored alone where what they stand on is kept for their sake only, and weighs more than that saves.
//
// What a delta stands on stays after the points that needed it went. As long as many deltas stand on it, that is what
// makes them small. When few are left, there are two things to be kept instead of one.

#include <functional>
#include <span>
#include <vector>

#include "format/needs.hpp"
#include "vault/index.hpp"

namespace hf {

/// A delta segment that might better be stored alone. Sizes are of stored bytes.
struct Fold {
  ChunkPlace at;                 ///< of the segment
  std::vector<ChunkKey> chunks;  ///< of it, those that points need
  std::uint32_t group = 0;       ///< all of a group are folded, or none
  double stored = 0;             ///< what these take now
  double alone = 0;              ///< what they would take alone
  double kept = 0;               ///< its share of what is kept for it and others that stand on the same
  double gain() const { return kept + stored - alone; }
};

/// Of the delta segments in `packs`, all known to the graph. `by_points`: what points need themselves; `needed`: with what
/// deltas build on. Deltas that stand on the same chunks, at whatever depth, or on the same packs that are kept for deltas
/// mainly, are folded together or not at all; sizes are estimated by the share of chunks. Only places in packs that `counts` says yes to are looked at, and deltas of which a
/// chunk lies in several are left alone.
/// Memory: about 24 bytes for each chunk that the graph knows. Reads the index twice, where something is kept for deltas only.
Result<std::vector<Fold>> worth_folding(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& by_points, const NeedMarks& needed,
                                        const std::function<bool(const PackId&)>& counts);

/// Compresses some of each group, corrects what all of it would take by what these do, and keeps the groups that still pay:
/// whether what is new in a delta compresses like what it replaced shows in no index.
void weigh(const Vault& vault, const Index& index, int compression_level, std::vector<Fold>& folds);

}  // namespace hf
