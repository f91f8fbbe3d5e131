#pragma once
// Reading packs: the one fetch-and-open path of restore, verify, listing and rebuild.

#include <optional>

#include "codec/compress.hpp"
#include "format/pack.hpp"
#include "vault/vault.hpp"

namespace hf {

/// A segment's plaintext and where its chunks are in it.
struct OpenedSegment {
  OpenedSegment() = default;
  OpenedSegment(OpenedSegment&&) = default;
  OpenedSegment& operator=(OpenedSegment&&) = default;
  Buffer storage;
  ByteView plain;  ///< in `storage`: what was stored as it is begins behind its head, and is not copied
  std::vector<std::uint32_t> offsets;  ///< of each chunk, and the end
  std::size_t chunk_count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  /// Empty where there is no such chunk.
  ByteView chunk(std::size_t i) const {
    return i + 1 < offsets.size() ? plain.subspan(offsets[i], offsets[i + 1] - offsets[i]) : ByteView();
  }
};

/// Opens frames. Keeps buffers between calls: one per thread.
class SegmentOpener {
 public:
  explicit SegmentOpener(const Vault& vault) : vault_(vault) {}
  /// `frame` is a frame header and its sealed body; authenticates, then decompresses. Corrupt says what failed.
  Status open(ByteView frame, OpenedSegment& out);
  /// Head and payload of a segment as they were sealed; a loan until the next call.
  Result<ByteView> open_body(ByteView frame) { return open_frame(frame, SealedKind::segment); }
  /// The same, for the directory frame.
  Result<PackDirectory> open_directory(ByteView frame);

 private:
  Result<ByteView> open_frame(ByteView frame, SealedKind kind);
  const Vault& vault_;
  Aead aead_;
  Decompressor decompressor_;
  Buffer plain_;
  Salt keyed_salt_{};
  std::uint32_t keyed_epoch_ = 0;  // 0: no key set yet
};

/// The directory of a pack; Corrupt where header, trailer or directory are damaged.
Result<PackDirectory> read_pack_directory(const Vault& vault, ObjectReader& pack, SegmentOpener& opener, PackHeader* header = nullptr);

/// What a walk over a pack's frames finds, without directory or trailer.
struct FoundFrame {
  FrameHeader header;
  std::uint64_t offset = 0;  ///< of the frame header
};
/// Walks frames from header to header; after damage, searches on for the next one. Visits segments, replicas and
/// directories. Reads the pack in pieces.
Status scan_frames(ObjectReader& pack, const std::function<Status(const FoundFrame&, ByteView frame)>& visit);

}  // namespace hf
