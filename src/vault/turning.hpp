#pragma once
// Turning: what the newest points have as deltas is stored alone, and what these stood on is stored against it.
//
// A backup stores what changed against what was there, so that the newest version is the one with most to open for, and lies
// scattered over what all before it have stored. Once a part of a pack is read for that only, the edges are turned round: the
// newest points' content comes into packs of its own, in its order, and the older content becomes what differs from it.
//
// Safe because what the new segments stand on is stored alone, in packs that are durable before those, and everything else
// stands on what it stood on: no circle, whatever is lost of the old packs. Nothing becomes needed that was not. And bounded: what
// is turned stands on few segments, and nothing comes to lie deeper, or to need more segments to be opened, than readers accept
// with some reserve, as often as it is done, whether the packs in question are there now or come back.

#include <functional>
#include <span>
#include <vector>

#include "format/needs.hpp"
#include "vault/index.hpp"

namespace hf {

/// One pack in which older content is kept that the newest points' deltas stand on.
struct TurnGroup {
  static constexpr std::size_t kOntoSegmentsMax = 4;  ///< what is turned stands on no more of those that are laid
  std::vector<PackId> packs;  ///< all that must be copied with it, itself first
  double gain = 0;            ///< stored bytes in it that the newest points need to be opened, and not themselves
  /// What is stored anew as a delta on what: each is a segment now, of which those chunks count that are needed.
  struct Turn {
    std::vector<ChunkKey> chunks, onto;  ///< `onto`: of the newest points, in no order
  };
  std::vector<Turn> turns;
};
struct Turnable {
  std::vector<TurnGroup> groups;  ///< those that gain most first
  std::vector<ChunkKey> left;     ///< of the newest points: what is not laid, since it is a part of a delta that stays one, or serves others where it lies
  bool unclear = false;           ///< what some pack stands on nobody knows: nothing is turned
};

/// Tells for each chunk of the newest points' files, by the graph's number, where it comes in their order: in which of parts of
/// kLaidPartBytes; of what comes several times the first counts. What is not told stays.
using NewestOrder = std::function<Status(std::vector<std::uint32_t>& part)>;
constexpr std::uint64_t kLaidPartBytes = 2u << 20;

/// Is this pack to be turned, of which so large a share (0 to 1) is read for the newest points' deltas only?
using MayTurn = std::function<bool(const PackId&, double share)>;

/// What is worth turning; of data, not of trees. `packs` are all that the index tells of, known to the graph; what lies
/// in those that `counts` says no to stays where it is, and is only borne in mind. `newest`: what the newest points need themselves.
/// Turned is what `may_turn` says yes to, and where what is laid alone for it is no more than twice as large. Left out is what
/// would make anything deeper than it may be, and what lies in several places. All of them together are within bounds: who can't
/// turn some must ask again without these.
/// Memory: about 20 bytes for each chunk that the graph knows, and 50 for each in a delta or under one. Reads the index twice
/// and asks for the order, where the newest points have deltas.
Result<Turnable> worth_turning(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& newest, const NewestOrder& order,
                               const std::function<bool(const PackId&)>& counts, const MayTurn& may_turn);

}  // namespace hf
