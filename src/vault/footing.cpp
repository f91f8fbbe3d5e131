#include "vault/footing.hpp"

#include <algorithm>

namespace hf {

using Number = NeedGraph::Number;

Result<Footing> Footing::of(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, std::span<const PackId> unclear,
                            const std::function<bool(const PackId&)>& counts) {
  struct Delta {
    PackId pack;
    std::size_t chunks = 0, bases = 0, end = 0;  // where they begin in `numbers`
  };
  std::vector<Delta> deltas;
  std::vector<Number> numbers;
  for (const PackId& id : packs) {
    if (!counts(id)) continue;
    graph.for_each_delta(id, [&](std::span<const Number> chunks, std::span<const Number> bases) {
      Delta d{id, numbers.size(), numbers.size() + chunks.size(), 0};
      numbers.insert(numbers.end(), chunks.begin(), chunks.end());
      numbers.insert(numbers.end(), bases.begin(), bases.end());
      d.end = numbers.size();
      deltas.push_back(d);
    });
  }
  Footing out;
  out.unclear_.assign(unclear.begin(), unclear.end());
  std::sort(out.unclear_.begin(), out.unclear_.end());
  if (deltas.empty()) return out;
  out.graph_ = &graph;
  out.depth_.assign(graph.chunks(), kNone);
  out.places_.assign(graph.chunks(), 0);
  out.in_delta_.assign(graph.chunks(), 0);
  const auto more_by_one = [](std::uint8_t& n) { n = static_cast<std::uint8_t>(n + (n < kNone ? 1 : 0)); };
  std::vector<bool> asked(graph.chunks());
  for (Number n : numbers) asked[n] = true;
  for (const Delta& d : deltas)
    for (std::size_t i = d.chunks; i < d.bases; ++i) more_by_one(out.in_delta_[numbers[i]]);

  auto entries = HF_TRY(MergedEntries::over(index.runs()));
  std::vector<bool> there;
  for (const IndexedPack& p : entries.packs()) there.push_back(counts(p.id) && !std::binary_search(out.unclear_.begin(), out.unclear_.end(), p.id));
  while (const auto e = HF_TRY(entries.next_place()))
    if (there[e->pack])
      if (const auto n = graph.find(e->key); n && asked[*n]) more_by_one(out.places_[*n]);
  for (Number n : numbers)
    if (out.places_[n] > out.in_delta_[n]) out.depth_[n] = 0;

  const auto depth_of = [&](const Delta& d) {
    std::uint8_t deepest = 0;
    for (std::size_t i = d.bases; i < d.end; ++i) deepest = std::max(deepest, out.depth_[numbers[i]]);
    return deepest < kBaseDepthMax ? static_cast<std::uint8_t>(deepest + 1) : kNone;
  };
  for (bool less = true; less;) {  // at most kBaseDepthMax rounds
    less = false;
    for (const Delta& d : deltas) {
      const std::uint8_t depth = depth_of(d);
      for (std::size_t i = d.chunks; i < d.bases; ++i) {
        std::uint8_t& least = out.depth_[numbers[i]];
        less = less || depth < least;
        least = std::min(least, depth);
      }
    }
  }
  for (const Delta& d : deltas)
    for (std::size_t i = d.chunks; i < d.bases; ++i)
      if (out.places_[numbers[i]] > 1) {
        const auto [at, fresh] = out.of_several_.emplace(std::pair(numbers[i], d.pack), kNone);
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
