#pragma once
// The delta segments of some packs, and where what they hold and stand on lies: what footing, folding and turning look at.

#include <functional>
#include <span>
#include <vector>

#include "format/needs.hpp"
#include "vault/index.hpp"

namespace hf {

/// By the graph's numbers; the graph is a loan. One thread.
/// Memory: 4 bytes for each chunk in a delta or under one; once located, 4 for each chunk that the graph knows, and 100 for each
/// segment that holds one of the former.
class DeltaMap {
 public:
  using Number = NeedGraph::Number;
  struct Delta {
    PackId pack;
    std::size_t chunks = 0, bases = 0, end = 0;  ///< where they begin among the numbers of all deltas
  };
  struct Segment {
    ChunkPlace at;
    std::uint64_t pack_bytes = 0;
    std::uint32_t chunks = 0;
  };

  /// Those in packs that `counts` says yes to, all known to the graph. With `needed`: of each those chunks alone that are in it, and
  /// no delta without any.
  DeltaMap(const NeedGraph& graph, std::span<const PackId> packs, const std::function<bool(const PackId&)>& counts, const NeedMarks* needed = nullptr);

  const std::vector<Delta>& deltas() const { return deltas_; }
  std::span<const Number> chunks(const Delta& d) const { return std::span(numbers_).subspan(d.chunks, d.bases - d.chunks); }
  std::span<const Number> bases(const Delta& d) const { return std::span(numbers_).subspan(d.bases, d.end - d.bases); }
  /// Of all of them, one after the other.
  const std::vector<Number>& numbers() const { return numbers_; }

  /// Learns where they lie, as far as in packs that `counts` says yes to. Reads the index twice.
  Status locate(const Index& index, const std::function<bool(const PackId&)>& counts);
  bool is_nowhere(Number n) const { return place_of_[n] == kNone; }
  /// The only one that it lies in, or nullptr.
  const Segment* segment(Number n) const { return place_of_[n] < kSeveral ? &segments_[place_of_[n]] : nullptr; }
  /// Stored bytes, estimated by the share of chunks; 0 where it does not lie in one place.
  double share(Number n) const {
    const Segment* s = segment(n);
    return s == nullptr ? 0 : static_cast<double>(s->at.stored_bytes) / s->chunks;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX, kSeveral = UINT32_MAX - 1;
  const NeedGraph& graph_;
  std::vector<Number> numbers_;
  std::vector<Delta> deltas_;
  std::vector<Segment> segments_;
  std::vector<std::uint32_t> place_of_;  // by number, in segments_
};

}  // namespace hf
