#pragma once
// Which segments stand on which chunks: a delta segment opens only as long as its bases do (docs/format/pack.md).
//
// For who deletes: a chunk is needed if a point needs it, or if a segment with a needed chunk has it as a base
// (Marker::mark()), unless that is being folded (vault/folding.hpp). And also if any segment has it as a base that lies in a
// pack which stays (Marker::hold_up()): the index tells of every chunk of such a pack, whether a point needs it now or not, and
// the next backup that meets its content relies on it. INVARIANT: what an index run tells of can be opened, as far as nothing
// is damaged. Where a chunk lies in several packs, vault/footing.hpp says which place may be relied on.

#include <functional>
#include <span>
#include <unordered_set>
#include <vector>

#include "format/needs.hpp"
#include "vault/index.hpp"
#include "vault/pack_reader.hpp"

namespace hf {

/// Visits the delta segments of a pack, in order, as its directory tells of them. Corrupt where it has no directory that
/// opens; NotFound where the pack is gone.
Status for_each_delta(const Vault& vault, SegmentOpener& opener, const PackId& pack, const std::function<Status(const SegmentInfo&)>& visit);

/// What a graph knows of the deltas in the packs of an index, and what can't be known.
struct KnownDeltas {
  std::vector<PackId> packs;      ///< known to the graph
  std::vector<PackId> damaged;    ///< their directories do not open
  std::vector<ChunkKey> unclear;  ///< bases that these name: needed, whatever stands on them
  bool learned = false;           ///< the graph knows more than before
};
/// Tells the graph of the packs that it does not know: reads their directories, each once in the life of a graph.
Result<KnownDeltas> learn_deltas(const Vault& vault, const Index& index, NeedGraph& graph);

/// Packs of the index that are not distrusted themselves, and yet hold a segment that stands, at whatever depth, on a
/// chunk that lies in distrusted packs alone. Reads the directories of all packs, so ask only where some are distrusted.
/// Distrusts them, so that index.find() passes over what hangs in the air.
Status distrust_what_stands_on_distrusted(const Vault& vault, Index& index, std::unordered_set<PackId> distrusted);

/// What the deltas of a vault take and save.
struct DeltaFigures {
  std::uint64_t segments = 0, bytes_plain = 0, bytes_stored = 0;
  std::uint64_t bytes_saved = 0;   ///< estimated: from how well segments of the same class that are no deltas compress
  unsigned depth_max = 0;          ///< how many segments must be opened one for the other, beyond the one that is wanted
  std::uint64_t packs_unread = 0;  ///< their directories do not open
};
/// Reads the directory of every pack. Memory: about 100 bytes for each chunk that is stored as a delta.
Result<DeltaFigures> delta_figures(const Vault& vault, const Index& index);

}  // namespace hf
