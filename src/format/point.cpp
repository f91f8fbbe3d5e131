#include "format/point.hpp"

#include <algorithm>

#include "format/wire.hpp"

namespace hf {

std::string_view name_of(PointKind kind) {
  switch (kind) {
    case PointKind::full: return "full";
    case PointKind::incremental: return "incremental";
    case PointKind::differential: return "differential";
  }
  return "unknown";
}

std::string RecoveryPoint::source() const {
  std::string s = host + ":";
  for (std::size_t i = 0; i < paths.size(); ++i) s += (i > 0 ? "," : "") + paths[i];
  return s;
}

Buffer encode_point(const RecoveryPoint& p, const Digest& signing_seed) {
  Buffer body;
  wire::Writer w(body);
  const auto optional_id = [&](const std::optional<PointId>& id) {
    w.u8(id ? 1 : 0);
    if (id) w.id(*id);
  };
  const auto texts = [&](const std::vector<std::string>& list) {
    w.varint(list.size());
    for (const std::string& t : list) w.text(t);
  };
  const auto names = [&](const std::map<std::uint32_t, std::string>& map) {
    w.varint(map.size());
    for (const auto& [id, name] : map) {
      w.varint(id);
      w.text(name);
    }
  };
  const bool tells_of_fulls = p.domain || p.base_full_ns != 0;
  w.u16(tells_of_fulls ? 2 : 1);  // version of this layout
  w.id(p.id);
  w.id(p.vault);
  w.u8(static_cast<std::uint8_t>(p.kind));
  optional_id(p.parent);
  optional_id(p.base_full);
  w.u64(static_cast<std::uint64_t>(p.started_ns));
  w.u64(static_cast<std::uint64_t>(p.ended_ns));
  w.text(p.host);
  w.text(p.user);
  w.text(p.program);
  texts(p.paths);
  w.text(p.base_path);
  texts(p.tags);
  w.bytes(encode_leaf({p.root}));
  names(p.users);
  names(p.groups);
  for (std::uint64_t n : {p.files, p.bytes, p.bytes_read, p.bytes_new, p.bytes_stored, p.unreadable_count, p.inconsistent_count}) w.varint(n);
  const std::size_t listed = std::min(p.unreadable.size(), RecoveryPoint::kUnreadableListed);
  w.varint(listed);
  for (std::size_t i = 0; i < listed; ++i) {
    w.text(p.unreadable[i].path);
    w.text(p.unreadable[i].reason);
  }
  if (tells_of_fulls) {
    w.u64(static_cast<std::uint64_t>(p.base_full_ns));
    optional_id(p.domain);
    w.u64(static_cast<std::uint64_t>(p.domain_ns));
  }
  Buffer out;
  wire::Writer o(out);
  o.bytes(body);
  o.raw(public_key_of(signing_seed));
  o.raw(sign(signing_seed, body));
  return out;
}

namespace {

struct SignedBody {
  ByteView body, key, signature;
};
Result<SignedBody> split_point(ByteView in) {
  wire::Reader outer(in);
  SignedBody out;
  out.body = outer.bytes();
  out.key = outer.raw(32);
  out.signature = outer.raw(64);
  if (!outer.at_end()) return Error(Code::corrupt, "the recovery point is damaged");
  return out;
}

Result<RecoveryPoint> decode_body(ByteView body) {
  const Error damaged(Code::corrupt, "the recovery point is damaged");
  wire::Reader r(body);
  RecoveryPoint p;
  const std::uint16_t version = r.u16();
  if (version == 0) return damaged;
  if (version > 2) return Error(Code::unsupported, "the recovery point was written by a newer version of Holdfast", "use that version or a later one");
  const auto optional_id = [&]() -> std::optional<PointId> {
    const std::uint8_t present = r.u8();
    if (present > 1) r.fail();
    if (present == 0) return std::nullopt;
    return r.id<PointId>();
  };
  const auto texts = [&](std::vector<std::string>& list) {
    const std::uint64_t n = r.count(r.left());
    for (std::uint64_t i = 0; i < n && r.ok(); ++i) list.push_back(r.text());
  };
  const auto names = [&](std::map<std::uint32_t, std::string>& map) {
    const std::uint64_t n = r.count(r.left());
    for (std::uint64_t i = 0; i < n && r.ok(); ++i) {
      const auto id = static_cast<std::uint32_t>(r.count(UINT32_MAX));
      if (!map.empty() && map.rbegin()->first >= id) r.fail();
      map[id] = r.text();
    }
  };
  p.id = r.id<PointId>();
  p.vault = r.id<VaultId>();
  p.kind = static_cast<PointKind>(r.u8());
  p.parent = optional_id();
  p.base_full = optional_id();
  p.started_ns = static_cast<std::int64_t>(r.u64());
  p.ended_ns = static_cast<std::int64_t>(r.u64());
  p.host = r.text();
  p.user = r.text();
  p.program = r.text();
  texts(p.paths);
  p.base_path = r.text();
  texts(p.tags);
  const ByteView root = r.bytes();
  if (!r.ok()) return damaged;
  TreeNode node = HF_TRY(decode_node(root));
  if (node.entries.size() != 1 || !node.entries[0].is_directory()) return damaged;
  p.root = std::move(node.entries[0]);
  names(p.users);
  names(p.groups);
  for (std::uint64_t* n : {&p.files, &p.bytes, &p.bytes_read, &p.bytes_new, &p.bytes_stored, &p.unreadable_count, &p.inconsistent_count}) *n = r.varint();
  const std::uint64_t listed = r.count(RecoveryPoint::kUnreadableListed);
  for (std::uint64_t i = 0; i < listed && r.ok(); ++i) {
    Unreadable& u = p.unreadable.emplace_back();
    u.path = r.text();
    u.reason = r.text();
  }
  if (version == 2) {
    p.base_full_ns = static_cast<std::int64_t>(r.u64());
    p.domain = optional_id();
    p.domain_ns = static_cast<std::int64_t>(r.u64());
    if ((!p.domain && p.base_full_ns == 0) || (!p.domain && p.domain_ns != 0)) return damaged;
  }
  if (listed > p.unreadable_count) return damaged;
  if (!r.at_end() || p.kind < PointKind::full || p.kind > PointKind::differential) return damaged;
  return p;
}

}  // namespace

Result<RecoveryPoint> decode_point(ByteView in, const PublicKey& signer) {
  const SignedBody parts = HF_TRY(split_point(in));
  Signature s;
  std::copy(parts.signature.begin(), parts.signature.end(), s.begin());
  if (!std::equal(parts.key.begin(), parts.key.end(), signer.begin(), signer.end()) || !signature_holds(signer, parts.body, s))
    return Error(Code::corrupt, "the recovery point's signature does not hold");
  return decode_body(parts.body);
}

Result<RecoveryPoint> decode_point_known(ByteView in) { return decode_body(HF_TRY(split_point(in)).body); }

Buffer encode_proof(const Proof& proof) {
  Buffer b;
  wire::Writer w(b);
  w.u64(static_cast<std::uint64_t>(proof.time_ns));
  for (const auto* list : {&proof.packs, &proof.damaged}) {
    w.varint(list->size());
    for (const PackId& id : *list) w.id(id);
  }
  if (proof.healed.empty() && proof.points.empty()) return b;
  w.varint(proof.healed.size());
  for (const PackId& id : proof.healed) w.id(id);
  if (proof.points.empty()) return b;
  w.varint(proof.points.size());
  for (const PointId& id : proof.points) w.id(id);
  return b;
}

Result<Proof> decode_proof(ByteView in) {
  wire::Reader r(in);
  Proof p;
  p.time_ns = static_cast<std::int64_t>(r.u64());
  for (auto* list : {&p.packs, &p.damaged}) {
    const std::uint64_t n = r.count(r.left() / PackId::kBytes);
    list->reserve(n);
    for (std::uint64_t i = 0; i < n; ++i) list->push_back(r.id<PackId>());
  }
  // An empty list with nothing behind it is not written at all.
  if (r.left() > 0) {
    const std::uint64_t n = r.count(r.left() / PackId::kBytes);
    for (std::uint64_t i = 0; i < n; ++i) p.healed.push_back(r.id<PackId>());
    if (n == 0 && r.left() == 0) r.fail();
  }
  if (r.left() > 0) {
    const std::uint64_t n = r.count(r.left() / PointId::kBytes);
    if (n == 0) r.fail();
    for (std::uint64_t i = 0; i < n; ++i) p.points.push_back(r.id<PointId>());
  }
  if (!r.at_end()) return Error(Code::corrupt, "a proof is damaged");
  return p;
}

}  // namespace hf
