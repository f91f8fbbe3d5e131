#include "format/key_slot.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace examples;

const std::string_view kSecret = "correct horse battery staple";

KeySlot wrapped(SlotKind kind = SlotKind::passphrase) {
  KeySlot slot = key_slot(kind);
  wrap_root_keys(slot, *wrapping_key(slot, as_bytes(kSecret)), root_keys());
  return slot;
}
Buffer with(Buffer b, std::size_t at, std::uint8_t value) {
  b[at] = value;
  const Digest d = sha256(ByteView(b).first(b.size() - 4));
  std::copy_n(d.begin(), 4, b.end() - 4);
  return b;
}

TEST(KeySlot, is_pinned_and_comes_back) {
  EXPECT_EQ(to_hex(key_slot().encode()),
            "4846534c4f540d0a01000101c0c1c2c3c4c5c6c7c8c9cacbcccdcecfa0a1a2a3a4a5a6a7a8a9aaabacadaeaf08000000"
            "0100000001000000202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f3577777777777777"
            "777777777777777777777777777777777777777777777777777777777777777777777777777777777777777777775a88"
            "888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888888"
            "888888888888888888888888888888888888888888888888888888888888888888888888888888888804007259");
  for (SlotKind kind : {SlotKind::passphrase, SlotKind::key_file, SlotKind::recovery_key}) {
    const Buffer b = wrapped(kind).encode();
    EXPECT_EQ(KeySlot::decode(b)->encode(), b);
  }
}
TEST(KeySlot, version_2_has_epoch_and_public_key_in_clear) {
  for (SlotKind kind : {SlotKind::passphrase, SlotKind::key_file, SlotKind::recovery_key, SlotKind::shares}) {
    KeySlot slot = key_slot_v2(kind);
    wrap_root_keys(slot, kKey, root_keys());
    const Buffer b = slot.encode();
    EXPECT_EQ(KeySlot::decode(b)->encode(), b);
    EXPECT_EQ(b.size(), key_slot().encode().size() - 53 + slot.wrapped.size() + 36);
    EXPECT_TRUE(unwrap_root_keys(*KeySlot::decode(b), kKey));
    KeySlot exchanged = slot;
    exchanged.public_key[0] ^= 1;
    EXPECT_FALSE(unwrap_root_keys(exchanged, kKey));
  }
  damage::always_detected(key_slot_v2().encode(), [](ByteView b) { return KeySlot::decode(b); });
  KeySlot none = key_slot_v2();
  none.epoch = 0;
  EXPECT_FALSE(KeySlot::decode(none.encode()));
}
TEST(KeySlot, a_write_only_one_holds_its_own_keys_and_what_it_is_granted) {
  KeySlot slot = key_slot_v2(SlotKind::write_only);
  EXPECT_EQ(slot.writer(), WriterId::from(slot.id.view()));
  WriterGrant grant;
  grant.chunk_key[0] = 1;
  grant.cuts_key[1] = 2;
  grant.vault_signer[2] = 3;
  grant.params = Buffer(14, 4);
  wrap_writer_keys(slot, kKey, root_keys(), grant);
  const Buffer b = slot.encode();
  const KeySlot back = *KeySlot::decode(b);
  EXPECT_EQ(back.encode(), b);
  const WriterKeys keys = *unwrap_writer_keys(back, kKey);
  ASSERT_EQ(keys.own.size(), root_keys().size());
  EXPECT_EQ(keys.own.back().key, root_keys().back().key);
  EXPECT_EQ(keys.grant.chunk_key, grant.chunk_key);
  EXPECT_EQ(keys.grant.cuts_key, grant.cuts_key);
  EXPECT_EQ(keys.grant.vault_signer, grant.vault_signer);
  EXPECT_EQ(keys.grant.params, grant.params);
  EXPECT_EQ(unwrap_writer_keys(back, sha256(as_bytes("another"))).error().code, Code::wrong_secret);
  // What the one kind holds is not taken for the other.
  EXPECT_FALSE(unwrap_root_keys(back, kKey));
  wrap_root_keys(slot, kKey, root_keys());
  EXPECT_FALSE(unwrap_writer_keys(slot, kKey));
}
TEST(KeySlot, wrapping_keys_are_pinned) {
  EXPECT_EQ(to_hex(*wrapping_key(key_slot(SlotKind::passphrase), as_bytes(kSecret))), "b3ffc98d061d6ae2c7e71bb24396b3cbaf902e395eff7fba6bc67f8896d78949");
  EXPECT_EQ(to_hex(*wrapping_key(key_slot(SlotKind::key_file), as_bytes(kSecret))), "199ac03e63cd1f7a27776a5cf720fd0fdc7d19f2c5b47bbacdcf7e9af1ae3b49");
  EXPECT_EQ(to_hex(*wrapping_key(key_slot(SlotKind::recovery_key), as_bytes(kSecret))), "5cb429af5e7e543687b914a203e34746c8475e629238313fdcc9a2adb2fdb750");
}
TEST(KeySlot, the_wrapped_keys_are_pinned) { EXPECT_EQ(to_hex(sha256(wrapped().encode())), "fb824f4611dde3e0924200cc1c9bfacdf9753c79cc722ac7caff2eedad561f41"); }
TEST(KeySlot, the_secret_opens_it_and_another_does_not) {
  const KeySlot slot = *KeySlot::decode(wrapped().encode());
  const auto keys = unwrap_root_keys(slot, *wrapping_key(slot, as_bytes(kSecret)));
  ASSERT_TRUE(keys);
  ASSERT_EQ(keys->size(), 2u);
  EXPECT_EQ((*keys)[1].epoch, 2u);
  EXPECT_EQ((*keys)[1].key, root_keys()[1].key);
  EXPECT_EQ(unwrap_root_keys(slot, *wrapping_key(slot, as_bytes("wrong"))).error().code, Code::wrong_secret);
}
TEST(KeySlot, damage_is_always_detected) {
  damage::always_detected(wrapped().encode(), [](ByteView b) { return KeySlot::decode(b); });
}
TEST(KeySlot, any_change_in_clear_with_a_mended_check_does_not_unwrap) {
  const KeySlot slot = wrapped();
  const Buffer b = slot.encode();
  const Digest key = *wrapping_key(slot, as_bytes(kSecret));
  for (std::size_t at = 0; at < slot.clear_part().size() + 1 + slot.wrapped.size(); ++at) {
    const auto changed = KeySlot::decode(with(b, at, static_cast<std::uint8_t>(b[at] ^ 1)));
    if (!changed) continue;
    EXPECT_EQ(unwrap_root_keys(*changed, key).error().code, Code::wrong_secret) << at;
  }
}
TEST(KeySlot, newer_versions_and_kinds_are_unsupported) {
  const Buffer b = key_slot().encode();
  EXPECT_EQ(KeySlot::decode(with(b, 8, 3)).error().code, Code::unsupported);
  EXPECT_EQ(KeySlot::decode(with(b, 10, 4)).error().code, Code::unsupported);
  EXPECT_EQ(KeySlot::decode(with(key_slot_v2().encode(), 10, 6)).error().code, Code::unsupported);
  EXPECT_EQ(KeySlot::decode(with(b, 11, 3)).error().code, Code::unsupported);
  EXPECT_EQ(KeySlot::decode(with(b, 8, 0)).error().code, Code::corrupt);
}
TEST(KeySlot, unreasonable_costs_are_refused_before_they_are_paid) {
  for (Argon2Params costs : {Argon2Params{.memory_kib = UINT32_MAX, .passes = 1, .lanes = 1}, Argon2Params{.memory_kib = 8, .passes = UINT32_MAX, .lanes = 1},
                             Argon2Params{.memory_kib = 0, .passes = 1, .lanes = 0}, Argon2Params{.memory_kib = 1024, .passes = 1, .lanes = UINT32_MAX}}) {
    KeySlot slot = key_slot();
    slot.argon2 = costs;
    EXPECT_EQ(wrapping_key(slot, as_bytes(kSecret)).error().code, Code::corrupt);
  }
}
TEST(KeySlot, root_keys_out_of_order_are_refused) {
  for (const std::vector<RootKey>& keys : {std::vector<RootKey>{{2, {}}, {1, {}}}, {{1, {}}, {1, {}}}, {{0, {}}}, {}}) {
    KeySlot slot = key_slot();
    wrap_root_keys(slot, kKey, keys);
    EXPECT_EQ(unwrap_root_keys(slot, kKey).error().code, Code::corrupt);
  }
}
TEST(SlotLabel, is_pinned_and_canonical) {
  const Buffer b = encode_label(slot_label());
  EXPECT_EQ(to_hex(b), "c0c1c2c3c4c5c6c7c8c9cacbcccdcecf066c6170746f7000002a36fe9c9717");
  EXPECT_EQ(decode_label(b)->slot, slot_label().slot);
  damage::canonical_or_refused(b, decode_label, encode_label);
  SlotLabel second = slot_label();
  second.epoch = 2;
  second.public_key = key_slot_v2().public_key;
  EXPECT_EQ(decode_label(encode_label(second))->public_key, second.public_key);
  damage::canonical_or_refused(encode_label(second), decode_label, encode_label);
}

}  // namespace
}  // namespace hf
