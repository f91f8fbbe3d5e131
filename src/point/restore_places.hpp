#pragma once
// Where chunks lie, asked for in the order in which they were stored.

#include <deque>

#include "vault/chunk_reader.hpp"

namespace hf {

/// Answers most questions from the directories of the packs found last: a file's chunks, and the next file's, lie one
/// after the other in a few packs, and a look into the index costs 3 µs where this costs 0.05. One thread.
/// Memory: kPacksMax directories, about 60 bytes a chunk in them, and kChunksMax chunks unless one pack has more.
class PlaceFinder {
 public:
  static constexpr std::size_t kPacksMax = 8, kChunksMax = 512 * 1024;
  /// A pack of tiny files has half a million chunks: asking the index is dearer by the chunk, but needs no such directory.
  static constexpr std::uint64_t kDirectoryBytesMax = 4u << 20;
  explicit PlaceFinder(ChunkReader& chunks) : chunks_(chunks), opener_(chunks.vault()) {}
  /// Corrupt where no pack holds the chunk.
  Result<ChunkPlace> find(const ChunkId& id);

 private:
  struct Known {
    PackId id;
    PackClass pack_class = PackClass::data;
    PackDirectory directory;
    std::size_t chunks = 0;
    struct At {
      std::uint32_t segment = 0;
      std::uint16_t chunk = 0;
      bool used = false;
    };
    std::vector<At> table;  // by the first bytes of the id, linear probing, at most half full
    At last;                // found last here: the next one is likely behind it
    const At* find(const ChunkId& chunk);
  };
  ChunkPlace place(const Known& pack, const Known::At& at) const;
  bool is(const Known& pack, std::uint32_t segment, std::size_t chunk, const ChunkId& id) const;
  void meet(const ChunkPlace& place);

  ChunkReader& chunks_;
  SegmentOpener opener_;
  std::deque<Known> known_;                          // newest use first
  std::deque<std::pair<PackId, unsigned>> meetings_;  // packs that the index named lately, and how often
};

}  // namespace hf
