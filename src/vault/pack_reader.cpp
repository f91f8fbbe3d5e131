#include "vault/pack_reader.hpp"

#include <algorithm>
#include <array>

namespace hf {

Result<ByteView> SegmentOpener::open_frame(ByteView frame, SealedKind kind) {
  const FrameHeader h = HF_TRY(FrameHeader::decode(frame));
  if (h.kind != kind) return Error(Code::corrupt, "another kind of frame lies here");
  if (frame.size() != FrameHeader::kBytes + h.stored_bytes) return Error(Code::corrupt, "a frame has another size than expected");
  if (keyed_epoch_ != epoch_code(h.epoch, h.by_writer) || keyed_salt_ != h.salt) {
    Digest key = HF_TRY(vault_.keys().object_key(h));
    aead_.set_key(h.cipher, key);
    wipe(key);
    keyed_epoch_ = epoch_code(h.epoch, h.by_writer);
    keyed_salt_ = h.salt;
  }
  const bool in_place = frame.data() == plain_.data();
  const std::size_t begin = in_place ? FrameHeader::kBytes : 0, bytes = h.stored_bytes - Aead::kTagBytes;
  const MutableBytes body = plain_.of(begin + bytes).subspan(begin);
  HF_TRY(aead_.open(h.ordinal, associated_data(vault_.id(), frame.first(FrameHeader::kBytes)), frame.subspan(FrameHeader::kBytes), body));
  return ByteView(body);
}

Result<SegmentOpener::Prefix> SegmentOpener::gather_prefix(const std::vector<ChunkId>& bases, OpenedSegment& out, Unfolding& unfolding) {
  if (bases_ == nullptr) return Error(Code::corrupt, "the segment is a delta, and its bases can't be looked for here");
  const auto too_deep = [] { return Error(Code::corrupt, "its bases need bases of their own more than " + std::to_string(kBaseDepthMax) + " deep"); };
  if (unfolding.depth >= kBaseDepthMax) return too_deep();
  ++unfolding.depth;
  prefix_.clear();
  out.bases_identified = unfolding.identifies_bases;
  Prefix prefix;
  Status status;
  bases_->open_ahead(bases, unfolding);
  for (const ChunkId& id : bases) {
    auto loaded = bases_->load_base(id, unfolding);
    if (!loaded) {
      status = std::move(loaded.error()).in_context("base chunk " + id.brief() + " of a delta");
      break;
    }
    if (loaded->bytes.size() > kPrefixMax - prefix.bytes.size()) {
      status = Error(Code::corrupt, "its bases are larger than a segment may ask for");
      break;
    }
    const std::shared_ptr<const OpenedSegment>& s = loaded->segment;
    // Also of one that was open already: what is sound must not hang on what was read before.
    out.depth = std::max(out.depth, s->depth + 1);
    if (out.depth > kBaseDepthMax) {
      status = too_deep();
      break;
    }
    // What was stored together lies together: then nothing is copied.
    if (prefix.bytes.empty()) {
      prefix = {loaded->bytes, s};
    } else if (prefix.in == s && prefix.bytes.data() + prefix.bytes.size() == loaded->bytes.data()) {
      prefix.bytes = {prefix.bytes.data(), prefix.bytes.size() + loaded->bytes.size()};
    } else {
      if (prefix.in) append(prefix_, prefix.bytes);
      append(prefix_, loaded->bytes);
      prefix = {prefix_, nullptr};
    }
  }
  --unfolding.depth;
  if (!status) return status.error();
  return prefix;
}

Status SegmentOpener::open(ByteView frame, OpenedSegment& out) {
  Unfolding unfolding;
  return open(frame, out, unfolding);
}

Status SegmentOpener::open(ByteView frame, OpenedSegment& out, Unfolding& unfolding) {
  base_failed_ = false;
  const ByteView body = HF_TRY(open_frame(frame, SealedKind::segment));
  const auto [head, head_bytes] = HF_TRY(SegmentHead::decode(body));
  out.bases_identified = true;
  out.depth = 0;
  Prefix prefix;
  if (!head.bases.empty()) {
    auto gathered = gather_prefix(head.bases, out, unfolding);
    if (!gathered) {
      base_failed_ = true;
      return gathered.error();
    }
    prefix = std::move(*gathered);
  }
  out.offsets.clear();
  std::uint32_t at = 0;
  for (std::uint32_t n : head.chunk_bytes) {
    out.offsets.push_back(at);
    at += n;
  }
  out.offsets.push_back(at);
  if (head.compressed) {
    return decompressor_.decompress(body.subspan(head_bytes), out.plain_of(head.plain_bytes), prefix.bytes);
  }
  std::swap(out.storage, plain_);  // `body` is in it, and stays where it is
  out.plain = body.subspan(head_bytes);
  return {};
}

Result<PackDirectory> SegmentOpener::open_directory(ByteView frame) {
  return PackDirectory::decode(HF_TRY(open_frame(frame, SealedKind::directory)));
}

Result<PackHeader> read_pack_header(ObjectStore& store, const PackId& id) {
  const auto reader = HF_TRY(store.open({ObjectKind::pack, id.hex()}));
  std::array<std::uint8_t, PackHeader::kBytes> head{};
  if (reader->size() < head.size()) return Error(Code::corrupt, "the pack is cut off");
  HF_TRY(reader->read(0, head));
  return PackHeader::decode(head);
}

Result<PackDirectory> read_pack_directory(const Vault& vault, ObjectReader& pack, SegmentOpener& opener, PackHeader* header_out) {
  const std::uint64_t size = pack.size();
  if (size < PackHeader::kBytes + PackTrailer::kBytes) return Error(Code::corrupt, "the pack is cut off");
  Buffer head(PackHeader::kBytes), end(PackTrailer::kBytes);
  HF_TRY(pack.read(0, head));
  HF_TRY(pack.read(size - end.size(), end));
  const PackHeader header = HF_TRY(PackHeader::decode(head));
  if (header.vault != vault.id()) return Error(Code::corrupt, "the pack belongs to another vault");
  if (header_out != nullptr) *header_out = header;
  const PackTrailer trailer = HF_TRY(PackTrailer::decode(end));
  if (trailer.directory_offset > size || trailer.directory_stored_bytes != size - PackTrailer::kBytes - trailer.directory_offset)
    return Error(Code::corrupt, "the pack's end is damaged");
  Buffer frame(trailer.directory_stored_bytes);
  HF_TRY(pack.read(trailer.directory_offset, frame));
  // The header is not sealed; who made the pack must be who sealed what the directory tells.
  if (const FrameHeader sealed = HF_TRY(FrameHeader::decode(frame)); sealed.salt != header.salt || sealed.by_writer != header.by_writer)
    return Error(Code::corrupt, "the pack's header is another pack's");
  PackDirectory directory = HF_TRY(opener.open_directory(frame));
  if (!directory.segments.empty() && std::uint64_t{directory.segments.back().offset} + directory.segments.back().stored_bytes > trailer.directory_offset)
    return Error(Code::corrupt, "the pack's directory is another pack's");
  return directory;
}

bool segments_open(ObjectReader& pack, const PackHeader& header, const PackDirectory& directory, SegmentOpener& opener) {
  Buffer frame;
  std::int64_t last = -1;  // ordinals are in order: none of them lies in another's place
  return std::all_of(directory.segments.begin(), directory.segments.end(), [&](const SegmentInfo& s) {
    frame.resize(s.stored_bytes);
    if (!pack.read(s.offset, frame)) return false;
    const auto h = FrameHeader::decode(frame);
    if (!h || h->salt != header.salt || h->by_writer != header.by_writer || h->ordinal <= last) return false;
    last = h->ordinal;
    return opener.open_body(frame).has_value();
  });
}

Status scan_frames(ObjectReader& pack, const std::function<Status(const FoundFrame&, ByteView)>& visit) {
  const std::uint64_t size = pack.size();
  Buffer window, frame;
  std::uint64_t window_at = 0;
  const auto header_at = [&](std::uint64_t at) -> Result<FrameHeader> {
    if (at < window_at || at + FrameHeader::kBytes > window_at + window.size()) {
      window_at = at;
      window.resize(std::min<std::uint64_t>(size - at, 64 * 1024));
      HF_TRY(pack.read(at, window));
    }
    return FrameHeader::decode(ByteView(window).subspan(at - window_at));
  };
  for (std::uint64_t at = std::min<std::uint64_t>(PackHeader::kBytes, size); at + FrameHeader::kBytes <= size;) {
    const auto header = header_at(at);
    if (!header && header.error().code != Code::corrupt && header.error().code != Code::unsupported) return header.error();
    if (!header || header->stored_bytes > size - at - FrameHeader::kBytes) {
      // Search the window for the next magic.
      const ByteView rest = ByteView(window).subspan(at - window_at);
      const auto found = std::search(rest.begin() + 1, rest.end(), FrameHeader::kMagic.begin(), FrameHeader::kMagic.end());
      const auto skipped = static_cast<std::uint64_t>(found - rest.begin());
      at += found != rest.end() ? skipped : std::max<std::uint64_t>(1, rest.size() - (FrameHeader::kMagic.size() - 1));
      continue;
    }
    frame.resize(FrameHeader::kBytes + header->stored_bytes);
    HF_TRY(pack.read(at, frame));
    HF_TRY(visit({*header, at}, frame));
    at += frame.size();
  }
  return {};
}

}  // namespace hf
