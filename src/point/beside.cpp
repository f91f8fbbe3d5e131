#include "point/beside.hpp"

#include <algorithm>

namespace hf {
namespace {
/// Fewer in a row may be what many folders have in common: a licence and its notice.
constexpr unsigned kSure = 2, kSurest = 4;
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
  if (last_ && follows(*last_, at)) {
    in_a_row_ = std::min(in_a_row_ + 1, kSurest);
    last_ = at;
  } else if (in_a_row_ > 0) {
    --in_a_row_;  // what several folders have lies in the vault where the first one is
  } else {
    last_ = at;
  }
}

bool Beside::know_directory() {
  if (pack_ == last_->pack) return true;
  if (bytes_since_ < kBytesPerDirectory) return false;
  bytes_since_ = 0;
  pack_ = last_->pack;
  directory_.clear();
  const auto pack = chunks_.pack(*pack_);
  if (!pack) return false;
  // What can't be read is passed over: nothing depends on it.
  if (auto read = read_pack_directory(chunks_.vault(), **pack, opener_)) directory_ = std::move(read->segments);
  return true;
}

void Beside::find_near(const ChunkRef& chunk, std::vector<ChunkRef>& out) {
  bytes_since_ += chunk.bytes;
  const auto place = chunks_.index().find(chunk.id);
  if (!place) return;
  if (*place) return found(**place);
  if (in_a_row_ < kSure || !know_directory()) return;
  const auto before = [](const SegmentInfo& s, std::uint32_t offset) { return s.offset < offset; };
  auto segment = std::lower_bound(directory_.begin(), directory_.end(), last_->offset, before);
  if (segment == directory_.end() || segment->offset != last_->offset) return;
  std::size_t next = last_->chunk + std::size_t{1};
  if (next >= segment->chunks.size()) {
    if (++segment == directory_.end()) return;
    next = 0;
  }
  const auto& [id, bytes] = segment->chunks[next];
  if (!about_as_large(bytes, chunk.bytes)) return;
  out.push_back({id, bytes});
  last_ = {last_->pack, last_->pack_class, segment->offset, segment->stored_bytes, static_cast<std::uint16_t>(next)};
  --in_a_row_;
}

}  // namespace hf
