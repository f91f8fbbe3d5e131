#include "vault/write_session.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "vault/bases.hpp"
#include "vault/pack_reader.hpp"
#include "vault/stock.hpp"

namespace hf {
namespace {
Error was_fenced() {
  return Error(Code::conflict, "this backup was taken for dead by a prune, and may not commit any more", "run it again: what it stored is found, unless it was removed");
}

/// Before packs become known: who was fenced is not waited for, and what its deltas stand on may be gone. Its packs stay
/// unlisted; the next session looks at each of them.
Status not_fenced(const Vault& vault, const PointId& point) {
  const auto there = vault.store().open({ObjectKind::point, point.hex()});
  if (there) return was_fenced();
  return there.error().code == Code::not_found ? Status() : Status(there.error());
}
}  // namespace

// --- ChunkWriter ---

ChunkWriter::ChunkWriter(WriteSession& session, PackClass pack_class)
    : session_(session),
      class_(pack_class),
      segment_bytes_(pack_class == PackClass::data ? kSegmentBytes : kSegmentBytes / 8),  // browsing opens one for a few nodes
      compressor_(session.options_.compression_level) {}
ChunkWriter::~ChunkWriter() = default;

Result<bool> ChunkWriter::add(const ChunkId& id, ByteView chunk, std::span<const ChunkRef> near) {
  if (!HF_TRY(session_.claim(id))) return false;
  session_.chunks_new.fetch_add(1, std::memory_order_relaxed);
  session_.bytes_new.fetch_add(chunk.size(), std::memory_order_relaxed);
  if (!near.empty() && session_.delta_ && HF_TRY(add_delta(id, chunk, near))) return true;
  if (!chunks_.empty() && (plain_.size() + chunk.size() > segment_bytes_ || chunks_.size() == kChunksPerSegmentMax)) HF_TRY(seal_segment());
  chunks_.push_back({id, static_cast<std::uint32_t>(chunk.size())});
  append(plain_, chunk);
  part_bytes_ += chunk.size();
  return true;
}

Status ChunkWriter::part_ends() {
  const bool little = part_bytes_ < segment_bytes_ / 2;
  part_bytes_ = 0;
  HF_TRY(seal_delta());
  return little ? seal_segment() : Status();
}

Result<bool> ChunkWriter::add_delta(const ChunkId& id, ByteView chunk, std::span<const ChunkRef> near) {
  if (!delta_) delta_ = std::make_unique<DeltaSegment>(*session_.delta_, delta_limits(class_));
  const NewChunk added{id, static_cast<std::uint32_t>(chunk.size())};
  auto taken = delta_->take(added, chunk, near);
  if (taken == DeltaSegment::Taken::full) {
    HF_TRY(seal_delta());
    taken = delta_->take(added, chunk, near);
  }
  return taken == DeltaSegment::Taken::yes;
}

Status ChunkWriter::seal_delta() {
  if (!delta_ || delta_->empty()) return {};
  HF_TRY(ensure_pack());
  HF_TRY(delta_->seal(*pack_, compressor_));
  if (pack_->is_full(session_.options_.pack_bytes)) return finish_pack();
  return {};
}

Status ChunkWriter::ensure_pack() {
  if (!pack_) pack_ = HF_TRY(PackWriter::begin(session_.vault_, class_, std::move(scratch_)));
  return {};
}

Status ChunkWriter::seal_segment() {
  if (chunks_.empty()) return {};
  HF_TRY(ensure_pack());
  HF_TRY(pack_->add_segment(chunks_, plain_, compressor_));
  chunks_.clear();
  plain_.clear();
  if (pack_->is_full(session_.options_.pack_bytes)) return finish_pack();
  return {};
}

Status ChunkWriter::finish_pack() {
  if (!pack_) return {};
  const auto pack = std::move(pack_);
  FinishedPack done = HF_TRY(pack->finish());
  scratch_ = pack->take_scratch();
  session_.bytes_stored.fetch_add(done.pack.stored_bytes, std::memory_order_relaxed);
  return session_.pack_finished(done);
}

Status ChunkWriter::finish() {
  HF_TRY(seal_delta());
  HF_TRY(seal_segment());
  return finish_pack();
}

Status ChunkWriter::add_replica(const ObjectName& name, ByteView object) {
  HF_TRY(seal_delta());
  HF_TRY(seal_segment());
  HF_TRY(ensure_pack());
  return pack_->add_replica(name, object);
}

// --- WriteSession ---

WriteSession::~WriteSession() = default;

Result<std::unique_ptr<WriteSession>> WriteSession::begin(Vault& vault, const WriteOptions& options) {
  HF_TRY(vault.may_write());
  auto s = std::unique_ptr<WriteSession>(new WriteSession(vault, options));
  if (s->options_.pack_bytes == 0) s->options_.pack_bytes = vault.store().traits().pack_bytes;
  vault.env().random(s->point_id_.bytes);
  // A lease whose point (or fence) exists has ended; its session died between the two.
  std::vector<std::string> leases;
  HF_TRY(vault.store().list(ObjectKind::lease, [&](std::string_view name, std::uint64_t) { leases.emplace_back(name); }));
  for (const std::string& name : leases)
    if (vault.store().open({ObjectKind::point, name})) static_cast<void>(vault.store().remove({ObjectKind::lease, name}));
  s->lease_.emplace(HF_TRY(HeldLease::begin(vault, s->point_id_)));
  // Description and key slots, too, may be of a program that died before they were durable.
  std::vector<ObjectName> needed{config_name()};
  HF_TRY(vault.store().list(ObjectKind::key, [&](std::string_view name, std::uint64_t) { needed.push_back({ObjectKind::key, std::string(name)}); }));
  HF_TRY(vault.store().settle(needed));
  static_cast<void>(vault.store().sweep());  // tidying: never a reason not to back up
  const auto all = HF_TRY(Index::load(vault));
  s->index_ = all->only(vault.writer());
  HF_TRY(s->adopt(*all));
  if (options.delta == DeltaPolicy::always || (options.delta == DeltaPolicy::automatic && vault.store().traits().random_read))
    s->delta_ = std::make_unique<DeltaBases>(vault, *s->index_);
  Lock lock(s->metadata_mutex_);
  s->metadata_ = std::make_unique<ChunkWriter>(*s, PackClass::metadata);
  return s;
}

FinishedPack described_by(const PackId& id, PackClass pack_class, std::uint64_t stored_bytes, const PackDirectory& directory) {
  FinishedPack out;
  out.pack = {id, pack_class, stored_bytes, 0, 0};
  for (const SegmentInfo& s : directory.segments) {
    out.pack.plain_bytes += s.plain_bytes;
    for (std::size_t i = 0; i < s.chunks.size(); ++i)
      out.entries.push_back({ChunkKey::of(s.chunks[i].first), 0, s.offset, s.stored_bytes, static_cast<std::uint16_t>(i)});
  }
  out.pack.chunk_count = static_cast<std::uint32_t>(out.entries.size());
  return out;
}

namespace {

/// May a second place of a chunk be what an independent point was made for, or another writer's own?
Result<bool> second_places_count(const Vault& vault) {
  if (!vault.writer().is_zero()) return true;
  const PointList list = HF_TRY(vault.points());
  const auto is_apart = [](const RecoveryPoint& p) { return p.domain.has_value() || !p.writer.is_zero(); };
  return !list.damaged.empty() || std::any_of(list.points.begin(), list.points.end(), is_apart) ||
         std::any_of(list.forgotten.begin(), list.forgotten.end(), [&](const ForgottenPoint& f) { return is_apart(f.point); });
}

}  // namespace

Status WriteSession::adopt(const Index& all) {
  // In this order: the epochs after our lease is there, the packs after the epochs (see HeldLease).
  const EpochRecord epoch = HF_TRY(newest_epoch(vault_));
  const std::unordered_set<PackId> retired = epoch.absent();
  Stock stock = HF_TRY(take_stock(vault_, *index_, all));
  std::vector<PackId> orphans = std::move(stock.orphans);
  std::erase_if(orphans, [&](const PackId& id) { return retired.contains(id) || stock.doubtful.contains(id); });
  // A write-only key sees the packs of others in no run: it looks at each only where a session of its own has died.
  if (vault_.is_write_only() && HF_TRY(leases(vault_)).leases.size() <= 1) orphans.clear();
  for (const IndexedPack& p : index_->packs())
    if (retired.contains(p.id)) stock.doubtful.insert(p.id);
  index_->distrust(stock.doubtful);
  // What is only retired may be needed by a point that comes yet, of a session from before: its entries stay.
  index_->leave_out({epoch.condemned.begin(), epoch.condemned.end()});
  HF_TRY(distrust_what_stands_on_distrusted(vault_, *index_, std::move(stock.doubtful)));

  // Seen is not durable: their writer may have died, or be, between making a name and making it durable.
  std::vector<ObjectName> names;
  for (const PackId& id : orphans) names.push_back({ObjectKind::pack, id.hex()});
  HF_TRY(vault_.store().settle(names));
  SegmentOpener opener(vault_);
  struct Orphan {
    FinishedPack pack;
    std::vector<ChunkId> bases;
    bool tells_news = false, taken = false;
  };
  std::vector<Orphan> found;
  for (const PackId& id : orphans) {
    // One that can't be read, or is another writer's, is no use to us; `verify` reports the first.
    const auto reader = vault_.store().open({ObjectKind::pack, id.hex()});
    if (!reader) continue;
    PackHeader header;
    const auto directory = read_pack_directory(vault_, **reader, opener, &header);
    if (!directory || header.writer() != vault_.writer() || !segments_open(**reader, header, *directory, opener)) continue;
    Orphan& o = found.emplace_back(Orphan{described_by(id, header.pack_class, (*reader)->size(), *directory), {}, false, false});
    for (const SegmentInfo& s : directory->segments) {
      o.bases.insert(o.bases.end(), s.bases.begin(), s.bases.end());
      for (const auto& [chunk, bytes] : s.chunks) o.tells_news = o.tells_news || !HF_TRY(index_->find(chunk));
    }
    o.tells_news = o.tells_news || o.pack.entries.empty();  // one without chunks holds copies of small objects
  }
  if (std::any_of(found.begin(), found.end(), [](const Orphan& o) { return !o.tells_news; }) && HF_TRY(second_places_count(vault_)))
    for (Orphan& o : found) o.tells_news = true;
  // A prune may have removed what their deltas stand on: nobody knew of them. Such a pack stays what it is, for a prune. So does one
  // that tells nothing new: a prune that died had copied into it, and as a second place it would only take up space.
  ClaimSet known;
  for (bool more = true; more;) {
    more = false;
    for (Orphan& o : found) {
      if (o.taken || !o.tells_news) continue;
      bool stands = true;
      for (const ChunkId& base : o.bases) stands = stands && (known.contains(ChunkKey::of(base)) || HF_TRY(index_->find(base)));
      if (!stands) continue;
      for (const IndexEntry& e : o.pack.entries) known.insert(e.key);
      HF_TRY(pack_finished(o.pack));
      static_cast<void>(protect(vault_.store(), o.pack.pack.id));  // its writer may have died before; never a reason not to back up
      o.taken = more = true;
    }
  }
  {
    Lock lock(finished_mutex_);
    HF_TRY(write_run());
  }
  const std::size_t runs = index_->runs().size();
  HF_TRY(index_->merge_if_many());
  return index_->runs().size() < runs ? drop_condemned(vault_, *index_, retired) : Status();
}

void WriteSession::store_all_anew() {
  std::unordered_set<PackId> all;
  for (const IndexedPack& p : index_->packs()) all.insert(p.id);
  index_->distrust(std::move(all));
  delta_.reset();
}

Result<bool> WriteSession::claim(const ChunkId& id) {
  const ChunkKey key = ChunkKey::of(id);
  if (claimed_.contains(key)) return false;
  if (HF_TRY(index_->find(id))) return false;
  return claimed_.insert(key);  // of two workers that come this far one wins
}

Result<ChunkRef> WriteSession::add_metadata(ByteView node, std::span<const ChunkRef> near) {
  const ChunkId id = vault_.keys().chunk_hash().id(node);
  Lock lock(metadata_mutex_);
  HF_TRY(metadata_->add(id, node, near));
  return ChunkRef{id, static_cast<std::uint32_t>(node.size())};
}

Status WriteSession::pack_finished(const FinishedPack& pack) {
  Lock lock(finished_mutex_);
  finished_.add(pack);
  if (!finished_.is_full()) return {};
  HF_TRY(not_fenced(vault_, point_id_));
  return write_run();
}

Status WriteSession::write_run() {
  if (finished_.empty()) return {};
  HF_TRY(index_->add_run(HF_TRY(finished_.write(vault_))));
  for (const IndexEntry& e : finished_.entries()) claimed_.erase(e.key);  // the index tells of them now
  finished_.clear();
  return {};
}

Status WriteSession::commit(RecoveryPoint& point) {
  point.id = point_id_;
  point.vault = vault_.id();
  Buffer object;
  {
    Lock lock(metadata_mutex_);
    HF_TRY(metadata_->finish());  // the trees; so the point below can tell how much was stored
    point.bytes_new = bytes_new;
    point.bytes_stored = bytes_stored;
    point.ended_ns = vault_.env().wall_ns();
    object = vault_.seal(SealedKind::point, encode_point(point, vault_.keys().signing_seed()));
    // Copies for the day when only packs are left. They come after every pack that the point needs is durable, so a
    // point found in a pack is as complete as a committed one.
    for (const auto& [name, bytes] : HF_TRY(vault_.replicas())) HF_TRY(metadata_->add_replica(name, bytes));
    HF_TRY(metadata_->add_replica({ObjectKind::point, point_id_.hex()}, object));
    HF_TRY(metadata_->finish());
  }
  HF_TRY(not_fenced(vault_, point_id_));
  {
    Lock lock(finished_mutex_);
    // Each chunk that was claimed lies in a finished pack: else a writer failed, or was not finished, and the point would
    // name what is nowhere.
    if (claimed_.size() != finished_.entries().size()) return Error(Code::internal, "a chunk was to be stored and was not; no recovery point was made");
    HF_TRY(write_run());
  }
  auto committed = vault_.store().put({ObjectKind::point, point_id_.hex()}, object);
  if (!committed && committed.error().code == Code::already_exists) return was_fenced();
  HF_TRY(std::move(committed));
  // Committed. A lease that can't be removed is found ended by the next session.
  static_cast<void>(lease_->end());
  return {};
}

Status WriteSession::suspend() {
  {
    Lock lock(metadata_mutex_);
    HF_TRY(metadata_->finish());
  }
  HF_TRY(not_fenced(vault_, point_id_));
  {
    Lock lock(finished_mutex_);
    HF_TRY(write_run());
  }
  return lease_->end();
}

}  // namespace hf
