#pragma once
// Storing what changed as what changed: chunks gathered into segments that are compressed against old chunks
// (docs/format/pack.md, docs/decisions/0010-delta-segments.md).
//
// Crash story: none of its own. Bases lie in durable packs that the index knew when the session began, so a delta segment
// that becomes durable opens at once. Whatever is wrong with a base when it is read makes the new chunk be stored alone;
// it is never a reason for a backup to fail.

#include <atomic>
#include <optional>
#include <set>
#include <unordered_set>

#include "vault/chunk_reader.hpp"
#include "vault/pack_writer.hpp"

namespace hf {

enum class DeltaPolicy : std::uint8_t {
  automatic,  ///< where the store reads small pieces cheaply
  off,
  always,
};

/// What deltas did in one session.
struct DeltaTally {
  std::atomic<std::uint64_t> bytes_plain{0};   ///< content stored as deltas
  std::atomic<std::uint64_t> bytes_stored{0};  ///< what it takes, sealed
  std::atomic<std::uint64_t> bytes_alone{0};   ///< what it would have taken: estimated from how well its bases compressed
  std::atomic<unsigned> depth_max{0};
  std::uint64_t bytes_saved() const { return bytes_alone > bytes_stored ? bytes_alone - bytes_stored : 0; }
};

/// Up to where deltas go. What is looked at often (trees) gets less than what is read for a restore.
struct DeltaLimits {
  unsigned depth_max = 0;            ///< of the segments made
  std::size_t plain_bytes = 0;       ///< of one
  std::size_t prefix_bytes = 0;      ///< of all its bases
  std::uint64_t unfolded_max = 0;    ///< plaintext opened to open it, at all depths
};
const DeltaLimits& delta_limits(PackClass pack_class);

/// Reads old chunks for new ones to be stored against. One per session, any thread.
/// Memory: `kCacheBytes` of opened segments, and what ChunkReader needs.
class DeltaBases {
 public:
  static constexpr std::size_t kCacheBytes = 24u << 20;
  DeltaBases(const Vault& vault, const Index& index) : index_(index), reader_(vault, index, kCacheBytes) {}

  struct Base {
    LoadedChunk chunk;
    ChunkPlace place;
  };
  /// The chunk, where it may serve: in a pack that is trusted, readable, and less deep than `depth_max`.
  std::optional<Base> load(const ChunkId& id, unsigned depth_max);
  /// How small the segments are that need no base, of those seen as bases: stored bytes for plain ones.
  double ratio_alone() const;

  DeltaTally tally;

 private:
  const Index& index_;
  ChunkReader reader_;
  std::atomic<std::uint64_t> seen_plain_{0}, seen_stored_{0};
};

/// One delta segment in the making. One thread at a time.
///
/// Its limits are those of whoever reads it: to open it, its bases' segments are opened first, and theirs. So both the
/// depth and the sum of all that must be unfolded are bounded; where a base would go beyond, the chunk is stored alone and
/// is the next base itself.
class DeltaSegment {
 public:
  DeltaSegment(DeltaBases& bases, const DeltaLimits& limits) : bases_(bases), limits_(limits) {}

  enum class Taken : std::uint8_t {
    yes,
    full,  ///< seal it and ask again
    no,    ///< none of `near` can serve: store the chunk alone
  };
  Taken take(const NewChunk& chunk, ByteView bytes, std::span<const ChunkRef> near);
  bool empty() const { return chunks_.empty(); }
  /// Writes it into `pack`, as a delta where that pays, and begins anew.
  Status seal(PackWriter& pack, Compressor& compressor);

 private:
  DeltaBases& bases_;
  const DeltaLimits limits_;
  std::vector<NewChunk> chunks_;
  Buffer plain_, prefix_;
  std::vector<ChunkId> base_ids_;
  std::unordered_set<ChunkId> base_set_;
  std::set<std::pair<PackId, std::uint32_t>> unfolded_;
  std::uint64_t unfolded_bytes_ = 0;
  unsigned depth_ = 0;
};

}  // namespace hf
