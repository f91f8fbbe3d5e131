#include "vault/prune.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>

#include "store/overlay/overlay_store.hpp"
#include "vault/inventory.hpp"
#include "vault/point_book.hpp"
#include "vault/prune_plan.hpp"
#include "vault/recompress.hpp"
#include "vault/restripe.hpp"

namespace hf {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000, kHour = 3600 * kSecond, kDay = 24 * kHour;

/// All points that exist, forgotten ones too, listed anew; an error where one can't be read. Loans until the next call.
Result<std::vector<const RecoveryPoint*>> existing_points(const Vault& vault, PointBook& book) {
  HF_TRY(book.refresh());
  if (!book.damaged().empty()) {
    const DamagedPoint& damaged = book.damaged()[0];
    // Of a key that we don't have: the keys were rotated since we opened the vault.
    if (damaged.error.code == Code::unsupported) return damaged.error;
    return Error(Code::corrupt, "recovery point " + damaged.name.substr(0, 8) + " can't be read, so nobody knows what it needs; nothing was removed",
                 "bring it back from its copy: remove points/" + damaged.name + ", then: holdfast rebuild")
        .with_detail(damaged.error.message)
        .with_object("points/" + damaged.name);
  }
  // What was seen to be gone must stay gone: else a power loss brings a point back whose packs were removed.
  const ObjectName any{ObjectKind::point, std::string(2 * PointId::kBytes, '0')};
  HF_TRY(vault.store().settle({&any, 1}));
  std::vector<const RecoveryPoint*> out;
  for (const auto& [name, point] : book.points()) out.push_back(&point);
  return out;
}

/// Of those that are not forgotten.
Result<std::vector<const RecoveryPoint*>> newest_of_each_source(const Vault& vault, const std::vector<const RecoveryPoint*>& points) {
  const auto forgotten = HF_TRY(tombstones(vault));
  std::map<std::string, const RecoveryPoint*> newest;
  for (const RecoveryPoint* p : points) {
    if (forgotten.contains(p->id)) continue;
    const RecoveryPoint*& n = newest[p->source()];
    if (n == nullptr || std::pair(n->started_ns, n->id) < std::pair(p->started_ns, p->id)) n = p;
  }
  std::vector<const RecoveryPoint*> out;
  for (const auto& [source, point] : newest) out.push_back(point);
  return out;
}

class Pruner {
 public:
  Pruner(Vault& vault, const PruneOptions& options, Marker& marker, Progress& progress) : vault_(vault), options_(options), marker_(marker), progress_(progress), book_(vault) {}
  Result<PruneReport> run();

 private:
  Status fence_the_dead();
  /// Sessions other than ours that began before this epoch.
  Result<std::vector<Lease>> sessions_before(std::uint64_t epoch);
  /// Condemns what was retired and is needed by nobody, as far as no session from before lives, and removes it.
  Status remove_retired();
  /// Which of its packs the points need that came since they were retired. `points` were listed before the index was
  /// loaded: it knows all that they name.
  Result<std::unordered_set<PackId>> needed_since(const Retirement& retirement, std::vector<const RecoveryPoint*> points, const EpochRecord& record, const Index& all, const std::vector<WritersShare>& shares);
  /// Adds to `needed` the packs of one share that `since` need, points whose trees were read.
  Status needed_of_share(const Retirement& retirement, const std::vector<const RecoveryPoint*>& since, const EpochRecord& record, const WritersShare& share, std::unordered_set<PackId>& needed);
  /// Do these points, whose trees were read, find all that they need in sound packs of the share that are not in `absent`? If
  /// not, what they need is kept wherever it lies: a salvage may have stored it as the vault's own, or another writer have the
  /// only copy that is left.
  Result<bool> stands_alone(const WritersShare& share, const std::vector<const RecoveryPoint*>& points, const std::unordered_set<PackId>& absent);
  Status remove_condemned();
  Status find_stripes();
  /// Puts what stays of stripes that lose packs into new ones; `held` gets those of `gone` that must stay all the same.
  Status spare_stripes(const std::unordered_set<PackId>& gone, std::unordered_set<PackId>& held);
  Status pass_sentences();
  /// Was `failed` because another prune has decided something since `before`, and removed what we were looking at? Then
  /// one looks anew; it is no damage.
  Result<bool> was_overtaken(const Error& failed, const EpochRecord& before) {
    if (failed.code == Code::cancelled || progress_.stop_requested) return false;
    return HF_TRY(newest_epoch(vault_)).number != before.number;
  }
  /// One attempt to decide and write an epoch; false where another prune was quicker.
  Result<bool> retire();
  Status stop_if_asked() const { return progress_.stop_requested ? Status(Error(Code::cancelled, "stopped", "everything is whole; run it again: holdfast prune")) : Status(); }

  Vault& vault_;
  const PruneOptions& options_;
  Marker& marker_;
  Progress& progress_;
  PointBook book_;  // listed anew whenever points are asked for: the order of what is looked at is what makes this safe
  PruneReport report_;
  std::optional<HeldLease> lease_;
  std::vector<RecoveryPoint> removed_;  // points that went in this run
  bool changed_ = false;                // something that counts in bytes_after
  ObjectStore* stripes_ = nullptr;      // null: there are none to be kept
  StripeOptions stripe_options_;
  bool may_encode_anew_ = true;
  bool busy_ = false;                   // other sessions ran when we decided
  bool orphans_stay_ = false;           // packs that no run tells of, and that we left
  bool nothing_lost_ = false;           // every chunk that points need was found in a pack that is there
};

Status Pruner::fence_the_dead() {
  const LeaseList list = HF_TRY(leases(vault_));
  report_.leases_unreadable = list.unreadable.size();
  for (const Lease& l : list.leases) {
    const bool ended = vault_.store().open({ObjectKind::point, l.point.hex()}).has_value();  // who could not remove its lease
    if (!ended && !seems_dead(vault_.env(), l, options_.fence_after_ns)) continue;
    HF_TRY(fence(vault_, l));
    changed_ = true;
    report_.sessions_fenced += ended ? 0 : 1;
  }
  return {};
}

Result<std::vector<Lease>> Pruner::sessions_before(std::uint64_t epoch) {
  LeaseList list = HF_TRY(leases(vault_));
  std::erase_if(list.leases, [&](const Lease& l) { return l.epoch >= epoch || l.point == lease_->lease().point; });
  for (const std::string& name : list.unreadable) {
    Lease unknown;
    unknown.host = "unknown";
    if (const auto id = PointId::parse(name)) unknown.point = *id;
    list.leases.push_back(unknown);
  }
  return std::move(list.leases);
}

// --- removing what was retired ---

std::vector<const RecoveryPoint*> of_writer(const std::vector<const RecoveryPoint*>& points, const WriterId& writer) {
  std::vector<const RecoveryPoint*> out;
  std::copy_if(points.begin(), points.end(), std::back_inserter(out), [&](const RecoveryPoint* p) { return p->writer == writer; });
  return out;
}

Result<bool> Pruner::stands_alone(const WritersShare& share, const std::vector<const RecoveryPoint*>& points, const std::unordered_set<PackId>& absent) {
  if (points.empty()) return true;
  ClaimSet lacking;
  HF_TRY(marker_.mark(vault_, *share.index, points, Marker::Scope::some_points, lacking, progress_));
  const auto counts = [&](const PackId& id) { return share.stock.listed.contains(id) && !share.stock.doubtful.contains(id) && !absent.contains(id); };
  const Footing footing = HF_TRY(marker_.footing(vault_, *share.index, counts));
  auto entries = HF_TRY(MergedEntries::over(share.index->runs()));
  while (const auto e = HF_TRY(entries.next()))
    if (const PackId& pack = entries.packs()[e->pack].id; counts(pack) && footing.depth(e->key, pack) != Footing::kNone) lacking.erase(e->key);
  return lacking.size() == 0;
}

Result<std::unordered_set<PackId>> Pruner::needed_since(const Retirement& retirement, std::vector<const RecoveryPoint*> points, const EpochRecord& record, const Index& all, const std::vector<WritersShare>& shares) {
  std::erase_if(points, [&](const RecoveryPoint* p) { return std::binary_search(retirement.marked.begin(), retirement.marked.end(), p->id); });
  std::vector<std::vector<const RecoveryPoint*>> since(shares.size());
  if (shares.size() > 1) {
    ClaimSet read;
    HF_TRY(marker_.mark(vault_, all, points, Marker::Scope::some_points, read, progress_));
  }
  std::unordered_set<PackId> needed;
  const std::unordered_set<PackId> condemned(record.condemned.begin(), record.condemned.end());
  for (std::size_t i = 0; i < shares.size(); ++i) {
    const std::vector<const RecoveryPoint*> own = of_writer(points, shares[i].writer);
    const bool alone = shares.size() == 1 || HF_TRY(stands_alone(shares[i], own, condemned));
    for (std::size_t k = 0; k < shares.size(); ++k)
      if (k == i || !alone) since[k].insert(since[k].end(), own.begin(), own.end());
  }
  for (std::size_t i = 0; i < shares.size(); ++i) HF_TRY(needed_of_share(retirement, since[i], record, shares[i], needed));
  return needed;
}

Status Pruner::needed_of_share(const Retirement& retirement, const std::vector<const RecoveryPoint*>& since, const EpochRecord& record, const WritersShare& share, std::unordered_set<PackId>& needed) {
  const Index& index = *share.index;
  const Stock& stock = share.stock;
  ClaimSet live;
  if (!since.empty()) HF_TRY(marker_.mark(vault_, index, since, Marker::Scope::some_points, live, progress_));
  const std::unordered_set<PackId> mine(retirement.packs.begin(), retirement.packs.end());
  const auto standing = [&](const PackId& id) {
    const bool goes = std::binary_search(record.condemned.begin(), record.condemned.end(), id) || (mine.contains(id) && !needed.contains(id));
    return goes ? NeedGraph::Standing::none : stock.listed.contains(id) ? NeedGraph::Standing::all : NeedGraph::Standing::as_used;
  };
  const auto counts = [&](const PackId& id) { return stock.listed.contains(id) && !stock.doubtful.contains(id) && !record.is_absent(id); };
  const Footing without = HF_TRY(marker_.footing(vault_, index, counts));
  std::optional<Footing> with;  // what is retired; made when it is asked
  const auto opens_here = [&](const ChunkKey& key, const std::vector<PackId>& here) -> Result<bool> {
    if (!with) with = HF_TRY(marker_.footing(vault_, index, [&](const PackId& id) { return counts(id) || (mine.contains(id) && stock.listed.contains(id) && !stock.doubtful.contains(id)); }));
    return std::any_of(here.begin(), here.end(), [&](const PackId& id) { return with->depth(key, id) != Footing::kNone; });
  };
  do {
    auto entries = HF_TRY(MergedEntries::over(index.runs()));
    std::optional<IndexEntry> e = HF_TRY(entries.next());
    while (e) {
      const ChunkKey key = e->key;
      bool elsewhere = false, opens_elsewhere = false;
      std::vector<PackId> here;
      for (; e && e->key == key; e = HF_TRY(entries.next())) {
        const PackId& pack = entries.packs()[e->pack].id;
        if (mine.contains(pack)) {
          here.push_back(pack);
        } else if (counts(pack)) {
          elsewhere = true;
          opens_elsewhere = opens_elsewhere || without.depth(key, pack) != Footing::kNone;
        }
      }
      if (opens_elsewhere || here.empty() || !live.contains(key)) continue;
      // One that opens nowhere stays as it lies elsewhere.
      if (!elsewhere || HF_TRY(opens_here(key, here))) needed.insert(here.begin(), here.end());
    }
  } while (HF_TRY(marker_.hold_up(vault_, index, standing, live)));
  if (since.empty()) return {};
  // Packs without chunks hold copies of small objects, perhaps of these points.
  for (const IndexedPack& p : index.packs())
    if (p.chunk_count == 0 && mine.contains(p.id)) needed.insert(p.id);
  return {};
}

Status Pruner::remove_retired() {
  report_.waits_for.clear();
  constexpr int kAttempts = 100;
  std::set<std::uint64_t> waiting;  // epochs that sessions are older than
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    HF_TRY(stop_if_asked());
    const EpochRecord record = HF_TRY(newest_epoch(vault_));
    const auto next = std::find_if(record.retired.begin(), record.retired.end(), [&](const Retirement& r) { return !waiting.contains(r.epoch); });
    if (next == record.retired.end()) break;
    const std::vector<Lease> living = HF_TRY(sessions_before(next->epoch));
    if (!living.empty()) {
      waiting.insert(next->epoch);
      for (const Lease& l : living)
        if (std::none_of(report_.waits_for.begin(), report_.waits_for.end(), [&](const Lease& w) { return w.point == l.point; })) report_.waits_for.push_back(l);
      continue;
    }
    // After the leases: every point of a session that ended is seen here.
    const std::vector<const RecoveryPoint*> points = HF_TRY(existing_points(vault_, book_));
    const auto index = HF_TRY(Index::load(vault_));
    const auto shares = HF_TRY(shares_of(vault_, *index, points));
    for (const WritersShare& share : shares) share.index->distrust(share.stock.doubtful);
    const auto looked = needed_since(*next, points, record, *index, shares);
    if (!looked && HF_TRY(was_overtaken(looked.error(), record))) continue;
    const auto needed = HF_TRY(looked);
    const auto& there = shares[0].stock.listed;
    EpochRecord decided = record;
    std::erase_if(decided.retired, [&](const Retirement& r) { return r.epoch == next->epoch; });
    std::erase_if(decided.condemned, [&](const PackId& id) { return !there.contains(id); });  // done with
    for (const PackId& id : next->packs)
      if (!needed.contains(id) && there.contains(id)) decided.condemned.push_back(id);
    std::sort(decided.condemned.begin(), decided.condemned.end());
    changed_ = true;
    if (HF_TRY(decide(vault_, record, decided))) report_.packs_restored += needed.size();
  }
  return remove_condemned();
}

// Crash story: new stripes are durable before old ones are removed, and these before their packs are. Whatever is cut short
// leaves packs in a stripe more than they need, or condemned ones in none.
Status Pruner::find_stripes() {
  if (!options_.keep_stripes) return {};
  const auto choice = HF_TRY(stripes_choice(vault_.store()));
  stripes_ = options_.stripes_elsewhere;
  if (choice) {
    stripe_options_.data = choice->data;
    stripe_options_.parity = choice->parity;
    if (stripes_ == nullptr && choice->place.empty()) stripes_ = &vault_.store();
    if (stripes_ == nullptr) return Error(Code::not_found, "the stripes of this vault lie in " + printable(choice->place) + ", and were not given");
  }
  stripe_options_.jobs = 1;
  return {};
}

Status Pruner::spare_stripes(const std::unordered_set<PackId>& gone, std::unordered_set<PackId>& held) {
  held.clear();
  if (stripes_ == nullptr) return {};
  // Where every chunk that a point needs is in a pack, what is neither there nor in the index is missed by nobody: a prune
  // that left the stripes alone removed it. Before that is known, it may be lost, and its stripe is what brings it back.
  std::unordered_set<PackId> leaving = gone, known;
  const auto index = HF_TRY(Index::load(vault_));
  for (const IndexedPack& p : index->packs()) known.insert(p.id);
  for (const auto& [id, found] : HF_TRY(list_stripes(*stripes_, vault_.id())).stripes)
    for (const StripeMember& m : found.stripe.members) {
      if (!nothing_lost_ || known.contains(m.pack)) continue;
      const auto there = vault_.store().open({ObjectKind::pack, m.pack.hex()});
      if (!there && there.error().code == Code::not_found) leaving.insert(m.pack);
    }
  if (leaving.empty()) return {};
  stripe_options_.leaving = &leaving;
  StripeWork work = HF_TRY(keep_stripes(vault_.store(), *stripes_, vault_.id(), stripe_options_, progress_).context([] { return std::string("keeping what stays in stripes"); }));
  stripe_options_.leaving = nullptr;
  report_.stripes_made += work.made;
  report_.stripes_removed += work.removed;
  changed_ = changed_ || work.made + work.removed > 0;
  held = std::move(work.held);
  return {};
}

Status Pruner::remove_condemned() {
  const EpochRecord record = HF_TRY(newest_epoch(vault_));
  const std::unordered_set<PackId> gone(record.condemned.begin(), record.condemned.end());
  std::unordered_set<PackId> held;
  HF_TRY(spare_stripes(gone, held));
  report_.packs_held = 0;
  if (record.condemned.empty()) return {};
  const auto index = HF_TRY(Index::load(vault_));
  const auto listed = index->packs();
  changed_ = changed_ || std::any_of(listed.begin(), listed.end(), [&](const IndexedPack& p) { return gone.contains(p.id); });
  HF_TRY(index->drop_packs(gone));
  HF_TRY(drop_condemned(vault_, *index, record.absent()));
  for (const PackId& id : gone) {
    HF_TRY(stop_if_asked());
    const ObjectName name{ObjectKind::pack, id.hex()};
    if (const auto there = vault_.store().open(name); !there && there.error().code == Code::not_found) continue;
    if (held.contains(id)) {
      ++report_.packs_held;
      continue;
    }
    // Its parity first: a pack that is there is found by the next prune, parity of one that is gone by nobody.
    HF_TRY(vault_.store().remove({ObjectKind::parity, id.hex()}));
    HF_TRY(vault_.store().remove(name));
    changed_ = true;
    ++report_.packs_removed;
  }
  return {};
}

// --- points whose grace has passed ---

Status Pruner::pass_sentences() {
  const auto dead = HF_TRY(tombstones(vault_));
  if (dead.empty()) return {};
  HF_TRY(book_.refresh());
  std::vector<std::int64_t> events;
  for (const auto& [name, p] : book_.points()) events.push_back(p.ended_ns);
  for (const auto& [point, found] : dead) events.push_back(found.tombstone.time_ns);
  if (const EpochRecord e = HF_TRY(newest_epoch(vault_)); e.number > 0) events.push_back(e.time_ns);
  const std::int64_t clock = vault_.env().wall_ns(), now = trusted_time(clock, std::move(events));
  report_.clock_doubt_ns = clock - now;
  const auto& known = book_.points();
  for (const auto& [point, found] : dead) {
    const Tombstone& t = found.tombstone;
    const auto exists = known.find(point.hex());
    if (exists == known.end() && found.reaped) continue;  // gone; buried when no pack can hold a copy of it
    const auto grace_ns = static_cast<std::int64_t>(std::min<std::uint64_t>(t.grace_seconds, 1'000'000'000)) * kSecond;
    const bool passed = found.reaped || grace_ns == 0 || (now >= t.time_ns && now - t.time_ns >= grace_ns);
    if (!passed || !HF_TRY(reap(vault_, found, now))) {
      ++report_.points_waiting;
      continue;
    }
    ++report_.points_removed;
    changed_ = true;
    if (exists != known.end()) removed_.push_back(exists->second);
  }
  return {};
}

// --- deciding ---

Result<bool> Pruner::retire() {
  const EpochRecord before = HF_TRY(newest_epoch(vault_));
  busy_ = !HF_TRY(sessions_before(UINT64_MAX)).empty();
  const std::vector<const RecoveryPoint*> points = HF_TRY(existing_points(vault_, book_));
  const auto index = HF_TRY(Index::load(vault_));
  auto shares = HF_TRY(shares_of(vault_, *index, points));
  const std::unordered_set<PackId> retired_before = before.absent();
  std::unordered_set<PackId> distrusted = retired_before;
  for (const WritersShare& share : shares) {
    std::unordered_set<PackId> of_share = retired_before;
    of_share.insert(share.stock.doubtful.begin(), share.stock.doubtful.end());
    distrusted.insert(share.stock.doubtful.begin(), share.stock.doubtful.end());
    share.index->distrust(std::move(of_share));
  }
  index->distrust(distrusted);

  // By writer, and by domain, where there are several: what two of them need keeps two places.
  std::map<std::pair<WriterId, std::optional<PointId>>, std::vector<const RecoveryPoint*>> by_domain;
  for (const RecoveryPoint* p : points) by_domain[{p->writer, p->domain}].push_back(p);
  ClaimSet dead;
  const auto mark = [&]() -> Status {
    ClaimSet all;
    const bool apart = by_domain.size() > 1 || shares.size() > 1;
    ClaimSet& first = apart ? all : shares[0].needed.of(by_domain.empty() ? std::nullopt : by_domain.begin()->first.second);
    HF_TRY(marker_.mark(vault_, *index, points, Marker::Scope::every_point, first, progress_));
    if (!apart) return {};
    for (const auto& [domain, of_domain] : by_domain)
      for (WritersShare& share : shares)
        if (share.writer == domain.first) HF_TRY(marker_.mark(vault_, *share.index, of_domain, Marker::Scope::some_points, share.needed.of(domain.second), progress_));
    for (const WritersShare& share : shares) {
      const auto own = of_writer(points, share.writer);
      if (HF_TRY(stands_alone(share, own, retired_before))) continue;
      for (WritersShare& other : shares)
        if (&other != &share) HF_TRY(marker_.mark(vault_, *other.index, own, Marker::Scope::some_points, other.needed.last(), progress_));
    }
    return {};
  };
  if (const auto marked = mark(); !marked) {
    if (HF_TRY(was_overtaken(marked.error(), before))) return false;
    return marked.error();
  }
  // While sessions run, packs that no point needs may be theirs: only what a removed point needed is surely waste.
  std::vector<const RecoveryPoint*> removed;
  for (const RecoveryPoint& p : removed_) removed.push_back(&p);
  if (busy_ && !removed.empty()) static_cast<void>(marker_.mark(vault_, *index, removed, Marker::Scope::some_points, dead, progress_));
  HF_TRY(stop_if_asked());

  RepackLimits limits;
  limits.unused_percent_max = options_.unused_percent_max;
  limits.bytes_max = options_.repack_bytes_max;
  limits.pack_bytes = vault_.store().traits().pack_bytes;
  WriteOptions write = options_.write;
  if (options_.recompress_level) {
    write.compression_level = *options_.recompress_level;
    limits.recompress = HF_TRY(ask_recompress(vault_, *options_.recompress_level, progress_));
  }
  const std::vector<const RecoveryPoint*> newest = options_.favour_newest ? HF_TRY(newest_of_each_source(vault_, points)) : std::vector<const RecoveryPoint*>();
  const auto walk_newest = [&](const std::function<Status(const ChunkRef&)>& visit) { return marker_.for_each_content(vault_, *index, newest, visit); };
  nothing_lost_ = true;
  orphans_stay_ = false;
  report_.chunks_live = report_.bytes_unused = 0;
  report_.packs_dead = report_.packs_repacked = report_.packs_recompressed = report_.deltas_folded = report_.deltas_turned = 0;
  bool vanished = false;
  std::vector<PackId> retired, without_chunks;
  for (WritersShare& share : shares) {
    report_.chunks_live += share.needed.size();
    // What two domains or writers need is told apart by place; there nothing is folded or turned. Nor while sessions run: what is
    // kept for deltas may be theirs, and would stay.
    MayEncodeAnew may;
    const bool is_apart = by_domain.size() > 1 || shares.size() > 1;
    if (may_encode_anew_ && !busy_ && !is_apart && !points.empty()) {
      may.points = points;
      may.newest = newest;
      may.turned_share_min = options_.favour_newest.value_or(1);
    }
    HF_TRY(plan_share(vault_, share, may, retired_before, busy_ ? &dead : nullptr, limits, write.compression_level, marker_, progress_));
    const RepackPlan& plan = share.plan;
    report_.favours_nobody = options_.favour_newest && (may.newest.empty() ? busy_ || is_apart || !may_encode_anew_ : share.could_not_turn);
    orphans_stay_ = orphans_stay_ || share.stock.orphans.size() > plan.orphans.size();
    if (limits.bytes_max) *limits.bytes_max -= std::min(*limits.bytes_max, plan.repack_bytes);
    nothing_lost_ = nothing_lost_ && plan.live_placed == share.needed.size();
    vanished = vanished || !plan.vanished.empty();
    report_.bytes_unused += plan.bytes_unused_left;
    report_.packs_dead += plan.dead.size();
    report_.packs_repacked += plan.repack.size();
    report_.packs_recompressed += plan.recompress.size();
    report_.deltas_folded += plan.deltas_folded;
    retired.insert(retired.end(), plan.dead.begin(), plan.dead.end());
    retired.insert(retired.end(), plan.repack.begin(), plan.repack.end());
    without_chunks.insert(without_chunks.end(), plan.without_chunks.begin(), plan.without_chunks.end());
    if (!busy_) retired.insert(retired.end(), plan.orphans.begin(), plan.orphans.end());
  }
  report_.packs = shares[0].stock.listed.size();
  // Copies of small objects: made anew where points went, so that a rebuild does not bring them back, or where many small
  // packs hold them.
  constexpr std::size_t kReplicaPacksMax = 16;
  const bool renew_copies = without_chunks.size() > kReplicaPacksMax || (!without_chunks.empty() && !HF_TRY(reaped_points(vault_)).empty());
  if (renew_copies) retired.insert(retired.end(), without_chunks.begin(), without_chunks.end());
  const bool note_the_time = report_.clock_doubt_ns > 0;
  if (retired.empty() && !note_the_time) return true;

  std::vector<PointId> marked;
  for (const RecoveryPoint* p : points) marked.push_back(p->id);
  std::sort(marked.begin(), marked.end());
  changed_ = true;
  // Not of a point that a rebuild is bringing back at this moment, and removes when it sees the verdict.
  std::vector<PointId> to_copy = marked;
  if (renew_copies) {
    const auto gone_points = HF_TRY(reaped_points(vault_));
    std::erase_if(to_copy, [&](const PointId& id) { return gone_points.contains(id); });
  }
  for (WritersShare& share : shares) {
    const bool copies = renew_copies && share.writer.is_zero();
    if (share.plan.repack.empty() && !copies) continue;
    const auto as_maker = vault_.writing_as(share.writer);
    const auto repacked = repack(*as_maker, *share.index, share.plan, write, options_.jobs, copies ? &to_copy : nullptr, walk_newest, progress_);
    if (!repacked && HF_TRY(was_overtaken(repacked.error(), before))) return false;
    if (!repacked && repacked.error().code == Code::corrupt && (share.plan.deltas_folded > 0 || !share.plan.turns.empty())) {
      may_encode_anew_ = false;  // a delta that can't be read need not be
      return false;
    }
    const RepackResult copied = HF_TRY(repacked);
    report_.bytes_repacked += copied.bytes_read;
    report_.bytes_written += copied.bytes_written;
    report_.deltas_turned += copied.deltas_turned;
  }
  HF_TRY(stop_if_asked());

  EpochRecord next = before;
  if (!retired.empty()) {
    Retirement r;
    r.packs = std::move(retired);
    r.marked = std::move(marked);
    std::sort(r.packs.begin(), r.packs.end());
    r.packs.erase(std::unique(r.packs.begin(), r.packs.end()), r.packs.end());
    next.retired.push_back(std::move(r));
  }
  if (!HF_TRY(decide(vault_, before, next))) return false;
  if (!vanished) return true;
  for (const WritersShare& share : shares) {  // lost, and not missed
    HF_TRY(share.index->drop_packs({share.plan.vanished.begin(), share.plan.vanished.end()}));
    HF_TRY(drop_condemned(vault_, *share.index, retired_before));
  }
  return true;
}

Result<PruneReport> Pruner::run() {
  HF_TRY(vault_.opens_all("a prune"));
  HF_TRY(vault_.may_write());
  HF_TRY(find_stripes());
  const Inventory before = HF_TRY(take_inventory(vault_.store()));
  if (auto nothing = stripes_ == nullptr && !options_.recompress_level && !options_.favour_newest ? remembered_prune(vault_, before, options_) : std::nullopt) return std::move(*nothing);
  report_.bytes_before = before.bytes;
  PointId name;
  vault_.env().random(name.bytes);
  HF_TRY(fence_the_dead());
  lease_.emplace(HF_TRY(HeldLease::begin(vault_, name)));
  const auto work = [&]() -> Status {
    HF_TRY(remove_retired());
    HF_TRY(pass_sentences());
    constexpr int kAttempts = 5;
    bool decided = false;
    for (int i = 0; i < kAttempts && !decided; ++i) decided = HF_TRY(retire());
    if (!decided) return Error(Code::conflict, "another prune runs, and was quicker each time", "let it end, then run it again");
    const std::uint64_t restored_before = report_.packs_restored;
    HF_TRY(remove_retired());
    // When nothing waits, and nothing came back, no pack can hold a copy of a point that was removed: its tombstone has
    // done its work. Unless somebody else is at work, a rebuild that has read a copy; or one may be in a pack that no run tells of.
    const EpochRecord left = HF_TRY(newest_epoch(vault_));
    if (!left.retired.empty() || !left.condemned.empty()) {
      for (const auto& [pack, bytes] : HF_TRY(list_pack_sizes(vault_.store()))) {
        if (!left.is_absent(pack)) continue;
        ++report_.packs_waiting;
        report_.bytes_waiting += bytes;
      }
    }
    if (report_.packs_waiting == 0 && report_.packs_restored == restored_before && !busy_ && !orphans_stay_ && HF_TRY(sessions_before(UINT64_MAX)).empty()) {
      std::vector<PointId> gone;
      for (const PointId& p : HF_TRY(reaped_points(vault_)))
        if (const auto there = vault_.store().open({ObjectKind::point, p.hex()}); !there && there.error().code == Code::not_found) gone.push_back(p);
      changed_ = changed_ || !gone.empty();
      HF_TRY(bury(vault_, gone));
    }
    return {};
  };
  const Status done = work();
  // Also after a failure: we hold on to nothing that must stay.
  const Status ended = lease_->end();
  HF_TRY(done);
  HF_TRY(ended);
  report_.bytes_after = changed_ ? HF_TRY(take_inventory(vault_.store())).bytes : before.bytes;
  if (!changed_) remember_prune(vault_, before, options_, report_);
  return report_;
}

}  // namespace

std::int64_t trusted_time(std::int64_t now_ns, std::vector<std::int64_t> events_ns) {
  std::erase_if(events_ns, [&](std::int64_t t) { return t > now_ns - 20 * kHour; });
  if (events_ns.empty()) return now_ns;
  const std::int64_t witness = *std::max_element(events_ns.begin(), events_ns.end());
  return now_ns - witness <= 7 * kDay ? now_ns : witness;
}

Result<PruneReport> prune(Vault& vault, const PruneOptions& options, Marker& marker, Progress& progress) { return Pruner(vault, options, marker, progress).run(); }

Result<PruneReport> rehearse_prune(const Vault& vault, const PruneOptions& options, Marker& marker, Progress& progress) {
  const auto copy = vault.over(make_overlay_store(vault.store()));
  std::unique_ptr<ObjectStore> stripes;
  PruneOptions rehearsed = options;
  if (options.stripes_elsewhere != nullptr) {
    stripes = make_overlay_store(*options.stripes_elsewhere);
    rehearsed.stripes_elsewhere = stripes.get();
  }
  return prune(*copy, rehearsed, marker, progress);
}

}  // namespace hf
