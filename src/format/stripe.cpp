#include "format/stripe.hpp"

#include <algorithm>
#include <set>

#include "base/assert.hpp"
#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {

constexpr std::string_view kHeadMagic = "HFSTRIPE";
constexpr std::string_view kChoiceMagic = "HFSTRSET";
constexpr std::uint8_t kCauchy = 1;  // the code: erasure.hpp
constexpr std::size_t kFixedBytes = 29;
static_assert(Stripe::head_bytes(0) == kFixedBytes + 1 + kCheckBytes);

Error damaged(std::string_view what) { return Error(Code::corrupt, std::string(what) + " is damaged"); }
Error newer() { return Error(Code::unsupported, "the stripe was written by a newer version of Holdfast", "use that version or a later one"); }

bool in_order(const StripeMember& a, const StripeMember& b) { return a.bytes != b.bytes ? a.bytes > b.bytes : a.pack < b.pack; }

/// All that a stripe is, without the row: its id is the hash of this.
Buffer body_of(const Stripe& s) {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kHeadMagic));
  w.u16(kFormatVersion);
  w.u8(kCauchy);
  w.u8(static_cast<std::uint8_t>(s.rows));
  w.u8(static_cast<std::uint8_t>(s.members.size()));
  w.id(s.vault);
  for (const StripeMember& m : s.members) {
    w.id(m.pack);
    w.u64(m.bytes);
  }
  return b;
}

Digest seal_of(const StripeId& stripe, unsigned row, std::uint64_t block, ByteView content) {
  Buffer place;
  wire::Writer w(place);
  w.id(stripe);
  w.u8(static_cast<std::uint8_t>(row));
  w.u64(block);
  Sha256 hash;
  hash.update(place);
  hash.update(content);
  return hash.finish();
}

}  // namespace

// --- what it is of ---

Stripe Stripe::of(const VaultId& vault, unsigned rows, std::vector<StripeMember> members) {
  std::sort(members.begin(), members.end(), in_order);
  return {vault, rows, std::move(members)};
}

bool Stripe::valid() const {
  if (rows == 0 || rows > kRowsMax || members.empty() || members.size() > kMembersMax) return false;
  if (members.front().bytes > kPackBytesMax || members.back().bytes == 0) return false;
  std::set<PackId> once;
  for (std::size_t i = 0; i < members.size(); ++i)
    if (!once.insert(members[i].pack).second || (i > 0 && !in_order(members[i - 1], members[i]))) return false;
  return true;
}

StripeId Stripe::id() const { return StripeId{sha256(body_of(*this))}; }

std::size_t Stripe::members_at(std::uint64_t block) const {
  const auto end = std::partition_point(members.begin(), members.end(), [&](const StripeMember& m) { return m.bytes > block * kBlockBytes; });
  return static_cast<std::size_t>(end - members.begin());
}

std::size_t Stripe::bytes_of(std::size_t member, std::uint64_t block) const {
  const std::uint64_t at = block * kBlockBytes, bytes = members[member].bytes;
  return at >= bytes ? 0 : static_cast<std::size_t>(std::min<std::uint64_t>(kBlockBytes, bytes - at));
}

std::uint64_t Stripe::record_offset(std::uint64_t block) const {
  std::uint64_t digests = 0;
  for (const StripeMember& m : members) digests += std::min(block, (m.bytes + kBlockBytes - 1) / kBlockBytes);
  return head_bytes(members.size()) + sizeof(Digest) * digests + std::min(block * kBlockBytes, members[0].bytes) + kSealBytes * block;
}

// --- head ---

Buffer StripeHead::encode() const {
  HF_ASSERT(stripe.valid() && row < stripe.rows);
  Buffer b = body_of(stripe);
  b.push_back(static_cast<std::uint8_t>(row));
  add_check(b);
  return b;
}

Result<StripeHead> StripeHead::decode(ByteView in) {
  constexpr std::string_view kWhat = "the head of a stripe";
  if (in.size() < kFixedBytes || as_text(in.first(8)) != kHeadMagic) return damaged(kWhat);
  wire::Reader fixed(in.subspan(8));
  const std::uint16_t version = fixed.u16();
  const std::uint8_t code = fixed.u8();
  if (version == 0) return damaged(kWhat);
  // What a newer one looks like is not known, nor where its check is.
  if (version > kFormatVersion || code != kCauchy) return newer();
  StripeHead h;
  h.stripe.rows = fixed.u8();
  const std::size_t count = fixed.u8();
  if (count == 0 || count > Stripe::kMembersMax || in.size() < Stripe::head_bytes(count)) return damaged(kWhat);
  in = in.first(Stripe::head_bytes(count));
  if (!check_holds(in)) return damaged(kWhat);
  wire::Reader r(in.subspan(13));
  h.stripe.vault = r.id<VaultId>();
  for (std::size_t i = 0; i < count; ++i) {
    StripeMember m;
    m.pack = r.id<PackId>();
    m.bytes = r.u64();
    h.stripe.members.push_back(m);
  }
  h.row = r.u8();
  if (!r.ok() || !h.stripe.valid() || h.row >= h.stripe.rows) return damaged(kWhat);
  return h;
}

// --- record ---

Buffer StripeRecord::encode(const StripeId& stripe, unsigned row, std::uint64_t block) const {
  Buffer b;
  b.reserve(sizeof(Digest) * digests.size() + parity.size() + Stripe::kSealBytes);
  for (const Digest& d : digests) append(b, d);
  append(b, parity);
  const Digest seal = seal_of(stripe, row, block, b);
  append(b, seal);
  return b;
}

Result<StripeRecord> StripeRecord::decode(const Stripe& stripe, const StripeId& id, unsigned row, std::uint64_t block, ByteView in) {
  if (block >= stripe.blocks() || in.size() != stripe.record_bytes(block)) return damaged("a record of a stripe");
  const ByteView content = in.first(in.size() - Stripe::kSealBytes);
  const Digest seal = seal_of(id, row, block, content);
  if (!std::equal(seal.begin(), seal.end(), in.end() - Stripe::kSealBytes)) return damaged("a record of a stripe");
  StripeRecord r;
  r.digests.resize(stripe.members_at(block));
  in = content;
  for (Digest& d : r.digests) {
    std::copy_n(in.begin(), d.size(), d.begin());
    in = in.subspan(d.size());
  }
  r.parity.assign(in.begin(), in.end());
  return r;
}

// --- names ---

std::string StripeObject::text() const {
  const auto digits = static_cast<std::uint8_t>(row);
  return stripe.hex() + to_hex({&digits, 1});
}

std::optional<StripeObject> StripeObject::parse(std::string_view name) {
  constexpr std::size_t kIdDigits = 2 * StripeId::kBytes;
  if (name.size() != kIdDigits + 2) return std::nullopt;
  const auto id = StripeId::parse(name.substr(0, kIdDigits));
  const auto row = from_hex(name.substr(kIdDigits));
  if (!id || !row || row->at(0) >= Stripe::kRowsMax) return std::nullopt;
  StripeObject out{*id, row->at(0)};
  if (out.text() != name) return std::nullopt;  // one name of each
  return out;
}

// --- the vault's choice ---

bool StripesChoice::valid() const {
  if (data == 0 || data > Stripe::kMembersMax || parity == 0 || parity > Stripe::kRowsMax || place.size() > kPlaceBytesMax) return false;
  return place.empty() || (place.front() == '/' && place.find('\0') == std::string::npos);
}

Buffer StripesChoice::encode() const {
  HF_ASSERT(valid());
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kChoiceMagic));
  w.u16(kFormatVersion);
  w.id(vault);
  w.u8(static_cast<std::uint8_t>(data));
  w.u8(static_cast<std::uint8_t>(parity));
  w.text(place);
  add_check(b);
  return b;
}

Result<StripesChoice> StripesChoice::decode(ByteView in) {
  constexpr std::string_view kWhat = "the note of where the stripes lie";
  if (in.size() < 33 || as_text(in.first(8)) != kChoiceMagic || !check_holds(in)) return damaged(kWhat);
  wire::Reader r(in.subspan(8, in.size() - 8 - kCheckBytes));
  const std::uint16_t version = r.u16();
  if (version == 0) return damaged(kWhat);
  if (version > kFormatVersion) return newer();
  StripesChoice c;
  c.vault = r.id<VaultId>();
  c.data = r.u8();
  c.parity = r.u8();
  c.place = r.text();
  if (!r.at_end() || !c.valid()) return damaged(kWhat);
  return c;
}

}  // namespace hf
