#pragma once
// For tests, fuzz seeds and the worked examples of docs/format/: one example of each layout, the same on every run.

#include <random>

#include "format/deletion.hpp"
#include "format/index_run.hpp"
#include "format/key_slot.hpp"
#include "format/point.hpp"
#include "format/rotation.hpp"
#include "format/vault_config.hpp"

namespace hf::examples {

/// N bytes first, first + 1, …
template <class T>
T counting(std::uint8_t first) {
  T out{};
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(first + i);
  return out;
}
template <class T>
T id(std::uint8_t first) {
  return T{counting<decltype(T::bytes)>(first)};
}
inline Buffer noise(std::size_t n, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Buffer out(n);
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}

inline const VaultId kVault = id<VaultId>(0xA0);
inline const Digest kKey = counting<Digest>(0x40);   ///< an object key
inline const Digest kSeed = counting<Digest>(0x60);  ///< a signing seed

inline FrameHeader frame(SealedKind kind = SealedKind::point, std::uint32_t ordinal = 0) {
  FrameHeader h;
  h.kind = kind;
  h.ordinal = ordinal;
  h.salt = counting<Salt>(0x10);
  return h;
}

inline PackHeader pack_header() {
  PackHeader h;
  h.pack_class = PackClass::metadata;
  h.epoch = 3;
  h.vault = kVault;
  h.salt = counting<Salt>(0x10);
  return h;
}
inline SegmentHead segment_head() {
  SegmentHead h;
  h.compressed = true;
  h.plain_bytes = 66000;
  h.chunk_bytes = {1, 65536, 463};
  h.bases = {id<ChunkId>(0x80)};
  return h;
}
inline PackDirectory pack_directory() {
  PackDirectory d;
  SegmentInfo& first = d.segments.emplace_back();
  first.offset = PackHeader::kBytes;
  first.stored_bytes = 1000;
  first.plain_bytes = 70000;
  first.chunks = {{id<ChunkId>(1), 5}, {id<ChunkId>(2), 69995}};
  SegmentInfo& second = d.segments.emplace_back();
  second.offset = PackHeader::kBytes + 1000;
  second.stored_bytes = 300;
  second.plain_bytes = 400;
  second.chunks = {{id<ChunkId>(3), 400}};
  second.bases = {id<ChunkId>(1), id<ChunkId>(2)};
  return d;
}

inline IndexTable index_table() {
  IndexTable t;
  t.entry_count = 2 * kIndexPageEntries + 1;
  t.filter_blocks = 7;
  t.packs = {{id<PackId>(1), PackClass::data, 33554432, 90000000, 200}, {id<PackId>(2), PackClass::metadata, 5000, 9000, 73}};
  t.fences = {0, 0x5555555555555555, 0xFFFFFFFFFFFFFF00};
  t.supersedes = {id<RunId>(0x30)};
  return t;
}

inline Entry entry(FileType type, std::string name) {
  Entry e;
  e.name = std::move(name);
  e.stat.type = type;
  e.stat.mode = 0644;
  e.stat.uid = e.stat.gid = 1000;
  e.stat.mtime = e.stat.ctime = 1'700'000'000'000'000'000;
  e.stat.dev = 2049;
  e.stat.ino = 131072;
  e.stat.nlink = 1;
  return e;
}
inline Entry regular(std::string name, std::vector<std::uint32_t> chunks, std::uint8_t first = 1) {
  Entry e = entry(FileType::regular, std::move(name));
  for (std::uint32_t n : chunks) {
    e.content.refs.push_back({id<ChunkId>(first++), n});
    e.stat.size += n;
  }
  return e;
}

/// Each kind of entry and each optional part of one, in order of names.
inline std::vector<Entry> leaf() {
  std::vector<Entry> out;
  out.push_back(entry(FileType::block_device, "block"));
  out.back().stat.rdev_major = 8;
  out.back().stat.rdev_minor = 1;
  out.push_back(entry(FileType::char_device, "char"));
  out.back().stat.rdev_major = UINT32_MAX;
  out.back().stat.rdev_minor = UINT32_MAX;
  out.back().stat.mode = 0600;
  out.push_back(entry(FileType::regular, "deep"));
  out.back().stat.size = UINT64_MAX;
  out.back().content.level = 2;
  out.back().content.refs = {{id<ChunkId>(7), 33000}, {id<ChunkId>(8), kSegmentPlainMax}};
  out.push_back(entry(FileType::directory, "directory"));
  out.back().stat.mode = 01777;
  out.back().directory = ChunkRef{id<ChunkId>(9), 4711};
  out.back().below_files = 12;
  out.back().below_bytes = 1 << 20;
  out.push_back(regular("empty", {}));
  out.push_back(entry(FileType::fifo, "fifo"));
  out.push_back(regular("file", {100}, 20));
  out.push_back(regular("file with everything", {4096, 1, 300}, 30));
  Entry& all = out.back();
  all.stat.size += 8192 + 1000000;
  all.content.holes = {{0, 8192}, {12288, 1000000}};
  all.stat.mode = 06755;
  all.stat.uid = 0;
  all.stat.gid = UINT32_MAX;
  all.stat.mtime = -1;
  all.stat.ctime = 1'700'000'000'123'456'789;
  all.stat.dev = UINT64_MAX;
  all.stat.ino = UINT64_MAX;
  all.stat.nlink = 3;
  all.flags = 0x10;
  all.inconsistent = true;
  all.xattrs = {{"security.capability", {1, 0, 0, 2, 0}}, {"user.empty", {}}, {"user.note", {'h', 'i'}}};
  out.push_back(entry(FileType::directory, "nothing inside"));
  out.push_back(entry(FileType::socket, "socket"));
  out.push_back(entry(FileType::symlink, "symlink"));
  out.back().target = "../\xFFto nowhere";
  out.push_back(regular("\xC3\x28 not UTF-8 \n", {17}, 50));
  return out;
}
inline std::vector<NodeRange> ranges() {
  return {{"a", {id<ChunkId>(1), 100}}, {"m", {id<ChunkId>(2), kSegmentPlainMax}}, {std::string(255, 'z'), {id<ChunkId>(3), 1}}};
}
inline std::vector<ChunkRef> refs() { return {{id<ChunkId>(1), 65536}, {id<ChunkId>(2), 16384}, {id<ChunkId>(1), 1}}; }

inline RecoveryPoint point() {
  RecoveryPoint p;
  p.id = id<PointId>(1);
  p.vault = kVault;
  p.kind = PointKind::incremental;
  p.parent = id<PointId>(2);
  p.base_full = id<PointId>(3);
  p.started_ns = 1'700'000'000'000'000'000;
  p.ended_ns = 1'700'000'007'000'000'001;
  p.host = "web-01";
  p.user = "anna";
  p.program = "holdfast 0.1.0";
  p.paths = {"/home/anna", "/etc"};
  p.base_path = "/";
  p.tags = {"nightly"};
  p.root = entry(FileType::directory, "root");
  p.root.stat.mode = 0755;
  p.root.directory = ChunkRef{id<ChunkId>(5), 321};
  p.root.below_files = 3;
  p.root.below_bytes = 12345;
  p.users = {{0, "root"}, {1000, "anna"}};
  p.groups = {{100, "users"}};
  p.files = 3;
  p.bytes = 12345;
  p.bytes_read = 700;
  p.bytes_new = 600;
  p.bytes_stored = 500;
  p.unreadable_count = 2000;
  p.unreadable = {{"/home/anna/locked", "Permission denied"}, {"/home/anna/\xFF", "Input/output error"}};
  p.inconsistent_count = 1;
  return p;
}
inline Proof proof() { return {1'700'000'000'000'000'000, {id<PackId>(1), id<PackId>(2)}, {id<PackId>(3)}, {}, {}}; }

inline Lease lease() { return {id<PointId>(1), "web-01", 1'700'000'000'000'000'000, 7, "0123 4567 pid:[1] 890 123456"}; }
inline Tombstone tombstone() { return {id<PointId>(1), 1'700'000'000'000'000'000, 604'800, "8th of 7 daily"}; }
inline Fence fence() { return {id<PointId>(1), 1'700'000'000'000'000'000, "web-02"}; }
inline EpochRecord epoch() {
  EpochRecord e{7, 1'700'000'000'000'000'000, {}, {id<PackId>(8)}};
  e.retired.push_back({5, {id<PackId>(1), id<PackId>(2)}, {id<PointId>(4), id<PointId>(5)}});
  e.retired.push_back({7, {id<PackId>(3)}, {}});
  return e;
}
inline Hold hold() { return {{id<PointId>(1), id<PointId>(2)}, 1'700'000'000'000'000'000, 1'800'000'000'000'000'000, "audit", "anna"}; }

inline KeySlot key_slot(SlotKind kind = SlotKind::passphrase) {
  KeySlot s;
  s.id = id<SlotId>(0xC0);
  s.vault = kVault;
  s.kind = kind;
  s.argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1};  // cheap: for tests only
  s.salt = counting<decltype(s.salt)>(0x20);
  s.wrapped = Buffer(53, 0x77);
  s.label = Buffer(90, 0x88);
  return s;
}
inline std::vector<RootKey> root_keys() { return {{1, counting<Digest>(0)}, {2, counting<Digest>(0x80)}}; }
inline KeySlot key_slot_v2(SlotKind kind = SlotKind::passphrase) {
  KeySlot s = key_slot(kind);
  s.version = 2;
  s.epoch = 2;
  s.public_key = agreement_public_key(counting<Digest>(0x90));
  return s;
}
inline Rotation rotation() {
  Rotation r;
  r.vault = kVault;
  r.epoch = 3;
  r.created_ns = 1'700'000'000'000'000'000;
  r.entries = {{id<SlotId>(0xC0), counting<Digest>(0x30), Buffer(53, 0x55)}, {id<SlotId>(0xD0), counting<Digest>(0x31), Buffer(53, 0x66)}};
  r.proof = counting<Digest>(0x11);
  return r;
}
inline SlotLabel slot_label() { return {"laptop", 1'700'000'000'000'000'000, id<SlotId>(0xC0)}; }

inline VaultConfig vault_config() {
  VaultConfig c;
  c.id = kVault;
  c.created_ns = 1'700'000'000'000'000'000;
  c.sealed_params = seal_object(frame(SealedKind::parameters), kVault, kKey, encode_params({}));
  return c;
}

}  // namespace hf::examples
