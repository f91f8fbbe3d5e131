#include "vault/turning.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "vault/delta_map.hpp"

namespace hf {
namespace {

using Number = NeedGraph::Number;

class Turning {
 public:
  Turning(const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& newest, const std::function<bool(const PackId&)>& counts)
      : graph_(graph), newest_(newest), map_(graph, packs, counts), delta_of_(graph.chunks(), kNone) {
    for (std::size_t i = 0; i < map_.deltas().size(); ++i)
      for (Number n : map_.chunks(map_.deltas()[i])) {
        delta_of_[n] = i;
        any_ = any_ || newest_.has(n);
      }
  }
  /// Do the newest points need deltas?
  bool any() const { return any_; }
  Status locate(const Index& index, const std::function<bool(const PackId&)>& counts) { return map_.locate(index, counts); }

  std::vector<TurnGroup> choose(const MayTurn& may_turn) {
    find_roots();
    for (const auto& [pack, roots] : of_pack_) {
      if (roots[0]->at.pack_class != PackClass::data || tainted_.contains(pack)) continue;
      double gain = 0;
      for (const DeltaMap::Segment* s : roots) {
        std::unordered_set<Number> once(under_newest_[s].roots.begin(), under_newest_[s].roots.end());
        gain += static_cast<double>(s->at.stored_bytes) * static_cast<double>(once.size()) / s->chunks;
      }
      if (may_turn(pack, gain / static_cast<double>(roots[0]->pack_bytes))) turned_packs_.emplace(pack, gain);
    }
    while (!turned_packs_.empty() && !stays_shallow()) {}
    std::vector<TurnGroup> out;
    for (const auto& [pack, gain] : turned_packs_) out.push_back(group_of(pack, gain));
    std::sort(out.begin(), out.end(), [](const TurnGroup& a, const TurnGroup& b) { return a.gain != b.gain ? a.gain > b.gain : a.packs[0] < b.packs[0]; });
    return out;
  }

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  /// A session makes deltas up to 4 deep. What is turned lies one deeper; what would lie deeper yet at the next turn is stored
  /// against the newest itself. The rest up to what readers accept is reserve.
  static constexpr unsigned kDepthWanted = 5, kDepthMax = kBaseDepthMax - 1;
  struct Under {
    std::vector<Number> roots;                              // what some newest delta stands on at last, in one segment
    std::vector<std::pair<Number, std::size_t>> newest;     // deltas that do, each with the first of these
  };

  /// Down from each delta that the newest points need, to what stands on nothing.
  void find_roots() {
    std::unordered_set<Number> seen;
    std::vector<std::size_t> open;
    std::map<const DeltaMap::Segment*, Number> first;
    for (std::size_t i = 0; i < map_.deltas().size(); ++i) {
      const auto chunks = map_.chunks(map_.deltas()[i]);
      if (std::none_of(chunks.begin(), chunks.end(), [&](Number n) { return newest_.has(n); })) continue;
      bool sound = is_sound(i);
      seen.clear();
      first.clear();
      open.assign(1, i);
      while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        for (Number n : map_.bases(map_.deltas()[at])) {
          if (!seen.insert(n).second) continue;
          if (delta_of_[n] != kNone) {
            sound = sound && is_sound(delta_of_[n]);
            open.push_back(delta_of_[n]);
          } else if (const DeltaMap::Segment* s = map_.segment(n); s == nullptr) {
            sound = false;
          } else if (!newest_.has(n)) {
            under_newest_[s].roots.push_back(n);
            const auto [lowest, fresh] = first.emplace(s, n);
            lowest->second = std::min(lowest->second, n);
          }
        }
      }
      for (const auto& [s, lowest] : first) {
        under_newest_[s].newest.emplace_back(lowest, i);
        if (!sound) tainted_.insert(s->at.pack);
      }
    }
    for (const auto& [s, under] : under_newest_) of_pack_[s->at.pack].push_back(s);
  }
  /// Does it hold data, and lies all of it there and nowhere else?
  bool is_sound(std::size_t i) const {
    const DeltaMap::Delta& d = map_.deltas()[i];
    const auto chunks = map_.chunks(d);
    return std::all_of(chunks.begin(), chunks.end(), [&](Number n) {
      const DeltaMap::Segment* s = map_.segment(n);
      return s != nullptr && s->at.pack == d.pack && s->at.pack_class == PackClass::data;
    });
  }

  bool is_turned(Number n) const {
    const DeltaMap::Segment* s = map_.segment(n);
    return s != nullptr && delta_of_[n] == kNone && turned_packs_.contains(s->at.pack) && turned_.contains(n);
  }
  /// How deep everything is with what is turned, where `onto_newest_` stand on the newest directly.
  std::vector<unsigned> depths() const {
    std::vector<unsigned> out(graph_.chunks());
    for (Number n : turned_)
      if (!alone_.contains(n)) out[n] = 1;
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < map_.deltas().size(); ++i) {
        const DeltaMap::Delta& d = map_.deltas()[i];
        unsigned depth = 1;
        if (!onto_newest_.contains(i))
          for (Number n : map_.bases(d)) depth = std::max(depth, out[n] + 1);
        depth = std::min(depth, kBaseDepthMax + 1);  // circles end there
        for (Number n : map_.chunks(d)) {
          if (alone_.contains(n) || out[n] >= depth) continue;
          out[n] = depth;
          more = true;
        }
      }
    }
    return out;
  }
  /// How many stand on each delta, each on the one before.
  std::vector<unsigned> heights() const {
    std::vector<unsigned> out(map_.deltas().size());
    for (bool more = true; more;) {
      more = false;
      for (std::size_t i = 0; i < map_.deltas().size(); ++i)
        for (Number n : map_.bases(map_.deltas()[i])) {
          if (delta_of_[n] == kNone || out[delta_of_[n]] > out[i] || out[i] > kBaseDepthMax) continue;
          out[delta_of_[n]] = out[i] + 1;
          more = true;
        }
    }
    return out;
  }
  /// Works out what stands on what for the packs that are to be turned. False where that would be too deep: those packs
  /// are left out now.
  bool stays_shallow() {
    turned_.clear();
    alone_.clear();
    onto_newest_.clear();
    for (const auto& [pack, gain] : turned_packs_)
      for (const DeltaMap::Segment* s : of_pack_[pack]) {
        turned_.insert(under_newest_[s].roots.begin(), under_newest_[s].roots.end());
        for (const auto& [lowest, i] : under_newest_[s].newest)
          for (Number n : map_.chunks(map_.deltas()[i]))
            if (newest_.has(n)) alone_.insert(n);
      }
    std::vector<unsigned> depth = depths();
    const std::vector<unsigned> height = heights();
    for (std::size_t i = 0; i < map_.deltas().size(); ++i) {
      const auto bases = map_.bases(map_.deltas()[i]);
      const auto turned = std::find_if(bases.begin(), bases.end(), [&](Number n) { return is_turned(n); });
      if (turned == bases.end() || height[i] + 2 <= kDepthWanted || !is_sound(i)) continue;
      onto_newest_.emplace(i, map_.segment(*turned));
    }
    if (!onto_newest_.empty()) depth = depths();
    std::unordered_set<PackId> too_deep;
    for (std::size_t i = 0; i < map_.deltas().size(); ++i) {
      const auto chunks = map_.chunks(map_.deltas()[i]);
      if (std::any_of(chunks.begin(), chunks.end(), [&](Number n) { return depth[n] > kDepthMax; })) add_turned_under(i, too_deep);
    }
    std::erase_if(turned_packs_, [&](const auto& p) { return too_deep.contains(p.first); });
    return too_deep.empty();
  }
  void add_turned_under(std::size_t i, std::unordered_set<PackId>& out) const {
    std::unordered_set<std::size_t> seen{i};
    std::vector<std::size_t> open{i};
    while (!open.empty()) {
      const std::size_t at = open.back();
      open.pop_back();
      for (Number n : map_.bases(map_.deltas()[at])) {
        if (is_turned(n)) out.insert(map_.segment(n)->at.pack);
        if (delta_of_[n] != kNone && seen.insert(delta_of_[n]).second) open.push_back(delta_of_[n]);
      }
    }
  }

  TurnGroup group_of(const PackId& pack, double gain) {
    TurnGroup out;
    out.gain = gain;
    out.packs.push_back(pack);
    std::unordered_set<PackId> packs{pack};
    const auto add_pack = [&](const PackId& id) {
      if (packs.insert(id).second) out.packs.push_back(id);
    };
    const auto onto = [&](const DeltaMap::Segment* s) {
      std::vector<ChunkKey> keys;
      std::unordered_set<Number> once;
      auto& newest = under_newest_[s].newest;
      std::sort(newest.begin(), newest.end());
      for (const auto& [lowest, i] : newest) {
        add_pack(map_.deltas()[i].pack);
        for (Number n : map_.chunks(map_.deltas()[i]))
          if (newest_.has(n) && once.insert(n).second) keys.push_back(graph_.key_of(n));
      }
      return keys;
    };
    for (const DeltaMap::Segment* s : of_pack_[pack]) {
      auto& roots = under_newest_[s].roots;
      std::sort(roots.begin(), roots.end());
      roots.erase(std::unique(roots.begin(), roots.end()), roots.end());
      TurnGroup::Turn& turn = out.turns.emplace_back();
      for (Number n : roots) turn.chunks.push_back(graph_.key_of(n));
      turn.onto = onto(s);
    }
    for (const auto& [i, s] : onto_newest_) {
      if (s->at.pack != pack) continue;
      add_pack(map_.deltas()[i].pack);
      TurnGroup::Turn& turn = out.turns.emplace_back();
      for (Number n : map_.chunks(map_.deltas()[i]))
        if (!alone_.contains(n)) turn.chunks.push_back(graph_.key_of(n));
      turn.onto = onto(s);
      if (turn.chunks.empty()) out.turns.pop_back();
    }
    return out;
  }

  const NeedGraph& graph_;
  const NeedMarks& newest_;
  DeltaMap map_;
  std::vector<std::size_t> delta_of_;  // by number: a delta that holds it
  bool any_ = false;
  std::map<const DeltaMap::Segment*, Under> under_newest_;
  std::map<PackId, std::vector<const DeltaMap::Segment*>> of_pack_;  // of those
  std::unordered_set<PackId> tainted_;          // something in the way is lost, or lies in several places
  std::map<PackId, double> turned_packs_;       // and what that gains
  std::unordered_set<Number> turned_, alone_;   // alone: what of the newest points stands on what is turned
  std::map<std::size_t, const DeltaMap::Segment*> onto_newest_;  // deltas, and what they stood on
};

}  // namespace

Result<std::vector<TurnGroup>> worth_turning(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& newest,
                                             const std::function<bool(const PackId&)>& counts, const MayTurn& may_turn) {
  Turning turning(graph, packs, newest, counts);
  if (!turning.any()) return std::vector<TurnGroup>();
  HF_TRY(turning.locate(index, counts));
  return turning.choose(may_turn);
}

}  // namespace hf
