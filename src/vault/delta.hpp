#pragma once
// Storing what changed as what changed: chunks gathered into segments that are compressed against old chunks
// (docs/format/pack.md, docs/decisions/0010-delta-segments.md).
//
// Crash story: none of its own. Bases lie in durable packs that the index knows, so a delta segment
// that becomes durable opens at once. Whatever is wrong with a base when it is read makes the new chunk be stored alone;
// it is never a reason for a backup to fail.

#include <atomic>
#include <map>
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
  std::uint64_t unfolded_max = 0;    ///< plaintext of the segments that must be open to open it, at all depths, each once
};
const DeltaLimits& delta_limits(PackClass pack_class);

/// Finds old chunks for new ones to be stored against. One per session, any thread.
/// Memory: `kCacheBytes` of opened segments, 10 MiB of directories of packs and 4 of shapes of segments.
class DeltaBases {
 public:
  static constexpr std::size_t kCacheBytes = 16u << 20;
  DeltaBases(const Vault& vault, const Index& index) : index_(index), reader_(vault, index, kCacheBytes) {}

  using Place = std::pair<PackId, std::uint32_t>;  // of a segment
  /// What is known of a segment without opening its bases.
  struct Shape {
    std::uint32_t plain_bytes = 0;
    std::vector<std::uint32_t> chunk_bytes;
    std::vector<ChunkId> bases;
    std::vector<std::uint64_t> base_ends;  ///< of the bases, in the prefix that they make together
    double weight = 0;                     ///< what it holds, stored, for a byte of plaintext: how far it is from its bases
    unsigned depth = 0;                    ///< 0: it has no bases; else one more than the deepest of theirs
    std::map<Place, std::uint32_t> needs;  ///< plaintext bytes of it and of all that must be open for it
    std::uint64_t unfolded_bytes = 0;      ///< their sum
    bool serves(const DeltaLimits& limits) const { return depth < limits.depth_max && unfolded_bytes <= limits.unfolded_max; }
  };
  struct Base {
    ChunkId id;
    ChunkPlace at;
    std::shared_ptr<const Shape> shape;  // of its segment
    Place place() const { return {at.pack, at.offset}; }
    std::uint32_t bytes() const { return shape->chunk_bytes[at.chunk]; }
  };
  /// What serves as base for a new chunk that came in place of this one: itself, where it lies in a pack that is trusted
  /// and readable; where the way down from it is as long as it may be, what it stands on, or what that stands on, with
  /// what lies beside it. Empty: nothing.
  std::vector<Base> for_one_in_place_of(const ChunkId& id, const DeltaLimits& limits);
  /// What lies there, to be identified before it is relied on; nullopt where it can't be read.
  std::optional<LoadedChunk> load(const Base& base);
  const KeyedHash& chunk_hash() const { return reader_.vault().keys().chunk_hash(); }
  /// How small the segments are that need no base, of those seen as bases: stored bytes for plain ones.
  double ratio_alone() const;

  DeltaTally tally;

 private:
  std::optional<Base> find(const ChunkId& id);
  /// A step on the way down to what needs no base.
  struct Step {
    std::vector<Base> bases;  // in order, all in one segment
    std::size_t main = 0;     // the one of them in the middle
    const Shape& shape() const { return *bases[main].shape; }
  };
  /// What this chunk stands on, of what its segment stands on. Empty where that is nothing.
  Step under(const Base& base);
  std::shared_ptr<const Shape> shape_of(const ChunkPlace& place, unsigned depth_left);

  const Index& index_;
  ChunkReader reader_;
  Mutex mutex_;
  std::map<Place, std::shared_ptr<const Shape>> shapes_ HF_GUARDED_BY(mutex_);
  std::size_t shapes_bytes_ HF_GUARDED_BY(mutex_) = 0;
  std::atomic<std::uint64_t> seen_plain_{0}, seen_stored_{0};
};

/// One delta segment in the making. One thread at a time.
///
/// Its limits are those of whoever reads it: to open it, its bases' segments are opened first, and theirs. So both the
/// depth and the sum of all that must be unfolded are bounded; where a base would go beyond, what it stands on is taken, and
/// where that does not pay, the chunk is stored alone and is the next base itself. And it ends where the old segment does on
/// which it stands: so the next generation stands on one segment again, and not on two of which each stands on two, and who
/// reads what has changed here and there opens each old segment once, for all that changed in it.
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
  /// Writes it into `pack`, as a delta where that pays and each base is what it should be, and begins anew.
  Status seal(PackWriter& pack, Compressor& compressor);

 private:
  /// To store something against a wrong base would lose it: against the right one it would come out as something else.
  bool bases_are_right() const;

  DeltaBases& bases_;
  const DeltaLimits limits_;
  std::vector<NewChunk> chunks_;
  Buffer plain_, prefix_;
  std::vector<ChunkId> base_ids_;
  std::vector<std::size_t> base_begins_;  // in prefix_
  std::unordered_set<ChunkId> base_set_;
  std::set<DeltaBases::Place> stands_on_;
  std::map<DeltaBases::Place, std::uint32_t> unfolded_;
  std::uint64_t unfolded_bytes_ = 0;
  unsigned depth_ = 0;
};

}  // namespace hf
