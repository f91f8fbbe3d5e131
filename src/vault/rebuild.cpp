#include "vault/rebuild.hpp"

#include <algorithm>
#include <map>
#include <unordered_set>

#include "vault/chunk_reader.hpp"
#include "vault/deletion.hpp"
#include "vault/heal.hpp"
#include "vault/index.hpp"
#include "vault/key_objects.hpp"
#include "vault/pack_reader.hpp"
#include "vault/run_builder.hpp"
#include "vault/stock.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

Result<std::vector<PackId>> all_packs(ObjectStore& store) {
  std::vector<PackId> out;
  HF_TRY(store.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) {
    if (const auto id = PackId::parse(name)) out.push_back(*id);
  }));
  std::sort(out.begin(), out.end());
  return out;
}

/// The system could not do it now; nothing is known about what is stored.
bool is_transient(const Error& e) { return e.code != Code::corrupt && e.code != Code::not_found && e.code != Code::unsupported; }

Result<bool> put_if_absent(ObjectStore& store, const ObjectName& name, ByteView object) {
  const auto there = store.open(name);
  if (there) return false;
  if (is_transient(there.error())) return there.error();
  HF_TRY(store.put(name, object));
  return true;
}

/// Calls `visit` for each copy of a small object in metadata packs (or packs whose header is torn).
Status for_each_replica(ObjectStore& store, const std::function<Status(const ObjectName&, const Buffer&)>& visit) {
  for (const PackId& id : HF_TRY(all_packs(store))) {
    const auto reader = store.open({ObjectKind::pack, id.hex()});
    if (!reader) continue;
    Buffer head(std::min<std::uint64_t>(PackHeader::kBytes, (*reader)->size()));
    if (!(*reader)->read(0, head)) continue;
    const auto header = PackHeader::decode(head);
    if (header && header->pack_class != PackClass::metadata) continue;
    HF_TRY(scan_frames(**reader, [&](const FoundFrame& f, ByteView frame) -> Status {
      if (f.header.kind != SealedKind::replica) return {};
      auto replica = decode_replica(frame.subspan(FrameHeader::kBytes));
      if (!replica) return {};  // damaged; there are others
      return visit(replica->first, replica->second);
    }));
  }
  return {};
}

/// Does a pack or a key slot say that it is of an epoch which no rotation tells of?
Result<bool> a_rotation_is_missing(ObjectStore& store) {
  const auto raw = store.get(config_name(), kConfigBytesMax);
  const auto config = raw ? VaultConfig::decode(*raw) : Result<VaultConfig>(raw.error());
  if (!config) return false;  // opening the vault will tell
  const KeyObjects keys = HF_TRY(KeyObjects::read(store, config->id));
  const std::uint32_t newest = keys.rotations.empty() ? 1 : keys.rotations.back().epoch;
  if (keys.newest_epoch() > newest || keys.rotations.size() + 1 != newest) return true;
  for (const PackId& id : HF_TRY(all_packs(store))) {
    if (const auto header = read_pack_header(store, id); header && header->vault == config->id && header->epoch > newest) return true;
  }
  return false;
}

/// What a torn pack holds, segment by segment: they tell their own chunks, and identities are computed from the plaintext.
struct TornPack {
  PackId id;
  std::uint64_t stored_bytes = 0;
  PackClass pack_class = PackClass::metadata;
  WriterId writer{};
  PackDirectory found;
  std::uint64_t without_base = 0;  ///< deltas whose bases were not found (yet)
};

/// Who made it is who sealed the first segment that opens; its header is not sealed.
WriterId maker_of_torn(const Vault& vault, const PackId& id) {
  WriterId maker{};
  const auto pack = vault.store().open({ObjectKind::pack, id.hex()});
  if (!pack) return maker;
  SegmentOpener opener(vault);
  bool found = false;
  static_cast<void>(scan_frames(**pack, [&](const FoundFrame& f, ByteView frame) -> Status {
    if (found || f.header.kind != SealedKind::segment || !opener.open_body(frame)) return {};
    found = true;
    maker = f.header.writer();
    return {};
  }));
  return maker;
}

Status read_torn(const Vault& vault, TornPack& torn, SegmentOpener& opener) {
  const auto pack = HF_TRY(vault.store().open({ObjectKind::pack, torn.id.hex()}));
  OpenedSegment segment;
  torn.stored_bytes = pack->size();
  torn.found.segments.clear();
  torn.without_base = 0;
  bool data = false;
  HF_TRY(scan_frames(*pack, [&](const FoundFrame& f, ByteView frame) -> Status {
    if (f.header.kind != SealedKind::segment || f.offset > UINT32_MAX || f.header.writer() != torn.writer) return {};
    if (!opener.open(frame, segment)) {
      torn.without_base += opener.base_failed();
      return {};
    }
    SegmentInfo info;
    info.offset = static_cast<std::uint32_t>(f.offset);
    info.stored_bytes = static_cast<std::uint32_t>(frame.size());
    info.plain_bytes = static_cast<std::uint32_t>(segment.plain.size());
    for (std::size_t i = 0; i < segment.chunk_count(); ++i)
      info.chunks.emplace_back(vault.keys().chunk_hash().id(segment.chunk(i)), static_cast<std::uint32_t>(segment.chunk(i).size()));
    data = data || segment.plain.size() > ChunkWriter::kSegmentBytes / 8;
    torn.found.segments.push_back(std::move(info));
    return {};
  }));
  const auto header = read_pack_header(vault.store(), torn.id);
  torn.pack_class = header ? header->pack_class : data ? PackClass::data : PackClass::metadata;
  return {};
}

}  // namespace

Result<RebuildReport> restore_description(ObjectStore& store) {
  RebuildReport report;
  const auto config = store.open(config_name());
  if (!config && is_transient(config.error())) return config.error();  // it may well be there
  const bool has_config = config.has_value();
  std::uint64_t slots = 0;
  HF_TRY(store.list(ObjectKind::key, [&](std::string_view, std::uint64_t) { ++slots; }));
  if (has_config && slots > 0 && !HF_TRY(a_rotation_is_missing(store))) return report;
  HF_TRY(for_each_replica(store, [&](const ObjectName& name, const Buffer& object) -> Status {
    if (name.kind == ObjectKind::config && HF_TRY(put_if_absent(store, name, object))) report.config_restored = true;
    if (name.kind == ObjectKind::key && is_rotation(object)) {
      if (HF_TRY(put_if_absent(store, name, object))) ++report.rotations_restored;
    } else if (name.kind == ObjectKind::key && slots == 0 && HF_TRY(put_if_absent(store, name, object))) {
      // Slots that a person removed stay removed as long as one slot is left.
      ++report.slots_restored;
    }
    return {};
  }));
  if (!has_config && !report.config_restored)
    return Error(Code::not_a_vault, "there is neither a vault in " + store.place() + " nor a pack to rebuild it from");
  return report;
}

namespace {

/// A delta whose base lies in no pack can't be opened. It must not be in the index: a backup that met its content would
/// rely on it, and store nothing. Looks at what all packs tell of their deltas; as often as bases may be nested.
Status leave_out_what_hangs(const Vault& vault, Index& index, RebuildReport& report) {
  SegmentOpener opener(vault);
  const auto told_of = [&](const PackId& pack, const SegmentInfo& s) -> Result<bool> {
    for (const auto& [chunk, bytes] : s.chunks)
      for (const ChunkPlace& place : HF_TRY(index.find_all(chunk)))
        if (place.pack == pack && place.offset == s.offset) return true;
    return false;
  };
  for (unsigned round = 0; round < kBaseDepthMax; ++round) {
    std::unordered_set<PackId> concerned;
    RunBuilders runs(vault);
    PackHeader header;
    std::map<WriterId, std::unique_ptr<Index>> indexes;  // bases of one writer's packs lie in packs of that writer
    for (const IndexedPack& p : index.packs()) {
      const auto pack = vault.store().open({ObjectKind::pack, p.id.hex()});
      auto directory = pack ? read_pack_directory(vault, **pack, opener, &header) : Result<PackDirectory>(pack.error());
      if (!directory) continue;  // what the index has of it was read segment by segment, and opened
      auto& own = indexes[header.writer()];
      if (!own) own = index.only(header.writer());
      std::vector<SegmentInfo> sound;
      std::uint64_t hanging = 0;
      for (SegmentInfo& s : directory->segments) {
        bool stands = s.bases.empty() || HF_TRY(told_of(p.id, s));
        const bool known = stands;
        for (const ChunkId& base : s.bases) stands = stands && HF_TRY(own->find(base)).has_value();
        if (stands) sound.push_back(std::move(s));
        else if (known) ++hanging;
      }
      if (hanging == 0) continue;
      report.problems.push_back("pack " + p.id.brief() + ": " + std::to_string(hanging) + " segments need chunks that are in no pack");
      concerned.insert(p.id);
      if (sound.empty()) continue;
      directory->segments = std::move(sound);
      runs.add(header.writer(), described_by(p.id, p.pack_class, p.stored_bytes, *directory));
    }
    if (concerned.empty()) return {};
    HF_TRY(runs.write());
    HF_TRY(index.drop_packs(concerned));  // from the other runs
  }
  return {};
}

Status rebuild_under_lease(Vault& vault, RebuildReport& report, Progress& progress) {
  ObjectStore& store = vault.store();
  std::vector<std::string> old_runs;
  HF_TRY(store.list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { old_runs.emplace_back(name); }));
  std::vector<PackId> ids = HF_TRY(all_packs(store));
  // What is only retired may be needed by a point that comes yet, of a session from before.
  const EpochRecord epoch = HF_TRY(newest_epoch(vault));
  std::erase_if(ids, [&](const PackId& id) { return std::binary_search(epoch.condemned.begin(), epoch.condemned.end(), id); });
  // Seen is not durable: whoever stored a pack may have died before it was, and a run must name only durable ones.
  std::vector<ObjectName> seen;
  for (const PackId& id : ids) seen.push_back({ObjectKind::pack, id.hex()});
  HF_TRY(store.settle(seen));
  progress.items_total = ids.size();

  RunBuilders gathered(vault);
  std::vector<std::string> new_runs;
  const auto write_run = [&]() -> Status {
    const auto written = HF_TRY(gathered.write());
    new_runs.insert(new_runs.end(), written.begin(), written.end());
    return {};
  };

  // A pack that can't be read now may be readable later: runs that tell of it stay.
  std::unordered_set<PackId> unread;
  const auto could_not_read = [&](const PackId& id, const Error& why) {
    ++report.packs_lost;
    report.problems.push_back("pack " + id.brief() + ": " + why.message);
    if (is_transient(why)) unread.insert(id);
  };

  const auto add = [&](const WriterId& writer, const PackId& id, PackClass pack_class, std::uint64_t stored_bytes, const PackDirectory& directory) -> Status {
    const FinishedPack described = described_by(id, pack_class, stored_bytes, directory);
    gathered.add(writer, described);
    ++report.packs;
    report.chunks += described.entries.size();
    ++progress.items_done;
    return gathered.is_full() ? write_run() : Status();
  };

  // Two packs of one salt: one may be a forgery with the other's directory.
  std::map<Salt, unsigned> of_salt;
  for (const PackId& id : ids)
    if (const auto header = read_pack_header(store, id)) ++of_salt[header->salt];

  SegmentOpener opener(vault);
  std::vector<TornPack> torn_packs;
  for (const PackId& id : ids) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped", "the old index is still in use; run it again: holdfast rebuild");
    auto reader = store.open({ObjectKind::pack, id.hex()});
    if (!reader) {
      could_not_read(id, reader.error());
      continue;
    }
    PackHeader header;
    auto pack = std::move(*reader);
    auto directory = read_pack_directory(vault, *pack, opener, &header);
    if (!directory && is_transient(directory.error())) {
      could_not_read(id, directory.error());
      continue;
    }
    // Mended first, where its parity can: else the index lacks what a later healing brings back.
    if (!directory && heal_pack(store, id)) {
      const std::string damage = directory.error().message;
      auto again = store.open({ObjectKind::pack, id.hex()});
      if (!again) {
        could_not_read(id, again.error());
        continue;
      }
      pack = std::move(*again);
      directory = read_pack_directory(vault, *pack, opener, &header);
      if (directory) {
        report.problems.push_back("pack " + id.brief() + ": " + damage + "; mended from its parity");
        ++report.packs_healed;
      }
    }
    if (directory && of_salt[header.salt] > 1 && !segments_open(*pack, header, *directory, opener)) directory = Error(Code::corrupt, "it has the directory of another pack");
    if (!directory) {
      report.problems.push_back("pack " + id.brief() + ": " + directory.error().message + "; read segment by segment");
      torn_packs.emplace_back().id = id;  // later: its deltas need the index of the others
      torn_packs.back().writer = maker_of_torn(vault, id);
      continue;
    }
    HF_TRY(add(header.writer(), id, header.pack_class, pack->size(), *directory));
  }
  HF_TRY(write_run());

  // A torn pack may stand on another torn one: again as long as more segments open, at most as deep as bases are nested.
  // Each round's run tells what that round found, so that the next one finds it.
  for (unsigned round = 0; !torn_packs.empty(); ++round) {
    std::vector<std::pair<std::string, Error>> unreadable;
    const auto index = HF_TRY(Index::load_what_opens(vault, unreadable));
    struct Tools {
      std::unique_ptr<Index> index;
      std::unique_ptr<ChunkReader> chunks;
      std::unique_ptr<SegmentOpener> opener;
    };
    std::map<WriterId, Tools> tools;  // bases of one writer's packs lie in packs of that writer
    bool more = false;
    std::unordered_set<PackId> gone;  // a prune removes packs meanwhile
    for (TornPack& torn : torn_packs) {
      if (progress.stop_requested) return Error(Code::cancelled, "stopped", "the old index is still in use; run it again: holdfast rebuild");
      const std::size_t before = torn.found.segments.size();
      Tools& own = tools[torn.writer];
      if (!own.index) {
        own.index = index->only(torn.writer);
        own.chunks = std::make_unique<ChunkReader>(vault, *own.index);
        own.opener = std::make_unique<SegmentOpener>(vault, own.chunks.get());
      }
      if (const auto read = read_torn(vault, torn, *own.opener); !read) {
        could_not_read(torn.id, read.error());
        gone.insert(torn.id);
        continue;
      }
      more = more || torn.found.segments.size() > before;
    }
    std::erase_if(torn_packs, [&](const TornPack& torn) { return gone.contains(torn.id); });
    std::vector<TornPack> waiting;
    for (TornPack& torn : torn_packs) {
      if (torn.without_base > 0 && more && round < kBaseDepthMax) {
        waiting.push_back(std::move(torn));
        continue;
      }
      if (torn.without_base > 0)
        report.problems.push_back("pack " + torn.id.brief() + ": " + std::to_string(torn.without_base) + " segments need chunks that are in no pack");
      if (torn.found.segments.empty()) {
        ++report.packs_lost;
        continue;
      }
      ++report.packs_torn;
      HF_TRY(add(torn.writer, torn.id, torn.pack_class, torn.stored_bytes, torn.found));
    }
    torn_packs = std::move(waiting);
    if (torn_packs.empty()) break;
    // What they hold so far, for one another; left out of the count, as they are read once more.
    for (const TornPack& torn : torn_packs) {
      if (torn.found.segments.empty()) continue;
      HF_TRY(add(torn.writer, torn.id, torn.pack_class, torn.stored_bytes, torn.found));
      --report.packs;
      for (const SegmentInfo& s : torn.found.segments) report.chunks -= s.chunks.size();
    }
    HF_TRY(write_run());
  }
  HF_TRY(write_run());

  const auto reaped = HF_TRY(reaped_points(vault));
  HF_TRY(for_each_replica(store, [&](const ObjectName& name, const Buffer& object) -> Status {
    if (name.kind != ObjectKind::point) return {};
    if (const auto id = PointId::parse(name.name); id && reaped.contains(*id)) return {};  // a prune removed it
    const auto point = vault.open_point(object);
    if (!point || point->vault != vault.id() || point->id.hex() != name.name) return {};  // another vault's, another point's, or damaged
    if (!HF_TRY(put_if_absent(store, name, object))) return {};
    // A prune that passed sentence meanwhile may have removed it just before, and has not looked for it since.
    if (const auto id = PointId::parse(name.name); id && HF_TRY(reaped_points(vault)).contains(*id)) return store.remove(name);
    ++report.points_restored;
    return {};
  }));

  for (const std::string& name : old_runs) {
    if (std::find(new_runs.begin(), new_runs.end(), name) != new_runs.end()) continue;
    if (!unread.empty()) {
      const auto run = IndexRun::open(vault, name);
      if (!run && is_transient(run.error())) continue;
      const auto needed = [&](const IndexedPack& p) { return unread.contains(p.id); };
      if (run && std::any_of((*run)->table().packs.begin(), (*run)->table().packs.end(), needed)) continue;
    }
    HF_TRY(store.remove({ObjectKind::index, name}));
  }
  std::vector<std::pair<std::string, Error>> unreadable;
  const auto index = HF_TRY(Index::load_what_opens(vault, unreadable));
  HF_TRY(leave_out_what_hangs(vault, *index, report));
  return drop_condemned(vault, *index, epoch.absent());
}

}  // namespace

Status rebuild(Vault& vault, RebuildReport& report, Progress& progress) {
  HF_TRY(vault.opens_all("a rebuild"));
  // A prune that runs meanwhile leaves what this session lists.
  PointId name;
  vault.env().random(name.bytes);
  HeldLease lease = HF_TRY(HeldLease::begin(vault, name));
  const Status done = rebuild_under_lease(vault, report, progress);
  const Status ended = lease.end();
  HF_TRY(done);
  return ended;
}

}  // namespace hf
