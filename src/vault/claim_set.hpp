#pragma once
// Sets of chunks that grow while many threads ask.

#include <array>
#include <vector>

#include "base/mutex.hpp"
#include "format/index_run.hpp"

namespace hf {

/// A set of chunks, by key: those that a session stores until an index run tells of them, or those that points need.
/// 16 bytes a chunk, at most 3/4 full. Any thread.
class ClaimSet {
 public:
  /// True if the key was not in it.
  bool insert(const ChunkKey& key);
  void erase(const ChunkKey& key);
  bool contains(const ChunkKey& key) const;
  std::size_t size() const;

 private:
  static constexpr std::size_t kShards = 64;
  struct Shard {  // open addressing, linear probing, at most 3/4 full
    mutable Mutex mutex;
    std::vector<ChunkKey> slots HF_GUARDED_BY(mutex);
    std::size_t used HF_GUARDED_BY(mutex) = 0;
  };
  static std::size_t shard_of(const ChunkKey& key) { return key.high >> 58; }
  std::array<Shard, kShards> shards_;
};

}  // namespace hf
