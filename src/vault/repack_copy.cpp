// The copying of what is live in packs that a prune gives up: read, opened and compressed by all cores, written in one order.

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/in_order.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/repack.hpp"
#include "vault/run_builder.hpp"

namespace hf {
namespace {

/// Puts segments into packs of one class.
class PackSeries {
 public:
  PackSeries(Vault& vault, PackClass pack_class, std::uint64_t pack_bytes) : vault_(vault), class_(pack_class), pack_bytes_(pack_bytes) {}

  /// `apart`: those of its chunks that keep several places. None of them comes twice into one pack.
  Status add(const SegmentInfo& segment, ByteView body, const std::unordered_set<ChunkKey>& apart) {
    if (std::any_of(apart.begin(), apart.end(), [&](const ChunkKey& key) { return apart_.contains(key); })) HF_TRY(finish());
    HF_TRY(ensure_pack());
    HF_TRY(pack_->add_body(segment, body));
    apart_.insert(apart.begin(), apart.end());
    return pack_->is_full(pack_bytes_) ? finish() : Status();
  }
  Status add_replica(const ObjectName& name, ByteView object) {
    HF_TRY(ensure_pack());
    return pack_->add_replica(name, object);
  }
  Status finish() {
    apart_.clear();
    if (!pack_) return {};
    const auto pack = std::move(pack_);
    done.push_back(HF_TRY(pack->finish()));
    return {};
  }
  PackClass pack_class() const { return class_; }
  std::vector<FinishedPack> done;

 private:
  Status ensure_pack() {
    if (!pack_) pack_ = HF_TRY(PackWriter::begin(vault_, class_));
    return {};
  }

  Vault& vault_;
  const PackClass class_;
  const std::uint64_t pack_bytes_;
  std::unique_ptr<PackWriter> pack_;
  std::unordered_set<ChunkKey> apart_;  // in the open pack
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
  void take(const ChunkKey& key, std::size_t at) {
    plan_.to_copy->erase(key);
    if (auto* from = find(key, at)) from->copied = true;
  }
  /// How many lie in none of the packs that were looked through.
  std::size_t left() const {
    return plan_.to_copy->size() + static_cast<std::size_t>(std::count_if(plan_.to_copy_from.begin(), plan_.to_copy_from.end(), [](const RepackPlan::CopyFrom& c) { return !c.copied; }));
  }

 private:
  RepackPlan::CopyFrom* find(const ChunkKey& key, std::size_t pack) const {
    auto at = std::lower_bound(plan_.to_copy_from.begin(), plan_.to_copy_from.end(), key, [](const RepackPlan::CopyFrom& c, const ChunkKey& k) { return c.key < k; });
    while (at != plan_.to_copy_from.end() && at->key == key && at->pack != pack) ++at;
    return at != plan_.to_copy_from.end() && at->key == key ? &*at : nullptr;
  }
  RepackPlan& plan_;
};

/// Chunks that become one segment.
struct Gathered {
  std::vector<NewChunk> chunks;
  std::unordered_set<ChunkKey> apart;  // those of them that keep several places
  std::size_t bytes = 0;

  void add(const ChunkId& id, std::uint32_t size) {
    chunks.push_back({id, size});
    bytes += size;
  }
};

class Repack {
 public:
  Repack(Vault& vault, const Index& index, RepackPlan& plan, const WriteOptions& options, unsigned jobs)
      : vault_(vault), plan_(plan), wanted_(plan), chunks_(vault, index, kCacheBytes + jobs * kCacheBytesOfJob), directories_(vault), data_(vault, PackClass::data, pack_bytes(vault, options)),
        metadata_(vault, PackClass::metadata, pack_bytes(vault, options)), work_(jobs, 2 * std::size_t{jobs}) {
    for (unsigned i = 0; i < std::max(jobs, 1u); ++i) tools_.push_back(std::make_unique<Tools>(vault, options.compression_level));
    for (const IndexedPack& p : index.packs()) class_of_[p.id] = p.pack_class;
    for (std::size_t i = 0; i < plan.repack.size(); ++i) number_of_.emplace(plan.repack[i], i);
  }
  /// What the newest points need of the packs that go, alone but for deltas that nothing is turned for.
  Status lay_newest(const WalkNewest& walk, Progress& progress);
  Status copy_pack(std::size_t at);
  /// Copies of these small objects, as far as they are still there.
  Status add_replicas(const std::vector<PointId>& points);
  Status finish() {
    HF_TRY(seal(data_, alone_));
    HF_TRY(seal(metadata_, alone_metadata_));
    HF_TRY(work_.finish());
    HF_TRY(data_.finish());
    return metadata_.finish();
  }
  std::size_t left() const { return wanted_.left(); }
  std::uint64_t bytes_done() const { return bytes_laid_ + result.bytes_read; }
  std::vector<FinishedPack> take_done() {
    std::vector<FinishedPack> out = std::move(data_.done);
    std::move(metadata_.done.begin(), metadata_.done.end(), std::back_inserter(out));
    return out;
  }
  RepackResult result;

 private:
  // What one segment stands on may be 12 MiB of others.
  static constexpr std::size_t kCacheBytes = 24u << 20, kCacheBytesOfJob = 8u << 20;
  /// Of one worker.
  struct Tools {
    Tools(const Vault& vault, int compression_level) : opener(vault), compressor(compression_level) {}
    SegmentOpener opener;
    Compressor compressor;
    Buffer plain, prefix, frame;
  };
  static std::uint64_t pack_bytes(const Vault& vault, const WriteOptions& options) { return options.pack_bytes != 0 ? options.pack_bytes : vault.store().traits().pack_bytes; }

  /// Gathers for a segment of those that stand on nothing.
  Status add_alone(PackSeries& to, const ChunkId& id, std::uint32_t bytes, bool apart);
  Status seal(PackSeries& to, Gathered& gathered);
  /// One segment of these: on as many of `bases` as fit into `prefix_max`, or alone where they are none, can't be read, or do not pay.
  Status add_segment(PackSeries& to, Gathered chunks, std::vector<ChunkId> bases, std::size_t prefix_max, bool is_turned = false);
  Status add_as_it_is(PackSeries& to, const PackId& id, const std::shared_ptr<ObjectReader>& pack, const SegmentInfo& segment, std::unordered_set<ChunkKey> apart);
  /// What is laid of what it is to stand on, in order, as far as it lies in few segments.
  std::vector<ChunkId> laid_for(const TurnGroup::Turn& turn) const;
  /// The plaintext of all, of these sizes.
  Status read_all(const std::vector<NewChunk>& chunks, Buffer& out);
  /// Gives those of the bases that are in the prefix; none where one can't be read.
  std::vector<ChunkId> read_bases(const std::vector<ChunkId>& bases, std::size_t prefix_max, Buffer& out);

  Vault& vault_;
  RepackPlan& plan_;
  Wanted wanted_;
  ChunkReader chunks_;
  SegmentOpener directories_;
  PackSeries data_, metadata_;
  Gathered alone_, alone_metadata_;
  std::uint64_t sealed_ = 0;      // how many of these became segments
  std::uint64_t bytes_laid_ = 0;
  std::map<PackId, PackClass> class_of_;
  std::unordered_map<PackId, std::size_t> number_of_;  // in plan_.repack
  struct Laid {
    ChunkId id;
    std::uint64_t number = 0, segment = 0;  // in order, of chunks and of segments
  };
  std::unordered_map<ChunkKey, Laid> laid_;  // of what turns stand on: that which lies alone now
  std::vector<std::unique_ptr<Tools>> tools_;
  InOrder work_;  // last: its threads use the others
};

Status Repack::read_all(const std::vector<NewChunk>& chunks, Buffer& out) {
  out.clear();
  for (const NewChunk& c : chunks) {
    const LoadedChunk loaded = HF_TRY(chunks_.read(c.id));
    if (loaded.bytes.size() != c.bytes) return Error(Code::corrupt, "chunk " + c.id.brief() + " has another size than its pack tells", "see what is wrong: holdfast verify");
    append(out, loaded.bytes);
  }
  return {};
}

std::vector<ChunkId> Repack::read_bases(const std::vector<ChunkId>& bases, std::size_t prefix_max, Buffer& out) {
  out.clear();
  std::vector<ChunkId> read;
  for (const ChunkId& base : bases) {
    const auto loaded = chunks_.read(base);
    if (!loaded) return {};
    if (out.size() + loaded->bytes.size() > prefix_max || read.size() == kBasesPerSegmentMax) break;
    append(out, loaded->bytes);
    read.push_back(base);
  }
  return read;
}

Status Repack::add_segment(PackSeries& to, Gathered chunks, std::vector<ChunkId> bases, std::size_t prefix_max, bool is_turned) {
  struct Made {
    SegmentInfo info;
    Buffer body;
  };
  const auto gathered = std::make_shared<const Gathered>(std::move(chunks));
  const auto made = std::make_shared<Made>();
  return work_.add(
      [this, gathered, made, bases = std::move(bases), prefix_max](unsigned worker) -> Status {
        Tools& tools = *tools_[worker];
        HF_TRY(read_all(gathered->chunks, tools.plain));
        const std::vector<ChunkId> on = read_bases(bases, prefix_max, tools.prefix);
        const DeltaPrefix prefix{on, tools.prefix};
        PackedSegment packed = pack_segment(gathered->chunks, tools.plain, tools.compressor, on.empty() ? nullptr : &prefix);
        made->info = std::move(packed.info);
        made->body = std::move(packed.head);
        append(made->body, packed.payload);
        return {};
      },
      [this, &to, gathered, made, is_turned]() -> Status {
        result.deltas_turned += is_turned && !made->info.bases.empty() ? 1U : 0U;
        return to.add(made->info, made->body, gathered->apart);
      });
}

Status Repack::add_as_it_is(PackSeries& to, const PackId& id, const std::shared_ptr<ObjectReader>& pack, const SegmentInfo& segment, std::unordered_set<ChunkKey> apart) {
  const auto body = std::make_shared<Buffer>();
  const auto info = std::make_shared<const SegmentInfo>(segment);
  return work_.add(
      [this, id, pack, info, body](unsigned worker) -> Status {
        const auto doing = [&] { return "copying from pack " + id.brief(); };
        Tools& tools = *tools_[worker];
        tools.frame.resize(info->stored_bytes);
        HF_TRY(pack->read(info->offset, tools.frame).context(doing));
        append(*body, HF_TRY(tools.opener.open_body(tools.frame).context(doing)));
        return {};
      },
      [&to, info, body, apart = std::move(apart)]() -> Status { return to.add(*info, *body, apart); });
}

Status Repack::seal(PackSeries& to, Gathered& gathered) {
  if (gathered.chunks.empty()) return {};
  ++sealed_;
  return add_segment(to, std::exchange(gathered, {}), {}, 0);
}

Status Repack::add_alone(PackSeries& to, const ChunkId& id, std::uint32_t bytes, bool apart) {
  const bool is_data = to.pack_class() == PackClass::data;
  const std::size_t segment_bytes = is_data ? ChunkWriter::kSegmentBytes : ChunkWriter::kSegmentBytes / 8;
  Gathered& gathered = is_data ? alone_ : alone_metadata_;
  const ChunkKey key = ChunkKey::of(id);
  const bool is_full = gathered.bytes + bytes > segment_bytes || gathered.chunks.size() == kChunksPerSegmentMax;
  if (!gathered.chunks.empty() && (is_full || gathered.apart.contains(key))) HF_TRY(seal(to, gathered));
  gathered.add(id, bytes);
  if (apart) gathered.apart.insert(key);
  return {};
}

Status Repack::lay_newest(const WalkNewest& walk, Progress& progress) {
  std::unordered_set<ChunkKey> onto;
  for (const TurnGroup::Turn& t : plan_.turns) onto.insert(t.onto.begin(), t.onto.end());
  HF_TRY(walk([&](const ChunkRef& ref) -> Status {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped", "everything is whole; run it again: holdfast prune");
    const ChunkKey key = ChunkKey::of(ref.id);
    const ChunkPlace place = HF_TRY(chunks_.locate(ref.id));
    const auto from = number_of_.find(place.pack);
    if (place.pack_class != PackClass::data || from == number_of_.end() || !wanted_.contains(key, from->second)) return {};
    if (plan_.not_laid.contains(key)) return {};
    HF_TRY(add_alone(data_, ref.id, ref.bytes, false));
    wanted_.take(key, from->second);
    if (onto.contains(key)) laid_.emplace(key, Laid{ref.id, laid_.size(), sealed_});
    progress.bytes_done = bytes_laid_ += ref.bytes;
    return {};
  }));
  return finish();  // durable before anything stands on it
}

std::vector<ChunkId> Repack::laid_for(const TurnGroup::Turn& turn) const {
  std::vector<const Laid*> laid;
  for (const ChunkKey& key : turn.onto)
    if (const auto at = laid_.find(key); at != laid_.end()) laid.push_back(&at->second);
  std::sort(laid.begin(), laid.end(), [](const Laid* a, const Laid* b) { return a->number < b->number; });
  std::vector<ChunkId> out;
  std::size_t segments = 0;
  for (std::size_t i = 0; i < laid.size(); ++i) {
    segments += i == 0 || laid[i]->segment != laid[i - 1]->segment ? 1U : 0U;
    if (segments > TurnGroup::kOntoSegmentsMax) break;
    out.push_back(laid[i]->id);
  }
  return out;
}

Status Repack::copy_pack(std::size_t at) {
  const PackId id = plan_.repack[at];
  PackSeries& to = class_of_[id] == PackClass::data ? data_ : metadata_;
  const auto reader = HF_TRY(chunks_.pack(id));
  const PackDirectory directory = HF_TRY(read_pack_directory(vault_, *reader, directories_).context([&] { return "copying from pack " + id.brief(); }));
  result.bytes_read += reader->size();
  for (const SegmentInfo& s : directory.segments) {
    Gathered live;
    std::map<std::uint32_t, Gathered> turned;  // by turn
    for (const auto& [chunk, bytes] : s.chunks) {
      const ChunkKey key = ChunkKey::of(chunk);
      if (!wanted_.contains(key, at)) continue;
      const auto turn = plan_.turned.find(key);
      Gathered& g = turn == plan_.turned.end() ? live : turned[turn->second];
      g.add(chunk, bytes);
      if (wanted_.has_several_places(key, at)) g.apart.insert(key);
      wanted_.take(key, at);
    }
    for (auto& [turn, some] : turned) {
      HF_TRY(add_segment(to, std::move(some), laid_for(plan_.turns[turn]), delta_limits(PackClass::data).prefix_bytes, true));
    }
    if (live.chunks.empty()) continue;
    const bool alone = s.bases.empty() || std::any_of(s.chunks.begin(), s.chunks.end(), [&](const auto& c) { return plan_.alone->contains(ChunkKey::of(c.first)); });
    const bool as_it_is = s.bases.empty() ? !plan_.recompress.contains(id) : !alone;
    if (live.chunks.size() == s.chunks.size() && as_it_is) {
      HF_TRY(add_as_it_is(to, id, reader, s, std::move(live.apart)));
    } else if (!alone) {
      HF_TRY(add_segment(to, std::move(live), s.bases, kPrefixMax));
    } else {
      for (const NewChunk& c : live.chunks) HF_TRY(add_alone(to, c.id, c.bytes, live.apart.contains(ChunkKey::of(c.id))));
    }
  }
  return {};
}

Status Repack::add_replicas(const std::vector<PointId>& points) {
  for (const auto& [name, bytes] : HF_TRY(vault_.replicas())) HF_TRY(metadata_.add_replica(name, bytes));
  for (const PointId& id : points) {
    const ObjectName name{ObjectKind::point, id.hex()};
    const auto object = vault_.store().get(name, kPointBytesMax);
    if (!object && object.error().code == Code::not_found) continue;  // another prune has removed it since
    HF_TRY(metadata_.add_replica(name, HF_TRY(object)));
  }
  return metadata_.finish();
}

}  // namespace

Result<RepackResult> repack(Vault& vault, const Index& index, RepackPlan& plan, const WriteOptions& options, unsigned jobs, const std::vector<PointId>* copies_for, const WalkNewest& walk_newest,
                            Progress& progress) {
  Repack work(vault, index, plan, options, jobs);
  progress.items_total = plan.repack.size();
  if (!plan.turns.empty()) HF_TRY(work.lay_newest(walk_newest, progress));
  for (std::size_t i = 0; i < plan.repack.size(); ++i) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped", "everything is whole; run it again: holdfast prune");
    HF_TRY(work.copy_pack(i));
    ++progress.items_done;
    progress.bytes_done = work.bytes_done();
  }
  HF_TRY(work.finish());
  if (copies_for != nullptr) HF_TRY(work.add_replicas(*copies_for));
  // As the packs' directories tell it; the index is wrong about these.
  if (work.left() > 0) return Error(Code::corrupt, std::to_string(work.left()) + " chunks are not where the index says; nothing was removed", "see what is wrong: holdfast verify");
  const std::vector<FinishedPack> done = work.take_done();
  RepackResult result = work.result;
  RunBuilder run;
  for (const FinishedPack& p : done) {
    result.bytes_written += p.pack.stored_bytes;
    run.add(p);
    if (!run.is_full() && &p != &done.back()) continue;
    HF_TRY(run.write(vault));
    run.clear();
  }
  return result;
}

}  // namespace hf
