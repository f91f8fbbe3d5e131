#pragma once
// Turning: what the newest points have as deltas is stored alone, and what these stood on is stored against it.
//
// A backup stores what changed against what was there, so that the newest version is the one with most to open for, and lies
// scattered over what all before it have stored. Once a part of a pack is read for that only, the edges are turned round: the
// newest points' content comes into packs of its own, in its order, and the older content becomes what differs from it.
//
// Safe because what the new segments stand on is stored alone, in packs that are durable before those, and everything else
// stands on what it stood on: no circle, whatever is lost of the old packs. Nothing becomes needed that was not.

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "format/needs.hpp"
#include "vault/index.hpp"

namespace hf {

/// One pack in which older content is kept that the newest points' deltas stand on.
struct TurnGroup {
  std::vector<PackId> packs;  ///< all that must be copied with it, itself first
  double gain = 0;            ///< stored bytes in it that the newest points need to be opened, and not themselves
  /// What is stored anew as a delta on what: each is a segment now, of which those chunks count that are needed.
  struct Turn {
    std::vector<ChunkKey> chunks, onto;  ///< `onto`: of the newest points, in the order of what they stood on
  };
  std::vector<Turn> turns;
};

/// Is this pack to be turned, of which so large a share (0 to 1) is read for the newest points' deltas only?
using MayTurn = std::function<bool(const PackId&, double share)>;

/// Groups, those that gain most first; of data, not of trees. `packs` are known to the
/// graph; only places in packs that `counts` says yes to are looked at, and only what `may_turn` says yes to is turned. `newest`: what
/// the newest points need themselves. Left out is what would make anything deeper than it may be, and what lies in several
/// places. All of them together are not too deep: who can't turn some must ask again without these.
/// Memory: about 50 bytes for each chunk in a delta or under one. Reads the index twice, where the newest points have deltas.
Result<std::vector<TurnGroup>> worth_turning(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& newest,
                                             const std::function<bool(const PackId&)>& counts, const MayTurn& may_turn);

}  // namespace hf
