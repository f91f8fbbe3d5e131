#include "vault/claim_set.hpp"

#include <algorithm>
#include <utility>

namespace hf {

bool ClaimSet::insert(const ChunkKey& key) {
  Shard& s = shards_[shard_of(key)];
  Lock lock(s.mutex);
  if (s.used * 4 >= s.slots.size() * 3) {
    std::vector<ChunkKey> before = std::exchange(s.slots, std::vector<ChunkKey>(std::max<std::size_t>(64, s.slots.size() * 2)));
    for (const ChunkKey& k : before) {
      if (k == ChunkKey{}) continue;
      std::size_t at = k.low & (s.slots.size() - 1);
      while (s.slots[at] != ChunkKey{}) at = (at + 1) & (s.slots.size() - 1);
      s.slots[at] = k;
    }
  }
  std::size_t at = key.low & (s.slots.size() - 1);
  while (s.slots[at] != ChunkKey{}) {
    if (s.slots[at] == key) return false;
    at = (at + 1) & (s.slots.size() - 1);
  }
  s.slots[at] = key;
  ++s.used;
  return true;
}

bool ClaimSet::contains(const ChunkKey& key) const {
  const Shard& s = shards_[shard_of(key)];
  Lock lock(s.mutex);
  if (s.slots.empty()) return false;
  for (std::size_t at = key.low & (s.slots.size() - 1); s.slots[at] != ChunkKey{}; at = (at + 1) & (s.slots.size() - 1))
    if (s.slots[at] == key) return true;
  return false;
}

std::size_t ClaimSet::size() const {
  std::size_t n = 0;
  for (const Shard& s : shards_) {
    Lock lock(s.mutex);
    n += s.used;
  }
  return n;
}

void ClaimSet::erase(const ChunkKey& key) {
  Shard& s = shards_[shard_of(key)];
  Lock lock(s.mutex);
  if (s.slots.empty()) return;
  const std::size_t mask = s.slots.size() - 1;
  std::size_t at = key.low & mask;
  while (s.slots[at] != key) {
    if (s.slots[at] == ChunkKey{}) return;
    at = (at + 1) & mask;
  }
  --s.used;
  // Close the gap: whatever follows moves back unless it would pass its own place (Knuth, 6.4 R).
  for (std::size_t gap = at;;) {
    at = (at + 1) & mask;
    if (s.slots[at] == ChunkKey{}) {
      s.slots[gap] = {};
      return;
    }
    const std::size_t home = s.slots[at].low & mask;
    if (((at - home) & mask) < ((at - gap) & mask)) continue;
    s.slots[gap] = s.slots[at];
    gap = at;
  }
}

}  // namespace hf
