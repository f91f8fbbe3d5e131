// From ranges of packs that can't be read to the chunks that are lost, and to what stands on these.

#include <algorithm>

#include "base/units.hpp"
#include "vault/bases.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

class BadChunks {
 public:
  BadChunks(const Vault& vault, Survey& survey) : vault_(vault), survey_(survey) {}

  /// Which chunks lie in bad ranges and nowhere else, and what is stored as a delta on them.
  void find() {
    {
      Lock lock(survey_.mutex);
      bad_ = survey_.bad;
    }
    if (bad_.empty()) return;
    // A second copy of a chunk may stand on what is lost: then it spares nothing.
    do look_into_index();
    while (!survey_.bad_chunks.empty() && spread_to_deltas());
    Lock lock(survey_.mutex);
    survey_.bad = bad_;
  }

  /// Segments that did not open for want of their bases, and no damage that is known tells why: false where there are none.
  bool tell_unexplained() {
    std::vector<BaseFault> faults;
    {
      Lock lock(survey_.mutex);
      faults.swap(survey_.base_faults);
    }
    std::map<PackId, std::vector<PackFault>> unexplained;
    for (BaseFault& f : faults)
      if (range_of(f.pack, f.fault.offset, f.fault.bytes) == nullptr) unexplained[f.pack].push_back(std::move(f.fault));
    for (const auto& [pack, of_pack] : unexplained) tell_faults(pack, of_pack, survey_);
    return !unexplained.empty();
  }

  /// What was found, into what is told already.
  void add_to_report() {
    Lock lock(survey_.mutex);
    auto& list = survey_.report.damage;
    for (const auto& [damage, count] : chunks_)
      if (damage < list.size()) list[damage].chunks = std::max(list[damage].chunks, count);
    for (const auto& [damage, count] : standing_on_) {
      if (damage >= list.size()) continue;
      list[damage].chunks += count;
      list[damage].message += "; " + human_count(count) + (count == 1 ? " chunk is" : " chunks are") + " stored as what differs from what is lost there";
    }
    for (const auto& [damage, count] : spared_) {
      if (chunks_.contains(damage) || damage >= list.size()) continue;
      Damage& d = list[damage];
      d.healed = true;
      d.chunks = std::max(d.chunks, count);
      const auto pack = PackId::parse(std::string_view(d.object).substr(std::string_view("packs/").size()));
      if (d.kind == DamageKind::missing_pack) d.hint = "its chunks were stored again in other packs: nothing is lost";
      else if (!pack || needed_.contains(*pack)) d.hint = "its chunks lie in other packs too: nothing is lost; keep the file, the rest of it lies nowhere else";
      else d.hint = "its chunks lie in other packs too: nothing is lost, and the file " + file_of(*pack) + " may be removed";
      --survey_.report.serious;
    }
  }

 private:
  const BadRange* range_of(const PackId& pack, std::uint64_t offset, std::uint64_t bytes) const {
    const auto at = bad_.find(pack);
    if (at == bad_.end()) return nullptr;
    for (const BadRange& r : at->second)
      if (offset < r.end && offset + bytes > r.offset) return &r;
    return nullptr;
  }
  bool lies_in_bad(const ChunkPlace& p) const { return range_of(p.pack, p.offset, p.stored_bytes) != nullptr; }
  /// Stored twice, and a restore would take the other one? Then nothing is lost.
  /// `besides`: in another pack than this one.
  bool lies_elsewhere(const Result<std::vector<ChunkPlace>>& places, const PackId* besides = nullptr) const {
    return places && std::any_of(places->begin(), places->end(), [&](const ChunkPlace& p) { return !lies_in_bad(p) && (besides == nullptr || p.pack != *besides); });
  }

  void look_into_index() {
    spared_.clear();
    needed_.clear();
    // What a write-only key says to have spares nothing of others.
    std::map<WriterId, std::unique_ptr<Index>> indexes;
    const auto of_writer = [&](const WriterId& writer) -> const Index& {
      auto& index = indexes[writer];
      if (!index) index = survey_.index->only(writer);
      return *index;
    };
    for (const auto& run : survey_.index->runs()) {
      std::vector<bool> is_bad;
      bool any = false;
      for (const IndexedPack& p : run->table().packs) {
        is_bad.push_back(bad_.contains(p.id));
        any = any || is_bad.back();
      }
      if (!any) continue;
      for (std::uint64_t page = 0; page < run->table().entry_pages(); ++page) {
        const auto entries = run->page_entries(page);
        if (!entries) {  // what it told of is not known
          for (std::size_t p = 0; p < is_bad.size(); ++p)
            if (is_bad[p]) needed_.insert(run->table().packs[p].id);
          continue;
        }
        for (const IndexEntry& e : *entries) {
          if (!is_bad[e.pack]) continue;
          const PackId& pack = run->table().packs[e.pack].id;
          const BadRange* r = range_of(pack, e.offset, e.stored_bytes);
          if (r == nullptr ? needed_.contains(pack) : survey_.bad_chunks.contains(id_of(e.key))) continue;
          const auto places = of_writer(run->writer()).find_all(id_of(e.key));
          if (r == nullptr) {
            if (!lies_elsewhere(places, &pack)) needed_.insert(pack);
            continue;
          }
          if (lies_elsewhere(places)) {
            ++spared_[r->damage];
            continue;
          }
          survey_.bad_chunks.emplace(id_of(e.key), r->damage);
          ++chunks_[r->damage];
        }
      }
    }
  }

  /// What is stored as a delta is lost with its base, wherever it lies itself. Asks the directories of all packs, so only where
  /// something is lost; as often as bases may be nested. False where there was none.
  bool spread_to_deltas() {
    SegmentOpener opener(vault_);
    bool any = false;
    for (bool found = true; found && !survey_.stopped();) {
      found = false;
      for (const auto& listed : survey_.present) {
        const PackId& id = listed.first;
        if (!survey_.indexed.contains(id)) continue;
        // A directory that does not open was told of before, and its pack with it.
        static_cast<void>(for_each_delta(vault_, opener, id, [&](const SegmentInfo& s) -> Status {
          if (range_of(id, s.offset, s.stored_bytes) != nullptr) return {};
          for (const ChunkId& base : s.bases) {
            const auto lost = survey_.bad_chunks.find(id_of(ChunkKey::of(base)));
            if (lost == survey_.bad_chunks.end()) continue;
            any = found = true;
            const std::size_t damage = lost->second;
            bad_[id].push_back({s.offset, std::uint64_t{s.offset} + s.stored_bytes, damage});
            for (const auto& [chunk, bytes] : s.chunks) {
              if (lies_elsewhere(survey_.index->find_all(chunk))) continue;
              if (survey_.bad_chunks.emplace(id_of(ChunkKey::of(chunk)), damage).second) ++standing_on_[damage];
            }
            return {};
          }
          return {};
        }));
      }
    }
    return any;
  }

  const Vault& vault_;
  Survey& survey_;
  std::map<PackId, std::vector<BadRange>> bad_;
  std::map<std::size_t, std::uint64_t> chunks_, spared_, standing_on_;  // by damage
  std::set<PackId> needed_;  // packs with damage that hold also what is well, and lies nowhere else
};

}  // namespace

void locate_bad_chunks(const Vault& vault, Survey& survey) {
  BadChunks chunks(vault, survey);
  chunks.find();
  if (chunks.tell_unexplained()) chunks.find();
  chunks.add_to_report();
}

}  // namespace hf
