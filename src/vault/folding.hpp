#pragma once
// Folding: deltas are stored alone where what they stand on is kept for their sake only, and weighs more than that saves.
//
// What a delta stands on stays after the points that needed it went. As long as many deltas stand on it, that is what
// makes them small. When few are left, there are two things to be kept instead of one.

#include <functional>
#include <span>
#include <vector>

#include "base/progress.hpp"
#include "format/needs.hpp"
#include "vault/index.hpp"

namespace hf {

/// A delta segment that might better be stored alone.
struct Fold {
  ChunkPlace at;                 ///< of the segment
  std::vector<ChunkKey> chunks;  ///< of it, those that points need
  double alone = 0;              ///< stored bytes that these would take alone
};

/// Deltas that stand on the same chunks, at whatever depth, or on the same packs: all are folded, or none. Sizes are of stored
/// bytes, estimated by the share of chunks.
struct FoldGroup {
  std::vector<Fold> folds;
  std::vector<PackId> kept_in;  ///< packs of which at least a half is kept for these
  std::vector<ChunkKey> kept_chunks;  ///< what that half is
  double kept = 0;              ///< and takes
  double stored = 0;            ///< what the deltas take now
  double alone = 0;             ///< and would alone
  double gain() const { return kept + stored - alone; }
  /// Less than a sixteenth of what is to be written may be an error of the estimate.
  bool pays() const { return alone > 0 && gain() > alone / 16; }
};

/// Groups that pay, of the delta segments in `packs`, all known to the graph. `by_points`: what points need themselves;
/// `needed`: with what deltas build on. Only places in packs that `counts` says yes to are looked at. Left alone are groups with
/// a delta that lies in several places, or in a pack that does not count.
/// Memory: about 24 bytes for each chunk that the graph knows, and 200 for each needed delta. Reads the index twice, where
/// something is kept for deltas only.
Result<std::vector<FoldGroup>> worth_folding(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& by_points, const NeedMarks& needed,
                                             const std::function<bool(const PackId&)>& counts);

/// Compresses some deltas of each group, corrects what all of it would take by what these do, and drops the groups that do
/// not pay then: whether what is new in a delta compresses like what it replaced shows in no index. All, where asked to stop.
void weigh(const Vault& vault, const Index& index, int compression_level, std::vector<FoldGroup>& groups, const Progress& progress);

}  // namespace hf
