#include <gtest/gtest.h>

#include <random>

#include "codec/aead.hpp"
#include "codec/chunker.hpp"
#include "codec/compress.hpp"
#include "codec/hash.hpp"
#include "codec/kdf.hpp"
#include "codec/sign.hpp"

namespace hf {
namespace {

Buffer noise(std::size_t n, std::uint64_t seed = 1) {
  std::mt19937_64 random(seed);
  Buffer out(n);
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}
Buffer hex(std::string_view text) { return *from_hex(text); }

TEST(Sha256, meets_the_published_vectors) {  // FIPS 180-4
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256(as_bytes(std::string(1000000, 'a')))), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
TEST(Sha256, lanes_streams_and_single_calls_agree_at_every_length) {
  std::vector<Buffer> owned;
  for (std::size_t n = 0; n < 300; ++n) owned.push_back(noise(n * 7 % 301, n));
  std::vector<ByteView> messages(owned.begin(), owned.end());
  std::vector<Digest> many(messages.size());
  sha256_many(messages, many);
  for (std::size_t i = 0; i < messages.size(); ++i) {
    EXPECT_EQ(many[i], sha256(messages[i])) << i;
    Sha256 stream;
    stream.update(messages[i].first(messages[i].size() / 3));
    stream.update(messages[i].subspan(messages[i].size() / 3));
    EXPECT_EQ(many[i], stream.finish()) << i;
  }
}
TEST(Hmac, meets_the_published_vectors) {  // RFC 4231, cases 2 and 6
  EXPECT_EQ(to_hex(KeyedHash(as_bytes("Jefe")).digest(as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(KeyedHash(Buffer(131, 0xaa)).digest(as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}
TEST(Hmac, many_at_once_are_the_same_as_one_by_one) {
  const KeyedHash keyed(as_bytes("key"));
  std::vector<Buffer> owned;
  for (std::size_t n : {0u, 1u, 63u, 64u, 65u, 5000u, 100000u, 64u, 3u}) owned.push_back(noise(n, n));
  std::vector<ByteView> messages(owned.begin(), owned.end());
  std::vector<Digest> many(messages.size());
  keyed.digest_many(messages, many);
  for (std::size_t i = 0; i < messages.size(); ++i) EXPECT_EQ(many[i], keyed.digest(messages[i]));
}
TEST(Hkdf, meets_the_published_vector) {  // RFC 5869, case 1, first 32 bytes
  const Buffer info = hex("f0f1f2f3f4f5f6f7f8f9");
  EXPECT_EQ(to_hex(hkdf(Buffer(22, 0x0b), hex("000102030405060708090a0b0c"), as_text(info))),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
}

std::vector<std::size_t> cuts(const Chunker& chunker, ByteView data) {
  std::vector<std::size_t> out;
  for (std::size_t at = 0; at < data.size();) out.push_back(at += chunker.next_cut(data.subspan(at)));
  return out;
}
TEST(Chunker, golden_cuts_never_change) {
  const Chunker chunker(as_bytes("golden"), {});
  const std::vector<std::size_t> found = cuts(chunker, noise(1 << 20, 42));
  Sha256 all;
  for (std::size_t c : found) all.update(as_bytes(std::to_string(c) + "\n"));
  EXPECT_EQ(found.size(), 15u);
  EXPECT_EQ(to_hex(all.finish()).substr(0, 16), "8fd48abadec3b80b");
}
TEST(Chunker, keeps_its_sizes) {
  const Chunker chunker(as_bytes("k"), {});
  std::size_t before = 0, longest = 0;
  const Buffer data = noise(8 << 20);
  const auto found = cuts(chunker, data);
  for (std::size_t c : found) {
    if (c != data.size()) {
      EXPECT_GE(c - before, chunker.params().size_min);
    }
    longest = std::max(longest, c - before);
    before = c;
  }
  EXPECT_LE(longest, chunker.params().size_max);
  EXPECT_NEAR(static_cast<double>(data.size()) / static_cast<double>(found.size()), 64 * 1024, 24 * 1024);
}
TEST(Chunker, an_insertion_moves_the_cuts_with_it) {
  const Chunker chunker(as_bytes("k"), {});
  Buffer data = noise(4 << 20);
  const auto before = cuts(chunker, data);
  data.insert(data.begin() + 100000, 777, 0x55);
  const auto after = cuts(chunker, data);
  std::size_t same = 0;
  for (std::size_t c : before)
    if (std::find(after.begin(), after.end(), c + 777) != after.end()) ++same;
  EXPECT_GE(same, before.size() - 6);
}
TEST(Chunker, depends_on_the_key) {
  const Buffer data = noise(1 << 20);
  EXPECT_NE(cuts(Chunker(as_bytes("a"), {}), data), cuts(Chunker(as_bytes("b"), {}), data));
}
TEST(Chunker, started_at_any_place_it_joins_the_same_cuts) {
  const Chunker chunker(as_bytes("k"), {});
  const Buffer data = noise(4 << 20);
  const auto whole = cuts(chunker, data);
  for (std::size_t start : {1u, 4097u, 1000000u}) {
    auto part = cuts(chunker, ByteView(data).subspan(start));
    for (auto& c : part) c += start;
    ASSERT_TRUE(std::find(whole.begin(), whole.end(), part[8]) != whole.end()) << start;
  }
}

TEST(Compressor, gives_back_what_it_took) {
  Compressor c(3);
  Decompressor d;
  Buffer plain(300000, 'x'), back(plain.size());
  const auto packed = c.compress(plain);
  ASSERT_TRUE(packed);
  EXPECT_LT(packed->size(), 1000u);
  ASSERT_TRUE(d.decompress(*packed, back));
  EXPECT_EQ(back, plain);
}
TEST(Compressor, leaves_noise_alone) {
  EXPECT_FALSE(Compressor(3).compress(noise(1 << 20)));
}
TEST(Compressor, finds_what_shrinks_only_in_places) {
  Buffer data = noise(1 << 20);
  std::fill_n(data.begin() + 400000, 300000, std::uint8_t{7});
  EXPECT_TRUE(Compressor(3).compress(data));
}
TEST(Compressor, against_a_prefix_only_the_difference_is_left) {
  Compressor c(3);
  Decompressor d;
  const Buffer old = noise(1 << 20);
  Buffer now = old, back;
  now.insert(now.begin() + 500'000, 100, std::uint8_t{1});
  now[20] ^= 1;
  const auto difference = c.compress_against(old, now);
  ASSERT_TRUE(difference.against);
  const ByteView packed = *difference.frame;
  EXPECT_LT(packed.size(), 1000u);
  back.resize(now.size());
  ASSERT_TRUE(d.decompress(packed, back, old));
  EXPECT_EQ(back, now);
  EXPECT_FALSE(d.decompress(packed, back) && back == now);  // without it, and with another one
  Buffer other = old;
  other[600'000] ^= 1;
  EXPECT_FALSE(d.decompress(packed, back, other) && back == now);
  ASSERT_TRUE(d.decompress(packed, back, old));  // neither is remembered
  EXPECT_EQ(back, now);
}
TEST(Compressor, a_prefix_that_is_of_no_use_is_not_used) {
  Compressor c(3);
  Decompressor d;
  const Buffer text(200'000, 'x'), unlike = noise(200'000);
  Buffer back(text.size());
  const auto stored = c.compress_against(text, unlike);
  EXPECT_FALSE(stored.frame || stored.against);
  Buffer mixed = noise(100'000);
  std::reverse(mixed.begin(), mixed.end());  // else `unlike` begins with it
  mixed.resize(200'000, 'y');
  const auto alone = c.compress_against(unlike, mixed);
  ASSERT_TRUE(alone.frame && !alone.against);
  ASSERT_TRUE(d.decompress(*alone.frame, back));
  EXPECT_EQ(back, mixed);
}
TEST(Compressor, a_prefix_that_looks_like_a_zstd_dictionary_is_bytes_all_the_same) {
  Compressor c(3);
  Buffer old = noise(100'000);
  const Buffer magic{0x37, 0xA4, 0x30, 0xEC};
  std::copy(magic.begin(), magic.end(), old.begin());
  const Buffer now(old.begin(), old.end() - 10);
  const auto packed = c.compress_against(old, now);
  ASSERT_TRUE(packed.against);
  Buffer back(now.size());
  ASSERT_TRUE(Decompressor().decompress(*packed.frame, back, old));
  EXPECT_EQ(back, now);
}
TEST(Decompressor, a_bomb_fills_no_more_than_was_promised) {
  Compressor c(3);
  Buffer small(1000);
  const auto packed = c.compress(Buffer(10 << 20, 0));
  ASSERT_TRUE(packed);
  EXPECT_EQ(Decompressor().decompress(*packed, small).error().code, Code::corrupt);
}

TEST(Aead, opens_only_what_it_sealed) {
  for (Cipher cipher : {Cipher::aes_256_gcm, Cipher::chacha20_poly1305}) {
    Aead a;
    a.set_key(cipher, Buffer(32, 9));
    const Buffer plain = noise(1000);
    Buffer sealed(plain.size() + Aead::kTagBytes), back(plain.size());
    a.seal(5, as_bytes("aad"), plain, sealed);
    ASSERT_TRUE(a.open(5, as_bytes("aad"), sealed, back));
    EXPECT_EQ(back, plain);
    EXPECT_FALSE(a.open(6, as_bytes("aad"), sealed, back));
    EXPECT_FALSE(a.open(5, as_bytes("aae"), sealed, back));
    for (std::size_t bit = 0; bit < sealed.size() * 8; bit += 37) {
      sealed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
      EXPECT_EQ(a.open(5, as_bytes("aad"), sealed, back).error().code, Code::corrupt);
      EXPECT_TRUE(is_zero(back));
      sealed[bit / 8] ^= static_cast<std::uint8_t>(1 << bit % 8);
    }
  }
}
TEST(Aead, meets_the_published_vector) {  // NIST GCM test case 14: zero key, nonce and one zero block
  Aead a;
  a.set_key(Cipher::aes_256_gcm, Buffer(32, 0));
  Buffer sealed(32);
  a.seal(0, {}, Buffer(16, 0), sealed);
  EXPECT_EQ(to_hex(sealed), "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919");
}

TEST(Argon2, meets_a_published_vector_of_the_reference_code) {
  const auto key = argon2id(as_bytes("password"), as_bytes("somesalt"), {.memory_kib = 65536, .passes = 2, .lanes = 1});
  EXPECT_EQ(to_hex(*key), "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7");
}
TEST(Argon2, meets_a_published_vector_with_several_lanes) {
  const auto key = argon2id(as_bytes("password"), as_bytes("somesalt"), {.memory_kib = 256, .passes = 2, .lanes = 2});
  EXPECT_EQ(to_hex(*key), "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037");
}
TEST(Argon2, refuses_costs_that_would_hang_a_reader) {
  EXPECT_FALSE(argon2id(as_bytes("x"), as_bytes("somesalt"), {.memory_kib = 1u << 30, .passes = 1, .lanes = 1}));
}

TEST(Sign, meets_the_published_vector) {  // RFC 8032, test 2
  Digest seed{};
  const Buffer raw = hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
  std::copy(raw.begin(), raw.end(), seed.begin());
  const Buffer message = {0x72};
  const Signature s = sign(seed, message);
  EXPECT_EQ(to_hex(public_key_of(seed)), "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  EXPECT_EQ(to_hex(s).substr(0, 32), "92a009a9f0d4cab8720e820b5f642540");
  EXPECT_TRUE(signature_holds(public_key_of(seed), message, s));
  EXPECT_FALSE(signature_holds(public_key_of(seed), as_bytes("q"), s));
}

}  // namespace
}  // namespace hf
