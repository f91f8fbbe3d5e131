#include "format/stripe.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"

namespace hf {
namespace {
using namespace examples;

constexpr std::uint64_t kBlock = Stripe::kBlockBytes;

Stripe example(std::vector<std::uint64_t> sizes, unsigned rows = 2) {
  std::vector<StripeMember> members;
  for (std::size_t i = 0; i < sizes.size(); ++i) members.push_back({id<PackId>(static_cast<std::uint8_t>(16 * i + 1)), sizes[i]});
  return Stripe::of(kVault, rows, std::move(members));
}
Buffer with(Buffer b, std::size_t at, std::uint8_t value) {
  b[at] = value;
  const Digest d = sha256(ByteView(b).first(b.size() - 4));
  std::copy_n(d.begin(), 4, b.end() - 4);
  return b;
}

TEST(Stripe, has_the_largest_first_and_one_order_whatever_it_was_made_of) {
  const Stripe s = example({100, 70'000, 100, 200'000});
  EXPECT_EQ(s.members[0].bytes, 200'000u);
  EXPECT_LT(s.members[2].pack, s.members[3].pack);
  std::vector<StripeMember> turned(s.members.rbegin(), s.members.rend());
  EXPECT_EQ(Stripe::of(kVault, 2, turned), s);
  EXPECT_EQ(Stripe::of(kVault, 2, turned).id(), s.id());
}
TEST(Stripe, of_anything_else_has_another_id) {
  const Stripe s = example({100, 200});
  Stripe other = s;
  other.rows = 3;
  EXPECT_NE(other.id(), s.id());
  other = s;
  other.vault.bytes[0] ^= 1;
  EXPECT_NE(other.id(), s.id());
  other = s;
  ++other.members[0].bytes;
  EXPECT_NE(other.id(), s.id());
}
TEST(Stripe, records_lie_one_behind_the_other_and_fill_the_object) {
  for (const Stripe& s : {example({1}), example({kBlock}), example({kBlock + 1, kBlock, 5}), example({10 * kBlock + 3, 3 * kBlock, 3 * kBlock - 1, 1})}) {
    ASSERT_TRUE(s.valid());
    std::uint64_t at = Stripe::head_bytes(s.members.size());
    for (std::uint64_t b = 0; b < s.blocks(); ++b) {
      EXPECT_EQ(s.record_offset(b), at);
      at += s.record_bytes(b);
      std::size_t have = 0;
      while (have < s.members.size() && s.bytes_of(have, b) > 0) ++have;
      EXPECT_EQ(s.members_at(b), have);
    }
    EXPECT_EQ(s.object_bytes(), at + Stripe::head_bytes(s.members.size()));
  }
}
TEST(Stripe, beyond_the_limits_is_none) {
  EXPECT_FALSE(example({}).valid());
  EXPECT_FALSE(example({1, 0}).valid());
  EXPECT_FALSE(example({1}, 0).valid());
  EXPECT_FALSE(example({1}, Stripe::kRowsMax + 1).valid());
  EXPECT_TRUE(example({Stripe::kPackBytesMax}).valid());
  EXPECT_FALSE(example({Stripe::kPackBytesMax + 1}).valid());
  Stripe twice = example({7, 7});
  twice.members[1] = twice.members[0];
  EXPECT_FALSE(twice.valid());
  Stripe turned = example({9, 7});
  std::swap(turned.members[0], turned.members[1]);
  EXPECT_FALSE(turned.valid());
}

TEST(StripeHead, is_pinned_and_comes_back) {
  const StripeHead h{example({300, 70'000}), 1};
  const Buffer b = h.encode();
  EXPECT_EQ(b.size(), Stripe::head_bytes(2));
  EXPECT_EQ(to_hex(ByteView(b).first(b.size() - 4)),
            "4846535452495045" "0100" "01" "02" "02" "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
            "1112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f30" "7011010000000000"
            "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20" "2c01000000000000" "01");
  EXPECT_EQ(StripeHead::decode(b)->stripe, h.stripe);
  EXPECT_EQ(StripeHead::decode(b)->encode(), b);
  damage::always_detected(b, [](ByteView v) { return StripeHead::decode(v); });
}
TEST(StripeHead, newer_ones_are_unsupported_and_what_is_beyond_the_limits_is_refused) {
  const Buffer b = StripeHead{example({300, 70'000}), 1}.encode();
  EXPECT_EQ(StripeHead::decode(with(b, 8, 2)).error().code, Code::unsupported);
  EXPECT_EQ(StripeHead::decode(with(b, 10, 2)).error().code, Code::unsupported);
  EXPECT_EQ(StripeHead::decode(with(b, 11, 0)).error().code, Code::corrupt);               // no rows
  EXPECT_EQ(StripeHead::decode(with(b, 11, 33)).error().code, Code::corrupt);              // 33 rows
  EXPECT_EQ(StripeHead::decode(with(b, 12, 0)).error().code, Code::corrupt);               // no packs
  EXPECT_EQ(StripeHead::decode(with(b, 12, 129)).error().code, Code::corrupt);             // 129 packs
  EXPECT_EQ(StripeHead::decode(with(b, b.size() - 5, 2)).error().code, Code::corrupt);     // row 2 of 2
  EXPECT_EQ(StripeHead::decode(with(b, 29 + 39, 1)).error().code, Code::corrupt);          // a pack of 2^56 bytes
  EXPECT_EQ(StripeHead::decode(with(b, 29 + 40 + 34, 9)).error().code, Code::corrupt);     // the smaller one first
}

TEST(StripeRecord, comes_back_and_not_in_another_place) {
  const Stripe s = example({2 * kBlock, kBlock + 10, 5});
  const StripeId id = s.id();
  StripeRecord r;
  r.digests = {counting<Digest>(1), counting<Digest>(2)};
  r.parity = noise(kBlock);
  const Buffer b = r.encode(id, 1, 1);
  ASSERT_EQ(b.size(), s.record_bytes(1));
  const auto back = StripeRecord::decode(s, id, 1, 1, b);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->digests, r.digests);
  EXPECT_EQ(back->parity, r.parity);
  EXPECT_FALSE(StripeRecord::decode(s, id, 0, 1, b));
  EXPECT_FALSE(StripeRecord::decode(s, id, 1, 0, b));
  EXPECT_FALSE(StripeRecord::decode(s, id, 1, 2, b));
  EXPECT_FALSE(StripeRecord::decode(s, StripeId{}, 1, 1, b));
  for (std::size_t at = 0; at < b.size(); at += 997) {
    Buffer hit = b;
    hit[at] ^= 1;
    EXPECT_FALSE(StripeRecord::decode(s, id, 1, 1, hit));
  }
  EXPECT_FALSE(StripeRecord::decode(s, id, 1, 1, ByteView(b).first(b.size() - 1)));
}

TEST(StripeObject, has_one_name) {
  const StripeObject o{id<StripeId>(3), 17};
  EXPECT_EQ(o.text(), "030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122" "11");
  EXPECT_EQ(StripeObject::parse(o.text()), o);
  EXPECT_FALSE(StripeObject::parse(o.text().substr(2)));  // a pack's parity
  EXPECT_FALSE(StripeObject::parse("01"));
  std::string upper = o.text(), row = o.text();
  upper[5] = 'A';
  row[64] = '2';
  EXPECT_FALSE(StripeObject::parse(upper));
  EXPECT_FALSE(StripeObject::parse(row));  // row 33
}

TEST(StripesChoice, is_pinned_and_comes_back) {
  const StripesChoice c{kVault, 10, 2, "/media/second"};
  const Buffer b = c.encode();
  EXPECT_EQ(to_hex(ByteView(b).first(b.size() - 4)), "4846535452534554" "0100" "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf" "0a02" "0d" "2f6d656469612f7365636f6e64");
  EXPECT_EQ(*StripesChoice::decode(b), c);
  damage::always_detected(b, [](ByteView v) { return StripesChoice::decode(v); });
  EXPECT_EQ(StripesChoice::decode(with(b, 8, 2)).error().code, Code::unsupported);
  EXPECT_EQ(StripesChoice::decode(with(b, 26, 0)).error().code, Code::corrupt);
  EXPECT_EQ(StripesChoice::decode(with(b, 27, 0)).error().code, Code::corrupt);
  EXPECT_EQ(StripesChoice::decode(with(b, 29, 'm')).error().code, Code::corrupt);  // not absolute
  EXPECT_EQ(StripesChoice::decode(with(b, 35, 0)).error().code, Code::corrupt);    // a NUL in it
  EXPECT_EQ((*StripesChoice::decode(StripesChoice{kVault, 1, 1, ""}.encode())).place, "");
}

}  // namespace
}  // namespace hf
