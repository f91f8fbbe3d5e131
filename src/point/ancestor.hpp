#pragma once
// The previous version of a file: for a place in the new one, the old chunks that are most likely much like it.

#include <deque>
#include <unordered_map>

#include "base/mutex.hpp"
#include "format/index_run.hpp"
#include "format/tree.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

/// Follows the new version along the old one. The two run side by side at a distance that insertions and deletions
/// change; it is known anew wherever both have the same chunk, or a cut within a few KiB of where one is expected (cuts
/// depend on the 64 bytes before them alone, so an old cut survives most changes between it and the next).
///
/// Any thread; called roughly in order of offsets. Memory: at most 16,384 chunks around the place (2 MiB), lists of chunks
/// are read as they are needed. What can't be read of the old version is passed over: nothing depends on it.
class Ancestor {
 public:
  Ancestor(ChunkReader& chunks, Content before);
  /// Puts into `out` the old chunks in whose place `chunk` came, which begins at `offset` of the new version; none where
  /// it is one of the old chunks itself, or nothing was there.
  void find_near(std::uint64_t offset, const ChunkRef& chunk, std::vector<ChunkRef>& out);

 private:
  static constexpr std::size_t kWindow = 16384;
  static constexpr std::uint64_t kLookAhead = 8u << 20;
  static constexpr std::uint64_t kSameCut = 6u << 10;
  static constexpr std::uint64_t kAmbiguous = UINT64_MAX;

  struct Piece {
    std::uint64_t offset = 0;
    ChunkRef ref;
    std::uint64_t end() const { return offset + ref.bytes; }
  };
  struct List {
    unsigned level = 0;  // of what it lists: 0 chunks, else lists
    std::vector<ChunkRef> refs;
    std::size_t at = 0;
  };
  void load_to(std::uint64_t offset) HF_REQUIRES(mutex_);
  std::optional<ChunkRef> next_chunk() HF_REQUIRES(mutex_);

  ChunkReader& chunks_;
  Mutex mutex_;
  std::vector<List> lists_ HF_GUARDED_BY(mutex_);  // from the entry's own down to the chunks
  std::vector<Hole> holes_ HF_GUARDED_BY(mutex_);
  std::size_t hole_at_ HF_GUARDED_BY(mutex_) = 0;
  std::uint64_t loaded_to_ HF_GUARDED_BY(mutex_) = 0;
  std::deque<Piece> pieces_ HF_GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, std::uint64_t> by_key_ HF_GUARDED_BY(mutex_);  // half of a chunk's key → its offset
  std::int64_t shift_ HF_GUARDED_BY(mutex_) = 0;  // old offset less new offset
};

}  // namespace hf
