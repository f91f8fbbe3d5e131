#include "vault/pack_writer.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "format/wire.hpp"

namespace hf {

Result<std::unique_ptr<PackWriter>> PackWriter::begin(Vault& vault, PackClass pack_class, ScratchBuffer scratch) {
  auto w = std::unique_ptr<PackWriter>(new PackWriter(vault, pack_class));
  w->sealed_ = std::move(scratch);
  w->frame_ = vault.new_frame(SealedKind::segment);
  const Digest key = HF_TRY(vault.keys().object_key(w->frame_));
  w->aead_.set_key(w->frame_.cipher, key);
  w->upload_ = HF_TRY(vault.store().create(ObjectKind::pack));
  PackHeader header;
  header.pack_class = pack_class;
  header.cipher = w->frame_.cipher;
  header.epoch = w->frame_.epoch;
  header.by_writer = w->frame_.by_writer;
  header.vault = vault.id();
  header.salt = w->frame_.salt;
  HF_TRY(w->append(header.encode()));
  return w;
}

Status PackWriter::append(ByteView bytes) {
  HF_TRY(upload_->append(bytes));
  name_.update(bytes);
  if (parity_) parity_->update(bytes);
  offset_ += bytes.size();
  return {};
}

Status PackWriter::append_frame(SealedKind kind, ByteView begin, ByteView rest) {
  frame_.kind = kind;
  frame_.stored_bytes = static_cast<std::uint32_t>(begin.size() + rest.size() + Aead::kTagBytes);
  const MutableBytes frame = sealed_.of(FrameHeader::kBytes + frame_.stored_bytes), header = frame.first(FrameHeader::kBytes);
  frame_.encode(header);
  aead_.seal(frame_.ordinal, associated_data(vault_.id(), header), begin, rest, frame.subspan(FrameHeader::kBytes));
  ++frame_.ordinal;
  return append(frame);
}

PackedSegment pack_segment(std::span<const NewChunk> chunks, ByteView plain, Compressor& compressor, const DeltaPrefix* prefix) {
  HF_ASSERT(chunks.size() <= kChunksPerSegmentMax && plain.size() <= kSegmentPlainMax);
  PackedSegment out;
  SegmentHead head;
  out.info.plain_bytes = head.plain_bytes = static_cast<std::uint32_t>(plain.size());
  for (const NewChunk& c : chunks) {
    head.chunk_bytes.push_back(c.bytes);
    out.info.chunks.emplace_back(c.id, c.bytes);
  }
  const Compressor::Packed packed = prefix != nullptr ? compressor.compress_against(prefix->bytes, plain) : Compressor::Packed{compressor.compress(plain)};
  if (packed.against) out.info.bases = head.bases = {prefix->bases.begin(), prefix->bases.end()};
  head.compressed = packed.frame.has_value();
  out.payload = packed.frame.value_or(plain);
  head.encode(out.head);
  return out;
}

Status PackWriter::add(SegmentInfo info, ByteView head, ByteView payload) {
  info.offset = static_cast<std::uint32_t>(offset_);
  info.stored_bytes = static_cast<std::uint32_t>(FrameHeader::kBytes + head.size() + payload.size() + Aead::kTagBytes);
  HF_TRY(append_frame(SealedKind::segment, head, payload));
  plain_bytes_ += info.plain_bytes;
  chunks_ += info.chunks.size();
  directory_.segments.push_back(std::move(info));
  return {};
}

Status PackWriter::add_segment(std::span<const NewChunk> chunks, ByteView plain, Compressor& compressor, const DeltaPrefix* prefix) {
  PackedSegment packed = pack_segment(chunks, plain, compressor, prefix);
  return add(std::move(packed.info), packed.head, packed.payload);
}

Status PackWriter::add_body(const SegmentInfo& from, ByteView body) { return add(from, {}, body); }

Status PackWriter::add_replica(const ObjectName& name, ByteView object) {
  const Buffer body = encode_replica(name, object);
  frame_.kind = SealedKind::replica;
  frame_.stored_bytes = static_cast<std::uint32_t>(body.size());
  std::array<std::uint8_t, FrameHeader::kBytes> header;
  frame_.encode(header);
  ++frame_.ordinal;
  HF_TRY(append(header));
  return append(body);
}

Result<FinishedPack> PackWriter::finish() {
  FinishedPack out;
  PackTrailer trailer;
  trailer.directory_offset = offset_;
  HF_TRY(append_frame(SealedKind::directory, {}, directory_.encode()));
  trailer.directory_stored_bytes = static_cast<std::uint32_t>(offset_ - trailer.directory_offset);
  HF_TRY(append(trailer.encode()));
  out.pack.id = PackId{name_.finish()};
  out.pack.pack_class = class_;
  out.pack.stored_bytes = offset_;
  out.pack.plain_bytes = plain_bytes_;
  HF_TRY(upload_->commit({ObjectKind::pack, out.pack.id.hex()}));
  if (parity_) static_cast<void>(parity_->finish(out.pack.id));  // never a reason to lose a backup
  for (const SegmentInfo& s : directory_.segments)
    for (std::size_t i = 0; i < s.chunks.size(); ++i)
      out.entries.push_back({ChunkKey::of(s.chunks[i].first), 0, s.offset, s.stored_bytes, static_cast<std::uint16_t>(i)});
  out.pack.chunk_count = static_cast<std::uint32_t>(out.entries.size());
  return out;
}

Buffer encode_replica(const ObjectName& name, ByteView object) {
  Buffer rest;
  wire::Writer w(rest);
  w.u8(static_cast<std::uint8_t>(name.kind));
  w.text(name.name);
  w.bytes(object);
  const Digest d = sha256(rest);
  Buffer out(d.begin(), d.end());
  append(out, rest);
  return out;
}

Result<std::pair<ObjectName, Buffer>> decode_replica(ByteView in) {
  const Error damaged(Code::corrupt, "a copy of a vault object inside a pack is damaged");
  if (in.size() < 32) return damaged;
  const Digest d = sha256(in.subspan(32));
  if (!std::equal(d.begin(), d.end(), in.begin())) return damaged;
  wire::Reader r(in.subspan(32));
  const std::uint8_t kind = r.u8();
  std::string name = r.text();
  const ByteView object = r.bytes();
  const bool hex = std::all_of(name.begin(), name.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
  const bool known = (kind == static_cast<std::uint8_t>(ObjectKind::config) && name == kConfigName) ||
                     ((kind == static_cast<std::uint8_t>(ObjectKind::key) || kind == static_cast<std::uint8_t>(ObjectKind::point)) && hex && name.size() == 32);
  if (!r.at_end() || !known) return damaged;
  return std::pair{ObjectName{static_cast<ObjectKind>(kind), std::move(name)}, Buffer(object.begin(), object.end())};
}

}  // namespace hf
