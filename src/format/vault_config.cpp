#include "format/vault_config.hpp"

#include <algorithm>

#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
constexpr std::string_view kMagic = "HFVAULT\n";
}

Buffer VaultConfig::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kMagic));
  w.u16(version);
  w.id(id);
  w.u64(static_cast<std::uint64_t>(created_ns));
  w.bytes(sealed_params);
  add_check(b);
  return b;
}

Result<VaultConfig> VaultConfig::decode(ByteView in) {
  if (in.size() < 8 || as_text(in.first(8)) != kMagic) return Error(Code::not_a_vault, "it does not begin as a vault's description does");
  // In every version the last four bytes check all before them: damage is never taken for a newer version.
  const Error damaged(Code::corrupt, "the vault's description is damaged");
  if (in.size() < 14) return damaged;
  if (!check_holds(in)) return damaged;
  wire::Reader r(in.subspan(8, in.size() - 12));
  VaultConfig c;
  c.version = r.u16();
  if (c.version == 0) return damaged;
  if (c.version > kFormatVersion)
    return Error(Code::unsupported, "the vault has format " + std::to_string(c.version) + ", this program knows formats up to " + std::to_string(kFormatVersion), "use a newer version of Holdfast");
  c.id = r.id<VaultId>();
  c.created_ns = static_cast<std::int64_t>(r.u64());
  const ByteView sealed = r.bytes();
  c.sealed_params.assign(sealed.begin(), sealed.end());
  if (!r.at_end()) return damaged;
  return c;
}

Buffer encode_params(const VaultParams& p) {
  Buffer b;
  wire::Writer w(b);
  w.u8(static_cast<std::uint8_t>(p.hash));
  w.u8(static_cast<std::uint8_t>(p.chunker));
  w.u32(p.cuts.size_min);
  w.u32(p.cuts.size_avg);
  w.u32(p.cuts.size_max);
  return b;
}

Result<VaultParams> decode_params(ByteView in) {
  wire::Reader r(in);
  VaultParams p;
  p.hash = static_cast<HashAlgorithm>(r.u8());
  p.chunker = static_cast<ChunkerAlgorithm>(r.u8());
  if (r.ok() && (p.hash != HashAlgorithm::hmac_sha256 || p.chunker != ChunkerAlgorithm::keyed_gear))  // the rest may differ with them
    return Error(Code::unsupported, "the vault cuts or names its chunks in a way that this version does not know", "use a newer version of Holdfast");
  p.cuts.size_min = r.u32();
  p.cuts.size_avg = r.u32();
  p.cuts.size_max = r.u32();
  if (!r.at_end() || !p.cuts.valid()) return Error(Code::corrupt, "the vault's parameters are damaged");
  return p;
}

}  // namespace hf
