#pragma once
// One pack on its way to the store.

#include "base/scratch_buffer.hpp"
#include "codec/compress.hpp"
#include "format/index_run.hpp"
#include "vault/parity.hpp"
#include "vault/vault.hpp"

namespace hf {

/// A durable pack and where its chunks lie (IndexEntry::pack is not set yet).
struct FinishedPack {
  IndexedPack pack;
  std::vector<IndexEntry> entries;
};

struct NewChunk {
  ChunkId id;
  std::uint32_t bytes = 0;
};

/// What a segment may be compressed against: the bases and their plaintexts, one after another.
struct DeltaPrefix {
  std::span<const ChunkId> bases;
  ByteView bytes;
};

/// A segment before it is sealed.
struct PackedSegment {
  SegmentInfo info;    ///< but for where it will lie
  Buffer head;
  ByteView payload;    ///< a loan of the plaintext, or of the compressor
};
/// `plain` is the concatenation of `chunks`. Against `prefix` where that is clearly smaller; the bases in what comes out tell.
PackedSegment pack_segment(std::span<const NewChunk> chunks, ByteView plain, Compressor& compressor, const DeltaPrefix* prefix = nullptr);

/// Compresses, seals and appends segment by segment; holds one segment, never the pack. One thread at a time.
/// Crash: nothing is visible before finish(); after it the pack is durable and whole. Its parity, where the vault wants any,
/// comes after the pack; if it does not come, the pack is unprotected and nothing worse.
class PackWriter {
 public:
  /// `scratch`: memory of an earlier one, so that the kernel need not find new; see take_scratch().
  static Result<std::unique_ptr<PackWriter>> begin(Vault& vault, PackClass pack_class, ScratchBuffer scratch = {});

  /// As pack_segment() makes it; last_segment() tells.
  Status add_segment(std::span<const NewChunk> chunks, ByteView plain, Compressor& compressor, const DeltaPrefix* prefix = nullptr);
  const SegmentInfo& last_segment() const { return directory_.segments.back(); }
  /// A segment of another pack, as SegmentOpener::open_body() gave it, or head and payload of a packed one; `from` is what its
  /// directory tells.
  Status add_body(const SegmentInfo& from, ByteView body);
  /// A copy of a small object, as stored, to be found by `rebuild` when all but the packs is gone.
  Status add_replica(const ObjectName& name, ByteView object);
  /// Large enough for a store whose packs have that size; or its directory is, where chunks are tiny: it is held in memory
  /// until the pack ends, at about 100 bytes a chunk.
  bool is_full(std::uint64_t pack_bytes) const { return offset_ >= pack_bytes || chunks_ >= kChunksMax; }
  std::uint64_t segment_count() const { return directory_.segments.size(); }
  Result<FinishedPack> finish();  ///< call once
  ScratchBuffer take_scratch() { return std::move(sealed_); }  ///< after finish()

 private:
  static constexpr std::uint64_t kChunksMax = 128 * 1024;
  PackWriter(Vault& vault, PackClass pack_class)
      : vault_(vault), class_(pack_class), parity_(ParityStream::begin(vault.store())), name_(parity_ ? parity_->block_digests() : nullptr) {}
  Status append(ByteView bytes);
  Status add(SegmentInfo info, ByteView head, ByteView payload);
  /// Seals a plaintext in two parts into a frame with the next ordinal and appends it.
  Status append_frame(SealedKind kind, ByteView begin, ByteView rest);

  Vault& vault_;
  const PackClass class_;
  FrameHeader frame_;
  Aead aead_;
  std::unique_ptr<Upload> upload_;
  const std::unique_ptr<ParityStream> parity_;  // null: the vault wants none
  ContentName name_;
  PackDirectory directory_;
  std::uint64_t offset_ = 0;
  std::uint64_t plain_bytes_ = 0, chunks_ = 0;
  ScratchBuffer sealed_;  // scratch
};

/// A replica frame's body, in clear: what it holds protects itself. SHA-256 of the rest comes first.
Buffer encode_replica(const ObjectName& name, ByteView object);
Result<std::pair<ObjectName, Buffer>> decode_replica(ByteView in);

}  // namespace hf
