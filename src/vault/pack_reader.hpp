#pragma once
// Reading packs: the one fetch-and-open path of restore, verify, listing and rebuild.

#include <memory>
#include <optional>

#include "base/scratch_buffer.hpp"
#include "codec/compress.hpp"
#include "format/pack.hpp"
#include "vault/vault.hpp"

namespace hf {

/// A segment's plaintext and where its chunks are in it.
struct OpenedSegment {
  OpenedSegment() = default;
  OpenedSegment(OpenedSegment&&) = default;
  OpenedSegment& operator=(OpenedSegment&&) = default;
  ScratchBuffer storage;
  ByteView plain;  ///< in `storage`, which may be larger: what was stored as it is begins behind its head, and is not copied
  std::vector<std::uint32_t> offsets;  ///< of each chunk, and the end
  unsigned depth = 0;                 ///< of its bases' segments the deepest, and one more; 0: it has none
  bool bases_identified = true;       ///< false: opened with Unfolding::identifies_bases off
  /// Where a plaintext of so many bytes goes.
  MutableBytes plain_of(std::size_t bytes) {
    const MutableBytes out = storage.of(bytes);
    plain = out;
    return out;
  }
  std::size_t chunk_count() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  /// Empty where there is no such chunk.
  ByteView chunk(std::size_t i) const {
    return i + 1 < offsets.size() ? plain.subspan(offsets[i], offsets[i + 1] - offsets[i]) : ByteView();
  }
};

/// A chunk's plaintext; `bytes` lives as long as `segment`.
struct LoadedChunk {
  std::shared_ptr<const OpenedSegment> segment;
  ByteView bytes;
};

/// What opening one segment has taken so far. Bounds what a hostile vault can make a reader do: bases that go round in
/// a circle, or that each need a thousand others.
struct Unfolding {
  /// Off for who identifies what comes out: of wrong bases comes something else than was asked for, so that what is right
  /// needs no second hash. Where it is not right, it must be opened again with this on, which tells a wrong base and
  /// looks for it elsewhere.
  bool identifies_bases = true;
  unsigned depth = 0;                ///< how many segments are being opened, each for the one before
  unsigned segments_left = 4096;     ///< how many more may be opened for the first
};

/// Where the bases of delta segments come from: a ChunkReader. Any thread.
class BaseSource {
 public:
  virtual ~BaseSource() = default;
  virtual Result<LoadedChunk> load_base(const ChunkId& id, Unfolding& unfolding) = 0;
  /// Opens ahead what holds the first of these bases of a segment that is no base itself, leaving out what another thread is
  /// opening at this moment: so threads
  /// that need the same ones share the work, where they would otherwise wait for each other. What fails is told by load_base().
  virtual void open_ahead(std::span<const ChunkId> bases, Unfolding& unfolding) = 0;
};

/// Opens frames. Keeps buffers between calls: one per thread.
class SegmentOpener {
 public:
  /// Without `bases` a delta segment does not open.
  explicit SegmentOpener(const Vault& vault, BaseSource* bases = nullptr) : vault_(vault), bases_(bases) {}
  /// `frame` is a frame header and its sealed body; authenticates, then decompresses. Corrupt says what failed.
  /// Of a delta segment whose base can't be read it names the base; see base_failed().
  Status open(ByteView frame, OpenedSegment& out);
  Status open(ByteView frame, OpenedSegment& out, Unfolding& unfolding);
  /// Where to read a frame of so many bytes to, for the next open() of it, which needs no memory for the sealed bytes then.
  MutableBytes frame(std::size_t bytes) { return plain_.of(bytes); }
  /// True where the last open() failed because of a base: what is sealed in the segment itself is well.
  bool base_failed() const { return base_failed_; }
  /// Head and payload of a segment as they were sealed; a loan until the next call.
  Result<ByteView> open_body(ByteView frame) { return open_frame(frame, SealedKind::segment); }
  /// The same, for the directory frame.
  Result<PackDirectory> open_directory(ByteView frame);

 private:
  Result<ByteView> open_frame(ByteView frame, SealedKind kind);
  /// Bases one after the other: in `in`, where they lie so in one segment, else copied into prefix_.
  struct Prefix {
    ByteView bytes;
    std::shared_ptr<const OpenedSegment> in;
  };
  Result<Prefix> gather_prefix(const std::vector<ChunkId>& bases, OpenedSegment& out, Unfolding& unfolding);
  const Vault& vault_;
  BaseSource* const bases_;
  Buffer prefix_;
  bool base_failed_ = false;
  Aead aead_;
  Decompressor decompressor_;
  ScratchBuffer plain_;
  Salt keyed_salt_{};
  std::uint32_t keyed_epoch_ = 0;  // as headers hold it; 0: no key set yet
};

/// The header of a pack, which needs no key: NotFound, Corrupt, Unsupported where it is newer, or why it can't be read now.
Result<PackHeader> read_pack_header(ObjectStore& store, const PackId& id);
/// The directory of a pack; Corrupt where header, trailer or directory are damaged.
Result<PackDirectory> read_pack_directory(const Vault& vault, ObjectReader& pack, SegmentOpener& opener, PackHeader* header = nullptr);

/// Are the segments that the directory tells of in the pack? A directory is bound to its pack's salt, which who adds objects can
/// copy together with it into a pack of other content. Reads all of it, and opens what it reads; decompresses nothing.
bool segments_open(ObjectReader& pack, const PackHeader& header, const PackDirectory& directory, SegmentOpener& opener);

/// What a walk over a pack's frames finds, without directory or trailer.
struct FoundFrame {
  FrameHeader header;
  std::uint64_t offset = 0;  ///< of the frame header
};
/// Walks frames from header to header; after damage, searches on for the next one. Visits segments, replicas and
/// directories. Reads the pack in pieces.
Status scan_frames(ObjectReader& pack, const std::function<Status(const FoundFrame&, ByteView frame)>& visit);

}  // namespace hf
