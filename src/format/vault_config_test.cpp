#include "format/vault_config.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"

namespace hf {
namespace {
using namespace examples;

Buffer with(Buffer b, std::size_t at, std::uint8_t value) {
  b[at] = value;
  const Digest d = sha256(ByteView(b).first(b.size() - 4));
  std::copy_n(d.begin(), 4, b.end() - 4);
  return b;
}

TEST(VaultConfig, is_pinned_and_comes_back) {
  const Buffer b = vault_config().encode();
  EXPECT_EQ(to_hex(b),
            "48465641554c540a0100a0a1a2a3a4a5a6a7a8a9aaabacadaeaf00002a36fe9c97174e48469e01040101000100000000"
            "0000001e000000101112131415161718191a1b1c1d1e1f2021222324252627d77b1a045b3530389468d2abd98b98f33b"
            "fd022aa4f55326e9a941a52256f018f7581259e5cc");
  const VaultConfig c = *VaultConfig::decode(b);
  EXPECT_EQ(c.encode(), b);
  EXPECT_EQ(c.id, kVault);
  EXPECT_TRUE(decode_params(*open_object(c.sealed_params, SealedKind::parameters, kVault, kKey)));
}
TEST(VaultConfig, damage_is_always_detected_and_never_taken_for_a_newer_version) {
  const Buffer b = vault_config().encode();
  damage::always_detected(b, [](ByteView v) { return VaultConfig::decode(v); });
  damage::each_bit_flip(b, [](ByteView v) { EXPECT_NE(VaultConfig::decode(v).error().code, Code::unsupported); });
}
TEST(VaultConfig, something_else_is_not_a_vault) {
  EXPECT_EQ(VaultConfig::decode({}).error().code, Code::not_a_vault);
  EXPECT_EQ(VaultConfig::decode(as_bytes("# a shopping list\n")).error().code, Code::not_a_vault);
}
TEST(VaultConfig, newer_versions_are_unsupported_even_with_another_layout) {
  Buffer b = vault_config().encode();
  EXPECT_EQ(VaultConfig::decode(with(b, 8, 2)).error().code, Code::unsupported);
  b.resize(40);
  EXPECT_EQ(VaultConfig::decode(with(b, 8, 2)).error().code, Code::unsupported);
  EXPECT_EQ(VaultConfig::decode(with(vault_config().encode(), 8, 0)).error().code, Code::corrupt);
}

TEST(VaultParams, are_pinned_and_canonical) {
  const Buffer b = encode_params({});
  EXPECT_EQ(to_hex(b), "0101" "00400000" "00000100" "00000400");
  damage::canonical_or_refused(b, decode_params, encode_params);
}
TEST(VaultParams, unknown_algorithms_are_unsupported_whatever_follows) {
  EXPECT_EQ(decode_params(Buffer{2, 1, 9}).error().code, Code::unsupported);
  EXPECT_EQ(decode_params(Buffer{1, 2}).error().code, Code::unsupported);
  EXPECT_EQ(decode_params(Buffer{1}).error().code, Code::corrupt);
}
TEST(VaultParams, impossible_sizes_of_chunks_are_refused) {
  for (ChunkerParams cuts : {ChunkerParams{0, 0, 0}, ChunkerParams{64, 65535, 1 << 20}, ChunkerParams{1 << 20, 65536, 1 << 21}, ChunkerParams{16384, 65536, UINT32_MAX}})
    EXPECT_FALSE(decode_params(encode_params({.cuts = cuts})));
}

}  // namespace
}  // namespace hf
