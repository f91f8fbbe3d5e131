#include "vault/delta.hpp"

#include <algorithm>

namespace hf {

const DeltaLimits& delta_limits(PackClass pack_class) {
  static constexpr DeltaLimits kData{4, 2u << 20, 3u << 20, 12u << 20};
  static constexpr DeltaLimits kTree{2, 256u << 10, 3u << 18, 4u << 20};
  return pack_class == PackClass::data ? kData : kTree;
}

std::shared_ptr<const DeltaBases::Shape> DeltaBases::shape_of(const ChunkPlace& place, unsigned depth_left) {
  constexpr std::size_t kShapesBytesMax = 4u << 20, kNeedsMax = 1024, kHeadBytesPerChunk = 3;
  const Place key{place.pack, place.offset};
  {
    Lock lock(mutex_);
    if (const auto known = shapes_.find(key); known != shapes_.end()) return known->second;
  }
  const auto directory = reader_.directory(place.pack);
  const SegmentInfo* const segment = directory ? (*directory)->at(place.offset) : nullptr;
  if (segment == nullptr || segment->plain_bytes == 0) return nullptr;
  auto shape = std::make_shared<Shape>();
  for (const auto& [id, bytes] : segment->chunks) shape->chunk_bytes.push_back(bytes);
  shape->bases = segment->bases;
  shape->plain_bytes = segment->plain_bytes;
  // Names and sizes are no payload.
  const std::size_t told = kHeadBytesPerChunk * segment->chunks.size() + sizeof(ChunkId) * segment->bases.size();
  shape->weight = static_cast<double>(place.stored_bytes - std::min<std::size_t>(place.stored_bytes, told)) / segment->plain_bytes;
  shape->needs[key] = segment->plain_bytes;
  for (const ChunkId& id : segment->bases) {
    const auto at = index_.find(id);
    if (!at || !*at || depth_left == 0) return nullptr;
    const auto below = shape_of(**at, depth_left - 1);
    if (!below || (*at)->chunk >= below->chunk_bytes.size()) return nullptr;
    shape->base_ends.push_back((shape->base_ends.empty() ? 0 : shape->base_ends.back()) + below->chunk_bytes[(*at)->chunk]);
    shape->depth = std::max(shape->depth, below->depth + 1);
    if (!shape->needs.contains({(*at)->pack, (*at)->offset})) shape->needs.insert(below->needs.begin(), below->needs.end());
    if (shape->needs.size() > kNeedsMax) return nullptr;
  }
  for (const auto& [at, bytes] : shape->needs) shape->unfolded_bytes += bytes;
  if (segment->bases.empty()) {
    seen_plain_.fetch_add(segment->plain_bytes, std::memory_order_relaxed);
    seen_stored_.fetch_add(place.stored_bytes, std::memory_order_relaxed);
  }
  const std::size_t bytes = 256 + shape->chunk_bytes.size() * sizeof(shape->chunk_bytes[0]) + shape->bases.size() * sizeof(ChunkId) + shape->needs.size() * 96;
  Lock lock(mutex_);
  if (shapes_bytes_ + bytes > kShapesBytesMax) {
    shapes_.clear();
    shapes_bytes_ = 0;
  }
  if (shapes_.emplace(key, shape).second) shapes_bytes_ += bytes;
  return shape;
}

std::optional<DeltaBases::Base> DeltaBases::find(const ChunkId& id) {
  const auto place = index_.find(id);
  if (!place || !*place) return std::nullopt;
  auto shape = shape_of(**place, kBaseDepthMax);
  if (!shape || (*place)->chunk >= shape->chunk_bytes.size()) return std::nullopt;
  return Base{id, **place, std::move(shape)};
}

DeltaBases::Step DeltaBases::under(const Base& base) {
  // Chunks and bases of a segment run side by side: what a chunk stands on lies about as far from the beginning as it does.
  // How far off that may be the lengths of both tell.
  const Shape& shape = *base.shape;
  if (shape.base_ends.empty() || shape.base_ends.back() == 0) return {};
  std::uint64_t from = 0;
  for (std::size_t i = 0; i < base.at.chunk; ++i) from += shape.chunk_bytes[i];
  const std::uint64_t plain = shape.plain_bytes, below = shape.base_ends.back();
  const std::uint64_t slack = std::min<std::uint64_t>((4u << 10) + (below > plain ? below - plain : plain - below), 64u << 10);
  const auto number = [&](std::uint64_t at) {
    const auto end = std::upper_bound(shape.base_ends.begin(), shape.base_ends.end(), std::min(at, below - 1));
    return static_cast<std::size_t>(end - shape.base_ends.begin());
  };
  const auto mapped = [&](std::uint64_t at) { return at * below / plain; };
  const std::size_t main = number(mapped(from + base.bytes() / 2)), last = number(mapped(from + base.bytes()) + slack);
  const auto found = find(shape.bases[main]);
  if (!found) return {};
  Step out;
  for (std::size_t i = number(mapped(from) - std::min(mapped(from), slack)); i <= last; ++i) {
    auto beside = i == main ? found : find(shape.bases[i]);
    if (!beside || beside->place() != found->place()) continue;
    if (i == main) out.main = out.bases.size();
    out.bases.push_back(std::move(*beside));
  }
  return out;
}

std::vector<DeltaBases::Base> DeltaBases::for_one_in_place_of(const ChunkId& id, const DeltaLimits& limits) {
  auto found = find(id);
  if (!found) return {};
  std::vector<Step> way{{{std::move(*found)}, 0}};
  if (way[0].shape().serves(limits)) return std::move(way[0].bases);
  // Skip-deltas: a part of the way down is skipped, and the new delta holds all that has changed over that part, which is
  // what the steps skipped hold, and what is new. As in a binary counter a step is skipped, too, that weighs less than
  // what was gathered on the way to it, so that long steps come seldom, and lie at the bottom.
  for (Step next = under(way[0].bases[0]); !next.bases.empty(); next = under(way.back().bases[way.back().main])) way.push_back(std::move(next));
  const std::size_t bottom = way.size() - 1;
  if (bottom == 0) return {};
  double gathered = way[0].shape().weight;
  for (std::size_t i = 1; i < bottom; ++i) gathered = std::min(gathered, way[i].shape().weight);
  std::size_t at = 0;
  do gathered += way[at++].shape().weight;
  while (at < bottom && (!way[at].shape().serves(limits) || way[at].shape().weight < 2 * gathered));
  // What would hold half as much as it does alone is better a base itself, for all that come after it.
  if (way[bottom].shape().depth == 0 && 2 * gathered >= way[bottom].shape().weight) return {};
  return way[at].shape().serves(limits) ? std::move(way[at].bases) : std::vector<Base>();
}

std::optional<LoadedChunk> DeltaBases::load(const Base& base) {
  auto segment = reader_.open(base.at, {}, 0);
  if (!segment) return std::nullopt;
  const ByteView bytes = (*segment)->chunk(base.at.chunk);
  if (bytes.size() != base.bytes()) return std::nullopt;
  return LoadedChunk{std::move(*segment), bytes};
}

double DeltaBases::ratio_alone() const {
  const std::uint64_t plain = seen_plain_, stored = seen_stored_;
  return plain == 0 ? 1 : static_cast<double>(stored) / static_cast<double>(plain);
}

DeltaSegment::Taken DeltaSegment::take(const NewChunk& chunk, ByteView bytes, std::span<const ChunkRef> near) {
  if (!empty() && (plain_.size() + bytes.size() > limits_.plain_bytes || chunks_.size() == kChunksPerSegmentMax)) return Taken::full;
  std::vector<std::pair<DeltaBases::Base, LoadedChunk>> fresh;
  std::size_t prefix = prefix_.size();
  auto unfolded = unfolded_bytes_;
  std::map<DeltaBases::Place, std::uint32_t> more;  // to be unfolded
  std::unordered_set<ChunkId> seen;
  bool any = false;
  for (const ChunkRef& ref : near) {
    if (base_set_.contains(ref.id)) {
      any = true;
      continue;
    }
    for (DeltaBases::Base& base : bases_.for_one_in_place_of(ref.id, limits_)) {
      if (base_set_.contains(base.id) || !seen.insert(base.id).second) {
        any = true;
        continue;
      }
      if (!empty() && !stands_on_.contains(base.place())) return Taken::full;
      std::uint64_t added = 0;
      for (const auto& [place, size] : base.shape->needs)
        if (!unfolded_.contains(place) && !more.contains(place)) added += size;
      if (prefix + base.bytes() > limits_.prefix_bytes || unfolded + added > limits_.unfolded_max || base_ids_.size() + fresh.size() >= kBasesPerSegmentMax) {
        if (!empty()) return Taken::full;
        continue;  // it alone is too much
      }
      auto loaded = bases_.load(base);
      if (!loaded) continue;
      for (const auto& [place, size] : base.shape->needs)
        if (!unfolded_.contains(place)) more.emplace(place, size);
      unfolded += added;
      prefix += base.bytes();
      fresh.emplace_back(std::move(base), std::move(*loaded));
      any = true;
    }
  }
  if (!any) return Taken::no;
  for (const auto& [base, loaded] : fresh) {
    base_set_.insert(base.id);
    base_ids_.push_back(base.id);
    base_begins_.push_back(prefix_.size());
    stands_on_.insert(base.place());
    append(prefix_, loaded.bytes);
    depth_ = std::max(depth_, base.shape->depth + 1);
  }
  unfolded_.merge(more);
  unfolded_bytes_ = unfolded;
  chunks_.push_back(chunk);
  append(plain_, bytes);
  return Taken::yes;
}

bool DeltaSegment::bases_are_right() const {
  std::vector<ByteView> views;
  for (std::size_t i = 0; i < base_begins_.size(); ++i) {
    const std::size_t end = i + 1 < base_begins_.size() ? base_begins_[i + 1] : prefix_.size();
    views.push_back(ByteView(prefix_).subspan(base_begins_[i], end - base_begins_[i]));
  }
  std::vector<Digest> digests(views.size());
  bases_.chunk_hash().digest_many(views, digests);
  return std::equal(digests.begin(), digests.end(), base_ids_.begin(), [](const Digest& d, const ChunkId& id) { return d == id.bytes; });
}

Status DeltaSegment::seal(PackWriter& pack, Compressor& compressor) {
  if (empty()) return {};
  const DeltaPrefix against{base_ids_, prefix_};
  HF_TRY(pack.add_segment(chunks_, plain_, compressor, bases_are_right() ? &against : nullptr));
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
  base_begins_.clear();
  base_set_.clear();
  stands_on_.clear();
  unfolded_.clear();
  unfolded_bytes_ = 0;
  depth_ = 0;
  return {};
}

}  // namespace hf
