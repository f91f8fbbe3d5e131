#include "point/beside.hpp"

#include <algorithm>
#include <climits>

namespace hf {
namespace {
/// Fewer in a row may be what many folders have in common: a licence and its notice.
constexpr unsigned kSure = 2, kSurest = 4;
/// So many between two of a trail may lie elsewhere.
constexpr unsigned kStrays = 2;
/// Files that were removed leave gaps.
constexpr unsigned kGap = 8;
/// A directory takes about a millisecond, as reading and hashing so much.
constexpr std::uint64_t kBytesPerDirectory = 1u << 20;

/// Does `next` lie just behind, in the same segment or at the beginning of the next?
bool follows(const ChunkPlace& last, const ChunkPlace& next) {
  if (next.pack != last.pack) return false;
  if (next.offset == last.offset) return next.chunk > last.chunk && next.chunk <= last.chunk + kGap;
  return next.offset == last.offset + last.stored_bytes && next.chunk < kGap;
}

/// A change here and there changes the size of a chunk by little.
bool about_as_large(std::uint32_t a, std::uint32_t b) { return std::max(a, b) - std::min(a, b) <= std::max(a, b) / 4 + 64; }
}  // namespace

void Beside::found(const ChunkPlace& at) {
  Trail* on = nullptr;
  for (auto& trail : trails_) {
    if (!trail) continue;
    ++trail->elsewhere;
    if (on == nullptr && follows(trail->last, at)) on = &*trail;
  }
  if (on != nullptr) {
    *on = {at, std::min(on->in_a_row + 1, kSurest), 0};
    return;
  }
  const auto staleness = [](const std::optional<Trail>& t) { return t ? t->elsewhere : UINT_MAX; };
  *std::max_element(trails_.begin(), trails_.end(), [&](const auto& a, const auto& b) { return staleness(a) < staleness(b); }) = Trail{at};
}

const PackDirectory* Beside::directory_of(const PackId& pack) {
  if (pack_ == pack) return directory_.get();
  if (earned_ < kBytesPerDirectory) return nullptr;
  earned_ -= kBytesPerDirectory;
  pack_ = pack;
  // What can't be read is passed over: nothing depends on it.
  directory_ = chunks_.directory(pack).value_or(nullptr);
  return directory_.get();
}

void Beside::find_near(const ChunkRef& chunk, std::vector<ChunkRef>& out) {
  earned_ += chunk.bytes;
  const auto place = chunks_.index().find(chunk.id);
  if (!place) return;
  if (*place) return found(**place);
  Trail* on = nullptr;
  for (auto& trail : trails_)
    if (trail && trail->in_a_row >= kSure && trail->elsewhere <= kStrays && (on == nullptr || trail->elsewhere < on->elsewhere)) on = &*trail;
  if (on == nullptr) return;
  --on->in_a_row;  // until others are found
  const PackDirectory* const directory = directory_of(on->last.pack);
  const SegmentInfo* segment = directory != nullptr ? directory->at(on->last.offset) : nullptr;
  if (segment == nullptr) return;
  std::size_t next = on->last.chunk + std::size_t{1};
  if (next >= segment->chunks.size()) {
    if (++segment == directory->segments.data() + directory->segments.size() || segment->chunks.empty()) return;
    next = 0;
  }
  const auto& [id, bytes] = segment->chunks[next];
  if (!about_as_large(bytes, chunk.bytes)) return;
  out.push_back({id, bytes});
  on->last = {on->last.pack, on->last.pack_class, segment->offset, segment->stored_bytes, static_cast<std::uint16_t>(next)};
}

}  // namespace hf
