#include <algorithm>
#include <atomic>
#include <thread>

#include "base/units.hpp"
#include "verify/survey.hpp"

namespace hf {

void in_parallel(unsigned jobs, std::size_t count, const std::function<void(unsigned, std::size_t)>& work) {
  std::atomic<std::size_t> next{0};
  const auto run = [&](unsigned worker) {
    for (std::size_t i = next++; i < count; i = next++) work(worker, i);
  };
  std::vector<std::jthread> threads;
  for (unsigned w = 1; w < std::min<std::size_t>(jobs, count); ++w) threads.emplace_back([&, w] { run(w); });
  run(0);
}

Result<bool> content_name_holds(ObjectStore& store, const ObjectName& name) {
  const auto object = HF_TRY(store.open(name));
  ContentName hash;
  Buffer piece;
  for (std::uint64_t at = 0; at < object->size(); at += piece.size()) {
    piece.resize(std::min<std::uint64_t>(8 * ContentName::kBlockBytes, object->size() - at));
    HF_TRY(object->read(at, piece));
    hash.update(piece);
  }
  return to_hex(hash.finish()) == name.name;
}

Status list_packs(ObjectStore& store, Survey& survey) {
  std::uint64_t unknown = 0, bytes = 0;
  survey.present.clear();
  HF_TRY(store.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t size) {
    const auto id = PackId::parse(name);
    if (!id) {
      ++unknown;
      return;
    }
    survey.present[*id] = size;
    bytes += size;
  }));
  Lock lock(survey.mutex);
  survey.report.packs = survey.present.size();
  survey.report.pack_bytes = bytes;
  survey.unknown_packs = unknown;
  return {};
}

Status check_presence(Survey& survey) {
  for (const auto& [id, pack] : survey.indexed) {
    const auto at = survey.present.find(id);
    if (at != survey.present.end() && at->second == pack.stored_bytes) continue;
    Damage d;
    d.object = "packs/" + id.hex();
    d.chunks = pack.chunk_count;
    if (at == survey.present.end()) {
      d.kind = DamageKind::missing_pack;
      d.message = "pack " + id.brief() + " is missing (" + human_bytes(pack.stored_bytes) + ", " + human_count(pack.chunk_count) + " chunks)";
      d.hint = (survey.options.heal || survey.stripes_of.contains(id) ? survey.help_of_parity(id) : "") + "bring the file " + file_of(id) + " back from a copy of the vault";
    } else {
      // Reading it tells what is left, which only the full depth does; until then nothing in it is trusted.
      if (survey.options.depth == VerifyDepth::full && survey.options.sample_percent >= 100) continue;
      d.kind = DamageKind::damaged_pack;
      d.message = "pack " + id.brief() + " has " + human_count(at->second) + " bytes instead of " + human_count(pack.stored_bytes);
      d.hint = survey.help_of_parity(id) + "what is left of it: holdfast verify --full; bring the file back from a copy of the vault";
    }
    const std::size_t damage = survey.add(std::move(d));
    Lock lock(survey.mutex);
    survey.bad[id].push_back({0, UINT64_MAX, damage});
  }
  std::vector<PackId> orphans;
  std::uint64_t bytes = 0;
  for (const auto& [id, size] : survey.present)
    if (!survey.indexed.contains(id)) {
      orphans.push_back(id);
      bytes += size;
    }
  if (orphans.empty()) return {};
  survey.note(human_count(orphans.size()) + (orphans.size() == 1 ? " pack (" : " packs (") + human_bytes(bytes) + ") in no index run: of a backup that is running or broke off; the next backup uses " +
              (orphans.size() == 1 ? "it" : "them"));
  Lock lock(survey.mutex);
  survey.report.orphan_packs = orphans.size();
  survey.report.orphan_bytes = bytes;
  return {};
}

namespace {

/// What stands on a damaged base is kept until it is known what explains it.
void report_faults(const PackId& id, const PackVerdict& verdict, Survey& survey) {
  const bool orphan = !survey.indexed.contains(id) && !survey.index_damaged && survey.index != nullptr && !survey.indexed.empty();
  if (orphan) {
    {
      Lock lock(survey.mutex);
      survey.damaged_orphans.push_back(id);
    }
    survey.note("pack " + id.brief() + ", which no index run lists, is damaged; no recovery point needs it (" + verdict.faults.front().message + ")");
    return;
  }
  std::vector<PackFault> own;
  for (const PackFault& f : verdict.faults) {
    if (f.base) {
      Lock lock(survey.mutex);
      survey.base_faults.push_back({id, f});
      // Most will be told with what explains them; there may be many.
      if (survey.base_faults.size() > VerifyReport::kListed) survey.base_faults.back().fault.message = "a segment does not open, as what it stands on does not";
    } else {
      own.push_back(f);
    }
  }
  tell_faults(id, own, survey);
}

}  // namespace

void tell_faults(const PackId& id, const std::vector<PackFault>& faults, Survey& survey) {
  // What a person wants to know is how far the damage goes.
  std::vector<PackFault> merged;
  std::size_t run = 0;
  for (const PackFault& f : faults) {
    if (!merged.empty() && f.loses_chunks && merged.back().loses_chunks && merged.back().base == f.base && merged.back().offset + merged.back().bytes == f.offset && f.bytes > 0) {
      PackFault& m = merged.back();
      m.bytes += f.bytes;
      m.chunks += f.chunks;
      m.message = "bytes " + human_count(m.offset) + " to " + human_count(m.offset + m.bytes - 1) + " do not open (" + human_count(++run) + " segments" + (m.base ? ", as what they stand on does not)" : ")");
    } else {
      merged.push_back(f);
      run = 1;
    }
  }
  for (const PackFault& f : merged) {
    Damage d;
    d.kind = DamageKind::damaged_pack;
    d.object = "packs/" + id.hex();
    d.offset = f.offset;
    d.bytes = f.bytes;
    d.chunks = f.chunks;
    d.message = "pack " + id.brief() + ": " + f.message;
    const std::string back = "bring the file " + file_of(id) + " back from a copy of the vault", again = ", or back up the files below again if they still exist";
    if (f.base) d.hint = std::string("the pack itself is well: make whole what holds the base") + (survey.options.heal ? "" : " (holdfast verify --heal)") + again;
    else d.hint = survey.help_of_parity(id) + (f.loses_chunks ? back + again : "no chunk is lost yet; " + back);
    const std::size_t damage = survey.add(std::move(d));
    if (!f.loses_chunks) continue;
    Lock lock(survey.mutex);
    survey.bad[id].push_back({f.offset, f.bytes == 0 ? UINT64_MAX : f.offset + f.bytes, damage});
  }
}

namespace {

/// Reads packs, heals what can be healed, and tells what is wrong.
class PackReading {
 public:
  PackReading(ObjectStore& store, const Vault* vault, Survey& survey) : store_(store), vault_(vault), survey_(survey) {}

  void read(std::vector<PackId> which) {
    if (vault_ != nullptr && survey_.index && store_.traits().random_read) {
      forest_ = std::make_unique<DeltaForest>(*vault_, *survey_.index, which, survey_.options.jobs, survey_.progress);
      which = forest_->in_order();
    }
    begin_pass();
    in_parallel(survey_.options.jobs, which.size(), [&](unsigned worker, std::size_t i) {
      if (survey_.stopped()) return;
      const PackId& id = which[i];
      auto verdict = judge(worker, id, [&](std::uint64_t bytes) { survey_.progress.bytes_done.fetch_add(bytes, std::memory_order_relaxed); });
      if (verdict && survey_.options.heal && is_hit_itself(*verdict) && heal_damaged(store_, id, survey_)) verdict = judge(worker, id, [](std::uint64_t) {});
      survey_.progress.items_done.fetch_add(1, std::memory_order_relaxed);
      // The pack that holds the base may be read later, and healed then.
      if (verdict && survey_.options.heal && !verdict->sound() && !is_hit_itself(*verdict)) {
        Lock lock(mutex_);
        wait_for_bases_.push_back(id);
        return;
      }
      take(id, verdict);
    });
  }

  /// Deltas that could not be opened as long as their bases were damaged.
  void read_again() {
    std::vector<PackId> again;
    {
      Lock lock(mutex_);
      again.swap(wait_for_bases_);
    }
    std::sort(again.begin(), again.end());
    forest_.reset();
    begin_pass();
    in_parallel(survey_.options.jobs, again.size(), [&](unsigned worker, std::size_t i) {
      if (!survey_.stopped()) take(again[i], judge(worker, again[i], [](std::uint64_t) {}));
    });
  }

 private:
  /// Readers that have nothing open: a healed pack is another file than the damaged one.
  void begin_pass() {
    bases_.reset();
    // With a forest few bases are asked for.
    if (vault_ != nullptr && survey_.index) bases_ = std::make_unique<ChunkReader>(*vault_, *survey_.index, forest_ ? 16u << 20 : 32u << 20);
    checkers_ = std::vector<std::unique_ptr<PackChecker>>(std::max(1u, survey_.options.jobs));
  }

  static bool is_hit_itself(const PackVerdict& verdict) {
    return std::any_of(verdict.faults.begin(), verdict.faults.end(), [](const PackFault& f) { return !f.base; });
  }

  /// Nothing: the pack is gone.
  std::optional<PackVerdict> judge(unsigned worker, const PackId& id, const std::function<void(std::uint64_t)>& done) {
    auto& checker = checkers_[worker];
    if (!checker) checker = std::make_unique<PackChecker>(vault_, bases_.get(), forest_.get());
    const auto pack = store_.open({ObjectKind::pack, id.hex()});
    if (pack) return checker->check(**pack, id, done);
    if (pack.error().code == Code::not_found) return std::nullopt;
    PackVerdict verdict;
    verdict.faults.push_back({0, 0, 0, false, true, "can't be opened: " + pack.error().message});
    return verdict;
  }

  void take(const PackId& id, const std::optional<PackVerdict>& verdict) {
    if (!verdict) {
      Lock lock(survey_.mutex);
      survey_.gone.push_back(id);
      return;
    }
    if (!verdict->sound()) {
      if (is_hit_itself(*verdict)) survey_.progress.errors.fetch_add(1, std::memory_order_relaxed);
      report_faults(id, *verdict, survey_);
    }
    bool as_expected = true;
    if (vault_ != nullptr && survey_.indexed.contains(id)) {
      const auto& sums = survey_.expected.at(id);
      as_expected = std::all_of(sums.begin(), sums.end(), [&](const EntrySum& sum) { return sum == verdict->entries; });
    }
    Lock lock(survey_.mutex);
    VerifyReport& r = survey_.report;
    ++r.packs_read;
    r.pack_bytes_read += verdict->stored_bytes;
    r.plain_bytes_read += verdict->plain_bytes;
    r.chunks_read += verdict->chunks;
    if (!verdict->sound()) return;
    survey_.proven.push_back(id);
    if (!as_expected) survey_.to_compare.push_back(id);
  }

  ObjectStore& store_;
  const Vault* const vault_;
  Survey& survey_;
  std::unique_ptr<DeltaForest> forest_;
  std::unique_ptr<ChunkReader> bases_;  // shared by all: neighbouring deltas stand on the same segments
  std::vector<std::unique_ptr<PackChecker>> checkers_;
  Mutex mutex_;
  std::vector<PackId> wait_for_bases_ HF_GUARDED_BY(mutex_);
};

}  // namespace

Status check_packs(ObjectStore& store, const Vault* vault, const std::vector<PackId>& which, Survey& survey) {
  std::uint64_t total = 0;
  for (const PackId& id : which) total += survey.present.at(id);
  survey.progress.bytes_total = total;
  survey.progress.items_total = which.size();
  PackReading reading(store, vault, survey);
  reading.read(which);
  reading.read_again();
  if (survey.stopped()) return Error(Code::cancelled, "stopped", "nothing was changed; begin again: holdfast verify");
  Lock lock(survey.mutex);
  std::sort(survey.proven.begin(), survey.proven.end());
  std::sort(survey.to_compare.begin(), survey.to_compare.end());
  return {};
}

}  // namespace hf
