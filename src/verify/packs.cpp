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
  survey.report.unknown_objects += unknown;
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
      d.hint = (survey.options.heal || survey.stripes_of.contains(id) ? survey.help_of_parity(id) : "") + "bring the file packs/" + id.hex().substr(0, 2) + "/" + id.hex() + " back from a copy of the vault";
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

void report_faults(const PackId& id, const PackVerdict& verdict, Survey& survey) {
  const bool orphan = !survey.indexed.contains(id) && !survey.index_damaged && survey.index != nullptr && !survey.indexed.empty();
  if (orphan) {
    survey.note("pack " + id.brief() + ", which no index run lists, is damaged; no recovery point needs it (" + verdict.faults.front().message + ")");
    return;
  }
  // Neighbours become one range: what a person wants to know is how far the damage goes.
  std::vector<PackFault> merged;
  std::size_t run = 0;
  for (const PackFault& f : verdict.faults) {
    if (!merged.empty() && f.loses_chunks && merged.back().loses_chunks && merged.back().base == f.base && merged.back().offset + merged.back().bytes == f.offset && f.bytes > 0) {
      PackFault& m = merged.back();
      m.bytes += f.bytes;
      m.chunks += f.chunks;
      m.message = "bytes " + human_count(m.offset) + " to " + human_count(m.offset + m.bytes - 1) + " do not open (" + human_count(++run) + " segments)";
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
    d.hint = survey.help_of_parity(id);
    d.hint += f.base         ? "the pack itself is well: make whole what holds the base, or back up the files below again if they still exist"
             : f.loses_chunks ? "bring the file packs/" + id.hex().substr(0, 2) + "/" + id.hex() + " back from a copy of the vault, or back up the files below again if they still exist"
                            : "no chunk is lost yet; bring the file packs/" + id.hex().substr(0, 2) + "/" + id.hex() + " back from a copy of the vault";
    const std::size_t damage = survey.add(std::move(d));
    if (!f.loses_chunks) continue;
    Lock lock(survey.mutex);
    survey.bad[id].push_back({f.offset, f.bytes == 0 ? UINT64_MAX : f.offset + f.bytes, damage});
  }
}

}  // namespace

Status check_packs(ObjectStore& store, const Vault* vault, const std::vector<PackId>& which, Survey& survey) {
  std::unique_ptr<ChunkReader> bases;  // shared by all: neighbouring deltas stand on the same segments
  if (vault != nullptr && survey.index) bases = std::make_unique<ChunkReader>(*vault, *survey.index);
  std::vector<std::unique_ptr<PackChecker>> checkers(std::max(1u, survey.options.jobs));
  std::uint64_t total = 0;
  for (const PackId& id : which) total += survey.present.at(id);
  survey.progress.bytes_total = total;
  survey.progress.items_total = which.size();
  in_parallel(survey.options.jobs, which.size(), [&](unsigned worker, std::size_t i) {
    if (survey.stopped()) return;
    auto& checker = checkers[worker];
    if (!checker) checker = std::make_unique<PackChecker>(vault, bases.get());
    const PackId& id = which[i];
    PackVerdict verdict;
    const auto judge = [&](const std::function<void(std::uint64_t)>& done) {
      verdict = {};
      if (const auto pack = store.open({ObjectKind::pack, id.hex()})) verdict = checker->check(**pack, id, done);
      else verdict.faults.push_back({0, 0, 0, false, true, "can't be opened: " + pack.error().message});
    };
    judge([&](std::uint64_t bytes) { survey.progress.bytes_done.fetch_add(bytes, std::memory_order_relaxed); });
    if (!verdict.sound() && survey.options.heal && heal_damaged(store, id, survey)) judge([](std::uint64_t) {});
    survey.progress.items_done.fetch_add(1, std::memory_order_relaxed);
    if (!verdict.sound()) {
      survey.progress.errors.fetch_add(1, std::memory_order_relaxed);
      report_faults(id, verdict, survey);
    }
    bool as_expected = true;
    if (vault != nullptr && survey.indexed.contains(id)) {
      const auto& sums = survey.expected.at(id);
      as_expected = std::find(sums.begin(), sums.end(), verdict.entries) != sums.end();
    }
    Lock lock(survey.mutex);
    VerifyReport& r = survey.report;
    ++r.packs_read;
    r.pack_bytes_read += verdict.stored_bytes;
    r.plain_bytes_read += verdict.plain_bytes;
    r.chunks_read += verdict.chunks;
    if (!verdict.sound()) return;
    survey.proven.push_back(id);
    if (!as_expected) survey.to_compare.push_back(id);
  });
  if (survey.stopped()) return Error(Code::cancelled, "stopped", "nothing was changed; begin again: holdfast verify");
  Lock lock(survey.mutex);
  std::sort(survey.proven.begin(), survey.proven.end());
  std::sort(survey.to_compare.begin(), survey.to_compare.end());
  return {};
}

}  // namespace hf
