#pragma once
// Packs: the unit of storage (docs/format/pack.md).
//
//   header │ frame: segment 0 │ frame: segment 1 │ … │ frame: directory │ trailer
//
// Every frame has its own clear header (format/sealed.hpp) and its own list of chunks inside, so a torn pack is read
// segment by segment. The name of a pack is the hash of its stored bytes: anyone can check it without a key.

#include <vector>

#include "base/ids.hpp"
#include "base/units.hpp"
#include "format/sealed.hpp"

namespace hf {

enum class PackClass : std::uint8_t { data = 1, metadata = 2 };

struct PackHeader {
  static constexpr std::size_t kBytes = 64;
  PackClass pack_class = PackClass::data;
  Cipher cipher = Cipher::aes_256_gcm;
  std::uint32_t epoch = 1;
  bool by_writer = false;  ///< this and the next as in FrameHeader
  VaultId vault;
  Salt salt{};

  WriterId writer() const { return by_writer ? writer_in(salt) : WriterId(); }
  Buffer encode() const;
  static Result<PackHeader> decode(ByteView in);
};

/// Limits that readers enforce before they allocate.
constexpr std::uint32_t kSegmentPlainMax = 32u << 20;
constexpr std::uint32_t kSegmentStoredMax = kSegmentPlainMax + (1u << 20);
constexpr std::uint32_t kChunksPerSegmentMax = 65535;
constexpr std::uint32_t kBasesPerSegmentMax = 1024;
/// Of a delta: plaintext of all its bases together, and how deep bases may have bases.
constexpr std::uint32_t kPrefixMax = 32u << 20;
constexpr unsigned kBaseDepthMax = 8;
// The largest head fits beside the largest payload: a chunk's length takes at most 4 bytes.
static_assert(16 + 4 * kChunksPerSegmentMax + ChunkId::kBytes * kBasesPerSegmentMax + FrameHeader::kBytes + Aead::kTagBytes <=
              kSegmentStoredMax - kSegmentPlainMax);

/// What a segment says of itself, inside the seal, before its payload.
struct SegmentHead {
  bool compressed = false;            ///< zstd frame, else plain bytes
  std::uint32_t plain_bytes = 0;
  std::vector<std::uint32_t> chunk_bytes;  ///< in order; their sum is plain_bytes
  std::vector<ChunkId> bases;         ///< their plaintext, concatenated, is the zstd prefix (delta); empty otherwise

  void encode(Buffer& out) const;
  /// Gives the head and how many bytes it took; the payload follows.
  static Result<std::pair<SegmentHead, std::size_t>> decode(ByteView in);
};

/// One segment as the directory tells it. Segments lie in order and apart; chunks are never empty.
struct SegmentInfo {
  std::uint32_t offset = 0;        ///< of its frame header in the pack
  std::uint32_t stored_bytes = 0;  ///< frame header and sealed body
  std::uint32_t plain_bytes = 0;
  std::vector<std::pair<ChunkId, std::uint32_t>> chunks;  ///< id, bytes
  std::vector<ChunkId> bases;
};

struct PackDirectory {
  std::vector<SegmentInfo> segments;
  /// The segment at this offset; nullptr: none begins there.
  const SegmentInfo* at(std::uint32_t offset) const;
  Buffer encode() const;
  static Result<PackDirectory> decode(ByteView in);
};

struct PackTrailer {
  static constexpr std::size_t kBytes = 32;
  std::uint64_t directory_offset = 0;       ///< of the directory's frame header
  std::uint32_t directory_stored_bytes = 0; ///< frame header and sealed body

  Buffer encode() const;
  static Result<PackTrailer> decode(ByteView in);
};

/// The name of an object from its bytes, fed in any pieces: SHA-256 over a label, the length and the SHA-256 of the
/// SHA-256s of the 64 KiB blocks, so that blocks can be checked alone and two are hashed at once.
class ContentName {
 public:
  static constexpr std::size_t kBlockBytes = 64 * 1024;
  /// `keep` gets the digest of each block, in order, the last one with finish(): a loan until then.
  explicit ContentName(std::vector<Digest>* keep = nullptr) : keep_(keep) {}
  void update(ByteView bytes);
  Digest finish();  ///< call once

 private:
  void take(const Digest& block);

  std::vector<Digest>* const keep_;
  Buffer rest_;
  Sha256 blocks_;  ///< over the block digests
  std::uint64_t total_ = 0;
  std::vector<ByteView> views_;   // scratch
  std::vector<Digest> digests_;   // scratch
};
Digest content_name(ByteView object);
/// The same from the digests of an object's blocks: whether a list of them is the right one, anybody can tell.
Digest content_name_of(std::uint64_t total_bytes, std::span<const Digest> block_digests);

}  // namespace hf
