#include "vault/delta.hpp"

#include <algorithm>

namespace hf {

const DeltaLimits& delta_limits(PackClass pack_class) {
  static constexpr DeltaLimits kData{4, 2u << 20, 3u << 20, 24u << 20};
  static constexpr DeltaLimits kTree{2, 256u << 10, 3u << 18, 4u << 20};
  return pack_class == PackClass::data ? kData : kTree;
}

std::optional<DeltaBases::Base> DeltaBases::load(const ChunkId& id, unsigned depth_max) {
  const auto place = index_.find(id);
  if (!place || !*place) return std::nullopt;
  auto chunk = reader_.read_from(id, **place);
  if (!chunk || chunk->segment->depth >= depth_max) return std::nullopt;
  if (chunk->segment->depth == 0) {
    seen_plain_.fetch_add(chunk->segment->plain.size(), std::memory_order_relaxed);
    seen_stored_.fetch_add((*place)->stored_bytes, std::memory_order_relaxed);
  }
  return Base{std::move(*chunk), **place};
}

double DeltaBases::ratio_alone() const {
  const std::uint64_t plain = seen_plain_, stored = seen_stored_;
  return plain == 0 ? 1 : static_cast<double>(stored) / static_cast<double>(plain);
}

DeltaSegment::Taken DeltaSegment::take(const NewChunk& chunk, ByteView bytes, std::span<const ChunkRef> near) {
  if (!empty() && (plain_.size() + bytes.size() > limits_.plain_bytes || chunks_.size() == kChunksPerSegmentMax)) return Taken::full;
  std::vector<std::pair<ChunkId, DeltaBases::Base>> fresh;
  std::size_t prefix = prefix_.size();
  std::uint64_t unfolded = unfolded_bytes_;
  bool any = false;
  std::vector<std::pair<PackId, std::uint32_t>> places;
  for (const ChunkRef& ref : near) {
    if (base_set_.contains(ref.id)) {
      any = true;
      continue;
    }
    auto base = bases_.load(ref.id, limits_.depth_max);
    if (!base) continue;
    const std::pair<PackId, std::uint32_t> place{base->place.pack, base->place.offset};
    const bool known = unfolded_.contains(place) || std::find(places.begin(), places.end(), place) != places.end();
    const std::uint64_t more = known ? 0 : base->chunk.segment->unfolded_bytes;
    if (prefix + base->chunk.bytes.size() > limits_.prefix_bytes || unfolded + more > limits_.unfolded_max || base_ids_.size() + fresh.size() >= kBasesPerSegmentMax) {
      if (!empty()) return Taken::full;
      continue;  // it alone is too much
    }
    if (!known) places.push_back(place);
    prefix += base->chunk.bytes.size();
    unfolded += more;
    fresh.emplace_back(ref.id, std::move(*base));
    any = true;
  }
  if (!any) return Taken::no;
  for (const auto& [id, base] : fresh) {
    if (!base_set_.insert(id).second) continue;
    base_ids_.push_back(id);
    append(prefix_, base.chunk.bytes);
    depth_ = std::max(depth_, base.chunk.segment->depth + 1);
  }
  unfolded_.insert(places.begin(), places.end());
  unfolded_bytes_ = unfolded;
  chunks_.push_back(chunk);
  append(plain_, bytes);
  return Taken::yes;
}

Status DeltaSegment::seal(PackWriter& pack, Compressor& compressor) {
  if (empty()) return {};
  const DeltaPrefix against{base_ids_, prefix_};
  HF_TRY(pack.add_segment(chunks_, plain_, compressor, &against));
  if (const SegmentInfo& made = pack.last_segment(); !made.bases.empty()) {
    DeltaTally& t = bases_.tally;
    t.bytes_plain += plain_.size();
    t.bytes_stored += made.stored_bytes;
    t.bytes_alone += static_cast<std::uint64_t>(static_cast<double>(plain_.size()) * bases_.ratio_alone());
    for (unsigned seen = t.depth_max; seen < depth_ && !t.depth_max.compare_exchange_weak(seen, depth_);) {
    }
  }
  chunks_.clear();
  plain_.clear();
  prefix_.clear();
  base_ids_.clear();
  base_set_.clear();
  unfolded_.clear();
  unfolded_bytes_ = 0;
  depth_ = 0;
  return {};
}

}  // namespace hf
