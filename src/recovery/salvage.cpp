#include "recovery/salvage.hpp"

#include <algorithm>
#include <atomic>
#include <unordered_set>

#include "recovery/join.hpp"
#include "recovery/salvage_sink.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/write_session.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

constexpr std::uint32_t kDirectoryBytesMax = 256u << 20;
// Opening what does not open costs time, and whoever can write to the medium can make headers that promise much. So such
// bytes are limited to a multiple of those that were scanned; a disk full of stale and torn packs is far below.
constexpr std::uint64_t kFailedBytesLeast = std::uint64_t{1} << 30, kFailedBytesShare = 4;
constexpr std::uint64_t kJoinBytesMax = std::uint64_t{1} << 40;  // about ten minutes of a core
constexpr unsigned kForeignAfter = 3;  // frames of a pack that names another vault are tried before it is believed

using FrameNumber = std::uint32_t;  // into catalogue.frames

class Salvage {
 public:
  Salvage(Vault& vault, RawSources& sources, const Catalogue& catalogue, SalvageSink& sink, unsigned jobs, Progress& progress)
      : vault_(vault), sources_(sources), catalogue_(catalogue), sink_(sink), jobs_(std::max(1u, jobs)), progress_(progress) {
    for (unsigned i = 0; i < jobs_; ++i) workers_.push_back(std::make_unique<Worker>(vault));
  }

  Result<SalvageReport> run() {
    HF_TRY(know_what_is_there());
    plan();
    HF_TRY(each(catalogue_.packs.size(), [this](unsigned worker, std::size_t i) { return whole_pack(*workers_[worker], catalogue_.packs[i]); }));
    HF_TRY(each(groups_.size(), [this](unsigned worker, std::size_t i) { return pieces(worker, groups_[i]); }));
    for (auto& w : workers_) w->buffer = {};
    HF_TRY(sink_.finish(progress_));
    HF_TRY(save_points());
    HF_TRY(assess());
    Lock lock(mutex_);
    report_.chunks = known_.size();
    return std::move(report_);
  }

 private:
  struct Worker {
    explicit Worker(const Vault& vault) : checker(&vault), opener(vault) {}
    PackChecker checker;
    SegmentOpener opener;
    OpenedSegment opened;
    Buffer buffer;
    std::vector<ByteView> views;
    std::vector<Digest> digests;
    std::vector<ChunkId> ids;
    std::vector<bool> fresh;
  };
  /// The frames of one pack, wherever they lie: a range of order_, by ordinal.
  struct Group {
    std::size_t begin = 0, end = 0;
    std::uint64_t first = 0;  ///< where in the sources, to read them in order
  };

  Status each(std::size_t count, const std::function<Status(unsigned, std::size_t)>& work) {
    Status first;
    in_parallel(jobs_, count, [&](unsigned worker, std::size_t i) {
      if (failed_) return;
      Status done = progress_.stop_requested ? Status(Error(Code::cancelled, "stopped")) : work(worker, i);
      if (done) return;
      Lock lock(mutex_);
      if (!failed_.exchange(true)) first = std::move(done);
    });
    return first;
  }

  /// Chunks of an earlier salvage into the same place that was broken off.
  Status know_what_is_there() {
    std::vector<std::string> names;
    HF_TRY(vault_.store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
    for (const std::string& name : names) {
      const auto reader = HF_TRY(vault_.store().open({ObjectKind::pack, name}));
      const auto directory = read_pack_directory(vault_, *reader, workers_[0]->opener);
      if (!directory) continue;
      for (const SegmentInfo& s : directory->segments)
        for (const auto& chunk : s.chunks) know(chunk.first, chunk.second);
    }
    return {};
  }

  bool know(const ChunkId& id, std::uint64_t bytes) {
    if (!known_.insert(ChunkKey::of(id))) return false;
    bytes_saved_ += bytes;
    return true;
  }

  void plan() {
    for (const FoundHeader& p : catalogue_.packs) {
      auto& claims = claims_[p.header.salt];
      claims.ours = claims.ours || p.header.vault == vault_.id();
      claims.pack_class = p.header.pack_class;
    }
    order_.resize(catalogue_.frames.size());
    for (std::size_t i = 0; i < order_.size(); ++i) order_[i] = static_cast<FrameNumber>(i);
    const auto key = [this](FrameNumber i) {
      const CataloguedFrame& f = catalogue_.frames[i];
      return std::tie(f.salt, f.ordinal, f.source, f.offset);
    };
    std::sort(order_.begin(), order_.end(), [&](FrameNumber a, FrameNumber b) { return key(a) < key(b); });
    for (std::size_t i = 0; i < order_.size();) {
      Group g{i, i, UINT64_MAX};
      const Salt& salt = catalogue_.frames[order_[i]].salt;
      for (; g.end < order_.size() && catalogue_.frames[order_[g.end]].salt == salt; ++g.end) g.first = std::min<std::uint64_t>(g.first, order_[g.end]);
      i = g.end;
      groups_.push_back(g);
    }
    std::sort(groups_.begin(), groups_.end(), [](const Group& a, const Group& b) { return a.first < b.first; });
    std::uint64_t bytes = 0;
    for (const CataloguedFrame& f : catalogue_.frames) bytes += f.stored_bytes;
    progress_.bytes_total = bytes;
    progress_.bytes_done = 0;
  }

  bool is_whole(const Salt& salt) {
    Lock lock(mutex_);
    return whole_.contains(salt);
  }

  /// Copies the pack, if every byte of it is what was stored.
  Status whole_pack(Worker& w, const FoundHeader& found) {
    const auto at = catalogue_.ends.find({found.source, found.offset});
    if (found.header.vault != vault_.id() || at == catalogue_.ends.end() || at->second.directory_bytes > kDirectoryBytesMax || is_whole(found.header.salt)) return {};
    const Extent extent{found.source, found.offset, at->second.end - found.offset};
    ExtentReader reader(sources_, extent);
    auto directory = read_pack_directory(vault_, reader, w.opener);
    if (!directory) return {};
    auto upload = HF_TRY(sink_.begin_pack());
    ContentName name;
    for (std::uint64_t read = 0; read < extent.bytes; read += w.buffer.size()) {
      w.buffer.resize(std::min<std::uint64_t>(16 * ContentName::kBlockBytes, extent.bytes - read));
      if (!reader.read(read, w.buffer)) return {};
      name.update(w.buffer);
      if (upload) HF_TRY(upload->append(w.buffer));
    }
    const PackId id{name.finish()};
    // Deltas can't be unfolded yet: their bases may lie in packs that come later. What is stored here is authentic.
    const PackVerdict verdict = w.checker.check(reader, id, [](std::uint64_t) {});
    if (std::any_of(verdict.faults.begin(), verdict.faults.end(), [](const PackFault& f) { return !f.base; })) return {};
    const FinishedPack described = described_by(id, found.header.pack_class, extent.bytes, *directory);
    HF_TRY(sink_.end_pack(std::move(upload), extent, described));
    for (const SegmentInfo& s : directory->segments)
      for (const auto& chunk : s.chunks) know(chunk.first, chunk.second);
    progress_.bytes_done += extent.bytes;
    Lock lock(mutex_);
    if (!whole_.insert(found.header.salt).second) return {};
    ++report_.packs_whole;
    report_.bytes_whole += extent.bytes;
    return {};
  }

  bool may_try(std::uint64_t bytes) {
    const std::uint64_t most = std::max(kFailedBytesLeast, kFailedBytesShare * catalogue_.bytes_scanned);
    return failed_bytes_ + bytes <= most;
  }

  /// What one pack's frames come to.
  struct Tally {
    std::uint64_t saved = 0, known = 0, damaged = 0, untried = 0, joined = 0;
    bool ours = false;
  };

  Status pieces(unsigned worker, const Group& group) {
    Worker& w = *workers_[worker];
    const Salt& salt = catalogue_.frames[order_[group.begin]].salt;
    if (is_whole(salt)) return {};
    const auto claim = claims_.find(salt);
    const bool foreign = claim != claims_.end() && !claim->second.ours;
    const std::optional<PackClass> pack_class = claim != claims_.end() ? std::optional(claim->second.pack_class) : std::nullopt;
    Tally tally;
    std::vector<std::size_t> broken;  // positions in order_, of the first frame of each ordinal that does not open
    std::uint64_t failed = 0;
    for (std::size_t i = group.begin; i < group.end;) {
      const CataloguedFrame& first = catalogue_.frames[order_[i]];
      std::size_t next = i;
      bool done = false, tried = false;
      for (; next < group.end && catalogue_.frames[order_[next]].ordinal == first.ordinal; ++next) {
        const CataloguedFrame& f = catalogue_.frames[order_[next]];
        const std::uint64_t bytes = FrameHeader::kBytes + std::uint64_t{f.stored_bytes};
        if (done || f.kind != SealedKind::segment) continue;
        if (foreign && !tally.ours && failed >= kForeignAfter) continue;
        if (!may_try(bytes)) {
          ++tally.untried;
          continue;
        }
        tried = true;
        w.buffer.resize(bytes);
        const Extent extent{f.source, f.offset, bytes};
        if (!sources_.read(extent, w.buffer)) continue;
        if (!w.opener.open(w.buffer, w.opened)) {
          failed_bytes_ += bytes;
          ++failed;
          continue;
        }
        done = true;
        HF_TRY(save(worker, {&extent, 1}, pack_class, tally));
      }
      if (!done && tried) broken.push_back(i);
      i = next;
    }
    for (std::size_t i : broken) {
      if (tally.ours && HF_TRY(join(worker, group, i, pack_class, tally))) continue;
      ++tally.damaged;
    }
    Lock lock(mutex_);
    if (tally.ours) {
      ++report_.packs_broken;
      report_.segments_saved += tally.saved;
      report_.segments_known += tally.known;
      report_.segments_damaged += tally.damaged;
      report_.segments_joined += tally.joined;
    } else {
      report_.segments_foreign += group.end - group.begin - tally.untried;
    }
    report_.segments_untried += tally.untried;
    return {};
  }

  /// Identifies the chunks of w.opened and keeps those that nothing else gave.
  Status save(unsigned worker, std::span<const Extent> frame, std::optional<PackClass> pack_class, Tally& tally) {
    Worker& w = *workers_[worker];
    tally.ours = true;
    w.views.clear();
    for (std::size_t i = 0; i < w.opened.chunk_count(); ++i) w.views.push_back(w.opened.chunk(i));
    w.digests.resize(w.views.size());
    vault_.keys().chunk_hash().digest_many(w.views, w.digests);
    w.ids.clear();
    w.fresh.clear();
    bool any = false;
    for (std::size_t i = 0; i < w.views.size(); ++i) {
      w.ids.push_back(ChunkId{w.digests[i]});
      w.fresh.push_back(know(w.ids.back(), w.views[i].size()));
      any = any || w.fresh.back();
    }
    for (const Extent& part : frame) progress_.bytes_done += part.bytes;
    if (!any) {
      ++tally.known;
      return {};
    }
    ++tally.saved;
    return sink_.segment(worker, frame, w.opened, w.ids, w.fresh, pack_class.value_or(looks_like_metadata(w.views) ? PackClass::metadata : PackClass::data));
  }

  /// Without a pack's header nobody says what its segments are. A wrong guess costs time, not data.
  static bool looks_like_metadata(const std::vector<ByteView>& chunks) {
    return std::all_of(chunks.begin(), chunks.end(), [](ByteView chunk) { return decode_node(chunk).has_value() || decode_ref_list(chunk).has_value(); });
  }

  /// The segment at order_[i] does not open where its header lies: perhaps it is fragmented.
  Result<bool> join(unsigned worker, const Group& group, std::size_t i, std::optional<PackClass> pack_class, Tally& tally) {
    Worker& w = *workers_[worker];
    const std::uint32_t ordinal = catalogue_.frames[order_[i]].ordinal;
    for (std::size_t head = i; head < group.end && catalogue_.frames[order_[head]].ordinal == ordinal; ++head) {
      for (std::size_t n = head + 1; n < group.end && catalogue_.frames[order_[n]].ordinal <= ordinal + 1; ++n) {
        const CataloguedFrame &f = catalogue_.frames[order_[head]], &next = catalogue_.frames[order_[n]];
        if (next.ordinal != ordinal + 1 || f.kind != SealedKind::segment) continue;
        if (join_bytes_ > kJoinBytesMax) return false;
        std::uint64_t tried = 0;
        const auto pieces = join_two_pieces(sources_, {f.source, f.offset, 0}, {next.source, next.offset, 0}, static_cast<std::uint32_t>(FrameHeader::kBytes) + f.stored_bytes,
                                            w.opener, w.opened, tried);
        join_bytes_ += tried;
        if (!pieces) continue;
        ++tally.joined;
        HF_TRY(save(worker, pieces->parts, pack_class, tally));
        return true;
      }
    }
    return false;
  }

  Status save_points() {
    Buffer object;
    for (const CataloguedFrame& f : catalogue_.points) {
      object.resize(FrameHeader::kBytes + f.stored_bytes);
      const auto point = [&]() -> Result<RecoveryPoint> {
        if (!may_try(object.size())) return Error(Code::too_many, "not tried");
        HF_TRY(sources_.read({f.source, f.offset, object.size()}, object));
        return vault_.open_point(object);
      }();
      if (!point || point->vault != vault_.id()) {
        failed_bytes_ += object.size();
        Lock lock(mutex_);
        ++report_.points_damaged;
        continue;
      }
      const auto put = vault_.store().put({ObjectKind::point, point->id.hex()}, object);
      if (!put && put.error().code != Code::already_exists) return put;  // the same point under another seal is the same point
    }
    return {};
  }

  Status assess() {
    VerifyOptions options;
    options.depth = VerifyDepth::structure;
    options.jobs = jobs_;
    options.store_proof = false;
    VerifyReport found = HF_TRY(verify(vault_, options, progress_));
    std::map<PointId, std::uint64_t> hit;
    for (const AffectedPoint& p : found.affected_points) hit[p.id] += p.paths;
    const auto index = HF_TRY(Index::load(vault_));
    ChunkReader chunks(vault_, *index);
    std::set<PointId> there;
    std::set<PointId> named;
    Lock lock(mutex_);
    PointList points = HF_TRY(vault_.points());
    for (RecoveryPoint& p : points.points) {
      SalvagedPoint s;
      if (const auto at = hit.find(p.id); at != hit.end()) {
        s.paths_hit = at->second;
        const auto root = p.root.directory ? chunks.read(p.root.directory->id) : Result<LoadedChunk>(Error(Code::not_found, "none"));
        s.state = root && decode_node(root->bytes) ? SalvagedState::part : SalvagedState::nothing;
      }
      there.insert(p.id);
      for (const auto& other : {p.parent, p.base_full})
        if (other) named.insert(*other);
      s.point = std::move(p);
      report_.points.push_back(std::move(s));
    }
    std::set_difference(named.begin(), named.end(), there.begin(), there.end(), std::back_inserter(report_.points_missing));
    report_.assessment = std::move(found);
    report_.bytes_saved = bytes_saved_;
    return {};
  }

  Vault& vault_;
  RawSources& sources_;
  const Catalogue& catalogue_;
  SalvageSink& sink_;
  const unsigned jobs_;
  Progress& progress_;
  std::vector<std::unique_ptr<Worker>> workers_;

  // Made by plan(), constant after it.
  struct Claims {
    bool ours = false;  ///< by the header of at least one pack with this salt
    PackClass pack_class = PackClass::data;
  };
  std::map<Salt, Claims> claims_;
  std::vector<FrameNumber> order_;
  std::vector<Group> groups_;

  ClaimSet known_;
  std::atomic<std::uint64_t> bytes_saved_{0}, failed_bytes_{0}, join_bytes_{0};
  std::atomic<bool> failed_{false};
  Mutex mutex_;
  std::set<Salt> whole_ HF_GUARDED_BY(mutex_);
  SalvageReport report_ HF_GUARDED_BY(mutex_);
};

}  // namespace

bool SalvageReport::all_whole() const {
  return !points.empty() && std::all_of(points.begin(), points.end(), [](const SalvagedPoint& p) { return p.state == SalvagedState::whole; });
}

Result<SalvageReport> salvage(Vault& vault, RawSources& sources, const Catalogue& catalogue, const SalvageOptions& options, Progress& progress) {
  const auto sink = make_vault_sink(vault, options.jobs);
  return Salvage(vault, sources, catalogue, *sink, options.jobs, progress).run();
}

Result<SalvageReport> assess_salvage(Vault& vault, ViewStore& view, RawSources& sources, const Catalogue& catalogue, const SalvageOptions& options, Progress& progress) {
  const auto sink = make_view_sink(vault, view);
  return Salvage(vault, sources, catalogue, *sink, options.jobs, progress).run();
}

}  // namespace hf
