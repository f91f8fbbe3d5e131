#include "format/pack.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
constexpr std::string_view kPackMagic = "HFPACK\r\n";
constexpr std::string_view kTrailerMagic = "HFPKEND\n";

Error cut_off(std::string_view what) { return Error(Code::corrupt, std::string(what) + " is damaged"); }

Error newer() {
  return Error(Code::unsupported, "the pack was written by a newer version of Holdfast", "use that version or a later one");
}

Digest name_from(std::uint64_t total_bytes, const Digest& blocks) {
  Buffer end;
  wire::Writer w(end);
  w.raw(as_bytes("holdfast object"));
  w.u64(total_bytes);
  w.raw(blocks);
  return sha256(end);
}
}  // namespace

Buffer PackHeader::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kPackMagic));
  w.u16(kFormatVersion);
  w.u8(static_cast<std::uint8_t>(cipher));
  w.u8(static_cast<std::uint8_t>(pack_class));
  w.u32(epoch_code(epoch, by_writer));
  w.id(vault);
  w.raw(salt);
  w.u32(0);
  add_check(b);
  return b;
}

Result<PackHeader> PackHeader::decode(ByteView in) {
  if (in.size() < kBytes) return cut_off("the pack's header");
  in = in.first(kBytes);
  if (as_text(in.first(8)) != kPackMagic || !check_holds(in)) return cut_off("the pack's header");
  wire::Reader r(in.subspan(8));
  PackHeader h;
  const std::uint16_t version = r.u16();
  if (version == 0) return cut_off("the pack's header");
  if (version > kFormatVersion) return newer();
  h.cipher = static_cast<Cipher>(r.u8());
  h.pack_class = static_cast<PackClass>(r.u8());
  const std::uint32_t code = r.u32();
  h.epoch = code & kEpochMax;
  h.by_writer = code > kEpochMax;
  h.vault = r.id<VaultId>();
  r.into(h.salt);
  if (h.pack_class != PackClass::data && h.pack_class != PackClass::metadata) return cut_off("the pack's header");
  if (h.cipher != Cipher::aes_256_gcm && h.cipher != Cipher::chacha20_poly1305) return newer();
  if (r.u32() != 0) return newer();  // reserved for what an old reader must not overlook
  return h;
}

void SegmentHead::encode(Buffer& out) const {
  HF_ASSERT(chunk_bytes.size() <= kChunksPerSegmentMax && bases.size() <= kBasesPerSegmentMax && plain_bytes <= kSegmentPlainMax);
  for (std::uint32_t n : chunk_bytes) HF_ASSERT(n > 0);  // decode() refuses empty chunks
  wire::Writer w(out);
  w.u8(compressed ? 1 : 0);
  w.varint(plain_bytes);
  w.varint(chunk_bytes.size());
  for (std::uint32_t n : chunk_bytes) w.varint(n);
  w.varint(bases.size());
  for (const ChunkId& id : bases) w.id(id);
}

Result<std::pair<SegmentHead, std::size_t>> SegmentHead::decode(ByteView in) {
  wire::Reader r(in);
  SegmentHead h;
  const std::uint8_t coding = r.u8();
  if (r.ok() && coding > 1) return Error(Code::unsupported, "a segment uses a compression that this version does not know", "use a newer version of Holdfast");
  h.plain_bytes = static_cast<std::uint32_t>(r.count(kSegmentPlainMax));
  const std::uint64_t chunks = r.count(std::min<std::uint64_t>(kChunksPerSegmentMax, r.left()));
  h.chunk_bytes.reserve(chunks);
  std::uint64_t sum = 0;
  for (std::uint64_t i = 0; i < chunks; ++i) {
    h.chunk_bytes.push_back(static_cast<std::uint32_t>(r.count(kSegmentPlainMax)));
    if (h.chunk_bytes.back() == 0) r.fail();
    sum += h.chunk_bytes.back();
  }
  const std::uint64_t bases = r.count(std::min<std::uint64_t>(kBasesPerSegmentMax, r.left() / ChunkId::kBytes));
  for (std::uint64_t i = 0; i < bases; ++i) h.bases.push_back(r.id<ChunkId>());
  if (!r.ok() || sum != h.plain_bytes) return cut_off("a segment's list of chunks");
  h.compressed = coding == 1;
  if (!h.compressed && (r.left() != h.plain_bytes || !h.bases.empty())) return cut_off("a segment");
  return std::pair{std::move(h), in.size() - r.left()};
}

const SegmentInfo* PackDirectory::at(std::uint32_t offset) const {
  const auto found = std::lower_bound(segments.begin(), segments.end(), offset, [](const SegmentInfo& s, std::uint32_t o) { return s.offset < o; });
  return found != segments.end() && found->offset == offset ? &*found : nullptr;
}

Buffer PackDirectory::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.varint(segments.size());
  for (const SegmentInfo& s : segments) {
    w.varint(s.offset);
    w.varint(s.stored_bytes);
    w.varint(s.plain_bytes);
    w.varint(s.chunks.size());
    for (const auto& [id, bytes] : s.chunks) w.varint(bytes);
    for (const auto& [id, bytes] : s.chunks) w.id(id);
    w.varint(s.bases.size());
    for (const ChunkId& id : s.bases) w.id(id);
  }
  return b;
}

Result<PackDirectory> PackDirectory::decode(ByteView in) {
  wire::Reader r(in);
  PackDirectory d;
  const std::uint64_t segments = r.count(r.left() / 5);
  std::uint64_t free_from = PackHeader::kBytes;
  for (std::uint64_t i = 0; i < segments && r.ok(); ++i) {
    SegmentInfo& s = d.segments.emplace_back();
    s.offset = static_cast<std::uint32_t>(r.count(UINT32_MAX));
    s.stored_bytes = static_cast<std::uint32_t>(r.count(kSegmentStoredMax));
    s.plain_bytes = static_cast<std::uint32_t>(r.count(kSegmentPlainMax));
    const std::uint64_t chunks = r.count(std::min<std::uint64_t>(kChunksPerSegmentMax, r.left() / (ChunkId::kBytes + 1)));
    s.chunks.resize(chunks);
    std::uint64_t sum = 0;
    for (auto& [id, bytes] : s.chunks) {
      bytes = static_cast<std::uint32_t>(r.count(kSegmentPlainMax));
      if (bytes == 0) r.fail();
      sum += bytes;
    }
    for (auto& [id, bytes] : s.chunks) id = r.id<ChunkId>();
    const std::uint64_t bases = r.count(std::min<std::uint64_t>(kBasesPerSegmentMax, r.left() / ChunkId::kBytes));
    for (std::uint64_t b = 0; b < bases; ++b) s.bases.push_back(r.id<ChunkId>());
    // Nothing that follows need ask again whether a segment lies in the pack, apart from the others.
    if (sum != s.plain_bytes || s.offset < free_from || s.stored_bytes < FrameHeader::kBytes + Aead::kTagBytes) r.fail();
    free_from = std::uint64_t{s.offset} + s.stored_bytes;
  }
  if (!r.at_end()) return cut_off("the pack's directory");
  return d;
}

Buffer PackTrailer::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kTrailerMagic));
  w.u64(directory_offset);
  w.u32(directory_stored_bytes);
  w.u64(0);
  add_check(b);
  return b;
}

Result<PackTrailer> PackTrailer::decode(ByteView in) {
  if (in.size() < kBytes) return cut_off("the pack's end");
  in = in.last(kBytes);
  if (as_text(in.first(8)) != kTrailerMagic || !check_holds(in)) return cut_off("the pack's end");
  wire::Reader r(in.subspan(8));
  PackTrailer t;
  t.directory_offset = r.u64();
  t.directory_stored_bytes = r.u32();
  if (r.u64() != 0) return newer();
  return t;
}

void ContentName::update(ByteView bytes) {
  total_ += bytes.size();
  views_.clear();
  if (!rest_.empty()) {
    const std::size_t n = std::min(bytes.size(), kBlockBytes - rest_.size());
    append(rest_, bytes.first(n));
    bytes = bytes.subspan(n);
    if (rest_.size() < kBlockBytes) return;
    views_.push_back(rest_);
  }
  for (; bytes.size() >= kBlockBytes; bytes = bytes.subspan(kBlockBytes)) views_.push_back(bytes.first(kBlockBytes));
  digests_.resize(views_.size());
  sha256_many(views_, digests_);
  for (const Digest& d : digests_) take(d);
  rest_.assign(bytes.begin(), bytes.end());
}

void ContentName::take(const Digest& block) {
  blocks_.update(block);
  if (keep_ != nullptr) keep_->push_back(block);
}

Digest ContentName::finish() {
  if (!rest_.empty()) take(sha256(rest_));
  return name_from(total_, blocks_.finish());
}

Digest content_name_of(std::uint64_t total_bytes, std::span<const Digest> block_digests) {
  Sha256 blocks;
  for (const Digest& d : block_digests) blocks.update(d);
  return name_from(total_bytes, blocks.finish());
}

Digest content_name(ByteView object) {
  ContentName name;
  name.update(object);
  return name.finish();
}

}  // namespace hf
