#include <algorithm>

#include "base/units.hpp"
#include "vault/stock.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

constexpr std::string_view kRebuild = "the packs tell all that the index does; make it anew: holdfast rebuild";
/// 16 bytes each at most, so 128 MiB.
constexpr std::uint64_t kKnownMax = 8u << 20;

Damage damaged_run(const std::string& name, std::string message) {
  Damage d;
  d.kind = DamageKind::damaged_index;
  d.object = ObjectName{ObjectKind::index, name}.text();
  d.message = std::move(message);
  d.hint = kRebuild;
  return d;
}

std::uint64_t slots_for(std::uint64_t count) {
  std::uint64_t slots = 64;
  while (slots * 2 < count * 3) slots *= 2;
  return slots;
}

}  // namespace

KnownChunks::KnownChunks(std::uint64_t count) : slots_(slots_for(count)) {}
void KnownChunks::insert(const ChunkKey& key) {
  if (key.high == 0) {
    has_zero_ = true;
    return;
  }
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = key.high & mask;
  while (slots_[at] != 0 && slots_[at] != key.high) at = (at + 1) & mask;
  slots_[at] = key.high;
}
bool KnownChunks::contains(const ChunkKey& key) const {
  if (key.high == 0) return has_zero_;
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = key.high & mask; slots_[at] != 0; at = (at + 1) & mask)
    if (slots_[at] == key.high) return true;
  return false;
}

ChunkId id_of(const ChunkKey& key) {
  ChunkId id;
  for (std::size_t i = 0; i < 8; ++i) {
    id.bytes[i] = static_cast<std::uint8_t>(key.high >> (56 - 8 * i));
    id.bytes[8 + i] = static_cast<std::uint8_t>(key.low >> (56 - 8 * i));
  }
  return id;
}

Result<std::vector<Damage>> check_index(const Vault& vault, Survey& survey) {
  std::vector<Damage> found;
  survey.indexed.clear();
  survey.expected.clear();
  survey.known.reset();
  survey.index_damaged = false;
  survey.runs_seen.clear();
  HF_TRY(vault.store().list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { survey.runs_seen.emplace_back(name); }));
  std::sort(survey.runs_seen.begin(), survey.runs_seen.end());
  std::vector<std::pair<std::string, Error>> unreadable;
  survey.index = HF_TRY(Index::load_what_opens(vault, unreadable));
  for (const auto& [name, error] : unreadable) {
    survey.index_damaged = true;
    found.push_back(damaged_run(name, "index run " + name.substr(0, 8) + " can't be used (" + error.message + ")"));
  }
  const auto runs = survey.index->runs();
  std::uint64_t total = 0;
  for (const auto& run : runs) total += run->table().entry_count;
  if (total <= kKnownMax) survey.known = std::make_unique<KnownChunks>(total);
  for (const auto& run : runs) {
    if (survey.stopped()) return Error(Code::cancelled, "stopped");
    const auto holds = content_name_holds(vault.store(), {ObjectKind::index, run->name()});
    std::string wrong;
    if (!holds && holds.error().code == Code::not_found) wrong.clear();  // joined with others since; what it told is read below
    else if (!holds) wrong = holds.error().message;
    else if (!*holds) wrong = "it has other content than its name says";
    std::vector<EntrySum> sums(run->table().packs.size());
    std::optional<ChunkKey> last;
    for (std::uint64_t page = 0; page < run->table().entry_pages(); ++page) {
      const auto entries = run->page_entries(page);
      if (!entries) {
        if (wrong.empty()) wrong = entries.error().message;
        survey.known.reset();  // not all are known
        continue;
      }
      if (!entries->empty() && entries->front().key.high != run->table().fences[page] && wrong.empty()) wrong = "its table does not fit its pages";
      for (const IndexEntry& e : *entries) {
        if (last && e.key < *last && wrong.empty()) wrong = "its entries are out of order";
        last = e.key;
        sums[e.pack].add(e.key, e.offset, e.stored_bytes, e.chunk);
        if (survey.known) survey.known->insert(e.key);
      }
    }
    for (std::size_t p = 0; p < sums.size(); ++p) {
      const IndexedPack& pack = run->table().packs[p];
      if (!run->writer().is_zero()) {
        survey.known.reset();  // what a write-only key tells may be a lie: each place is looked up, and read where all is read
        const auto maker = HF_TRY(maker_of(vault, pack.id));
        if (maker && *maker != run->writer()) {
          if (wrong.empty()) wrong = "a write-only key made it, and it tells of packs that are not of that key";
          continue;
        }
      }
      survey.indexed.emplace(pack.id, pack);
      survey.expected[pack.id].push_back(sums[p]);
    }
    if (!wrong.empty()) {
      survey.index_damaged = true;
      found.push_back(damaged_run(run->name(), "index run " + run->name().substr(0, 8) + " is damaged (" + wrong + ")"));
    }
  }
  Lock lock(survey.mutex);
  survey.report.index_runs = runs.size() + unreadable.size();
  survey.report.index_entries = total;
  return found;
}

Status compare_with_index(const Vault& vault, Survey& survey) {
  std::vector<PackId> packs;
  {
    Lock lock(survey.mutex);
    packs = survey.to_compare;
  }
  if (packs.empty()) return {};
  // What is in them, then what the runs say of them.
  std::map<PackId, std::map<ChunkKey, IndexEntry>> actual;
  SegmentOpener opener(vault);
  std::uint64_t not_indexed = 0;
  for (const PackId& id : packs) {
    const auto pack = vault.store().open({ObjectKind::pack, id.hex()});
    if (!pack) continue;
    const auto directory = read_pack_directory(vault, **pack, opener);
    if (!directory) continue;
    auto& entries = actual[id];
    for (const SegmentInfo& s : directory->segments)
      for (std::size_t i = 0; i < s.chunks.size(); ++i) {
        entries[ChunkKey::of(s.chunks[i].first)] = {{}, 0, s.offset, s.stored_bytes, static_cast<std::uint16_t>(i)};
        const auto place = survey.index->find(s.chunks[i].first);
        if (place && !*place) ++not_indexed;
      }
  }
  if (not_indexed > 0)
    survey.note(human_count(not_indexed) + " chunks that lie in packs are not in the index; backups would store them again. To have them found: holdfast rebuild");
  for (const auto& run : survey.index->runs()) {
    std::vector<const std::map<ChunkKey, IndexEntry>*> of_pack;
    bool any = false;
    for (const IndexedPack& p : run->table().packs) {
      const auto at = actual.find(p.id);
      of_pack.push_back(at == actual.end() ? nullptr : &at->second);
      any = any || of_pack.back() != nullptr;
    }
    if (!any) continue;
    std::uint64_t wrong = 0;
    std::string example;
    static_cast<void>(run->for_each([&](const IndexEntry& e) -> Status {
      const auto* entries = of_pack[e.pack];
      if (entries == nullptr) return {};
      const auto at = entries->find(e.key);
      if (at != entries->end() && at->second.offset == e.offset && at->second.stored_bytes == e.stored_bytes && at->second.chunk == e.chunk) return {};
      if (wrong++ == 0) example = "chunk " + id_of(e.key).brief() + " in pack " + run->table().packs[e.pack].id.brief();
      return {};
    }));  // pages that do not open were told of before
    if (wrong > 0) survey.add(damaged_run(run->name(), "index run " + run->name().substr(0, 8) + " gives wrong places for " + human_count(wrong) + " chunks (" + example + ")"));
  }
  return {};
}

}  // namespace hf
