#pragma once
// An index run: the places of many chunks, sorted, sealed page by page, so that a lookup reads one page of 4 KiB and
// opening reads neither pages nor filter (docs/format/index.md).
//
//   entry pages │ filter pages │ frame: table │ trailer
//
// Page p is sealed with nonce p + 1 under the run's key; entry pages count first, filter pages go on counting.

#include <vector>

#include "base/ids.hpp"
#include "format/pack.hpp"
#include "format/sealed.hpp"

namespace hf {

/// The first half of a chunk id: 128 bits of a keyed hash decide whether a chunk is known.
struct ChunkKey {
  std::uint64_t high = 0, low = 0;  ///< big-endian words: order is the order of the bytes
  auto operator<=>(const ChunkKey&) const = default;
  static ChunkKey of(const ChunkId& id);
};

/// Where a chunk lies. 30 bytes stored.
struct IndexEntry {
  static constexpr std::size_t kBytes = 30;
  ChunkKey key;
  std::uint32_t pack = 0;           ///< position in the run's table of packs
  std::uint32_t offset = 0;         ///< of the segment's frame in the pack
  std::uint32_t stored_bytes = 0;   ///< of the frame
  std::uint16_t chunk = 0;          ///< position in the segment
};

struct IndexedPack {
  PackId id;
  PackClass pack_class = PackClass::data;
  std::uint64_t stored_bytes = 0;  ///< size of the object
  std::uint64_t plain_bytes = 0;   ///< of all its chunks
  std::uint32_t chunk_count = 0;
};

constexpr std::size_t kIndexPageBytes = 4096;
constexpr std::size_t kIndexPageEntries = (kIndexPageBytes - Aead::kTagBytes) / IndexEntry::kBytes;  // 136
static_assert(kIndexPageEntries * IndexEntry::kBytes + Aead::kTagBytes == kIndexPageBytes);

/// Blocked Bloom filter: 12 bits a chunk in blocks of 64 bytes, six bits in one block for each chunk; about 1 % false
/// positives, each of which costs one page read.
constexpr std::size_t kFilterPageBytes = 65536;
constexpr std::size_t kFilterBlockBytes = 64;
constexpr std::size_t kFilterPageBlocks = (kFilterPageBytes - Aead::kTagBytes) / kFilterBlockBytes;  // 1023

std::uint64_t filter_block_count(std::uint64_t entries);  ///< 0 for runs so small that a filter does not pay
std::uint64_t filter_block_of(const ChunkKey& key, std::uint64_t blocks);
void filter_set(MutableBytes block, const ChunkKey& key);
bool filter_has(ByteView block, const ChunkKey& key);

struct IndexTable {
  std::uint64_t entry_count = 0;
  std::uint64_t filter_blocks = 0;  ///< 0: no filter; lookups go to the page
  std::vector<IndexedPack> packs;
  std::vector<std::uint64_t> fences;  ///< ChunkKey::high of the first entry of each entry page
  std::vector<RunId> supersedes;      ///< runs whose content this one holds too

  std::uint64_t entry_pages() const { return fences.size(); }
  Buffer encode() const;
  /// `object_bytes` bounds what can be true.
  static Result<IndexTable> decode(ByteView in, std::uint64_t object_bytes);
};

/// The last bytes of a run.
struct IndexTrailer {
  static constexpr std::size_t kBytes = 24;
  std::uint64_t table_offset = 0;
  std::uint32_t table_stored_bytes = 0;
  Buffer encode() const;
  static Result<IndexTrailer> decode(ByteView in);
};

void encode_index_entry(const IndexEntry& entry, MutableBytes out);
IndexEntry decode_index_entry(ByteView in);

}  // namespace hf

template <>
struct std::hash<hf::ChunkKey> {
  std::size_t operator()(const hf::ChunkKey& key) const noexcept { return key.low; }  // of a keyed hash
};
