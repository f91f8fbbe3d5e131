#include "format/deletion.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "format/wire.hpp"

namespace hf {
namespace {

// Every layout but the lease's begins with this. Higher: written by a newer program.
constexpr std::uint8_t kVersion = 1;

Error damaged(std::string_view what) { return Error(Code::corrupt, std::string(what) + " is damaged"); }

Status read_version(wire::Reader& r, std::string_view what) {
  const std::uint8_t version = r.u8();
  if (version > kVersion) return Error(Code::unsupported, std::string(what) + " was written by a newer version of Holdfast", "use that version or a later one");
  if (version == 0) return damaged(what);
  return {};
}

template <class T>
void write_ids(wire::Writer& w, const std::vector<T>& ids) {
  w.varint(ids.size());
  for (const T& id : ids) w.id(id);
}

/// Strictly ascending: one encoding of each set.
template <class T>
void read_ids(wire::Reader& r, std::vector<T>& ids) {
  const std::uint64_t n = r.count(r.left() / T::kBytes);
  ids.reserve(n);
  for (std::uint64_t i = 0; i < n && r.ok(); ++i) {
    ids.push_back(r.id<T>());
    if (i > 0 && !(ids[i - 1] < ids[i])) r.fail();
  }
}

}  // namespace

Buffer encode_lease(const Lease& lease) {
  Buffer b;
  wire::Writer w(b);
  w.id(lease.point);
  w.text(lease.host);
  w.u64(static_cast<std::uint64_t>(lease.time_ns));
  w.varint(lease.epoch);
  w.text(lease.process);
  return b;
}

Result<Lease> decode_lease(ByteView in) {
  wire::Reader r(in);
  Lease lease;
  lease.point = r.id<PointId>();
  lease.host = r.text();
  lease.time_ns = static_cast<std::int64_t>(r.u64());
  lease.epoch = r.varint();
  lease.process = r.text();
  if (!r.at_end()) return damaged("a lease");
  return lease;
}

Buffer encode_tombstone(const Tombstone& t) {
  Buffer b;
  wire::Writer w(b);
  w.u8(kVersion);
  w.id(t.point);
  w.u64(static_cast<std::uint64_t>(t.time_ns));
  w.varint(t.grace_seconds);
  w.text(t.reason);
  return b;
}

Result<Tombstone> decode_tombstone(ByteView in) {
  wire::Reader r(in);
  HF_TRY(read_version(r, "a tombstone"));
  Tombstone t;
  t.point = r.id<PointId>();
  t.time_ns = static_cast<std::int64_t>(r.u64());
  t.grace_seconds = r.varint();
  t.reason = r.text();
  if (!r.at_end()) return damaged("a tombstone");
  return t;
}

Buffer encode_verdict(Verdict verdict) { return {kVersion, static_cast<std::uint8_t>(verdict)}; }

Result<Verdict> decode_verdict(ByteView in) {
  wire::Reader r(in);
  HF_TRY(read_version(r, "a verdict on a tombstone"));
  const std::uint8_t v = r.u8();
  if (!r.at_end() || v < 1 || v > 2) return damaged("a verdict on a tombstone");
  return static_cast<Verdict>(v);
}

Buffer encode_fence(const Fence& f) {
  Buffer b;
  wire::Writer w(b);
  w.u8(kVersion);
  w.id(f.point);
  w.u64(static_cast<std::uint64_t>(f.time_ns));
  w.text(f.host);
  return b;
}

Result<Fence> decode_fence(ByteView in) {
  wire::Reader r(in);
  HF_TRY(read_version(r, "a fence"));
  Fence f;
  f.point = r.id<PointId>();
  f.time_ns = static_cast<std::int64_t>(r.u64());
  f.host = r.text();
  if (!r.at_end()) return damaged("a fence");
  return f;
}

bool EpochRecord::is_absent(const PackId& id) const {
  const auto holds = [&](const std::vector<PackId>& packs) { return std::binary_search(packs.begin(), packs.end(), id); };
  return holds(condemned) || std::any_of(retired.begin(), retired.end(), [&](const Retirement& r) { return holds(r.packs); });
}

std::unordered_set<PackId> EpochRecord::absent() const {
  std::unordered_set<PackId> out(condemned.begin(), condemned.end());
  for (const Retirement& r : retired) out.insert(r.packs.begin(), r.packs.end());
  return out;
}

Buffer encode_epoch(const EpochRecord& e) {
  Buffer b;
  wire::Writer w(b);
  w.u8(kVersion);
  w.varint(e.number);
  w.u64(static_cast<std::uint64_t>(e.time_ns));
  w.varint(e.retired.size());
  for (const Retirement& r : e.retired) {
    w.varint(r.epoch);
    write_ids(w, r.packs);
    write_ids(w, r.marked);
  }
  write_ids(w, e.condemned);
  return b;
}

Result<EpochRecord> decode_epoch(ByteView in) {
  wire::Reader r(in);
  HF_TRY(read_version(r, "a deletion epoch"));
  EpochRecord e;
  e.number = r.varint();
  e.time_ns = static_cast<std::int64_t>(r.u64());
  const std::uint64_t n = r.count(r.left() / PackId::kBytes);
  for (std::uint64_t i = 0; i < n && r.ok(); ++i) {
    Retirement& retirement = e.retired.emplace_back();
    retirement.epoch = r.varint();
    read_ids(r, retirement.packs);
    read_ids(r, retirement.marked);
    const std::uint64_t before = i == 0 ? 0 : e.retired[i - 1].epoch;
    if (retirement.epoch <= before || retirement.epoch > e.number || retirement.packs.empty()) r.fail();
  }
  read_ids(r, e.condemned);
  if (!r.at_end() || e.number == 0) return damaged("a deletion epoch");
  return e;
}

std::string epoch_name(std::uint64_t number) { return fmt::format("{:016x}", number); }

Buffer encode_hold(const Hold& h) {
  Buffer b;
  wire::Writer w(b);
  w.u8(kVersion);
  write_ids(w, h.points);
  w.u64(static_cast<std::uint64_t>(h.time_ns));
  w.u64(static_cast<std::uint64_t>(h.until_ns));
  w.text(h.reason);
  w.text(h.by);
  return b;
}

Result<Hold> decode_hold(ByteView in) {
  wire::Reader r(in);
  HF_TRY(read_version(r, "a hold"));
  Hold h;
  read_ids(r, h.points);
  h.time_ns = static_cast<std::int64_t>(r.u64());
  h.until_ns = static_cast<std::int64_t>(r.u64());
  h.reason = r.text();
  h.by = r.text();
  if (!r.at_end() || h.points.empty()) return damaged("a hold");
  return h;
}

}  // namespace hf
