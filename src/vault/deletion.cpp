#include "vault/deletion.hpp"

#include <algorithm>
#include <array>

namespace hf {
namespace {

constexpr std::uint64_t kSmallMax = 1u << 20, kEpochBytesMax = 256u << 20;
// Names in forgotten/: a tombstone is the point's id and eight random bytes; its verdict the same and "ff".
constexpr std::size_t kPointDigits = 2 * PointId::kBytes, kTombstoneDigits = kPointDigits + 16;

std::string random_hex(Env& env, std::size_t bytes) {
  Buffer b(bytes);
  env.random(b);
  return to_hex(b);
}

Result<std::vector<std::string>> names_of(const Vault& vault, ObjectKind kind) {
  std::vector<std::string> names;
  HF_TRY(vault.store().list(kind, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  return names;
}

Result<Buffer> open_object(const Vault& vault, const ObjectName& name, SealedKind kind, std::uint64_t bytes_max) {
  const auto doing = [&] { return "reading " + name.text(); };
  const Buffer raw = HF_TRY(vault.store().get(name, bytes_max).context(doing));
  return vault.open_sealed(kind, raw).context(doing);
}

std::string verdict_name(const std::string& tombstone) { return tombstone + "ff"; }

Result<std::optional<Verdict>> verdict_on(const Vault& vault, const std::string& tombstone) {
  auto plain = open_object(vault, {ObjectKind::tombstone, verdict_name(tombstone)}, SealedKind::tombstone, kSmallMax);
  if (!plain && plain.error().code == Code::not_found) return std::optional<Verdict>();
  if (!plain) return plain.error();
  return std::optional(HF_TRY(decode_verdict(*plain)));
}

/// Gives which verdict stands in the end.
Result<Verdict> sentence(const Vault& vault, const std::string& tombstone, Verdict wanted) {
  const auto put = vault.store().put({ObjectKind::tombstone, verdict_name(tombstone)}, vault.seal(SealedKind::tombstone, encode_verdict(wanted)));
  if (put) return wanted;
  if (put.error().code != Code::already_exists) return put.error();
  const auto stands = HF_TRY(verdict_on(vault, tombstone));
  return stands.value_or(Verdict::reaped);  // gone again: buried
}

Result<bool> point_exists(const Vault& vault, const PointId& point) {
  const auto there = vault.store().open({ObjectKind::point, point.hex()});
  if (there) return true;
  if (there.error().code == Code::not_found) return false;
  return there.error();
}

}  // namespace

// --- sessions ---

Result<HeldLease> HeldLease::begin(const Vault& vault, const PointId& name) {
  Lease lease;
  lease.point = name;
  lease.host = vault.env().host_name();
  lease.time_ns = vault.env().wall_ns();
  lease.process = vault.env().process_identity();
  // Names alone: whatever the records say, the session treats what they retire as absent (read after the lease is there).
  for (const std::string& epoch : HF_TRY(names_of(vault, ObjectKind::epoch)))
    if (epoch.size() == 16) lease.epoch = std::stoull(epoch, nullptr, 16);
  HF_TRY(vault.store().put({ObjectKind::lease, name.hex()}, vault.seal(SealedKind::lease, encode_lease(lease))));
  return HeldLease(vault, std::move(lease));
}

HeldLease::~HeldLease() = default;

Status HeldLease::end() { return vault_->store().remove({ObjectKind::lease, lease_.point.hex()}); }

Result<LeaseList> leases(const Vault& vault) {
  LeaseList out;
  for (const std::string& name : HF_TRY(names_of(vault, ObjectKind::lease))) {
    const auto raw = vault.store().get({ObjectKind::lease, name}, kSmallMax);
    if (!raw && raw.error().code == Code::not_found) continue;  // ended meanwhile
    if (!raw && raw.error().code != Code::corrupt) return raw.error();
    const auto plain = raw ? vault.open_sealed(SealedKind::lease, *raw) : Result<Buffer>(raw.error());
    auto lease = plain ? decode_lease(*plain) : Result<Lease>(plain.error());
    if (lease && lease->point.hex() == name) out.leases.push_back(std::move(*lease));
    else out.unreadable.push_back(name);
  }
  return out;
}

bool seems_dead(Env& env, const Lease& lease, std::int64_t age_ns) {
  if (!lease.process.empty() && env.process_is_gone(lease.process)) return true;
  const std::int64_t now = env.wall_ns();
  return now > lease.time_ns && now - lease.time_ns >= age_ns;
}

Status fence(const Vault& vault, const Lease& lease) {
  const Fence f{lease.point, vault.env().wall_ns(), vault.env().host_name()};
  const auto put = vault.store().put({ObjectKind::point, lease.point.hex()}, vault.seal(SealedKind::tombstone, encode_fence(f)));
  if (!put && put.error().code != Code::already_exists) return put.error();  // exists: committed, or fenced before
  return vault.store().remove({ObjectKind::lease, lease.point.hex()});
}

// --- epochs ---

Result<EpochRecord> newest_epoch(const Vault& vault) {
  constexpr int kAttempts = 100;  // a record that is listed may be relieved by a newer one before it is read
  for (int attempt = 0;; ++attempt) {
    const std::vector<std::string> names = HF_TRY(names_of(vault, ObjectKind::epoch));
    if (names.empty()) return EpochRecord();
    const std::string& name = names.back();
    auto plain = open_object(vault, {ObjectKind::epoch, name}, SealedKind::epoch, kEpochBytesMax);
    if (!plain && plain.error().code == Code::not_found && attempt < kAttempts) continue;
    if (!plain) return plain.error();
    EpochRecord record = HF_TRY(decode_epoch(*plain));
    if (epoch_name(record.number) != name) return Error(Code::corrupt, "deletion epoch " + name + " holds another one than its name says").with_object("epochs/" + name);
    return record;
  }
}

Result<bool> decide(const Vault& vault, const EpochRecord& before, EpochRecord& next) {
  next.number = before.number + 1;
  next.time_ns = vault.env().wall_ns();
  for (Retirement& r : next.retired)
    if (r.epoch == 0) r.epoch = next.number;
  const ObjectName name{ObjectKind::epoch, epoch_name(next.number)};
  const auto put = vault.store().put(name, vault.seal(SealedKind::epoch, encode_epoch(next)));
  if (!put && put.error().code == Code::already_exists) return false;
  HF_TRY(put);
  // The number may be free because that record was relieved by newer ones and removed: then ours is none.
  const std::vector<std::string> names = HF_TRY(names_of(vault, ObjectKind::epoch));
  if (names.back() != name.name) {
    HF_TRY(vault.store().remove(name));
    return false;
  }
  for (const std::string& older : names)
    if (older < name.name) HF_TRY(vault.store().remove({ObjectKind::epoch, older}));
  return true;
}

// --- forgetting ---

namespace {

/// Of one point, or of all.
Result<std::unordered_map<PointId, InForce>> tombstones_of(const Vault& vault, const PointId* only) {
  std::unordered_map<PointId, InForce> out;
  const std::vector<std::string> names = HF_TRY(names_of(vault, ObjectKind::tombstone));
  const std::unordered_set<std::string> there(names.begin(), names.end());
  const std::string begin = only != nullptr ? only->hex() : "";
  for (const std::string& name : names) {
    if (name.size() != kTombstoneDigits || !name.starts_with(begin)) continue;
    bool reaped = false;
    // A write-only key can't read them. A name without a verdict is a point that is forgotten; with one, the point is
    // forgotten no more, or soon gone: as long as it is there its data is.
    if (vault.is_write_only()) {
      if (const auto point = PointId::parse(name.substr(0, kPointDigits)); point && !there.contains(verdict_name(name))) out.try_emplace(*point, InForce{name, {*point, 0, 0, ""}, false});
      continue;
    }
    if (there.contains(verdict_name(name))) {
      const auto verdict = HF_TRY(verdict_on(vault, name));
      if (verdict == Verdict::undone) continue;
      reaped = verdict == Verdict::reaped;
    }
    auto plain = open_object(vault, {ObjectKind::tombstone, name}, SealedKind::tombstone, kSmallMax);
    if (!plain && plain.error().code == Code::not_found) continue;
    if (!plain) return plain.error();
    InForce found{name, HF_TRY(decode_tombstone(*plain)), reaped};
    const PointId point = found.tombstone.point;
    if (point.hex() != name.substr(0, kPointDigits)) return Error(Code::corrupt, "a tombstone names another point than its name says").with_object("forgotten/" + name);
    const auto [at, is_new] = out.try_emplace(point, found);
    // Two that forgot it at once: the longer grace counts, unless a sentence was passed.
    const auto end = [](const InForce& f) { return f.tombstone.time_ns + static_cast<std::int64_t>(f.tombstone.grace_seconds) * 1'000'000'000; };
    if (!is_new && (reaped || (!at->second.reaped && end(found) > end(at->second)))) at->second = std::move(found);
  }
  return out;
}

}  // namespace

Result<std::unordered_map<PointId, InForce>> tombstones(const Vault& vault) { return tombstones_of(vault, nullptr); }

Result<std::unordered_set<PointId>> reaped_points(const Vault& vault) {
  std::unordered_set<PointId> out;
  for (const auto& [point, found] : HF_TRY(tombstones(vault)))
    if (found.reaped) out.insert(point);
  return out;
}

std::int64_t grace_begins(std::int64_t now_ns, std::vector<std::int64_t> points_ns) {
  constexpr std::int64_t kSkew = 3600LL * 1'000'000'000;  // clocks of two machines may differ by this
  const auto ahead = std::count_if(points_ns.begin(), points_ns.end(), [&](std::int64_t t) { return t > now_ns + kSkew; });
  if (2 * static_cast<std::size_t>(ahead) <= points_ns.size()) return now_ns;
  return *std::max_element(points_ns.begin(), points_ns.end());
}

Status forget(const Vault& vault, const PointId& point, const ForgetOptions& options) { return forget(vault, {{point, options}}); }

Status forget(const Vault& vault, const std::vector<std::pair<PointId, ForgetOptions>>& points) {
  HF_TRY(vault.opens_all("forgetting a point"));
  HF_TRY(vault.may_write());
  const auto held = held_points(HF_TRY(holds(vault)), vault.env().wall_ns());
  for (const auto& [point, options] : points) {
    if (const auto at = held.find(point); at != held.end())
      return Error(Code::refused, "recovery point " + point.brief() + " is under a hold: " + printable(at->second), "see who placed it: holdfast hold list");
    if (!HF_TRY(point_exists(vault, point))) return Error(Code::not_found, "there is no recovery point " + point.brief());
  }
  const auto known = HF_TRY(tombstones_of(vault, points.size() == 1 ? &points[0].first : nullptr));
  for (const auto& [point, options] : points) {
    if (known.contains(point)) continue;
    const Tombstone t{point, options.time_ns != 0 ? options.time_ns : vault.env().wall_ns(), options.grace_seconds, options.reason};
    HF_TRY(vault.store().put({ObjectKind::tombstone, point.hex() + random_hex(vault.env(), 8)}, vault.seal(SealedKind::tombstone, encode_tombstone(t))));
  }
  return {};
}

Status undelete(const Vault& vault, const PointId& point) {
  HF_TRY(vault.opens_all("bringing a point back"));
  const Error too_late(Code::refused, "recovery point " + point.brief() + " can't come back: its grace has passed, and a prune has removed it");
  bool found = false;
  for (const std::string& name : HF_TRY(names_of(vault, ObjectKind::tombstone))) {
    if (name.size() != kTombstoneDigits || !name.starts_with(point.hex())) continue;
    found = true;
    if (HF_TRY(sentence(vault, name, Verdict::undone)) == Verdict::reaped) return too_late;
  }
  if (!found) return Error(Code::not_found, "recovery point " + point.brief() + " was not forgotten");
  if (!HF_TRY(point_exists(vault, point))) return too_late;
  return {};
}

Result<bool> reap(const Vault& vault, const InForce& dead, std::int64_t now_ns) {
  const PointId& point = dead.tombstone.point;
  const auto held = [&]() -> Result<bool> { return held_points(HF_TRY(holds(vault)), now_ns).contains(point); };
  if (HF_TRY(held())) return false;
  if (HF_TRY(sentence(vault, dead.name, Verdict::reaped)) == Verdict::undone) return false;
  // Whoever placed a hold meanwhile looks for a verdict after it; so one of us sees the other, or both do.
  if (HF_TRY(held())) return false;
  HF_TRY(vault.store().remove({ObjectKind::point, point.hex()}));
  return true;
}

Status bury(const Vault& vault, const std::vector<PointId>& points) {
  std::unordered_set<std::string> gone;
  for (const PointId& p : points) gone.insert(p.hex());
  for (const std::string& name : HF_TRY(names_of(vault, ObjectKind::tombstone))) {
    if (name.size() != kTombstoneDigits || !gone.contains(name.substr(0, kPointDigits))) continue;
    // The verdict last: without it the tombstone would look undecided.
    HF_TRY(vault.store().remove({ObjectKind::tombstone, name}));
    HF_TRY(vault.store().remove({ObjectKind::tombstone, verdict_name(name)}));
  }
  return {};
}

// --- holds ---

Result<std::vector<StoredHold>> holds(const Vault& vault) {
  HF_TRY(vault.opens_all("a list of the holds"));
  std::vector<StoredHold> out;
  for (const std::string& name : HF_TRY(names_of(vault, ObjectKind::hold))) {
    auto plain = open_object(vault, {ObjectKind::hold, name}, SealedKind::hold, kSmallMax);
    if (!plain && plain.error().code == Code::not_found) continue;  // released meanwhile
    if (!plain) return std::move(plain.error()).with_hint("nothing is forgotten or pruned while a hold can't be read; if it is damaged for good: holdfast hold release " + name.substr(0, 8));
    out.push_back({name, HF_TRY(decode_hold(*plain))});
  }
  return out;
}

std::unordered_map<PointId, std::string> held_points(const std::vector<StoredHold>& holds, std::int64_t now_ns) {
  std::unordered_map<PointId, std::string> out;
  for (const StoredHold& h : holds) {
    if (h.hold.until_ns != 0 && h.hold.until_ns <= now_ns) continue;
    for (const PointId& p : h.hold.points) out.emplace(p, h.hold.reason);
  }
  return out;
}

Result<std::string> add_hold(const Vault& vault, Hold hold) {
  HF_TRY(vault.opens_all("a hold"));
  std::sort(hold.points.begin(), hold.points.end());
  hold.points.erase(std::unique(hold.points.begin(), hold.points.end()), hold.points.end());
  const std::string name = random_hex(vault.env(), 16);
  HF_TRY(vault.store().put({ObjectKind::hold, name}, vault.seal(SealedKind::hold, encode_hold(hold))));
  // After the hold is there: see reap().
  const auto known = HF_TRY(tombstones(vault));
  for (const PointId& point : hold.points) {
    const auto at = known.find(point);
    const bool going = at != known.end() && at->second.reaped;
    if (!going && HF_TRY(point_exists(vault, point))) continue;
    HF_TRY(release_hold(vault, name));
    return Error(going ? Code::refused : Code::not_found, "recovery point " + point.brief() + (going ? " is being removed by a prune: too late for a hold" : " does not exist"));
  }
  return name;
}

Status release_hold(const Vault& vault, const std::string& name) {
  HF_TRY(vault.opens_all("releasing a hold"));
  return vault.store().remove({ObjectKind::hold, name});
}

}  // namespace hf
