#include "vault/turning.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>

#include "vault/delta_map.hpp"

namespace hf {
namespace {

using Number = NeedGraph::Number;

class Turning {
 public:
  Turning(const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& newest)
      : graph_(graph), newest_(newest), map_(graph, packs, [](const PackId&) { return true; }) {}
  /// Do the newest points need deltas?
  bool any() const {
    return std::any_of(map_.deltas().begin(), map_.deltas().end(), [&](const DeltaMap::Delta& d) { return has_newest(d); });
  }
  Status look(const Index& index, const std::function<bool(const PackId&)>& counts, const NewestOrder& order) {
    part_.assign(graph_.chunks(), UINT32_MAX);
    HF_TRY(order(part_));
    HF_TRY(map_.locate(index, counts));
    delta_of_.assign(graph_.chunks(), kNone);
    for (std::uint32_t i = 0; i < map_.deltas().size(); ++i)
      for (Number n : map_.chunks(map_.deltas()[i]))
        if (delta_of_[n] == kNone || lies_in(n, map_.deltas()[i].pack)) delta_of_[n] = i;  // of several the one that is there
    return {};
  }

  Turnable choose(const MayTurn& may_turn) {
    find_roots();
    std::map<PackId, double> possible;
    for (const auto& [pack, segments] : of_pack_) {
      if (segments[0]->at.pack_class != PackClass::data || tainted_.contains(pack)) continue;
      double gain = 0;
      std::size_t roots = 0;
      std::unordered_set<Number> laid;
      for (const DeltaMap::Segment* s : segments) {
        const Under& under = under_newest_[s];
        gain += static_cast<double>(s->at.stored_bytes) * static_cast<double>(under.roots.size()) / s->chunks;
        roots += under.roots.size();
        for_each_newest(under, [&](Number n) { laid.insert(n); });
      }
      // Taken to be as large as what it replaced: several sources may have begun with the same content.
      if (roots == 0 || laid.size() > 2 * roots) continue;
      possible.emplace(pack, gain);
      if (may_turn(pack, gain / static_cast<double>(segments[0]->pack_bytes))) turned_packs_.emplace(pack, gain);
    }
    // What is copied anyhow is turned for however little.
    for (bool more = true; more;) {
      more = false;
      for (const PackId& id : packs_of_turned_deltas())
        if (const auto p = possible.find(id); p != possible.end() && may_turn(id, 1)) more = turned_packs_.insert(*p).second || more;
    }
    while (!turned_packs_.empty() && !stays_in_bounds()) {}
    Turnable out;
    for (const auto& [pack, gain] : turned_packs_) out.groups.push_back(group_of(pack, gain));
    std::sort(out.groups.begin(), out.groups.end(), [](const TurnGroup& a, const TurnGroup& b) { return a.gain != b.gain ? a.gain > b.gain : a.packs[0] < b.packs[0]; });
    for (const DeltaMap::Delta& d : map_.deltas())
      for (Number n : map_.chunks(d))
        if (newest_.has(n) && !alone_.contains(n)) out.left.push_back(graph_.key_of(n));
    for (Number n : stays_) out.left.push_back(graph_.key_of(n));
    return out;
  }

 private:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  /// A session makes deltas up to 4 deep. What is turned lies one deeper; what would lie deeper yet at the next turn is stored
  /// against the newest itself. The rest up to what readers accept (8 deep, 4,096 segments) is reserve.
  static constexpr unsigned kDepthWanted = 5, kDepthMax = kBaseDepthMax - 1, kOpensMax = 64;
  static constexpr unsigned kOpensTurned = 1 + TurnGroup::kOntoSegmentsMax;
  struct Under {
    std::vector<Number> roots;           // what some newest delta stands on at last, in one segment; in order, once
    std::vector<std::uint32_t> newest;   // deltas that do; in order
  };

  bool has_newest(const DeltaMap::Delta& d) const {
    const auto chunks = map_.chunks(d);
    return std::any_of(chunks.begin(), chunks.end(), [&](Number n) { return newest_.has(n); });
  }
  /// In this pack, and nowhere else.
  bool lies_in(Number n, const PackId& pack) const {
    const DeltaMap::Segment* const s = map_.segment(n);
    return s != nullptr && s->at.pack == pack;
  }
  /// The chunks of the newest points that stand on it, once for each delta that holds them.
  template <class Visit>
  void for_each_newest(const Under& under, Visit&& visit) const {
    for (std::uint32_t i : under.newest)
      for (Number n : map_.chunks(map_.deltas()[i]))
        if (newest_.has(n)) visit(n);
  }
  /// Each chunk on which a delta stands, at whatever depth, once.
  template <class Visit>
  void for_each_below(std::uint32_t i, Visit&& visit) const {
    std::unordered_set<Number> seen;
    std::vector<std::uint32_t> open{i};
    while (!open.empty()) {
      const std::uint32_t at = open.back();
      open.pop_back();
      for (Number n : map_.bases(map_.deltas()[at])) {
        if (!seen.insert(n).second) continue;
        visit(n);
        if (delta_of_[n] != kNone) open.push_back(delta_of_[n]);
      }
    }
  }

  /// Down from each delta that the newest points need, to what stands on nothing.
  void find_roots() {
    std::set<const DeltaMap::Segment*> reached;
    for (std::uint32_t i = 0; i < map_.deltas().size(); ++i) {
      if (!has_newest(map_.deltas()[i])) continue;
      bool sound = is_sound(i);
      reached.clear();
      for_each_below(i, [&](Number n) {
        if (delta_of_[n] != kNone) {
          sound = sound && is_sound(delta_of_[n]);
        } else if (const DeltaMap::Segment* s = map_.segment(n); s == nullptr) {
          sound = false;
        } else if (!newest_.has(n)) {
          under_newest_[s].roots.push_back(n);
          reached.insert(s);
        }
      });
      for (const DeltaMap::Segment* s : reached) {
        under_newest_[s].newest.push_back(i);
        if (!sound) tainted_.insert(s->at.pack);
      }
    }
    for (auto at = under_newest_.begin(); at != under_newest_.end();) {
      auto& [s, under] = *at;
      std::sort(under.roots.begin(), under.roots.end());
      under.roots.erase(std::unique(under.roots.begin(), under.roots.end()), under.roots.end());
      if (!lies_together(under)) {
        at = under_newest_.erase(at);
        continue;
      }
      of_pack_[s->at.pack].push_back(s);
      ++at;
    }
  }
  /// Will what it is to stand on lie in few segments?
  bool lies_together(const Under& under) const {
    std::set<std::uint32_t> parts;
    for_each_newest(under, [&](Number n) { parts.insert(part_[n]); });
    return parts.size() <= TurnGroup::kOntoSegmentsMax;
  }
  /// Does it hold data, and lies all of it there and nowhere else?
  bool is_sound(std::uint32_t i) const {
    const DeltaMap::Delta& d = map_.deltas()[i];
    const auto chunks = map_.chunks(d);
    return std::all_of(chunks.begin(), chunks.end(), [&](Number n) {
      return lies_in(n, d.pack) && map_.segment(n)->at.pack_class == PackClass::data;
    });
  }

  /// What each chunk costs to be opened, with what is turned and with what stands on the newest directly; no less than it will.
  struct Load {
    std::uint8_t depth = 0;
    std::uint16_t opens = 1;  // segments
    bool is_less_than(const Load& other) const { return depth < other.depth || opens < other.opens; }
    bool is_too_much() const { return depth > kDepthMax || opens > kOpensMax; }
    void raise_to(const Load& other) {
      depth = std::max(depth, other.depth);
      opens = std::max(opens, other.opens);
    }
  };
  /// What lies together, and what that costs.
  using Unit = std::pair<std::uintptr_t, Load>;
  /// Where it lies now: a segment, by a multiple of 8; what lies in several places, by itself.
  std::uintptr_t place(Number n) const {
    const DeltaMap::Segment* const s = map_.segment(n);
    return s == nullptr ? std::uintptr_t{n} << 2 | 1 : reinterpret_cast<std::uintptr_t>(s);
  }
  Unit unit(Number n, const std::vector<Load>& load) const {
    // What is laid together lies in three segments at most, of whose edges two are not the part's; what is left of a segment, in two.
    if (alone_.contains(n)) return {std::uintptr_t{part_[n]} << 2 | 2, {0, 3}};
    const bool is_left = map_.segment(n) != nullptr && delta_of_[n] == kNone && !turned_.contains(n);
    return is_left ? Unit{place(n) | 4, {0, 2}} : Unit{place(n), load[n]};
  }
  /// On what a delta will stand, each unit once.
  void units_below(std::uint32_t i, const std::vector<Load>& load, std::vector<Unit>& out) const {
    out.clear();
    for (Number n : map_.bases(map_.deltas()[i])) out.push_back(unit(n, load));
    std::sort(out.begin(), out.end(), [](const Unit& a, const Unit& b) { return a.first < b.first; });
    std::size_t kept = 0;
    for (std::size_t at = 0; at < out.size(); ++at) {
      if (kept > 0 && out[kept - 1].first == out[at].first) out[kept - 1].second.raise_to(out[at].second);
      else out[kept++] = out[at];
    }
    out.resize(kept);
  }
  std::size_t segments_below(std::uint32_t i) const {
    std::set<std::uintptr_t> out;
    for (Number n : map_.bases(map_.deltas()[i])) out.insert(place(n));
    return out.size();
  }
  bool is_alone(std::uint32_t i) const {
    const auto chunks = map_.chunks(map_.deltas()[i]);
    return std::all_of(chunks.begin(), chunks.end(), [&](Number n) { return alone_.contains(n); });
  }
  std::vector<Load> loads() const {
    std::vector<Load> out(graph_.chunks());
    for (Number n : turned_) out[n] = {1, kOpensTurned};
    std::vector<Unit> below;
    for (bool more = true; more;) {
      more = false;
      for (std::uint32_t i = 0; i < map_.deltas().size(); ++i) {
        Load load{1, kOpensTurned};
        if (!onto_newest_.contains(i)) {
          units_below(i, out, below);
          unsigned depth = 1, opens = 1;
          for (const auto& [at, one] : below) {
            depth = std::max(depth, one.depth + 1U);
            opens += one.opens;
          }
          if (depth > kDepthMax || opens > kOpensMax) load = {kDepthMax + 1, kOpensMax + 1};  // circles end there
          else load = {static_cast<std::uint8_t>(depth), static_cast<std::uint16_t>(opens)};
        }
        for (Number n : map_.chunks(map_.deltas()[i])) {
          if (alone_.contains(n) || !out[n].is_less_than(load)) continue;
          out[n].raise_to(load);
          more = true;
        }
      }
    }
    return out;
  }
  /// How many stand on each delta, each on the one before.
  std::vector<std::uint8_t> heights() const {
    std::vector<std::uint8_t> out(map_.deltas().size());
    for (bool more = true; more;) {
      more = false;
      for (std::uint32_t i = 0; i < map_.deltas().size(); ++i)
        for (Number n : map_.bases(map_.deltas()[i])) {
          if (delta_of_[n] == kNone || out[delta_of_[n]] > out[i] || out[i] > kBaseDepthMax) continue;
          out[delta_of_[n]] = static_cast<std::uint8_t>(out[i] + 1);
          more = true;
        }
    }
    return out;
  }
  std::set<PackId> packs_of_turned_deltas() const {
    std::set<PackId> out;
    for (const auto& [pack, gain] : turned_packs_)
      for (const DeltaMap::Segment* s : of_pack_.at(pack))
        for (std::uint32_t i : under_newest_.at(s).newest) out.insert(map_.deltas()[i].pack);
    return out;
  }
  /// Works out what stands on what for the packs that are to be turned. False where that would be too much for some: those packs
  /// are left out now.
  bool stays_in_bounds() {
    turned_.clear();
    alone_.clear();
    onto_newest_.clear();
    stays_.clear();
    for (const auto& [pack, gain] : turned_packs_)
      for (const DeltaMap::Segment* s : of_pack_[pack]) {
        turned_.insert(under_newest_[s].roots.begin(), under_newest_[s].roots.end());
        for_each_newest(under_newest_[s], [&](Number n) { alone_.insert(n); });
      }
    const std::vector<std::uint8_t> height = heights();
    for (std::uint32_t i = 0; i < map_.deltas().size(); ++i) {
      if (height[i] + 2U <= kDepthWanted || !is_sound(i)) continue;
      const DeltaMap::Segment* lowest = nullptr;  // of several that is turned
      for (Number n : map_.bases(map_.deltas()[i]))
        if (turned_.contains(n) && (lowest == nullptr || map_.segment(n) < lowest)) lowest = map_.segment(n);
      if (lowest != nullptr) onto_newest_.emplace(i, lowest);
    }
    std::unordered_set<PackId> too_much;
    find_what_stays(too_much);
    const std::vector<Load> load = loads();
    for (std::uint32_t i = 0; i < map_.deltas().size(); ++i) {
      const auto chunks = map_.chunks(map_.deltas()[i]);
      if (std::any_of(chunks.begin(), chunks.end(), [&](Number n) { return load[n].is_too_much(); })) add_turned_under(i, too_much);
    }
    std::erase_if(turned_packs_, [&](const auto& p) { return too_much.contains(p.first); });
    return too_much.empty();
  }
  /// What serves a delta where it lies is not laid elsewhere. What is, since it was a delta itself, must not spread too far what
  /// others stand on.
  void find_what_stays(std::unordered_set<PackId>& too_much) {
    const std::vector<Load> none(graph_.chunks());
    std::vector<Unit> below;
    const auto is_spread = [&](std::uint32_t i) {
      units_below(i, none, below);
      return below.size() > segments_below(i) + TurnGroup::kOntoSegmentsMax;
    };
    const auto stands = [&](std::uint32_t i) { return !onto_newest_.contains(i) && !is_alone(i); };
    for (std::uint32_t i = 0; i < map_.deltas().size(); ++i)
      if (stands(i))
        for (Number n : map_.bases(map_.deltas()[i]))
          if (newest_.has(n) && delta_of_[n] == kNone) stays_.insert(n);
    for (std::uint32_t i = 0; i < map_.deltas().size(); ++i)
      if (stands(i) && is_spread(i)) add_turned_under(i, too_much);
  }
  void add_turned_under(std::uint32_t i, std::unordered_set<PackId>& out) const {
    for_each_below(i, [&](Number n) {
      if (turned_.contains(n)) out.insert(map_.segment(n)->at.pack);
    });
  }

  TurnGroup group_of(const PackId& pack, double gain) const {
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
      const Under& under = under_newest_.at(s);
      for (std::uint32_t i : under.newest) add_pack(map_.deltas()[i].pack);
      for_each_newest(under, [&](Number n) {
        if (once.insert(n).second) keys.push_back(graph_.key_of(n));
      });
      return keys;
    };
    const auto keys_of = [&](std::span<const Number> numbers) {
      std::vector<ChunkKey> keys;
      for (Number n : numbers)
        if (!alone_.contains(n)) keys.push_back(graph_.key_of(n));
      return keys;
    };
    for (const DeltaMap::Segment* s : of_pack_.at(pack)) out.turns.push_back({keys_of(under_newest_.at(s).roots), onto(s)});
    for (const auto& [i, s] : onto_newest_) {
      if (s->at.pack != pack) continue;
      if (auto keys = keys_of(map_.chunks(map_.deltas()[i])); !keys.empty()) {
        add_pack(map_.deltas()[i].pack);
        out.turns.push_back({std::move(keys), onto(s)});
      }
    }
    return out;
  }

  const NeedGraph& graph_;
  const NeedMarks& newest_;
  std::vector<std::uint32_t> part_;      // by number, of what is newest
  DeltaMap map_;                         // of all deltas, also in packs that are not there
  std::vector<std::uint32_t> delta_of_;  // by number: one that holds it
  std::map<const DeltaMap::Segment*, Under> under_newest_;
  std::map<PackId, std::vector<const DeltaMap::Segment*>> of_pack_;  // of those
  std::unordered_set<PackId> tainted_;          // something in the way is lost, or lies in several places
  std::map<PackId, double> turned_packs_;       // and what that gains
  std::unordered_set<Number> turned_, alone_;   // alone: what of the newest points stands on what is turned
  std::unordered_set<Number> stays_;            // of the newest points what is not laid, since deltas stand on it where it lies
  std::map<std::uint32_t, const DeltaMap::Segment*> onto_newest_;  // deltas, and what they stood on
};

}  // namespace

Result<Turnable> worth_turning(const Index& index, const NeedGraph& graph, std::span<const PackId> packs, const NeedMarks& newest, const NewestOrder& order,
                               const std::function<bool(const PackId&)>& counts, const MayTurn& may_turn) {
  Turning turning(graph, packs, newest);
  if (!turning.any()) return Turnable();
  HF_TRY(turning.look(index, counts, order));
  return turning.choose(may_turn);
}

}  // namespace hf
