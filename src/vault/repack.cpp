#include "vault/repack.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace hf {
namespace {

struct LivePlace {
  unsigned rank = 0;  // how many segments must be opened for it; kUnsure: perhaps none opens
  std::uint32_t pack = 0;
};
constexpr unsigned kUnsure = Footing::kNone - 1U;

/// The places that count of each chunk that is needed, in order of keys: `visit(key, places, others)` with positions in
/// entries.packs(), and whether there are places that do not count. Where none counts (all are in packs that are missing or
/// retired) it is not visited.
template <class Visit, class Dead>
Status for_each_live_place(MergedEntries& entries, const std::vector<std::uint8_t>& quality, const Footing& footing, const Needed& needed, Visit&& visit, Dead&& dead) {
  std::vector<LivePlace> places;
  std::optional<IndexEntry> e = HF_TRY(entries.next());
  while (e) {
    const ChunkKey key = e->key;
    const std::size_t wanted = needed.places(key);
    places.clear();
    for (; e && e->key == key; e = HF_TRY(entries.next())) {
      if (wanted == 0) dead(key, e->pack);
      else if (quality[e->pack] > 0) places.push_back({quality[e->pack] < 2 ? kUnsure : footing.depth(key, entries.packs()[e->pack].id), e->pack});
    }
    if (places.empty()) continue;
    // Of equal places the pack with the smaller id: every prune chooses the same.
    std::sort(places.begin(), places.end(), [&](const LivePlace& a, const LivePlace& b) {
      return a.rank != b.rank ? a.rank < b.rank : entries.packs()[a.pack].id < entries.packs()[b.pack].id;
    });
    places.erase(std::unique(places.begin(), places.end(), [](const LivePlace& a, const LivePlace& b) { return a.pack == b.pack; }), places.end());
    // Where none surely opens, all of them are kept: one that was found damaged may yet hold it, and what another stands on may
    // come back.
    const bool others = places.size() > wanted && places[0].rank < kUnsure;
    if (others) places.resize(wanted);
    visit(key, places, others);
  }
  return {};
}

}  // namespace

Result<RepackPlan> plan_repack(const Index& index, const Stock& stock, const std::unordered_set<PackId>& retired, const Needed& needed, const ClaimSet* only_with,
                               const Footing& footing, const RepackLimits& limits) {
  RepackPlan plan;
  std::vector<std::uint8_t> quality;  // 0: no place at all, 1: found damaged, 2: sound
  const auto read = [&]() -> Result<MergedEntries> { return MergedEntries::over(index.runs()); };
  auto entries = HF_TRY(read());
  const std::vector<IndexedPack> packs = entries.packs();
  for (const IndexedPack& p : packs) quality.push_back(!stock.listed.contains(p.id) || retired.contains(p.id) ? 0 : stock.doubtful.contains(p.id) ? 1 : 2);
  std::vector<std::uint64_t> live_count(packs.size());
  std::vector<bool> surely_waste(packs.size(), only_with == nullptr), hangs(packs.size());
  HF_TRY(for_each_live_place(
      entries, quality, footing, needed,
      [&](const ChunkKey& key, const std::vector<LivePlace>& places, bool) {
        plan.live_placed += needed.places(key);
        for (const LivePlace& p : places) {
          ++live_count[p.pack];
          if (p.rank >= kUnsure) hangs[p.pack] = true;
        }
      },
      [&](const ChunkKey& key, std::uint32_t pack) {
        if (only_with != nullptr && only_with->contains(key)) surely_waste[pack] = true;
      }));

  struct Candidate {
    std::size_t pack = 0;
    double waste = 0;  // share
  };
  std::vector<Candidate> candidates;
  double unused = 0, total = 0;
  for (std::size_t i = 0; i < packs.size(); ++i) {
    const IndexedPack& p = packs[i];
    if (!stock.listed.contains(p.id)) {
      if (live_count[i] == 0 && p.chunk_count > 0) plan.vanished.push_back(p.id);
      continue;
    }
    if (quality[i] == 0) continue;
    if (p.chunk_count == 0) {
      plan.without_chunks.push_back(p.id);
    } else if (live_count[i] == 0) {
      if (surely_waste[i]) plan.dead.push_back(p.id);
    } else if (quality[i] == 2 && !hangs[i]) {  // what can't be read can't be copied
      const double waste = 1 - static_cast<double>(live_count[i]) / p.chunk_count;
      unused += waste * static_cast<double>(p.stored_bytes);
      total += static_cast<double>(p.stored_bytes);
      candidates.push_back({i, waste});
    }
  }
  for (const PackId& id : stock.orphans)
    if (!retired.contains(id)) plan.orphans.push_back(id);
  // What is needed and lies nowhere may lie in one that comes back, or in one that no run tells of.
  if (plan.live_placed < needed.size()) {
    plan.vanished.clear();
    plan.orphans.clear();
  }

  std::sort(candidates.begin(), candidates.end(), [&](const Candidate& a, const Candidate& b) { return a.waste != b.waste ? a.waste > b.waste : packs[a.pack].id < packs[b.pack].id; });
  std::vector<bool> chosen(packs.size());
  std::uint64_t chosen_bytes = 0;
  const auto choose = [&](std::size_t i) {
    if (chosen[i] || (limits.bytes_max && chosen_bytes + packs[i].stored_bytes > *limits.bytes_max)) return false;
    chosen[i] = true;
    chosen_bytes += packs[i].stored_bytes;
    return true;
  };
  const double allowed = total * limits.unused_percent_max / 100;
  const auto take = [&](const Candidate& c) {
    if (choose(c.pack)) unused -= c.waste * static_cast<double>(packs[c.pack].stored_bytes);
  };
  plan.bytes_unused = static_cast<std::uint64_t>(std::max(unused, 0.0));
  plan.bytes_unused_max = static_cast<std::uint64_t>(allowed);
  std::unordered_map<PackId, const Candidate*> candidate_of;
  if (!limits.first.empty())
    for (const Candidate& c : candidates) candidate_of.emplace(packs[c.pack].id, &c);
  for (const PackId& id : limits.first)
    if (const auto c = candidate_of.find(id); c != candidate_of.end()) take(*c->second);
  for (const Candidate& c : candidates) {
    if (unused <= allowed || c.waste <= 0) break;
    take(c);
  }
  plan.bytes_unused_left = static_cast<std::uint64_t>(std::max(unused, 0.0));
  for (PackClass pack_class : {PackClass::data, PackClass::metadata}) {  // many small ones are joined
    constexpr std::size_t kSmallMax = 16;
    std::vector<std::size_t> small;
    for (const Candidate& c : candidates)
      if (packs[c.pack].pack_class == pack_class && packs[c.pack].stored_bytes < limits.pack_bytes / 4) small.push_back(c.pack);
    if (small.size() > kSmallMax)
      for (std::size_t i : small) choose(i);
  }
  if (limits.recompress)
    for (const Candidate& c : candidates) {
      if (packs[c.pack].pack_class != PackClass::data || chosen[c.pack] || !HF_TRY(limits.recompress(packs[c.pack]))) continue;
      if (choose(c.pack)) plan.recompress.insert(packs[c.pack].id);
    }
  for (PackClass pack_class : {PackClass::data, PackClass::metadata})
    for (std::size_t i = 0; i < packs.size(); ++i)
      if (chosen[i] && packs[i].pack_class == pack_class) plan.repack.push_back(packs[i].id);
  plan.repack_bytes = chosen_bytes;
  if (!plan.repack.empty()) {
    std::unordered_map<PackId, std::uint32_t> at;
    for (const PackId& id : plan.repack) at.emplace(id, static_cast<std::uint32_t>(at.size()));
    std::vector<std::uint32_t> number;  // by pack, in plan.repack
    for (const IndexedPack& p : packs) number.push_back(at.contains(p.id) ? at[p.id] : 0);
    auto again = HF_TRY(read());
    HF_TRY(for_each_live_place(
        again, quality, footing, needed,
        [&](const ChunkKey& key, const std::vector<LivePlace>& places, bool others) {
          for (const LivePlace& p : places) {
            if (!chosen[p.pack]) continue;
            if (places.size() > 1 || others) plan.to_copy_from.push_back({key, number[p.pack]});
            else plan.to_copy->insert(key);
          }
        },
        [](const ChunkKey&, std::uint32_t) {}));
  }
  return plan;
}

}  // namespace hf
