#include "vault/folding.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "codec/compress.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/delta_map.hpp"

namespace hf {
namespace {

using Number = NeedGraph::Number;

class Folding {
 public:
  Folding(const NeedGraph& graph, const NeedMarks& by_points, const NeedMarks& needed, std::span<const PackId> packs)
      : graph_(graph), by_points_(by_points), needed_(needed), map_(graph, packs, [](const PackId&) { return true; }, &needed), group_(graph.chunks()), is_delta_(graph.chunks()) {
    std::iota(group_.begin(), group_.end(), Number{0});
    for (const DeltaMap::Delta& d : map_.deltas()) {
      const Number one = map_.chunks(d)[0];
      for (Number n : map_.chunks(d)) {
        is_delta_[n] = true;
        if (is_kept_for_deltas(n)) join(one, n);
      }
      for (Number n : map_.bases(d)) {
        if (!is_kept_for_deltas(n)) continue;
        join(one, n);
        any_ = true;
      }
    }
  }
  /// Is something kept for deltas only?
  bool any() const { return any_; }
  /// Learns where everything lies.
  Status locate(const Index& index, const std::function<bool(const PackId&)>& counts) { return map_.locate(index, counts); }

  std::vector<FoldGroup> choose() {
    // What a chunk takes alone: as much as those at the bottom of what it stands on. Of the deepest last.
    std::vector<double> alone(graph_.chunks(), -1), alone_of(map_.deltas().size(), -1);  // stored bytes; negative: not known
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < map_.deltas().size(); ++i) {
        const DeltaMap::Delta& d = map_.deltas()[i];
        if (alone_of[i] >= 0) continue;
        alone_of[i] = alone_by_bases(d, alone);
        for (Number n : map_.chunks(d)) alone[n] = alone_of[i];
        more = more || alone_of[i] >= 0;
      }
    }
    // What goes from a pack of which most stays is waste in it, and gives back nothing before that is copied. And where a pack is
    // kept for deltas mainly, they are folded together.
    const std::vector<Number> kept = kept_for_deltas();
    struct Kept {
      double bytes = 0;
      Number one = 0;
    };
    std::unordered_map<PackId, Kept> kept_in;
    for (Number n : kept)
      if (const DeltaMap::Segment* s = map_.segment(n)) kept_in[s->at.pack] = {kept_in[s->at.pack].bytes + map_.share(n), n};
    const auto goes = [&](Number n) {
      const DeltaMap::Segment* s = map_.segment(n);
      return s != nullptr && 2 * kept_in[s->at.pack].bytes >= static_cast<double>(s->pack_bytes);
    };
    for (Number n : kept)
      if (goes(n)) join(n, kept_in[map_.segment(n)->at.pack].one);

    std::vector<FoldGroup> groups;
    std::unordered_map<Number, std::size_t> number_of;
    std::vector<bool> foldable;
    const auto group = [&](Number n) {
      const auto [at, fresh] = number_of.emplace(group_of(n), groups.size());
      if (fresh) {
        groups.emplace_back();
        foldable.push_back(true);
      }
      return at->second;
    };
    for (std::size_t i = 0; i < map_.deltas().size(); ++i) {
      const DeltaMap::Delta& d = map_.deltas()[i];
      const std::size_t at = group(map_.chunks(d)[0]);
      FoldGroup& g = groups[at];
      Fold fold;
      for (Number n : map_.chunks(d)) {
        const DeltaMap::Segment* s = map_.segment(n);
        if (s == nullptr || s->at.pack != d.pack || alone_of[i] < 0) {
          foldable[at] = false;
          break;
        }
        if (is_kept_for_deltas(n)) continue;
        fold.at = s->at;
        fold.alone += std::max(map_.share(n), alone_of[i]);
        fold.chunks.push_back(graph_.key_of(n));
        g.stored += map_.share(n);
      }
      for (Number n : map_.bases(d))
        if (map_.is_nowhere(n)) foldable[at] = false;  // what is lost nobody can read, to fold it
      g.alone += fold.alone;
      if (!fold.chunks.empty()) g.folds.push_back(std::move(fold));
    }
    for (Number n : kept) {
      if (!goes(n)) continue;
      FoldGroup& g = groups[group(n)];
      g.kept += map_.share(n);
      g.kept_chunks.push_back(graph_.key_of(n));
      if (const PackId& pack = map_.segment(n)->at.pack; kept_in[pack].one == n) g.kept_in.push_back(pack);
    }
    std::vector<FoldGroup> out;
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (foldable[i] && groups[i].pays()) out.push_back(std::move(groups[i]));
    return out;
  }

 private:
  bool is_kept_for_deltas(Number n) const { return needed_.has(n) && !by_points_.has(n); }
  std::vector<Number> kept_for_deltas() const {
    std::vector<Number> out;
    std::copy_if(map_.numbers().begin(), map_.numbers().end(), std::back_inserter(out), [&](Number n) { return is_kept_for_deltas(n); });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  Number group_of(Number n) {
    while (group_[n] != n) n = group_[n] = group_[group_[n]];
    return n;
  }
  void join(Number a, Number b) { group_[group_of(a)] = group_of(b); }

  /// Negative where a base is a delta of which it is not known yet.
  double alone_by_bases(const DeltaMap::Delta& d, const std::vector<double>& alone) const {
    double sum = 0;
    for (Number n : map_.bases(d)) {
      if (is_delta_[n] && alone[n] < 0) return -1;
      sum += is_delta_[n] ? alone[n] : map_.share(n);
    }
    return sum / static_cast<double>(map_.bases(d).size());
  }

  const NeedGraph& graph_;
  const NeedMarks &by_points_, &needed_;
  DeltaMap map_;       // of what is needed
  std::vector<Number> group_;            // by number: another of its group
  std::vector<bool> is_delta_;           // by number
  bool any_ = false;
};

}  // namespace

Result<std::vector<FoldGroup>> worth_folding(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& by_points, const NeedMarks& needed,
                                             const std::function<bool(const PackId&)>& counts) {
  Folding folding(graph, by_points, needed, packs);
  if (!folding.any()) return std::vector<FoldGroup>();
  HF_TRY(folding.locate(index, counts));
  return folding.choose();
}

void weigh(const Vault& vault, const Index& index, int compression_level, std::vector<FoldGroup>& groups, const Progress& progress) {
  constexpr std::size_t kSamples = 6, kSampleBytes = 2u << 20;  // of a group; as large as the segments that they would become
  ChunkReader chunks(vault, index);
  Compressor compressor(compression_level);
  Buffer plain;
  for (FoldGroup& g : groups) {
    double expected = 0, found = 0;
    std::size_t looked_at = 0;
    for (std::size_t sample = 0; sample < kSamples && !progress.stop_requested; ++sample) {
      plain.clear();
      for (std::size_t i = std::max(looked_at, sample * g.folds.size() / kSamples); i < g.folds.size() && plain.size() < kSampleBytes; looked_at = ++i) {
        const Fold& fold = g.folds[i];
        const auto opened = chunks.open(fold.at, {}, 0);
        if (!opened) continue;
        append(plain, (*opened)->plain);
        expected += fold.alone * static_cast<double>((*opened)->chunk_count()) / static_cast<double>(fold.chunks.size());
      }
      const auto packed = compressor.compress(plain);
      found += static_cast<double>(packed ? packed->size() : plain.size());
    }
    g.alone *= expected > 0 ? found / expected : 0;
  }
  std::erase_if(groups, [&](const FoldGroup& g) { return progress.stop_requested || !g.pays(); });
}

}  // namespace hf
