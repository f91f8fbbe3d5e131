#pragma once
// Footing: which places of a chunk can be opened, and how many segments must be opened for it.
//
// A chunk may lie in several packs, in one as a delta on what another needs of it: A on B here, B on A there, and A alone in a
// third. Who keeps one place of each must not keep the first two. Of all sets of places the one with the least depth of each
// chunk is without circles: what a place stands on lies less deep than it does.

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "format/needs.hpp"
#include "vault/index.hpp"

namespace hf {

class Footing {
 public:
  static constexpr std::uint8_t kNone = 255;
  /// Everything lies alone.
  Footing() = default;
  /// By places in packs that `counts` says yes to; `packs` are known to the graph, which is a loan. Of `unclear` ones nobody knows
  /// what lies in them: they do not count. Reads the index once, where there are deltas. Memory: 3 bytes for each chunk that the
  /// graph knows, 4 for each in a delta or under one, and 100 for each in a delta that lies in several places.
  static Result<Footing> of(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, std::span<const PackId> unclear,
                            const std::function<bool(const PackId&)>& counts);
  /// Of a place in a pack that counts. 0: the segment needs no other; kNone: it stands on what lies nowhere, or too deep.
  std::uint8_t depth(const ChunkKey& key, const PackId& pack) const;

 private:
  const NeedGraph* graph_ = nullptr;
  std::vector<PackId> unclear_;  // in order
  std::vector<std::uint8_t> depth_, places_, in_delta_;  // by number; the least depth, and how many places there are
  std::map<std::pair<NeedGraph::Number, PackId>, std::uint8_t> of_several_;  // where a chunk with several places is in a delta
};

}  // namespace hf
