#include "vault/footing.hpp"

#include <algorithm>

#include "vault/delta_map.hpp"

namespace hf {

using Number = NeedGraph::Number;

Result<Footing> Footing::of(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, std::span<const PackId> unclear,
                            const std::function<bool(const PackId&)>& counts) {
  const DeltaMap map(graph, packs, counts);
  Footing out;
  out.unclear_.assign(unclear.begin(), unclear.end());
  std::sort(out.unclear_.begin(), out.unclear_.end());
  if (map.deltas().empty()) return out;
  out.graph_ = &graph;
  out.depth_.assign(graph.chunks(), kNone);
  out.places_.assign(graph.chunks(), 0);
  out.in_delta_.assign(graph.chunks(), 0);
  const auto more_by_one = [](std::uint8_t& n) { n = static_cast<std::uint8_t>(n + (n < kNone ? 1 : 0)); };
  std::vector<bool> asked(graph.chunks());
  for (Number n : map.numbers()) asked[n] = true;
  for (const auto& d : map.deltas())
    for (Number n : map.chunks(d)) more_by_one(out.in_delta_[n]);

  auto entries = HF_TRY(MergedEntries::over(index.runs()));
  std::vector<bool> there;
  for (const IndexedPack& p : entries.packs()) there.push_back(counts(p.id) && !std::binary_search(out.unclear_.begin(), out.unclear_.end(), p.id));
  while (const auto e = HF_TRY(entries.next_place()))
    if (there[e->pack])
      if (const auto n = graph.find(e->key); n && asked[*n]) more_by_one(out.places_[*n]);
  for (Number n : map.numbers())
    if (out.places_[n] > out.in_delta_[n]) out.depth_[n] = 0;

  const auto depth_of = [&](const DeltaMap::Delta& d) {
    std::uint8_t deepest = 0;
    for (Number n : map.bases(d)) deepest = std::max(deepest, out.depth_[n]);
    return deepest < kBaseDepthMax ? static_cast<std::uint8_t>(deepest + 1) : kNone;
  };
  for (bool less = true; less;) {  // at most kBaseDepthMax rounds
    less = false;
    for (const auto& d : map.deltas()) {
      const std::uint8_t depth = depth_of(d);
      for (Number n : map.chunks(d)) {
        std::uint8_t& least = out.depth_[n];
        less = less || depth < least;
        least = std::min(least, depth);
      }
    }
  }
  for (const auto& d : map.deltas())
    for (Number n : map.chunks(d))
      if (out.places_[n] > 1) {
        const auto [at, fresh] = out.of_several_.emplace(std::pair(n, d.pack), kNone);
        at->second = std::min(at->second, depth_of(d));
      }
  return out;
}

std::uint8_t Footing::depth(const ChunkKey& key, const PackId& pack) const {
  if (std::binary_search(unclear_.begin(), unclear_.end(), pack)) return kNone;
  if (graph_ == nullptr) return 0;
  const auto n = graph_->find(key);
  if (!n || *n >= depth_.size() || in_delta_[*n] == 0) return 0;
  if (places_[*n] <= 1) return depth_[*n];
  const auto found = of_several_.find({*n, pack});
  return found == of_several_.end() ? std::uint8_t{0} : found->second;
}

}  // namespace hf
