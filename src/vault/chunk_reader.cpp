#include "vault/chunk_reader.hpp"

#include <algorithm>

namespace hf {

namespace {

Result<ChunkPlace> place_in(const Index& index, const ChunkId& id) {
  auto place = HF_TRY(index.find(id));
  if (!place && index.distrusts_any()) {
    const auto doubtful = HF_TRY(index.find_all(id));
    if (!doubtful.empty()) place = doubtful[0];
  }
  if (!place)
    return Error(Code::corrupt, "chunk " + id.brief() + " is in no pack that the index knows", "make the index anew from the packs: holdfast rebuild").with_object("chunk " + id.hex());
  return *place;
}

/// What is kept of this pack, as the newest from now on; nullptr: nothing.
template <class List>
const typename List::value_type* used_again(List& kept, const PackId& pack) {
  const auto at = std::find_if(kept.begin(), kept.end(), [&](const auto& k) { return k.pack == pack; });
  if (at == kept.end()) return nullptr;
  kept.splice(kept.begin(), kept, at);
  return &kept.front();
}

}  // namespace

Result<ChunkPlace> ChunkReader::locate(const ChunkId& id) const {
  if (const auto now = newer())
    if (const auto place = now->find(id); place && *place) return **place;
  return place_in(index_, id);
}

std::shared_ptr<const Index> ChunkReader::look_again(const std::shared_ptr<const Index>& read_with) {
  Lock lock(newer_mutex_);
  if (newer_ != read_with) return newer_;  // another thread was quicker
  std::vector<std::string> names;
  if (!vault_.store().list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); })) return nullptr;
  std::sort(names.begin(), names.end());
  // A pack leaves the index before it is removed: while the runs are the same, nothing has moved, and it is damage.
  if (names == runs_seen_) return nullptr;
  auto loaded = Index::load(vault_);
  if (!loaded) return nullptr;
  runs_seen_ = std::move(names);
  newer_ = std::move(*loaded);
  return newer_;
}

Result<std::shared_ptr<ObjectReader>> ChunkReader::pack(const PackId& id) {
  constexpr std::size_t kOpenMax = 32;
  {
    Lock lock(mutex_);
    if (const auto* known = used_again(packs_, id)) return known->object;
  }
  auto opened = vault_.store().open({ObjectKind::pack, id.hex()});
  if (!opened && opened.error().code == Code::not_found)
    return Error(Code::corrupt, "pack " + id.brief() + " is missing", "bring it back from another copy of the vault, or run: holdfast verify").with_object("packs/" + id.hex());
  if (!opened) return opened.error();
  std::shared_ptr<ObjectReader> reader = std::move(*opened);
  Lock lock(mutex_);
  packs_.push_front({id, reader});
  if (packs_.size() > kOpenMax) packs_.pop_back();
  return reader;
}

Status ChunkReader::fetch(const ChunkPlace& place, SegmentOpener& opener, OpenedSegment& out) {
  Unfolding unfolding;
  return fetch(place, opener, out, unfolding);
}

Result<ByteView> ChunkReader::read_frame(ObjectReader& pack, const ChunkPlace& place, SegmentOpener& opener) {
  if (place.stored_bytes > kSegmentStoredMax) return Error(Code::corrupt, "the index gives an impossible size");
  const MutableBytes frame = opener.frame(place.stored_bytes);
  HF_TRY(pack.read(place.offset, frame));
  return ByteView(frame);
}

Status ChunkReader::fetch(const ChunkPlace& place, SegmentOpener& opener, OpenedSegment& out, Unfolding& unfolding) {
  const auto doing = [&] {
    return "pack " + place.pack.brief() + ", bytes " + std::to_string(place.offset) + "-" + std::to_string(place.offset + place.stored_bytes - 1);
  };
  const auto reader = HF_TRY(pack(place.pack));
  const auto frame = read_frame(*reader, place, opener);
  auto status = frame ? opener.open(*frame, out, unfolding) : Status(frame.error());
  if (!status) return std::move(std::move(status).context(doing).error()).with_object("packs/" + place.pack.hex());
  return {};
}

std::unique_ptr<SegmentOpener> ChunkReader::take_opener() {
  Lock lock(mutex_);
  if (idle_openers_.empty()) return std::make_unique<SegmentOpener>(vault_, this);
  auto opener = std::move(idle_openers_.back());
  idle_openers_.pop_back();
  return opener;
}

Result<std::shared_ptr<const PackDirectory>> ChunkReader::directory(const PackId& id) {
  {
    Lock lock(mutex_);
    if (const auto* known = used_again(directories_, id)) return known->directory;
  }
  const auto reader = HF_TRY(pack(id));
  auto opener = take_opener();
  auto read = read_pack_directory(vault_, *reader, *opener);
  Lock lock(mutex_);
  idle_openers_.push_back(std::move(opener));
  if (!read) return std::move(read.error()).in_context("pack " + id.brief()).with_object("packs/" + id.hex());
  if (const auto* known = used_again(directories_, id)) return known->directory;  // another thread was quicker
  const auto directory = std::make_shared<const PackDirectory>(std::move(*read));
  std::size_t bytes = 0;
  for (const SegmentInfo& s : directory->segments) bytes += sizeof s + s.chunks.size() * sizeof s.chunks[0] + s.bases.size() * sizeof s.bases[0];
  directories_.push_front({id, directory, bytes});
  directory_bytes_ += bytes;
  while (directory_bytes_ > kDirectoryBytes && directories_.size() > 1) {
    directory_bytes_ -= directories_.back().bytes;
    directories_.pop_back();
  }
  return directory;
}

std::shared_ptr<const OpenedSegment> ChunkReader::kept(const SegmentKey& key, const Unfolding& unfolding) {
  const auto at = by_key_.find(key);
  if (at == by_key_.end()) return nullptr;
  const OpenedSegment& segment = *at->second->segment;
  // As if it were opened now: a place where the base lies less deep may be found then.
  if ((unfolding.identifies_bases && !segment.bases_identified) || unfolding.depth + segment.depth > kBaseDepthMax) return nullptr;
  recent_.splice(recent_.begin(), recent_, at->second);
  return recent_.front().segment;
}

void ChunkReader::keep(const SegmentKey& key, const std::shared_ptr<const OpenedSegment>& loaded) {
  const auto size = [](const std::shared_ptr<const OpenedSegment>& s) { return s->storage.size(); };
  if (const auto at = by_key_.find(key); at != by_key_.end()) {  // two opened it after all, or nobody had identified its bases
    if (at->second->segment->bases_identified) return;
    cached_bytes_ += size(loaded) - size(at->second->segment);
    at->second->segment = loaded;
    return;
  }
  cached_bytes_ += size(loaded);
  recent_.push_front({key, loaded});
  by_key_[key] = recent_.begin();
  while (cached_bytes_ > cache_bytes_max_ && recent_.size() > 1) {
    cached_bytes_ -= size(recent_.back().segment);
    by_key_.erase(recent_.back().key);
    recent_.pop_back();
  }
}

ChunkReader::Opening::~Opening() {
  Lock lock(reader_.mutex_);
  reader_.opening_.erase(key_);
  reader_.opened_.notify_all();
}

bool ChunkReader::waits_for_me(const SegmentKey& key) const {
  for (auto busy = opening_.find(key); busy != opening_.end();) {
    if (busy->second == std::this_thread::get_id()) return true;
    const auto waits = waiting_.find(busy->second);
    if (waits == waiting_.end()) return false;
    busy = opening_.find(waits->second);
  }
  return false;
}

Result<std::shared_ptr<const OpenedSegment>> ChunkReader::segment(const ChunkPlace& place, Unfolding& unfolding, const Asked& asked) {
  constexpr std::size_t kSlackMax = 64u << 10;
  const SegmentKey key{place.pack, place.offset};
  std::optional<Opening> opening;
  {
    Lock lock(mutex_);
    for (;;) {
      if (auto segment = kept(key, unfolding)) return segment;
      const auto busy = opening_.find(key);
      if (busy == opening_.end() || waits_for_me(key)) break;
      if (!asked.wait) return std::shared_ptr<const OpenedSegment>();
      waiting_.insert_or_assign(std::this_thread::get_id(), key);
      opened_.wait(mutex_);
      waiting_.erase(std::this_thread::get_id());
    }
    if (unfolding.depth > 0 && unfolding.segments_left-- == 0) {
      unfolding.segments_left = 0;
      return Error(Code::corrupt, "to open one segment too many others would have to be opened");
    }
    if (opening_.emplace(key, std::this_thread::get_id()).second) opening.emplace(*this, key);
  }
  auto opener = take_opener();
  const std::shared_ptr<OpenedSegment> loaded(new OpenedSegment, [spares = spares_](OpenedSegment* s) {
    spares->give(std::move(s->storage));
    delete s;
  });
  loaded->storage = spares_->take();
  if (asked.frame.empty()) HF_TRY(fetch(place, *opener, *loaded, unfolding));
  else HF_TRY(opener->open(asked.frame, *loaded, unfolding));
  const bool kept_for_others = asked.chunks_wanted < loaded->chunk_count();
  if (kept_for_others && loaded->storage.size() > 2 * loaded->plain.size() + kSlackMax) {  // a small one in the memory of a large one
    ScratchBuffer large = std::move(loaded->storage);
    const ByteView plain = loaded->plain;
    std::copy(plain.begin(), plain.end(), loaded->plain_of(plain.size()).begin());
    spares_->give(std::move(large));
  }
  Lock lock(mutex_);
  idle_openers_.push_back(std::move(opener));
  if (kept_for_others) keep(key, loaded);
  return std::shared_ptr<const OpenedSegment>(loaded);
}

Result<std::shared_ptr<const OpenedSegment>> ChunkReader::open(const ChunkPlace& place, ByteView frame, std::size_t chunks_wanted) {
  Unfolding unfolding{.identifies_bases = false};
  return segment(place, unfolding, {.frame = frame, .chunks_wanted = chunks_wanted});
}

void ChunkReader::open_ahead(std::span<const ChunkId> bases, Unfolding& unfolding) {
  // For the segment that somebody asked for, and not for its bases in turn: each level would open again what the one below
  // it has pushed out of what is kept.
  if (unfolding.depth > 1) return;
  constexpr std::size_t kAhead = 4;  // segments; what they hold must still be kept when it is asked for
  std::vector<SegmentKey> seen;
  for (const ChunkId& id : bases) {
    const auto place = locate(id);
    if (!place) return;
    const SegmentKey key{place->pack, place->offset};
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) continue;
    if (seen.size() == kAhead) return;
    seen.push_back(key);
    if (!segment(*place, unfolding, {.wait = false, .frame = {}})) return;
  }
}

ScratchBuffer ChunkReader::Spares::take() {
  Lock lock(mutex_);
  if (buffers_.empty()) return {};
  // The largest: to make a small one larger takes new memory.
  const auto largest = std::max_element(buffers_.begin(), buffers_.end(), smaller);
  ScratchBuffer out = std::move(*largest);
  buffers_.erase(largest);
  return out;
}

void ChunkReader::Spares::give(ScratchBuffer buffer) {
  constexpr std::size_t kSpares = 3, kSpareBytes = 4u << 20;
  if (buffer.size() > kSpareBytes) return;
  Lock lock(mutex_);
  buffers_.push_back(std::move(buffer));
  if (buffers_.size() > kSpares) buffers_.erase(std::min_element(buffers_.begin(), buffers_.end(), smaller));
}

Result<LoadedChunk> ChunkReader::read_at(const ChunkId& id, const ChunkPlace& place, Unfolding& unfolding) {
  LoadedChunk out;
  out.segment = HF_TRY(segment(place, unfolding, {}));
  out.bytes = out.segment->chunk(place.chunk);
  const bool is_base = unfolding.depth > 0;
  if (is_base && !unfolding.identifies_bases) return out;
  if (vault_.keys().chunk_hash().id(out.bytes) != id)
    return Error(Code::corrupt, "pack " + place.pack.brief() + " holds something else where chunk " + id.brief() + " should be", "find what is affected: holdfast verify")
        .with_object("packs/" + place.pack.hex());
  return out;
}

Result<LoadedChunk> ChunkReader::read_from(const ChunkId& id, const ChunkPlace& place) {
  Unfolding unfolding;
  return read_at(id, place, unfolding);
}

Result<LoadedChunk> ChunkReader::read(const ChunkId& id) {
  Unfolding quick{.identifies_bases = false};
  if (auto loaded = read(id, quick)) return loaded;
  Unfolding careful;
  return read(id, careful);
}

Result<LoadedChunk> ChunkReader::read_by(const Index& index, const ChunkId& id, Unfolding& unfolding) {
  const ChunkPlace place = HF_TRY(place_in(index, id));
  auto loaded = read_at(id, place, unfolding);
  if (loaded) return loaded;
  // Another pack may have it too: stored by two writers at once, or again after damage.
  for (const ChunkPlace& other : HF_TRY(index.find_all(id))) {
    if (other.pack == place.pack && other.offset == place.offset) continue;
    if (auto second = read_at(id, other, unfolding)) return second;
  }
  return loaded;
}

Result<LoadedChunk> ChunkReader::read(const ChunkId& id, Unfolding& unfolding) {
  std::shared_ptr<const Index> now = newer();
  auto loaded = read_by(now ? *now : index_, id, unfolding);
  // As often as prunes may overtake one read; each time something has moved since.
  constexpr int kAttempts = 8;
  for (int attempt = 0; !loaded && attempt < kAttempts; ++attempt) {
    const auto again = look_again(now);
    if (!again) break;
    now = again;
    if (auto found = read_by(*now, id, unfolding)) return found;
  }
  return loaded;
}

}  // namespace hf
