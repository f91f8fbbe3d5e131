#include "vault/folding.hpp"

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "codec/compress.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {
namespace {

using Number = NeedGraph::Number;

class Folding {
 public:
  Folding(const NeedGraph& graph, const NeedMarks& by_points, const NeedMarks& needed) : graph_(graph), by_points_(by_points), needed_(needed), group_(graph.chunks()), is_delta_(graph.chunks()) {
    std::iota(group_.begin(), group_.end(), Number{0});
  }

  /// Learns which deltas are needed, and which of them belong together. False where nothing is kept for deltas only.
  bool gather(std::span<const PackId> packs) {
    bool any = false;
    for (const PackId& id : packs)
      graph_.for_each_delta(id, [&](std::span<const Number> chunks, std::span<const Number> bases) {
        if (chunks.empty()) return;
        Delta d{id, numbers_.size(), 0, 0, chunks[0], -1};
        for (Number n : chunks) {
          if (!needed_.has(n)) continue;
          numbers_.push_back(n);
          is_delta_[n] = true;
          if (is_kept_for_deltas(n)) join(d.group, n);
        }
        d.bases = numbers_.size();
        if (d.bases == d.chunks) return;  // nobody needs it
        for (Number n : bases) {
          numbers_.push_back(n);
          if (!is_kept_for_deltas(n)) continue;
          join(d.group, n);
          any = true;
        }
        d.end = numbers_.size();
        deltas_.push_back(d);
      });
    return any;
  }

  /// Learns where these chunks lie.
  Status locate(const Index& index, const std::function<bool(const PackId&)>& counts) {
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

  std::vector<FoldGroup> choose() {
    // What a chunk takes alone: as much as those at the bottom of what it stands on. Of the deepest last.
    std::vector<double> alone(graph_.chunks(), -1);
    for (bool more = true; more;) {
      more = false;
      for (Delta& d : deltas_) {
        if (d.alone >= 0) continue;
        d.alone = alone_by_bases(d, alone);
        for (Number n : chunks(d)) alone[n] = d.alone;
        more = more || d.alone >= 0;
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
      if (const Segment* s = segment(n)) kept_in[s->at.pack] = {kept_in[s->at.pack].bytes + share(n), n};
    const auto goes = [&](Number n) {
      const Segment* s = segment(n);
      return s != nullptr && 2 * kept_in[s->at.pack].bytes >= static_cast<double>(s->pack_bytes);
    };
    for (Number n : kept)
      if (goes(n)) join(n, kept_in[segment(n)->at.pack].one);

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
    for (const Delta& d : deltas_) {
      const std::size_t at = group(d.group);
      FoldGroup& g = groups[at];
      Fold fold;
      for (Number n : chunks(d)) {
        const Segment* s = segment(n);
        if (s == nullptr || s->at.pack != d.pack || d.alone < 0) {
          foldable[at] = false;
          break;
        }
        if (is_kept_for_deltas(n)) continue;
        fold.at = s->at;
        fold.alone += std::max(share(n), d.alone);
        fold.chunks.push_back(graph_.key_of(n));
        g.stored += share(n);
      }
      for (Number n : bases(d))
        if (place_of_[n] == kNone) foldable[at] = false;  // what is lost nobody can read, to fold it
      g.alone += fold.alone;
      if (!fold.chunks.empty()) g.folds.push_back(std::move(fold));
    }
    for (Number n : kept) {
      if (!goes(n)) continue;
      FoldGroup& g = groups[group(n)];
      g.kept += share(n);
      g.kept_chunks.push_back(graph_.key_of(n));
      if (const PackId& pack = segment(n)->at.pack; kept_in[pack].one == n) g.kept_in.push_back(pack);
    }
    std::vector<FoldGroup> out;
    for (std::size_t i = 0; i < groups.size(); ++i)
      if (foldable[i] && groups[i].pays()) out.push_back(std::move(groups[i]));
    return out;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX, kSeveral = UINT32_MAX - 1;
  struct Segment {
    ChunkPlace at;
    std::uint64_t pack_bytes = 0;
    std::uint32_t chunks = 0;
  };
  struct Delta {
    PackId pack;
    std::size_t chunks = 0, bases = 0, end = 0;  // where they begin in numbers_
    Number group = 0;                            // one of its chunks
    double alone = -1;                           // stored bytes of a chunk if it stood on nothing; negative: not known
  };
  std::span<const Number> chunks(const Delta& d) const { return std::span(numbers_).subspan(d.chunks, d.bases - d.chunks); }
  std::span<const Number> bases(const Delta& d) const { return std::span(numbers_).subspan(d.bases, d.end - d.bases); }
  bool is_kept_for_deltas(Number n) const { return needed_.has(n) && !by_points_.has(n); }
  std::vector<Number> kept_for_deltas() const {
    std::vector<Number> out;
    std::copy_if(numbers_.begin(), numbers_.end(), std::back_inserter(out), [&](Number n) { return is_kept_for_deltas(n); });
    std::sort(out.begin(), out.end());
    out.erase(std::unique(out.begin(), out.end()), out.end());
    return out;
  }

  Number group_of(Number n) {
    while (group_[n] != n) n = group_[n] = group_[group_[n]];
    return n;
  }
  void join(Number a, Number b) { group_[group_of(a)] = group_of(b); }

  /// The only one that it lies in, or nullptr.
  const Segment* segment(Number n) const { return place_of_[n] < kSeveral ? &segments_[place_of_[n]] : nullptr; }
  double share(Number n) const {
    const Segment* s = segment(n);
    return s == nullptr ? 0 : static_cast<double>(s->at.stored_bytes) / s->chunks;
  }
  /// Negative where a base is a delta of which it is not known yet.
  double alone_by_bases(const Delta& d, const std::vector<double>& alone) const {
    double sum = 0;
    for (Number n : bases(d)) {
      if (is_delta_[n] && alone[n] < 0) return -1;
      sum += is_delta_[n] ? alone[n] : share(n);
    }
    return sum / static_cast<double>(bases(d).size());
  }

  const NeedGraph& graph_;
  const NeedMarks &by_points_, &needed_;
  std::vector<Number> numbers_;
  std::vector<Delta> deltas_;  // those that are needed
  std::vector<Segment> segments_;
  std::vector<Number> group_;            // by number: another of its group
  std::vector<bool> is_delta_;           // by number
  std::vector<std::uint32_t> place_of_;  // by number, in segments_
};

}  // namespace

Result<std::vector<FoldGroup>> worth_folding(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& by_points, const NeedMarks& needed,
                                             const std::function<bool(const PackId&)>& counts) {
  Folding folding(graph, by_points, needed);
  if (!folding.gather(packs)) return std::vector<FoldGroup>();
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
