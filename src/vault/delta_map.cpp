#include "vault/delta_map.hpp"

#include <algorithm>
#include <unordered_map>

namespace hf {

DeltaMap::DeltaMap(const NeedGraph& graph, std::span<const PackId> packs, const std::function<bool(const PackId&)>& counts, const NeedMarks* needed) : graph_(graph) {
  for (const PackId& id : packs) {
    if (!counts(id)) continue;
    graph.for_each_delta(id, [&](std::span<const Number> chunks, std::span<const Number> bases) {
      Delta d{id, numbers_.size(), 0, 0};
      std::copy_if(chunks.begin(), chunks.end(), std::back_inserter(numbers_), [&](Number n) { return needed == nullptr || needed->has(n); });
      d.bases = numbers_.size();
      if (needed != nullptr && d.bases == d.chunks) return;
      numbers_.insert(numbers_.end(), bases.begin(), bases.end());
      d.end = numbers_.size();
      deltas_.push_back(d);
    });
  }
}

Status DeltaMap::locate(const Index& index, const std::function<bool(const PackId&)>& counts) {
  place_of_.assign(graph_.chunks(), kNone);
  std::vector<bool> asked(graph_.chunks());
  for (Number n : numbers_) asked[n] = true;
  std::unordered_map<std::uint64_t, std::uint32_t> known;  // by pack and offset
  const auto each = [&](auto&& visit) -> Status {
    auto entries = HF_TRY(MergedEntries::over(index.runs()));
    std::vector<bool> there;
    for (const IndexedPack& p : entries.packs()) there.push_back(counts(p.id));
    while (const auto e = HF_TRY(entries.next_place()))
      if (there[e->pack]) visit(*e, std::uint64_t{e->pack} << 32 | e->offset, entries.packs()[e->pack]);
    return {};
  };
  HF_TRY(each([&](const IndexEntry& e, std::uint64_t place, const IndexedPack& pack) {
    const auto n = graph_.find(e.key);
    if (!n || !asked[*n]) return;
    const auto [at, fresh] = known.emplace(place, static_cast<std::uint32_t>(segments_.size()));
    if (fresh) segments_.push_back({{pack.id, pack.pack_class, e.offset, e.stored_bytes, 0}, pack.stored_bytes, 0});
    place_of_[*n] = place_of_[*n] == kNone ? at->second : kSeveral;
  }));
  return each([&](const IndexEntry&, std::uint64_t place, const IndexedPack&) {
    if (const auto at = known.find(place); at != known.end()) ++segments_[at->second].chunks;
  });
}

}  // namespace hf
