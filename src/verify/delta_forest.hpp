#pragma once
// Which segments that a verify reads stand on which, so that what stands on a segment is opened while that one is open, and
// nothing is opened twice. Without it each delta would be opened as often as something stands on it.
//
// It only saves work. What is not proven by way of it is opened with its bases when its own pack is read, and what is wrong is
// found and told there.

#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/mutex.hpp"
#include "base/progress.hpp"
#include "codec/hash.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

/// Memory: 20 bytes a delta segment, of at most kDeltasMax, and 80 for those whose own packs were not read yet.
class DeltaForest {
 public:
  static constexpr std::size_t kDeltasMax = 1'000'000;
  /// A delta segment whose bases lie in one other segment.
  struct Delta {
    std::uint32_t pack = 0;  ///< for pack()
    std::uint32_t offset = 0, stored_bytes = 0;  ///< within PackDirectory's bounds
  };

  /// Reads the directories of these packs, with `jobs` threads. What of them does not open is left out, and the rest where
  /// progress says to stop.
  DeltaForest(const Vault& vault, const Index& index, const std::vector<PackId>& which, unsigned jobs, const Progress& progress);
  bool empty() const { return deltas_.empty(); }
  /// These packs, those that others stand on first.
  std::vector<PackId> in_order() const;
  const PackId& pack(std::uint32_t number) const { return packs_[number]; }
  std::span<const Delta> standing_on(const PackId& pack, std::uint32_t offset) const;

  // Any thread:
  using Chunks = decltype(SegmentInfo::chunks);
  /// The frame at this place opened, and these chunks were in it.
  void prove(const PackId& pack, std::uint32_t offset, ByteView frame, const Chunks& chunks);
  /// Was that proven of a frame that ends like this one, and so is the same unless it is damaged? Forgets it then. Whoever asks
  /// must find out by the pack's name whether it is damaged.
  bool take_proof(const PackId& pack, const SegmentInfo& segment, ByteView frame);

 private:
  using Place = std::uint64_t;  // number of the pack and offset
  static Place place(std::uint32_t pack, std::uint32_t offset) { return std::uint64_t{pack} << 32 | offset; }
  std::optional<std::uint32_t> number_of(const PackId& pack) const;

  std::vector<PackId> packs_;  // in order
  std::vector<Place> bases_;   // in order; of deltas_ at the same position
  std::vector<Delta> deltas_;
  std::vector<std::uint32_t> levels_;  // by pack
  Mutex mutex_;
  std::unordered_map<Place, Digest> proofs_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
