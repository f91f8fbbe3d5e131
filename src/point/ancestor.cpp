#include "point/ancestor.hpp"

#include <algorithm>

namespace hf {

Ancestor::Ancestor(ChunkReader& chunks, Content before) : chunks_(chunks) {
  Lock lock(mutex_);
  holes_ = std::move(before.holes);
  lists_.push_back({before.level, std::move(before.refs), 0});
}

std::optional<ChunkRef> Ancestor::next_chunk() {
  while (!lists_.empty()) {
    List& list = lists_.back();
    if (list.at == list.refs.size()) {
      lists_.pop_back();
      continue;
    }
    const ChunkRef ref = list.refs[list.at++];
    if (list.level == 0) return ref;
    const unsigned below = list.level - 1;
    const auto node = chunks_.read(ref.id);
    auto refs = node ? decode_ref_list(node->bytes) : Result<std::vector<ChunkRef>>(node.error());
    if (!refs || lists_.size() > kContentLevelMax) {
      lists_.clear();  // where the rest begins is not known any more
      break;
    }
    lists_.push_back({below, std::move(*refs), 0});
  }
  return std::nullopt;
}

void Ancestor::load_to(std::uint64_t offset) {
  while (loaded_to_ <= offset) {
    const auto ref = next_chunk();
    if (!ref) return;
    for (; hole_at_ < holes_.size() && holes_[hole_at_].offset == loaded_to_; ++hole_at_) loaded_to_ += holes_[hole_at_].bytes;
    pieces_.push_back({loaded_to_, *ref});
    const auto [at, is_new] = by_key_.try_emplace(ChunkKey::of(ref->id).high, loaded_to_);
    if (!is_new) at->second = kAmbiguous;  // zeros, and what else repeats: says nothing about the place
    loaded_to_ += ref->bytes;
    if (pieces_.size() <= kWindow) continue;
    const auto left = by_key_.find(ChunkKey::of(pieces_.front().ref.id).high);
    if (left != by_key_.end() && left->second == pieces_.front().offset) by_key_.erase(left);
    pieces_.pop_front();
    if (by_key_.size() > 2 * kWindow) by_key_.clear();  // of repeated ones alone
  }
}

void Ancestor::find_near(std::uint64_t offset, const ChunkRef& chunk, std::vector<ChunkRef>& out) {
  out.clear();
  Lock lock(mutex_);
  const auto place_of = [&]() HF_REQUIRES(mutex_) {
    const auto place = static_cast<std::int64_t>(offset) + shift_;
    return place < 0 ? 0 : static_cast<std::uint64_t>(place);
  };
  std::uint64_t from = place_of();
  load_to(from + chunk.bytes + kLookAhead);
  if (const auto same = by_key_.find(ChunkKey::of(chunk.id).high); same != by_key_.end()) {
    if (same->second != kAmbiguous) shift_ = static_cast<std::int64_t>(same->second) - static_cast<std::int64_t>(offset);
    return;
  }
  auto piece = std::partition_point(pieces_.begin(), pieces_.end(), [&](const Piece& p) { return p.end() <= from; });
  // The nearest old cut, before or after.
  std::optional<std::uint64_t> cut;
  const auto consider = [&](std::uint64_t at) {
    const auto away = [from](std::uint64_t x) { return x > from ? x - from : from - x; };
    if (away(at) <= kSameCut && (!cut || away(at) < away(*cut))) cut = at;
  };
  if (piece != pieces_.end()) {
    consider(piece->offset);
    consider(piece->end());
  }
  if (cut) {
    shift_ += static_cast<std::int64_t>(*cut) - static_cast<std::int64_t>(from);
    from = *cut;
    while (piece != pieces_.end() && piece->end() <= from) ++piece;
  }
  const std::uint64_t to = from + chunk.bytes;
  for (; piece != pieces_.end() && piece->offset < to && out.size() < 8; ++piece) {
    // A sliver of the next one is no reason to open it.
    const std::uint64_t shared = std::min(to, piece->end()) - std::max(from, piece->offset);
    if (!out.empty() && shared < chunk.bytes / 16) break;
    out.push_back(piece->ref);
  }
}

}  // namespace hf
