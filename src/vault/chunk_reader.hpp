#pragma once
// Chunks by their identity.

#include <list>
#include <map>
#include <memory>
#include <unordered_map>

#include "vault/index.hpp"
#include "vault/pack_reader.hpp"

namespace hf {

/// A chunk's plaintext; `bytes` lives as long as `segment`.
struct LoadedChunk {
  std::shared_ptr<const OpenedSegment> segment;
  ByteView bytes;
};

/// Finds, fetches, opens and identifies chunks, keeping recent segments and open packs. Any thread.
class ChunkReader {
 public:
  ChunkReader(const Vault& vault, const Index& index, std::size_t cache_bytes = 16u << 20) : vault_(vault), index_(index), cache_bytes_max_(cache_bytes) {}

  /// Tries every place that the index knows. Corrupt names the pack where the chunk is missing or damaged.
  Result<LoadedChunk> read(const ChunkId& id);
  Result<ChunkPlace> locate(const ChunkId& id) const;
  Result<std::shared_ptr<ObjectReader>> pack(const PackId& id);
  /// Fetches and opens one segment past the cache; `frame` is scratch.
  Status fetch(const ChunkPlace& place, SegmentOpener& opener, Buffer& frame, OpenedSegment& out);

  const Vault& vault() const { return vault_; }
  const Index& index() const { return index_; }

 private:
  using SegmentKey = std::pair<PackId, std::uint32_t>;
  struct CachedSegment {
    SegmentKey key;
    std::shared_ptr<const OpenedSegment> segment;
  };
  Result<std::shared_ptr<const OpenedSegment>> segment(const ChunkPlace& place);
  Result<LoadedChunk> read_at(const ChunkId& id, const ChunkPlace& place);

  const Vault& vault_;
  const Index& index_;
  const std::size_t cache_bytes_max_;
  Mutex mutex_;
  std::list<CachedSegment> recent_ HF_GUARDED_BY(mutex_);  // newest first
  std::map<SegmentKey, std::list<CachedSegment>::iterator> by_key_ HF_GUARDED_BY(mutex_);
  std::size_t cached_bytes_ HF_GUARDED_BY(mutex_) = 0;
  std::list<std::pair<PackId, std::shared_ptr<ObjectReader>>> packs_ HF_GUARDED_BY(mutex_);  // newest first, at most 32
  std::vector<std::unique_ptr<SegmentOpener>> idle_openers_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
