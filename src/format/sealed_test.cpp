#include "format/sealed.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace examples;

Buffer encoded(const FrameHeader& h) {
  Buffer b(FrameHeader::kBytes);
  h.encode(b);
  return b;
}
/// Changes bytes in clear and mends the check, as an attacker or a newer version would.
Buffer with(Buffer header, std::size_t at, std::uint8_t value) {
  header[at] = value;
  const Digest d = sha256(ByteView(header).first(FrameHeader::kBytes - 4));
  std::copy_n(d.begin(), 4, header.begin() + FrameHeader::kBytes - 4);
  return header;
}

TEST(Frame, its_header_is_pinned) {
  FrameHeader h = frame(SealedKind::directory, 7);
  h.epoch = 2;
  h.stored_bytes = 1000;
  EXPECT_EQ(to_hex(encoded(h)), "48469e0102010100" "0200000007000000e8030000" "101112131415161718191a1b1c1d1e1f2021222324252627" "697fb870");
}
TEST(Frame, its_header_comes_back) {
  FrameHeader h = frame(SealedKind::replica, UINT32_MAX);
  h.cipher = Cipher::chacha20_poly1305;
  h.epoch = kEpochMax;
  h.by_writer = true;
  h.stored_bytes = UINT32_MAX;
  const FrameHeader back = *FrameHeader::decode(encoded(h));
  EXPECT_EQ(back.kind, h.kind);
  EXPECT_EQ(back.cipher, h.cipher);
  EXPECT_EQ(back.epoch, h.epoch);
  EXPECT_EQ(back.writer(), writer_in(h.salt));
  EXPECT_EQ(back.ordinal, h.ordinal);
  EXPECT_EQ(back.stored_bytes, h.stored_bytes);
  EXPECT_EQ(back.salt, h.salt);
}
TEST(Frame, a_writer_is_the_beginning_of_the_salt) {
  FrameHeader h = frame();
  h.stored_bytes = 16;
  EXPECT_TRUE(h.writer().is_zero());
  h.by_writer = true;
  EXPECT_EQ(FrameHeader::decode(encoded(h))->writer().hex(), "1011121314151617");
  h.salt = {};
  EXPECT_EQ(FrameHeader::decode(encoded(h)).error().code, Code::corrupt) << "there is no such writer";
}
TEST(Frame, damage_to_its_header_is_always_detected) {
  FrameHeader h = frame();
  h.stored_bytes = 16;
  damage::always_detected(encoded(h), [](ByteView b) { return FrameHeader::decode(b); });
}
TEST(Frame, newer_versions_and_unknown_ciphers_are_unsupported_not_damaged) {
  FrameHeader h = frame();
  h.stored_bytes = 16;
  EXPECT_EQ(FrameHeader::decode(with(encoded(h), 6, 2)).error().code, Code::unsupported);
  EXPECT_EQ(FrameHeader::decode(with(encoded(h), 7, 1)).error().code, Code::unsupported);
  EXPECT_EQ(FrameHeader::decode(with(encoded(h), 5, 3)).error().code, Code::unsupported);
  EXPECT_EQ(FrameHeader::decode(with(encoded(h), 6, 0)).error().code, Code::corrupt);
}

TEST(SmallObject, comes_back_whatever_its_size) {
  for (std::size_t n : {0u, 1u, 15u, 16u, 17u, 65536u, 1000003u}) {
    for (Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
      FrameHeader h = frame();
      h.cipher = cipher;
      const Buffer plain = noise(n);
      EXPECT_EQ(*open_object(seal_object(h, kVault, kKey, plain), SealedKind::point, kVault, kKey), plain) << n;
    }
  }
}
TEST(SmallObject, both_ciphers_are_pinned) {
  FrameHeader h = frame();
  EXPECT_EQ(to_hex(seal_object(h, kVault, kKey, as_bytes("holdfast"))).substr(96), "325b5c1cf209a1df9d3ca0001a8dcba726ae41b50231ed70");
  h.cipher = Cipher::chacha20_poly1305;
  EXPECT_EQ(to_hex(seal_object(h, kVault, kKey, as_bytes("holdfast"))).substr(96), "ee715ae68230d43aac1dd765af20da48c30f1ec86e168428");
}
TEST(SmallObject, damage_is_always_detected) {
  damage::always_detected(seal_object(frame(), kVault, kKey, as_bytes("a secret of some length")),
                          [](ByteView b) { return open_object(b, SealedKind::point, kVault, kKey); });
}
TEST(SmallObject, a_changed_header_with_a_mended_check_does_not_open) {
  const Buffer object = seal_object(frame(), kVault, kKey, as_bytes("secret"));
  for (std::size_t at = 0; at < FrameHeader::kBytes - 4; ++at)
    EXPECT_FALSE(open_object(with(object, at, static_cast<std::uint8_t>(object[at] ^ 1)), SealedKind::point, kVault, kKey)) << at;
}
TEST(SmallObject, does_not_open_for_another_vault_kind_or_key_nor_with_bytes_after_it) {
  Buffer object = seal_object(frame(), kVault, kKey, as_bytes("secret"));
  EXPECT_EQ(open_object(object, SealedKind::point, id<VaultId>(1), kKey).error().code, Code::corrupt);
  EXPECT_EQ(open_object(object, SealedKind::proof, kVault, kKey).error().code, Code::corrupt);
  EXPECT_EQ(open_object(object, SealedKind::point, kVault, kSeed).error().code, Code::corrupt);
  object.push_back(0);
  EXPECT_EQ(open_object(object, SealedKind::point, kVault, kKey).error().code, Code::corrupt);
}
TEST(SmallObject, a_promised_size_is_not_allocated) {
  FrameHeader h = frame();
  h.stored_bytes = UINT32_MAX;
  EXPECT_EQ(open_object(encoded(h), SealedKind::point, kVault, kKey).error().code, Code::corrupt);
}

}  // namespace
}  // namespace hf
