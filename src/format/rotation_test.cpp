#include "format/rotation.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"

namespace hf {
namespace {
using namespace examples;

const Digest kWrapping = counting<Digest>(0x70);
const Digest kEphemeral = counting<Digest>(0x05);
const RootKey kOwn{2, counting<Digest>(0x80)};
const std::vector<RootKey> kNew{{3, counting<Digest>(0xE0)}};

KeySlot slot() {
  KeySlot s = key_slot_v2();
  s.public_key = agreement_public_key(slot_private_key(s, kWrapping));
  return s;
}
Rotation sealed() {
  Rotation r = rotation();
  r.entries = {*seal_entry(r, slot(), kOwn, kEphemeral, kNew)};
  r.proof = rotation_proof(r, kOwn.key);
  return r;
}

TEST(Rotation, is_pinned_and_comes_back) {
  const Buffer b = sealed().encode();
  EXPECT_EQ(Rotation::decode(b)->encode(), b);
  EXPECT_EQ(Rotation::decode(rotation().encode())->encode(), rotation().encode());
  EXPECT_EQ(to_hex(slot_private_key(slot(), kWrapping)), "cb8340885b6a9ad6c8f14210ae278cff2026990714eeeb7409242c1710727ee5");
  EXPECT_EQ(to_hex(slot().public_key), "f18a7fd068fb98f965cc3041800cb42c72854fa7312f952a6f6ebed92bcbf62f");
  EXPECT_EQ(to_hex(b), "4846524f5441540a010001a0a1a2a3a4a5a6a7a8a9aaabacadaeaf0300000000002a36fe9c971701c0c1c2c3c4c5c6c7"
            "c8c9cacbcccdcecf6090b87362191925efc9dcfcc03bd9e17066e9f7a1b41d0f64413ba60755871c357ef68e4d9e024f"
            "a345d5e31217a718aef23d6bd7cddbf7edad60c61a76d6419090e6b4ac963d654531fadd8f93d34b389318009bc2718d"
            "d69a226c769deaabb2367b65bff593d3cef3271e3465e3389bc38420a917e866f86b");
  EXPECT_EQ(rotation_name(kVault, 3), "ecd14665d146ad2386dc3260db3108fd");
}
TEST(Rotation, the_slot_opens_what_was_sealed_to_it) {
  const auto keys = open_entry(*Rotation::decode(sealed().encode()), slot(), kOwn, slot_private_key(slot(), kWrapping));
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 1u);
  EXPECT_EQ((*keys)[0].key, kNew[0].key);
}
TEST(Rotation, neither_an_old_root_key_nor_the_private_key_alone_opens_it) {
  const Digest right = slot_private_key(slot(), kWrapping);
  EXPECT_FALSE(open_entry(sealed(), slot(), {2, counting<Digest>(0x81)}, right));
  EXPECT_FALSE(open_entry(sealed(), slot(), kOwn, counting<Digest>(0x71)));
  KeySlot other = slot();
  other.id = id<SlotId>(0xC1);
  EXPECT_FALSE(open_entry(sealed(), other, kOwn, right));
}
TEST(Rotation, other_epochs_than_it_should_hold_are_refused) {
  const Digest right = slot_private_key(slot(), kWrapping);
  for (const std::vector<RootKey>& keys : {std::vector<RootKey>{{4, {}}}, {{2, {}}, {3, {}}}, {{3, {}}, {4, {}}}, {{1, {}}}}) {
    Rotation r = rotation();
    r.entries = {*seal_entry(r, slot(), kOwn, kEphemeral, keys)};
    EXPECT_EQ(open_entry(r, slot(), kOwn, right).error().code, Code::corrupt);
  }
  Rotation two = rotation();
  two.epoch = 4;
  two.entries = {*seal_entry(two, slot(), kOwn, kEphemeral, {{3, {}}, {4, {}}})};
  EXPECT_TRUE(open_entry(two, slot(), kOwn, right));
}
TEST(Rotation, an_entry_opens_in_its_rotation_and_vault_only) {
  const Digest right = slot_private_key(slot(), kWrapping);
  for (int what = 0; what < 3; ++what) {
    Rotation r = sealed();
    if (what == 0) r.epoch = 4;
    if (what == 1) r.vault.bytes[0] ^= 1;
    if (what == 2) r.created_ns += 1;
    EXPECT_FALSE(open_entry(r, slot(), kOwn, right)) << what;
    EXPECT_NE(rotation_proof(r, kOwn.key), r.proof) << what;
  }
}
TEST(Rotation, the_proof_needs_the_key_of_the_epoch_before_and_covers_every_entry) {
  const Rotation r = sealed();
  EXPECT_NE(rotation_proof(r, counting<Digest>(0)), r.proof);
  Rotation fewer = r;
  fewer.entries.clear();
  EXPECT_NE(rotation_proof(fewer, kOwn.key), r.proof);
}
TEST(Rotation, a_public_key_that_is_none_is_refused) {
  KeySlot s = slot();
  s.public_key = {};
  EXPECT_FALSE(seal_entry(rotation(), s, kOwn, kEphemeral, kNew));
  Rotation r = sealed();
  r.entries[0].ephemeral = {};
  EXPECT_FALSE(open_entry(r, slot(), kOwn, slot_private_key(slot(), kWrapping)));
}
TEST(Rotation, damage_is_always_detected) {
  damage::always_detected(rotation().encode(), [](ByteView b) { return Rotation::decode(b); });
}
TEST(Rotation, entries_out_of_order_and_the_first_epoch_are_refused) {
  Rotation r = rotation();
  std::swap(r.entries[0], r.entries[1]);
  EXPECT_FALSE(Rotation::decode(r.encode()));
  r = rotation();
  r.entries[1].slot = r.entries[0].slot;
  EXPECT_FALSE(Rotation::decode(r.encode()));
  r = rotation();
  r.epoch = 1;
  EXPECT_FALSE(Rotation::decode(r.encode()));
}

}  // namespace
}  // namespace hf
