#include "vault/repack.hpp"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "vault/chunk_reader.hpp"
#include "vault/run_builder.hpp"

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

/// Gathers chunks into segments and segments into packs of one class.
class Copier {
 public:
  Copier(Vault& vault, PackClass pack_class, const WriteOptions& options)
      : vault_(vault), class_(pack_class), pack_bytes_(options.pack_bytes != 0 ? options.pack_bytes : vault.store().traits().pack_bytes), compressor_(options.compression_level) {}

  Status add_body(const SegmentInfo& segment, ByteView body) {
    HF_TRY(ensure_pack());
    HF_TRY(pack_->add_body(segment, body));
    return finish_if_full();
  }
  Status add(const ChunkId& id, ByteView chunk) {
    const std::size_t segment_bytes = class_ == PackClass::data ? ChunkWriter::kSegmentBytes : ChunkWriter::kSegmentBytes / 8;
    if (!chunks_.empty() && (plain_.size() + chunk.size() > segment_bytes || chunks_.size() == kChunksPerSegmentMax)) HF_TRY(seal());
    chunks_.push_back({id, static_cast<std::uint32_t>(chunk.size())});
    append(plain_, chunk);
    return {};
  }
  /// What is left of a delta, on what it stood on.
  Status add_delta(std::span<const NewChunk> left, ByteView plain, const DeltaPrefix& prefix) {
    HF_TRY(ensure_pack());
    HF_TRY(pack_->add_segment(left, plain, compressor_, &prefix));
    return finish_if_full();
  }
  Status add_replica(const ObjectName& name, ByteView object) {
    HF_TRY(ensure_pack());
    return pack_->add_replica(name, object);
  }
  Status finish() {
    HF_TRY(seal());
    return finish_pack();
  }
  /// To be called before chunks are added that keep several places: none comes twice into one pack. What is added next up
  /// to the next call must be these and others that come once.
  Status keep_apart(std::span<const ChunkKey> keys) {
    if (std::any_of(keys.begin(), keys.end(), [&](const ChunkKey& key) { return apart_.contains(key); })) HF_TRY(finish());
    apart_.insert(keys.begin(), keys.end());
    return {};
  }
  std::vector<FinishedPack> done;

 private:
  Status ensure_pack() {
    if (!pack_) pack_ = HF_TRY(PackWriter::begin(vault_, class_));
    return {};
  }
  Status seal() {
    if (chunks_.empty()) return {};
    HF_TRY(ensure_pack());
    HF_TRY(pack_->add_segment(chunks_, plain_, compressor_));
    chunks_.clear();
    plain_.clear();
    return finish_if_full();
  }
  Status finish_if_full() { return pack_->is_full(pack_bytes_) ? finish_pack() : Status(); }
  Status finish_pack() {
    apart_.clear();
    for (const NewChunk& c : chunks_) apart_.insert(ChunkKey::of(c.id));  // they go into the next one
    if (!pack_) return {};
    const auto pack = std::move(pack_);
    done.push_back(HF_TRY(pack->finish()));
    return {};
  }

  Vault& vault_;
  const PackClass class_;
  const std::uint64_t pack_bytes_;
  Compressor compressor_;
  std::unique_ptr<PackWriter> pack_;
  std::vector<NewChunk> chunks_;
  Buffer plain_;
  std::set<ChunkKey> apart_;  // in the open pack, of those that keep several places
};

/// Which of the chunks in a pack of `repack` are copied from there.
class Wanted {
 public:
  Wanted(RepackPlan& plan, std::size_t at) : plan_(plan), at_(at) {}
  bool contains(const ChunkKey& key) const {
    if (plan_.to_copy->contains(key)) return true;
    const auto* from = find(key);
    return from != nullptr && !from->copied;
  }
  bool has_several_places(const ChunkKey& key) const { return find(key) != nullptr; }
  /// Once is enough.
  void copied(const ChunkKey& key) {
    plan_.to_copy->erase(key);
    if (auto* from = find(key)) from->copied = true;
  }

 private:
  RepackPlan::CopyFrom* find(const ChunkKey& key) const {
    auto at = std::lower_bound(plan_.to_copy_from.begin(), plan_.to_copy_from.end(), key, [](const RepackPlan::CopyFrom& c, const ChunkKey& k) { return c.key < k; });
    while (at != plan_.to_copy_from.end() && at->key == key && at->pack != at_) ++at;
    return at != plan_.to_copy_from.end() && at->key == key ? &*at : nullptr;
  }
  RepackPlan& plan_;
  const std::size_t at_;
};

/// Some chunks of a delta, and what it stands on. Nullopt where that can't be read, or is not as the directory says: who can
/// be read is stored alone then.
struct LeftOfDelta {
  std::vector<NewChunk> chunks;
  Buffer plain, prefix;
};
std::optional<LeftOfDelta> what_is_left(ChunkReader& chunks, const SegmentInfo& s, const std::vector<std::size_t>& wanted) {
  LeftOfDelta out;
  for (const ChunkId& base : s.bases) {
    const auto loaded = chunks.read(base);
    if (!loaded || loaded->bytes.size() > kPrefixMax - out.prefix.size()) return std::nullopt;
    append(out.prefix, loaded->bytes);
  }
  for (std::size_t i : wanted) {
    const auto& [id, bytes] = s.chunks[i];
    const auto loaded = chunks.read(id);
    if (!loaded || loaded->bytes.size() != bytes || bytes > s.plain_bytes - out.plain.size()) return std::nullopt;
    append(out.plain, loaded->bytes);
    out.chunks.push_back({id, bytes});
  }
  return out;
}

Status copy_pack(Vault& vault, ChunkReader& chunks, std::size_t at, RepackPlan& plan, SegmentOpener& opener, Buffer& frame, Copier& to, RepackResult& result) {
  const PackId id = plan.repack[at];
  Wanted from_here(plan, at);
  const auto doing = [&] { return "copying from pack " + id.brief(); };
  const auto reader = HF_TRY(chunks.pack(id));
  const PackDirectory directory = HF_TRY(read_pack_directory(vault, *reader, opener).context(doing));
  result.bytes_read += reader->size();
  for (const SegmentInfo& s : directory.segments) {
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < s.chunks.size(); ++i)
      if (from_here.contains(ChunkKey::of(s.chunks[i].first))) wanted.push_back(i);
    if (wanted.empty()) continue;
    std::vector<ChunkKey> apart;
    for (std::size_t i : wanted)
      if (const ChunkKey key = ChunkKey::of(s.chunks[i].first); from_here.has_several_places(key)) apart.push_back(key);
    HF_TRY(to.keep_apart(apart));
    const bool alone = s.bases.empty() || std::any_of(s.chunks.begin(), s.chunks.end(), [&](const auto& c) { return plan.alone->contains(ChunkKey::of(c.first)); });
    const bool as_it_is = s.bases.empty() ? !plan.recompress.contains(id) : !alone;
    if (wanted.size() == s.chunks.size() && as_it_is) {
      frame.resize(s.stored_bytes);
      HF_TRY(reader->read(s.offset, frame).context(doing));
      HF_TRY(to.add_body(s, HF_TRY(opener.open_body(frame).context(doing))));
    } else if (const auto left = alone ? std::nullopt : what_is_left(chunks, s, wanted); !left) {
      for (std::size_t i : wanted) HF_TRY(to.add(s.chunks[i].first, HF_TRY(chunks.read(s.chunks[i].first).context(doing)).bytes));
    } else {
      HF_TRY(to.add_delta(left->chunks, left->plain, {s.bases, left->prefix}));
    }
    for (std::size_t i : wanted) from_here.copied(ChunkKey::of(s.chunks[i].first));
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
  const std::unordered_set<PackId> first(limits.first.begin(), limits.first.end());
  for (const Candidate& c : candidates)
    if (first.contains(packs[c.pack].id)) take(c);
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

Result<RepackResult> repack(Vault& vault, const Index& index, RepackPlan& plan, const WriteOptions& options, const std::vector<PointId>* copies_for, Progress& progress) {
  RepackResult result;
  std::map<PackId, PackClass> class_of;
  for (const IndexedPack& p : index.packs()) class_of[p.id] = p.pack_class;
  ChunkReader chunks(vault, index);
  SegmentOpener opener(vault);
  Buffer frame;
  Copier data(vault, PackClass::data, options), metadata(vault, PackClass::metadata, options);
  progress.items_total = plan.repack.size();
  for (std::size_t i = 0; i < plan.repack.size(); ++i) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped", "everything is whole; run it again: holdfast prune");
    HF_TRY(copy_pack(vault, chunks, i, plan, opener, frame, class_of[plan.repack[i]] == PackClass::data ? data : metadata, result));
    ++progress.items_done;
    progress.bytes_done = result.bytes_read;
  }
  HF_TRY(data.finish());
  HF_TRY(metadata.finish());
  if (copies_for != nullptr) {
    for (const auto& [name, bytes] : HF_TRY(vault.replicas())) HF_TRY(metadata.add_replica(name, bytes));
    for (const PointId& id : *copies_for) {
      const ObjectName name{ObjectKind::point, id.hex()};
      const auto object = vault.store().get(name, kPointBytesMax);
      if (!object && object.error().code == Code::not_found) continue;  // another prune has removed it since
      HF_TRY(metadata.add_replica(name, HF_TRY(object)));
    }
    HF_TRY(metadata.finish());
  }
  std::vector<FinishedPack> done = std::move(data.done);
  std::move(metadata.done.begin(), metadata.done.end(), std::back_inserter(done));
  for (const FinishedPack& p : done) result.bytes_written += p.pack.stored_bytes;
  // What was to be copied and lies in none of the packs as their directories tell it: the index is wrong about it.
  for (const RepackPlan::CopyFrom& c : plan.to_copy_from)
    if (!c.copied) plan.to_copy->insert(c.key);
  if (plan.to_copy->size() > 0) return Error(Code::corrupt, std::to_string(plan.to_copy->size()) + " chunks are not where the index says; nothing was removed", "see what is wrong: holdfast verify");
  RunBuilder run;
  for (const FinishedPack& p : done) {
    run.add(p);
    if (!run.is_full() && &p != &done.back()) continue;
    HF_TRY(run.write(vault));
    run.clear();
  }
  return result;
}

}  // namespace hf
