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

/// What of a plan was not copied yet.
class Wanted {
 public:
  explicit Wanted(RepackPlan& plan) : plan_(plan) {}
  /// From this pack, by position in `repack`.
  bool contains(const ChunkKey& key, std::size_t at) const {
    if (plan_.to_copy->contains(key)) return true;
    const auto* from = find(key, at);
    return from != nullptr && !from->copied;
  }
  bool has_several_places(const ChunkKey& key, std::size_t at) const { return find(key, at) != nullptr; }
  /// Once is enough.
  void copied(const ChunkKey& key, std::size_t at) {
    plan_.to_copy->erase(key);
    if (auto* from = find(key, at)) from->copied = true;
  }

 private:
  RepackPlan::CopyFrom* find(const ChunkKey& key, std::size_t pack) const {
    auto at = std::lower_bound(plan_.to_copy_from.begin(), plan_.to_copy_from.end(), key, [](const RepackPlan::CopyFrom& c, const ChunkKey& k) { return c.key < k; });
    while (at != plan_.to_copy_from.end() && at->key == key && at->pack != pack) ++at;
    return at != plan_.to_copy_from.end() && at->key == key ? &*at : nullptr;
  }
  RepackPlan& plan_;
};

/// Some chunks of a segment, and what they are to stand on. Nullopt where that can't be read, or is not as the directory says: who
/// can be read is stored alone then.
struct AsDelta {
  std::vector<NewChunk> chunks;
  std::vector<ChunkId> bases;
  Buffer plain, prefix;
};
std::optional<AsDelta> as_delta(ChunkReader& chunks, const SegmentInfo& s, const std::vector<std::size_t>& wanted, std::span<const ChunkId> bases, std::size_t prefix_max) {
  AsDelta out;
  for (const ChunkId& base : bases) {
    const auto loaded = chunks.read(base);
    if (!loaded || loaded->bytes.size() > kPrefixMax - out.prefix.size()) return std::nullopt;
    if (out.prefix.size() + loaded->bytes.size() > prefix_max || out.bases.size() == kBasesPerSegmentMax) break;
    append(out.prefix, loaded->bytes);
    out.bases.push_back(base);
  }
  if (out.bases.empty()) return std::nullopt;
  for (std::size_t i : wanted) {
    const auto& [id, bytes] = s.chunks[i];
    const auto loaded = chunks.read(id);
    if (!loaded || loaded->bytes.size() != bytes || bytes > s.plain_bytes - out.plain.size()) return std::nullopt;
    append(out.plain, loaded->bytes);
    out.chunks.push_back({id, bytes});
  }
  return out;
}

class Repack {
 public:
  Repack(Vault& vault, const Index& index, RepackPlan& plan, const WriteOptions& options)
      : vault_(vault), plan_(plan), wanted_(plan), chunks_(vault, index), opener_(vault), data_(vault, PackClass::data, options), metadata_(vault, PackClass::metadata, options) {
    for (const IndexedPack& p : index.packs()) class_of_[p.id] = p.pack_class;
    for (std::size_t i = 0; i < plan.repack.size(); ++i) number_of_.emplace(plan.repack[i], i);
  }
  /// What the newest points need of the packs that go, alone but for deltas that nothing is turned for.
  Status lay_newest(const WalkNewest& walk, Progress& progress);
  Status copy_pack(std::size_t at);
  Status finish() {
    HF_TRY(data_.finish());
    return metadata_.finish();
  }
  Copier& metadata() { return metadata_; }
  std::vector<FinishedPack> take_done() {
    std::vector<FinishedPack> out = std::move(data_.done);
    std::move(metadata_.done.begin(), metadata_.done.end(), std::back_inserter(out));
    return out;
  }
  RepackResult result;

 private:
  /// Stores these chunks of a segment in a new one: on `bases`, or alone.
  Status add_some(Copier& to, const SegmentInfo& s, const std::vector<std::size_t>& wanted, std::span<const ChunkId> bases, std::size_t prefix_max);

  Vault& vault_;
  RepackPlan& plan_;
  Wanted wanted_;
  ChunkReader chunks_;
  SegmentOpener opener_;
  Copier data_, metadata_;
  std::map<PackId, PackClass> class_of_;
  std::unordered_map<PackId, std::size_t> number_of_;  // in plan_.repack
  std::unordered_map<ChunkKey, ChunkId> laid_;         // of what turns stand on: that which lies alone now
  Buffer frame_;
};

Status Repack::lay_newest(const WalkNewest& walk, Progress& progress) {
  std::unordered_set<ChunkKey> onto;
  for (const TurnGroup::Turn& t : plan_.turns) onto.insert(t.onto.begin(), t.onto.end());
  HF_TRY(walk([&](const ChunkRef& ref) -> Status {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped", "everything is whole; run it again: holdfast prune");
    const ChunkKey key = ChunkKey::of(ref.id);
    const ChunkPlace place = HF_TRY(chunks_.locate(ref.id));
    const auto from = number_of_.find(place.pack);
    if (place.pack_class != PackClass::data || from == number_of_.end() || !wanted_.contains(key, from->second)) return {};
    if (!onto.contains(key)) {
      const auto directory = HF_TRY(chunks_.directory(place.pack));
      const SegmentInfo* const s = directory->at(place.offset);
      if (s == nullptr || !s->bases.empty()) return {};
    } else {
      laid_.emplace(key, ref.id);
    }
    HF_TRY(data_.add(ref.id, HF_TRY(chunks_.read(ref.id)).bytes));
    wanted_.copied(key, from->second);
    return {};
  }));
  return data_.finish();  // durable before anything stands on it
}

Status Repack::add_some(Copier& to, const SegmentInfo& s, const std::vector<std::size_t>& wanted, std::span<const ChunkId> bases, std::size_t prefix_max) {
  if (const auto delta = as_delta(chunks_, s, wanted, bases, prefix_max)) return to.add_delta(delta->chunks, delta->plain, {delta->bases, delta->prefix});
  for (std::size_t i : wanted) HF_TRY(to.add(s.chunks[i].first, HF_TRY(chunks_.read(s.chunks[i].first)).bytes));
  return {};
}

Status Repack::copy_pack(std::size_t at) {
  const PackId id = plan_.repack[at];
  const auto doing = [&] { return "copying from pack " + id.brief(); };
  Copier& to = class_of_[id] == PackClass::data ? data_ : metadata_;
  const auto reader = HF_TRY(chunks_.pack(id));
  const PackDirectory directory = HF_TRY(read_pack_directory(vault_, *reader, opener_).context(doing));
  result.bytes_read += reader->size();
  for (const SegmentInfo& s : directory.segments) {
    std::vector<std::size_t> wanted;
    std::map<std::uint32_t, std::vector<std::size_t>> turned;  // by turn
    std::vector<ChunkKey> apart;
    for (std::size_t i = 0; i < s.chunks.size(); ++i) {
      const ChunkKey key = ChunkKey::of(s.chunks[i].first);
      if (!wanted_.contains(key, at)) continue;
      if (wanted_.has_several_places(key, at)) apart.push_back(key);
      const auto turn = plan_.turned.find(key);
      (turn == plan_.turned.end() ? wanted : turned[turn->second]).push_back(i);
      wanted_.copied(key, at);
    }
    if (wanted.empty() && turned.empty()) continue;
    HF_TRY(to.keep_apart(apart));
    for (const auto& [turn, some] : turned) {
      std::vector<ChunkId> onto;
      for (const ChunkKey& key : plan_.turns[turn].onto)
        if (const auto laid = laid_.find(key); laid != laid_.end()) onto.push_back(laid->second);
      HF_TRY(add_some(to, s, some, onto, delta_limits(PackClass::data).prefix_bytes).context(doing));
      ++result.deltas_turned;
    }
    if (wanted.empty()) continue;
    const bool alone = s.bases.empty() || std::any_of(s.chunks.begin(), s.chunks.end(), [&](const auto& c) { return plan_.alone->contains(ChunkKey::of(c.first)); });
    const bool as_it_is = s.bases.empty() ? !plan_.recompress.contains(id) : !alone;
    if (wanted.size() == s.chunks.size() && as_it_is) {
      frame_.resize(s.stored_bytes);
      HF_TRY(reader->read(s.offset, frame_).context(doing));
      HF_TRY(to.add_body(s, HF_TRY(opener_.open_body(frame_).context(doing))));
    } else {
      HF_TRY(add_some(to, s, wanted, alone ? std::span<const ChunkId>() : s.bases, kPrefixMax).context(doing));
    }
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

Result<RepackResult> repack(Vault& vault, const Index& index, RepackPlan& plan, const WriteOptions& options, const std::vector<PointId>* copies_for, const WalkNewest& walk_newest,
                            Progress& progress) {
  Repack work(vault, index, plan, options);
  progress.items_total = plan.repack.size();
  if (!plan.turns.empty()) HF_TRY(work.lay_newest(walk_newest, progress));
  for (std::size_t i = 0; i < plan.repack.size(); ++i) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped", "everything is whole; run it again: holdfast prune");
    HF_TRY(work.copy_pack(i));
    ++progress.items_done;
    progress.bytes_done = work.result.bytes_read;
  }
  HF_TRY(work.finish());
  if (copies_for != nullptr) {
    Copier& metadata = work.metadata();
    for (const auto& [name, bytes] : HF_TRY(vault.replicas())) HF_TRY(metadata.add_replica(name, bytes));
    for (const PointId& id : *copies_for) {
      const ObjectName name{ObjectKind::point, id.hex()};
      const auto object = vault.store().get(name, kPointBytesMax);
      if (!object && object.error().code == Code::not_found) continue;  // another prune has removed it since
      HF_TRY(metadata.add_replica(name, HF_TRY(object)));
    }
    HF_TRY(metadata.finish());
  }
  const std::vector<FinishedPack> done = work.take_done();
  RepackResult result = work.result;
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
