#include "verify/pack_check.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "vault/pack_writer.hpp"

namespace hf {
namespace {

// Small enough that what was read is still in the second-level cache when it is hashed and opened; whole blocks of the
// content name, so that it copies nothing.
constexpr std::size_t kPieceBytes = 8 * ContentName::kBlockBytes;
constexpr std::size_t kWindowBytes = 8 * kPieceBytes;

std::uint64_t mixed(std::uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

std::string range(std::uint64_t offset, std::uint64_t bytes) { return "bytes " + human_count(offset) + " to " + human_count(offset + bytes - 1); }

}  // namespace

void EntrySum::add(const ChunkKey& key, std::uint32_t offset, std::uint32_t stored_bytes, std::uint16_t chunk) {
  const std::uint64_t place = std::uint64_t{offset} << 32 | stored_bytes;
  sum += mixed(key.high ^ mixed(key.low ^ mixed(place ^ mixed(chunk))));
  ++count;
}

class PackChecker::OneBase final : public BaseSource {
 public:
  void begin(std::shared_ptr<const OpenedSegment> segment, const DeltaForest::Chunks& chunks) {
    segment_ = std::move(segment);
    chunks_ = &chunks;
    next_ = 0;
  }
  Result<LoadedChunk> load_base(const ChunkId& id, Unfolding&) override {
    for (std::size_t tried = 0; tried < chunks_->size(); ++tried) {  // mostly in order
      const std::size_t i = (next_ + tried) % chunks_->size();
      if ((*chunks_)[i].first != id) continue;
      next_ = i + 1;
      return LoadedChunk{segment_, segment_->chunk(i)};
    }
    return Error(Code::not_found, "it is another's base");
  }
  void open_ahead(std::span<const ChunkId>, Unfolding&) override {}

 private:
  std::shared_ptr<const OpenedSegment> segment_;
  const DeltaForest::Chunks* chunks_ = nullptr;
  std::size_t next_ = 0;
};

/// One of the segments that are open, each standing on the one before.
struct PackChecker::Level {
  explicit Level(const Vault& vault) : opener(vault, &base) {}
  OneBase base;
  SegmentOpener opener;
  std::shared_ptr<OpenedSegment> segment = std::make_shared<OpenedSegment>();
  DeltaForest::Chunks chunks;
};

PackChecker::PackChecker(const Vault* vault, ChunkReader* bases, DeltaForest* forest)
    : vault_(vault), bases_(bases), forest_(vault == nullptr || bases == nullptr || forest == nullptr || forest->empty() ? nullptr : forest) {
  if (vault_ != nullptr) opener_ = std::make_unique<SegmentOpener>(*vault_, bases);
}
PackChecker::~PackChecker() = default;

PackVerdict PackChecker::check(ObjectReader& pack, const PackId& id, const std::function<void(std::uint64_t)>& done) {
  std::uint64_t told = 0;
  const auto tell = [&](std::uint64_t bytes) {
    told += bytes;
    done(bytes);
  };
  if (vault_ == nullptr) {
    if (auto quick = check_name(pack, id, tell); quick && quick->name_holds) return std::move(*quick);
  } else if (auto quick = check_quickly(pack, id, tell)) {
    return std::move(*quick);
  }
  PackVerdict verdict = examine(pack, id);
  if (told < pack.size()) done(pack.size() - told);
  return verdict;
}

Result<PackVerdict> PackChecker::check_name(ObjectReader& pack, const PackId& id, const std::function<void(std::uint64_t)>& done) {
  PackVerdict v;
  v.stored_bytes = pack.size();
  ContentName name;
  for (std::uint64_t at = 0; at < pack.size(); at += window_.size()) {
    window_.resize(std::min<std::uint64_t>(kPieceBytes, pack.size() - at));
    HF_TRY(pack.read(at, window_));
    name.update(window_);
    done(window_.size());
  }
  v.name_holds = PackId{name.finish()} == id;
  return v;
}

void PackChecker::identify(const OpenedSegment& segment) {
  views_.clear();
  for (std::size_t i = 0; i < segment.chunk_count(); ++i) views_.push_back(segment.chunk(i));
  digests_.resize(views_.size());
  vault_->keys().chunk_hash().digest_many(views_, digests_);
}

void PackChecker::count(const SegmentInfo& segment, PackVerdict& v) {
  for (std::size_t i = 0; i < segment.chunks.size(); ++i)
    v.entries.add(ChunkKey::of(segment.chunks[i].first), segment.offset, segment.stored_bytes, static_cast<std::uint16_t>(i));
  v.plain_bytes += segment.plain_bytes;
  v.chunks += segment.chunks.size();
}

Status PackChecker::check_segment(ByteView frame, const SegmentInfo& expected, PackVerdict& v, bool identifies_bases) {
  Unfolding unfolding{.identifies_bases = identifies_bases};
  HF_TRY(opener_->open(frame, *segment_, unfolding));
  const std::size_t n = segment_->chunk_count();
  const Error others(Code::corrupt, "the segment holds other chunks than the directory says");
  if (n != expected.chunks.size() || segment_->plain.size() != expected.plain_bytes) return others;
  for (std::size_t i = 0; i < n; ++i)
    if (segment_->chunk(i).size() != expected.chunks[i].second) return others;
  identify(*segment_);
  for (std::size_t i = 0; i < n; ++i)
    if (digests_[i] != expected.chunks[i].first.bytes) return Error(Code::corrupt, "chunk " + expected.chunks[i].first.brief() + " has another identity than the directory says");
  count(expected, v);
  return {};
}

void PackChecker::open_standing_on(const PackId& pack, std::uint32_t offset, const std::shared_ptr<const OpenedSegment>& segment, const DeltaForest::Chunks& chunks, unsigned depth) {
  if (depth == kBaseDepthMax) return;
  for (const DeltaForest::Delta& delta : forest_->standing_on(pack, offset)) {
    while (levels_.size() <= depth) levels_.push_back(std::make_unique<Level>(*vault_));
    Level& level = *levels_[depth];
    level.base.begin(segment, chunks);
    const PackId& id = forest_->pack(delta.pack);
    const auto reader = bases_->pack(id);
    const MutableBytes frame = level.opener.frame(delta.stored_bytes);
    if (!reader || !(*reader)->read(delta.offset, frame)) continue;
    std::array<std::uint8_t, Aead::kTagBytes> seal{};  // the frame is opened in its place
    std::copy(frame.end() - static_cast<std::ptrdiff_t>(seal.size()), frame.end(), seal.begin());
    if (!level.opener.open(frame, *level.segment)) continue;
    identify(*level.segment);
    level.chunks.clear();
    for (std::size_t i = 0; i < digests_.size(); ++i) level.chunks.emplace_back(ChunkId{digests_[i]}, static_cast<std::uint32_t>(views_[i].size()));
    forest_->prove(id, delta.offset, seal, level.chunks);
    open_standing_on(id, delta.offset, level.segment, level.chunks, depth + 1);
  }
}

Result<PackVerdict> PackChecker::check_quickly(ObjectReader& pack, const PackId& id, const std::function<void(std::uint64_t)>& done) {
  const Error wrong(Code::corrupt, "something does not fit");  // examine() finds out what
  PackVerdict v;
  const std::uint64_t size = v.stored_bytes = pack.size();
  PackHeader header;
  const PackDirectory directory = HF_TRY(read_pack_directory(*vault_, pack, *opener_, &header));
  auto next = directory.segments.begin();
  ContentName name;
  // The window holds the stored bytes from `base` on; `filled` of them are read (and hashed), `at` are dealt with.
  if (window_.size() < kWindowBytes) window_.resize(kWindowBytes);
  std::uint64_t base = 0;
  std::size_t filled = 0, at = PackHeader::kBytes;
  const std::uint64_t frames_end = size - PackTrailer::kBytes;
  const auto ensure = [&](std::size_t bytes) -> Status {  // that many from `at` on
    if (at + bytes > window_.size()) {
      std::memmove(window_.data(), window_.data() + at, filled - at);
      base += at;
      filled -= at;
      at = 0;
      if (bytes > window_.size()) window_.resize((bytes + 2 * kPieceBytes) / kPieceBytes * kPieceBytes);
    }
    while (filled < at + bytes) {
      const std::uint64_t from = base + filled;
      // Reads end on whole pieces of the object, whatever the window's beginning is.
      std::size_t n = std::min<std::uint64_t>(kPieceBytes - from % kPieceBytes, size - from);
      n = std::min(n, window_.size() - filled);
      const MutableBytes piece = MutableBytes(window_).subspan(filled, n);
      HF_TRY(pack.read(from, piece));
      name.update(piece);
      filled += n;
      done(n);
    }
    return {};
  };
  bool directory_seen = false;
  while (base + at < frames_end) {
    const std::uint64_t offset = base + at;
    if (frames_end - offset < FrameHeader::kBytes) return wrong;
    HF_TRY(ensure(FrameHeader::kBytes));
    const FrameHeader h = HF_TRY(FrameHeader::decode(ByteView(window_).subspan(at, FrameHeader::kBytes)));
    const std::uint64_t frame_bytes = FrameHeader::kBytes + std::uint64_t{h.stored_bytes};
    if (frame_bytes > frames_end - offset || frame_bytes > std::uint64_t{kSegmentStoredMax} * 2 || directory_seen) return wrong;
    HF_TRY(ensure(frame_bytes));
    const ByteView frame = ByteView(window_).subspan(at, frame_bytes);
    switch (h.kind) {
      case SealedKind::segment:
        if (next == directory.segments.end() || next->offset != offset || next->stored_bytes != frame_bytes || h.salt != header.salt) return wrong;
        if (forest_ != nullptr && !next->bases.empty() && forest_->take_proof(id, *next, frame)) {
          count(*next, v);
        } else {
          HF_TRY(check_segment(frame, *next, v, false));
          if (forest_ != nullptr) open_standing_on(id, next->offset, segment_, next->chunks, 0);
        }
        ++next;
        break;
      case SealedKind::replica:
        if (!decode_replica(frame.subspan(FrameHeader::kBytes))) return wrong;
        break;
      case SealedKind::directory: directory_seen = true; break;  // opened at the beginning
      default: return wrong;
    }
    at += frame_bytes;
  }
  if (next != directory.segments.end() || !directory_seen) return wrong;
  HF_TRY(ensure(PackTrailer::kBytes));
  if (PackId{name.finish()} != id) return wrong;
  v.name_holds = true;
  return v;
}

PackVerdict PackChecker::examine(ObjectReader& pack, const PackId& id) {
  PackVerdict v;
  const std::uint64_t size = v.stored_bytes = pack.size();
  const auto fault = [&](std::uint64_t offset, std::uint64_t bytes, std::uint64_t chunks, bool loses, std::string message) {
    v.faults.push_back({offset, bytes, chunks, false, loses, std::move(message)});
  };
  const auto nothing = [](std::uint64_t) {};
  if (auto name = check_name(pack, id, nothing)) v.name_holds = name->name_holds;
  else if (name.error().code != Code::corrupt) v.read_failed = true;
  if (vault_ == nullptr) {
    if (v.read_failed) fault(0, 0, 0, true, "can't be read: " + check_name(pack, id, nothing).error().message);
    else if (!v.name_holds) fault(0, 0, 0, true, "has other content than its name says (" + human_bytes(size) + ")");
    return v;
  }

  Buffer bytes;
  if (size < PackHeader::kBytes + PackTrailer::kBytes) {
    fault(0, size, 0, true, "is cut off: only " + human_count(size) + " bytes are left");
    return v;
  }
  bytes.resize(PackHeader::kBytes);
  auto header = pack.read(0, bytes).and_then([&]() -> tl::expected<PackHeader, Error> { return PackHeader::decode(bytes); });
  if (!header) fault(0, PackHeader::kBytes, 0, false, "the header is damaged (" + header.error().message + ")");
  else if (header->vault != vault_->id()) fault(0, PackHeader::kBytes, 0, true, "it belongs to another vault");
  bytes.resize(PackTrailer::kBytes);
  auto trailer = pack.read(size - bytes.size(), bytes).and_then([&]() -> tl::expected<PackTrailer, Error> { return PackTrailer::decode(bytes); });
  if (trailer && (trailer->directory_offset > size - PackTrailer::kBytes || trailer->directory_stored_bytes != size - PackTrailer::kBytes - trailer->directory_offset))
    trailer = tl::unexpected<Error>(Error(Code::corrupt, "it points to a directory that is not there"));
  // Known to be whole; what lies between is checked or does not matter.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> sound;  // offset, end
  if (header) sound.emplace_back(0, PackHeader::kBytes);

  std::optional<PackDirectory> directory;
  if (trailer) {
    bytes.resize(trailer->directory_stored_bytes);
    auto opened = pack.read(trailer->directory_offset, bytes).and_then([&]() -> tl::expected<PackDirectory, Error> { return opener_->open_directory(bytes); });
    if (opened) {
      directory = std::move(*opened);
      sound.emplace_back(trailer->directory_offset, size);
    } else {
      fault(trailer->directory_offset, trailer->directory_stored_bytes, 0, false, "the directory does not open (" + opened.error().message + ")");
    }
  } else {
    fault(size - PackTrailer::kBytes, PackTrailer::kBytes, 0, false, "the end is damaged or cut off (" + trailer.error().message + ")");
  }

  if (directory) {
    for (const SegmentInfo& s : directory->segments) {
      Status status;
      bool base = false;
      if (std::uint64_t{s.offset} + s.stored_bytes > size) {
        status = Error(Code::corrupt, "the pack ends before");
      } else {
        bytes.resize(s.stored_bytes);
        status = pack.read(s.offset, bytes);
        if (status) {
          status = check_segment(bytes, s, v, true);
          base = !status && opener_->base_failed();
        }
      }
      if (!status) fault(s.offset, s.stored_bytes, s.chunks.size(), true, range(s.offset, s.stored_bytes) + " do not open (" + status.error().message + ")");
      if (!status) v.faults.back().base = base;
      else sound.emplace_back(s.offset, std::uint64_t{s.offset} + s.stored_bytes);
    }
  }
  // Copies of small objects, and segments where there is no directory to tell of them.
  const auto scanned = scan_frames(pack, [&](const FoundFrame& f, ByteView frame) -> Status {
    if (f.header.kind == SealedKind::replica && decode_replica(frame.subspan(FrameHeader::kBytes))) {
      sound.emplace_back(f.offset, f.offset + frame.size());
    } else if (f.header.kind == SealedKind::directory && !directory) {
      if (opener_->open_directory(frame)) sound.emplace_back(f.offset, f.offset + frame.size());
    } else if (f.header.kind == SealedKind::segment && !directory) {
      if (auto opened = opener_->open(frame, *segment_); opened && f.offset <= UINT32_MAX) {
        identify(*segment_);
        for (std::size_t i = 0; i < digests_.size(); ++i)
          v.entries.add(ChunkKey::of(ChunkId{digests_[i]}), static_cast<std::uint32_t>(f.offset), static_cast<std::uint32_t>(frame.size()), static_cast<std::uint16_t>(i));
        v.plain_bytes += segment_->plain.size();
        v.chunks += segment_->chunk_count();
        sound.emplace_back(f.offset, f.offset + frame.size());
      }
    }
    return {};
  });
  if (!scanned) v.read_failed = true;

  // What is neither sound nor told of yet.
  for (const PackFault& f : v.faults) sound.emplace_back(f.offset, f.offset + f.bytes);
  std::sort(sound.begin(), sound.end());
  std::uint64_t known_to = 0;
  sound.emplace_back(size, size);
  for (const auto& [from, to] : sound) {
    if (from > known_to)
      fault(known_to, from - known_to, 0, !directory,
            range(known_to, from - known_to) + (directory ? " are damaged (copies of small objects, for `rebuild`)" : " do not open"));
    known_to = std::max(known_to, to);
  }
  if (v.faults.empty() && v.read_failed) fault(0, 0, 0, true, "can't be read to its end");
  if (v.faults.empty() && !v.name_holds) fault(0, 0, 0, false, "has other content than its name says, though every chunk in it is sound");
  std::sort(v.faults.begin(), v.faults.end(), [](const PackFault& a, const PackFault& b) { return a.offset < b.offset; });
  return v;
}

}  // namespace hf
