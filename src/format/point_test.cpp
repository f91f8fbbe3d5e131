#include "format/point.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace examples;

const PublicKey& signer() {
  static const PublicKey key = public_key_of(kSeed);
  return key;
}
/// Signs any body with the test key.
Buffer signed_body(ByteView body) {
  Buffer out;
  wire::Writer w(out);
  w.bytes(body);
  w.raw(signer());
  w.raw(sign(kSeed, body));
  return out;
}
Buffer body_of(ByteView object) {
  wire::Reader r(object);
  const ByteView body = r.bytes();
  return {body.begin(), body.end()};
}

TEST(Point, is_pinned) { EXPECT_EQ(to_hex(sha256(encode_point(point(), kSeed))), "fa57ce269a36daafccd1d9dd4b422e650dc47bc401c8c02dd56ac8cf3dd4a0cd"); }
TEST(Point, comes_back) {
  const RecoveryPoint p = point();
  const RecoveryPoint q = *decode_point(encode_point(p, kSeed), signer());
  EXPECT_EQ(q.id, p.id);
  EXPECT_EQ(q.vault, p.vault);
  EXPECT_EQ(q.kind, p.kind);
  EXPECT_EQ(q.parent, p.parent);
  EXPECT_EQ(q.base_full, p.base_full);
  EXPECT_EQ(q.started_ns, p.started_ns);
  EXPECT_EQ(q.ended_ns, p.ended_ns);
  EXPECT_EQ(q.source(), "web-01:/home/anna,/etc");
  EXPECT_EQ(q.user, p.user);
  EXPECT_EQ(q.program, p.program);
  EXPECT_EQ(q.base_path, p.base_path);
  EXPECT_EQ(q.tags, p.tags);
  EXPECT_EQ(q.root.directory, p.root.directory);
  EXPECT_EQ(q.users, p.users);
  EXPECT_EQ(q.groups, p.groups);
  EXPECT_EQ(q.bytes_stored, p.bytes_stored);
  EXPECT_EQ(q.unreadable_count, 2000u);
  EXPECT_EQ(q.unreadable[1].path, p.unreadable[1].path);
  EXPECT_FALSE(q.complete());
  EXPECT_EQ(encode_point(q, kSeed), encode_point(p, kSeed));
}
TEST(Point, the_plainest_one_comes_back) {
  RecoveryPoint p;
  p.root = entry(FileType::directory, "root");
  p.started_ns = -1;
  const RecoveryPoint q = *decode_point(encode_point(p, kSeed), signer());
  EXPECT_FALSE(q.parent);
  EXPECT_EQ(q.started_ns, -1);
  EXPECT_TRUE(q.complete());
}
TEST(Point, more_unreadable_items_than_are_listed_are_counted) {
  RecoveryPoint p = point();
  p.unreadable.assign(RecoveryPoint::kUnreadableListed + 500, {"/x", "gone"});
  p.unreadable_count = p.unreadable.size();
  const RecoveryPoint q = *decode_point(encode_point(p, kSeed), signer());
  EXPECT_EQ(q.unreadable.size(), RecoveryPoint::kUnreadableListed);
  EXPECT_EQ(q.unreadable_count, RecoveryPoint::kUnreadableListed + 500);
}
TEST(Point, damage_is_always_detected) {
  RecoveryPoint p;  // small: each flip costs a signature check
  p.root = entry(FileType::directory, "root");
  damage::always_detected(encode_point(p, kSeed), [](ByteView b) { return decode_point(b, signer()); });
}
TEST(Point, another_signer_is_refused) {
  EXPECT_EQ(decode_point(encode_point(point(), kKey), signer()).error().code, Code::corrupt);
}
TEST(Point, a_damaged_body_that_is_signed_never_crashes_and_what_decodes_is_canonical) {
  const Buffer body = body_of(encode_point(point(), kSeed));
  const auto check = [](ByteView b) {
    const Buffer object = signed_body(b);
    auto p = decode_point(object, signer());
    if (!p) return;
    EXPECT_EQ(encode_point(*p, kSeed), object);
  };
  damage::each_truncation(body, check);
  damage::each_bit_flip(body, check);
}
TEST(Point, what_it_tells_of_fulls_makes_it_version_2_and_comes_last) {
  RecoveryPoint p = point();
  const Buffer plain = body_of(encode_point(p, kSeed));
  EXPECT_EQ(plain[0], 1);
  p.domain = p.id;
  Buffer body = body_of(encode_point(p, kSeed));
  EXPECT_EQ(body[0], 2);
  EXPECT_EQ(body.size(), plain.size() + 8 + 1 + 16 + 8);
  EXPECT_TRUE(decode_point(encode_point(p, kSeed), signer())->independent());
  p.base_full_ns = 1'700'000'000'000'000'000;
  p.domain_ns = 5;
  p.domain = examples::id<PointId>(9);
  EXPECT_FALSE(decode_point(encode_point(p, kSeed), signer())->independent());
  damage::each_truncation(body, [](ByteView b) { EXPECT_FALSE(decode_point(signed_body(b), signer())); });
}
TEST(Point, newer_versions_are_unsupported) {
  Buffer body = body_of(encode_point(point(), kSeed));
  body[0] = 3;
  EXPECT_EQ(decode_point(signed_body(body), signer()).error().code, Code::unsupported);
  body[0] = 0;
  EXPECT_EQ(decode_point(signed_body(body), signer()).error().code, Code::corrupt);
}

TEST(Proof, is_pinned_and_canonical) {
  const Buffer b = encode_proof(proof());
  EXPECT_EQ(to_hex(b),
            "00002a36fe9c9717"
            "02" "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20" "02030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021"
            "01" "030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122");
  damage::canonical_or_refused(b, decode_proof, encode_proof);
}
TEST(Proof, the_points_that_were_read_back_come_behind_the_healed_packs) {
  Proof p = proof();
  p.points = {examples::id<PointId>(5)};
  const Buffer without = encode_proof(p);
  EXPECT_EQ(to_hex(without).substr(to_hex(encode_proof(proof())).size()), "00" "01" "05060708090a0b0c0d0e0f1011121314");
  damage::canonical_or_refused(without, decode_proof, encode_proof);
  p.healed = {examples::id<PackId>(1)};
  damage::canonical_or_refused(encode_proof(p), decode_proof, encode_proof);
}
TEST(Proof, a_count_of_2_to_the_60_allocates_nothing) {
  Buffer b(8);
  wire::Writer(b).varint(std::uint64_t{1} << 60);
  EXPECT_FALSE(decode_proof(b));
}

}  // namespace
}  // namespace hf
