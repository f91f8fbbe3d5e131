#include "point/restore_places.hpp"

#include <algorithm>

namespace hf {
namespace {
/// A directory is worth reading when the index has named its pack so often.
constexpr unsigned kMeetingsEnough = 4;
constexpr std::size_t kMeetingsKept = 32;
}  // namespace

bool PlaceFinder::is(const Known& pack, std::uint32_t segment, std::size_t chunk, const ChunkId& id) const {
  return segment < pack.directory.segments.size() && chunk < pack.directory.segments[segment].chunks.size() && pack.directory.segments[segment].chunks[chunk].first == id;
}

ChunkPlace PlaceFinder::place(const Known& pack, const Known::At& at) const {
  const SegmentInfo& s = pack.directory.segments[at.segment];
  return {pack.id, pack.pack_class, s.offset, s.stored_bytes, at.chunk};
}

const PlaceFinder::Known::At* PlaceFinder::Known::find(const ChunkId& chunk) {
  const std::size_t mask = table.size() - 1;
  for (std::size_t at = std::hash<ChunkId>()(chunk) & mask; table[at].used; at = (at + 1) & mask)
    if (directory.segments[table[at].segment].chunks[table[at].chunk].first == chunk) return &table[at];
  return nullptr;
}

Result<ChunkPlace> PlaceFinder::find(const ChunkId& id) {
  for (std::size_t i = 0; i < known_.size(); ++i) {
    Known& pack = known_[i];
    Known::At next{pack.last.segment, static_cast<std::uint16_t>(pack.last.chunk + 1), true};
    if (!is(pack, next.segment, next.chunk, id)) next = {pack.last.segment + 1, 0, true};
    if (!is(pack, next.segment, next.chunk, id)) continue;
    pack.last = next;
    return place(pack, next);
  }
  for (std::size_t i = 0; i < known_.size(); ++i) {
    const Known::At* at = known_[i].find(id);
    if (at == nullptr) continue;
    known_[i].last = *at;
    if (i > 0) std::rotate(known_.begin(), known_.begin() + static_cast<std::ptrdiff_t>(i), known_.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    return place(known_.front(), known_.front().last);
  }
  const ChunkPlace found = HF_TRY(chunks_.locate(id));
  meet(found);
  return found;
}

void PlaceFinder::meet(const ChunkPlace& place) {
  auto met = std::find_if(meetings_.begin(), meetings_.end(), [&](const auto& m) { return m.first == place.pack; });
  if (met == meetings_.end()) {
    meetings_.emplace_front(place.pack, 0u);
    if (meetings_.size() > kMeetingsKept) meetings_.pop_back();
    met = meetings_.begin();
  }
  if (++met->second != kMeetingsEnough) return;
  // A directory that can't be read costs nothing but speed: the index knows as much.
  const auto reader = chunks_.pack(place.pack);
  if (!reader || (*reader)->size() < PackTrailer::kBytes) return;
  Buffer end(PackTrailer::kBytes);
  if (!(*reader)->read((*reader)->size() - end.size(), end)) return;
  const auto trailer = PackTrailer::decode(end);
  if (!trailer || trailer->directory_stored_bytes > kDirectoryBytesMax) return;
  Known pack;
  pack.id = place.pack;
  PackHeader header;
  auto directory = read_pack_directory(chunks_.vault(), **reader, opener_, &header);
  if (!directory) return;
  pack.pack_class = header.pack_class;
  pack.directory = std::move(*directory);
  std::size_t count = 0;
  for (const SegmentInfo& s : pack.directory.segments) count += s.chunks.size();
  std::size_t size = 16;
  while (size < count * 2) size *= 2;
  pack.table.resize(size);
  pack.chunks = count;
  for (std::uint32_t s = 0; s < pack.directory.segments.size(); ++s) {
    const auto& chunks = pack.directory.segments[s].chunks;
    for (std::size_t c = 0; c < chunks.size() && c <= UINT16_MAX; ++c) {
      std::size_t at = std::hash<ChunkId>()(chunks[c].first) & (size - 1);
      while (pack.table[at].used) at = (at + 1) & (size - 1);
      pack.table[at] = {s, static_cast<std::uint16_t>(c), true};
    }
    if (place.offset == pack.directory.segments[s].offset) pack.last = {s, place.chunk, true};
  }
  meetings_.erase(met);  // if it is forgotten later, it may come back
  known_.push_front(std::move(pack));
  std::size_t total = 0;
  for (const Known& k : known_) total += k.chunks;
  for (; known_.size() > kPacksMax || (total > kChunksMax && known_.size() > 1); known_.pop_back()) total -= known_.back().chunks;
}

}  // namespace hf
