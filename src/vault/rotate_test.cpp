#include "vault/rotate.hpp"

#include <gtest/gtest.h>

#include <map>

#include "store/memory/memory_store.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/epoch_share.hpp"
#include "vault/key_objects.hpp"
#include "vault/rebuild.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

using Objects = std::map<ObjectName, Buffer>;
const Buffer kFile(64, 7), kOther(64, 8), kPaper(20, 9);
const Secret kFirst{SlotKind::key_file, kFile}, kSecond{SlotKind::key_file, kOther}, kSheet{SlotKind::recovery_key, kPaper};

std::unique_ptr<ObjectStore> store_of(const Objects& objects) {
  auto store = make_memory_store();
  for (const auto& [name, bytes] : objects) EXPECT_TRUE(store->put(name, bytes));
  return store;
}

struct RotateTest : testing::Test {
  std::unique_ptr<Env> env = make_real_env();
  std::unique_ptr<Vault> vault = *Vault::create(*env, make_memory_store(), {.params = {}, .argon2 = {}, .label = "first"}, kFirst);
  Progress progress;
  std::uint8_t backups = 0;

  Objects objects() {
    Objects out;
    for (ObjectKind kind : kObjectKinds) {
      if (kind == ObjectKind::config) continue;
      EXPECT_TRUE(vault->store().list(kind, [&](std::string_view name, std::uint64_t) { out[{kind, std::string(name)}]; }));
    }
    out[config_name()];
    for (auto& [name, bytes] : out) bytes = *vault->store().get(name, 1u << 30);
    return out;
  }
  Result<std::unique_ptr<Vault>> open(const Secret& secret) { return Vault::open(*env, store_of(objects()), secret); }
  /// Opens the vault anew, as the next command does.
  void reopen(const Secret& secret = kFirst) {
    auto opened = open(secret);
    ASSERT_TRUE(opened) << opened.error().message;
    vault = std::move(*opened);
  }
  Status backup() {
    auto s = HF_TRY(WriteSession::begin(*vault));
    auto w = s->data_writer();
    const Buffer chunk(3000, ++backups);
    HF_TRY(w->add(vault->keys().chunk_hash().id(chunk), chunk));
    HF_TRY(w->finish());
    RecoveryPoint p;
    p.root.name = "root";
    p.root.stat.type = FileType::directory;
    p.root.directory = HF_TRY(s->add_metadata(encode_leaf({})));
    return s->commit(p);
  }
  /// How many points and chunks this secret reads; nothing where one is damaged.
  std::optional<std::size_t> reads(const Secret& secret) {
    const auto opened = open(secret);
    if (!opened) return std::nullopt;
    const auto list = *(*opened)->points();
    if (!list.damaged.empty()) return std::nullopt;
    const auto index = Index::load(**opened);
    if (!index) return std::nullopt;
    ChunkReader reader(**opened, **index);
    for (std::uint8_t i = 1; i <= backups; ++i)
      if (!reader.read((*opened)->keys().chunk_hash().id(Buffer(3000, i)))) return std::nullopt;
    return list.points.size();
  }
  Result<RotateReport> rotate(const RotateOptions& options = {}) {
    auto report = HF_TRY(rotate_keys(*vault, options));
    reopen();
    return report;
  }
  /// A slot as a version 1 program made it.
  SlotId add_old(const Secret& secret, const std::string& label) {
    KeySlot slot;
    env->random(slot.id.bytes);
    slot.vault = vault->id();
    slot.kind = secret.kind;
    env->random(slot.salt);
    wrap_root_keys(slot, *wrapping_key(slot, secret.bytes), vault->keys().roots());
    slot.label = vault->seal(SealedKind::slot_label, encode_label({label, 0, slot.id}));
    EXPECT_TRUE(vault->store().put({ObjectKind::key, slot.id.hex()}, slot.encode()));
    return slot.id;
  }
};

TEST_F(RotateTest, every_secret_opens_what_is_older_and_what_is_newer) {
  ASSERT_TRUE(vault->add_key(kSheet, "sheet"));
  ASSERT_TRUE(backup());
  const auto report = rotate();
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->epoch, 2u);
  EXPECT_EQ(report->reached.size(), 2u);
  EXPECT_EQ(vault->keys().current_epoch(), 2u);
  ASSERT_TRUE(backup());
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(vault->add_key(kSecond, "later"));
  ASSERT_TRUE(backup());
  for (const Secret& secret : {kFirst, kSheet, kSecond}) EXPECT_EQ(reads(secret), 3u);
  const auto slots = *vault->key_slots();
  for (const SlotInfo& s : slots) EXPECT_EQ(s.epoch, 3u);
}
TEST_F(RotateTest, an_old_root_key_opens_nothing_that_is_newer) {
  const RootKey leaked = vault->keys().roots()[0];
  ASSERT_TRUE(backup());
  ASSERT_TRUE(rotate());
  const Objects before = objects();
  ASSERT_TRUE(backup());
  const VaultKeys thief(vault->id(), {leaked});
  std::size_t newer = 0;
  for (const auto& [name, bytes] : objects()) {
    if (before.contains(name) || name.kind == ObjectKind::config) continue;
    const ByteView frame = name.kind == ObjectKind::pack ? ByteView(bytes).subspan(PackHeader::kBytes) : ByteView(bytes);
    const auto header = FrameHeader::decode(frame);
    if (!header) continue;
    ++newer;
    EXPECT_EQ(header->epoch, 2u) << name.text();
    EXPECT_FALSE(thief.object_key(*header)) << name.text();
    // Nor under the old key, whatever the header says.
    FrameHeader older = *header;
    older.epoch = 1;
    const Digest key = *thief.object_key(older);
    Aead aead;
    aead.set_key(header->cipher, key);
    Buffer plain(header->stored_bytes - Aead::kTagBytes);
    EXPECT_FALSE(aead.open(header->ordinal, associated_data(vault->id(), frame.first(FrameHeader::kBytes)), frame.subspan(FrameHeader::kBytes, header->stored_bytes), plain));
  }
  EXPECT_GE(newer, 3u);  // two packs and the point
  // The rotation itself: without a slot's private key nothing comes out of it.
  const KeyObjects keys = *KeyObjects::read(vault->store(), vault->id());
  ASSERT_EQ(keys.rotations.size(), 1u);
  EXPECT_FALSE(open_entry(keys.rotations[0], keys.slots[0], leaked, Digest{1}));
}
TEST_F(RotateTest, a_dropped_slot_does_not_open_what_is_newer_even_from_a_copy) {
  const SlotId dropped = *vault->add_key(kSecond, "stolen");
  ASSERT_TRUE(backup());
  const Objects copy = objects();
  ASSERT_TRUE(rotate({.drop = {dropped}}));
  ASSERT_TRUE(backup());
  EXPECT_FALSE(open(kSecond));
  Objects put_back = objects();  // by who can write to the store and kept the slot
  put_back[{ObjectKind::key, dropped.hex()}] = copy.at({ObjectKind::key, dropped.hex()});
  const auto opened = Vault::open(*env, store_of(put_back), kSecond);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->keys().current_epoch(), 1u);
  const auto list = *(*opened)->points();
  EXPECT_EQ(list.points.size(), 1u);
  EXPECT_EQ(list.damaged.size(), 1u);
  // And it is not let in again, nor does it write.
  EXPECT_EQ(WriteSession::begin(**opened).error().code, Code::refused);
  EXPECT_EQ((*opened)->add_key(kSheet, "more").error().code, Code::refused);
  EXPECT_EQ(rotate_keys(**opened).error().code, Code::refused);
  vault = *Vault::open(*env, store_of(put_back), kFirst);
  const auto again = rotate();
  ASSERT_TRUE(again);
  ASSERT_EQ(again->left_out.size(), 1u);
  EXPECT_EQ(again->left_out[0].id, dropped);
  EXPECT_EQ(open(kSecond).value()->keys().current_epoch(), 1u);
}
TEST_F(RotateTest, the_slot_that_opened_is_never_dropped) {
  EXPECT_EQ(rotate({.drop = {vault->opened_by()}}).error().code, Code::refused);
  EXPECT_EQ(rotate({.drop = {SlotId{}}}).error().code, Code::not_found);
  EXPECT_EQ(vault->keys().current_epoch(), 1u);
}
TEST_F(RotateTest, of_two_rotations_at_once_one_wins) {
  const auto other = *Vault::open(*env, store_of(objects()), kFirst);
  // Both looked before either wrote: the store decides.
  ASSERT_TRUE(rotate_keys(*other));
  const ObjectName name{ObjectKind::key, rotation_name(vault->id(), 2)};
  ASSERT_TRUE(vault->store().put(name, *other->store().get(name, kSlotBytesMax)));
  const auto second = rotate_keys(*vault);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::refused);
  reopen();
  ASSERT_TRUE(backup());
  EXPECT_EQ(reads(kFirst), 1u);
}
TEST_F(RotateTest, a_backup_that_runs_goes_on_under_the_old_epoch) {
  auto s = *WriteSession::begin(*vault);
  ASSERT_TRUE(rotate_keys(*vault));
  RecoveryPoint p;
  p.root.name = "root";
  p.root.stat.type = FileType::directory;
  p.root.directory = *s->add_metadata(encode_leaf({}));
  ASSERT_TRUE(s->commit(p));
  s.reset();
  reopen();
  ASSERT_TRUE(backup());
  EXPECT_EQ(reads(kFirst), 2u);
}
TEST_F(RotateTest, a_key_added_while_the_keys_are_rotated_is_taken_back) {
  // The adder opened the vault before; the rotation came first.
  ASSERT_TRUE(rotate_keys(*vault));
  const auto added = vault->add_key(kSecond, "late");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Code::refused);
  EXPECT_EQ(KeyObjects::read(vault->store(), vault->id())->slots.size(), 1u);
  reopen();
  EXPECT_TRUE(vault->add_key(kSecond, "late"));
  EXPECT_TRUE(reads(kSecond));
}
TEST_F(RotateTest, slots_of_version_1_need_their_secret_once) {
  const SlotId old = add_old(kSheet, "paper");
  reopen();
  const auto refused = rotate();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::refused);
  EXPECT_NE(refused.error().detail.find(old.brief()), std::string::npos);
  const auto renewed = renew_key(*vault, kSheet);
  ASSERT_TRUE(renewed) << renewed.error().message;
  EXPECT_EQ(*renewed, std::vector{old});
  EXPECT_TRUE(renew_key(*vault, kSheet)->empty());
  const auto slots = *vault->key_slots();
  for (const SlotInfo& s : slots) EXPECT_TRUE(s.label.name == "paper" || s.label.name == "first");
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(backup());
  EXPECT_EQ(reads(kSheet), 1u);
  EXPECT_EQ(reads(kFirst), 1u);
}
TEST_F(RotateTest, a_renewal_that_died_half_way_is_finished_by_the_next) {
  const SlotId old = add_old(kSheet, "paper");
  ASSERT_TRUE(vault->add_key(kSheet, "paper"));  // and then the power failed
  EXPECT_EQ(*renew_key(*vault, kSheet), std::vector{old});
  EXPECT_EQ(vault->key_slots()->size(), 2u);
}
TEST_F(RotateTest, an_exchanged_public_key_is_found_before_anything_is_sealed_to_it) {
  ASSERT_TRUE(vault->add_key(kSecond, "other"));
  Objects objects = this->objects();
  for (auto& [name, bytes] : objects) {
    if (name.kind != ObjectKind::key || name.name == vault->opened_by().hex()) continue;
    KeySlot slot = *KeySlot::decode(bytes);
    slot.public_key = agreement_public_key(Digest{42});  // the attacker's
    bytes = slot.encode();
  }
  vault = *Vault::open(*env, store_of(objects), kFirst);
  const auto rotated = rotate();
  ASSERT_FALSE(rotated);
  EXPECT_EQ(rotated.error().code, Code::corrupt);
  EXPECT_EQ(KeyObjects::read(vault->store(), vault->id())->rotations.size(), 0u);
}
TEST_F(RotateTest, a_rotation_by_who_cannot_open_the_vault_is_not_believed) {
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(backup());
  const KeyObjects keys = *KeyObjects::read(vault->store(), vault->id());
  // An attacker with the root key of epoch 1 alone begins epoch 3, sealed to the slot, and knows what it holds.
  Rotation forged;
  forged.vault = vault->id();
  forged.epoch = 3;
  const RootKey first = vault->keys().roots()[0];
  forged.entries = {*seal_entry(forged, keys.slots[0], first, Digest{5}, {{2, Digest{6}}, {3, Digest{7}}})};
  forged.proof = rotation_proof(forged, Digest{6});
  ASSERT_TRUE(vault->store().put({ObjectKind::key, rotation_name(vault->id(), 3)}, forged.encode()));
  const auto opened = open(kFirst);
  ASSERT_TRUE(opened);
  EXPECT_EQ((*opened)->keys().current_epoch(), 2u);
  EXPECT_EQ((*opened)->keys().roots()[1].key, vault->keys().roots()[1].key);
  EXPECT_NE((*opened)->keys_problem(), "");
  EXPECT_EQ((*opened)->may_write().error().code, Code::refused);
  EXPECT_EQ((*opened)->points()->points.size(), 1u);
}
TEST_F(RotateTest, the_last_slot_that_opens_everything_stays) {
  const SlotId second = *vault->add_key(kSecond, "second");
  const Objects copy = objects();
  ASSERT_TRUE(rotate({.drop = {second}}));
  ASSERT_TRUE(vault->store().put({ObjectKind::key, second.hex()}, copy.at({ObjectKind::key, second.hex()})));
  EXPECT_EQ(vault->remove_key(vault->opened_by()).error().code, Code::refused);
  EXPECT_TRUE(vault->remove_key(second));
  EXPECT_EQ(vault->remove_key(*SlotId::parse(rotation_name(vault->id(), 2))).error().code, Code::refused);
}
TEST_F(RotateTest, packs_alone_bring_back_the_rotations) {
  ASSERT_TRUE(vault->add_key(kSheet, "sheet"));
  ASSERT_TRUE(backup());
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(backup());
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(backup());
  const Objects whole = objects();
  for (const bool only_packs : {true, false}) {
    Objects left = whole;
    std::erase_if(left, [&](const auto& o) { return only_packs ? o.first.kind != ObjectKind::pack : is_rotation(o.second); });
    auto store = store_of(left);
    const auto described = restore_description(*store);
    ASSERT_TRUE(described) << described.error().message;
    EXPECT_EQ(described->rotations_restored, 2u);
    auto opened = Vault::open(*env, std::move(store), kSheet);
    ASSERT_TRUE(opened) << opened.error().message;
    vault = std::move(*opened);
    RebuildReport report;
    ASSERT_TRUE(rebuild(*vault, report, progress));
    EXPECT_EQ(reads(kSheet), 3u);
    EXPECT_EQ(reads(kFirst), 3u);
  }
}
TEST_F(RotateTest, shares_tell_what_lies_under_each_epoch) {
  ASSERT_TRUE(backup());
  std::uint64_t packs = 0, bytes = 0;
  for (const auto& [name, object] : objects())
    if (name.kind == ObjectKind::pack) ++packs, bytes += object.size();
  EXPECT_EQ(epoch_shares(*vault, 2, progress)->by_epoch.at(1).bytes, bytes);
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(backup());
  const auto shares = *epoch_shares(*vault, 2, progress);
  EXPECT_EQ(shares.by_epoch.at(1).packs, packs);
  EXPECT_EQ(shares.by_epoch.at(1).bytes, bytes);
  EXPECT_GE(shares.by_epoch.at(2).packs, 2u);
  EXPECT_EQ(shares.unknown.packs, 0u);
}
TEST_F(RotateTest, where_a_rotation_is_gone_nothing_is_written_under_an_old_key) {
  ASSERT_TRUE(rotate());
  ASSERT_TRUE(vault->add_key(kSecond, "made after it"));
  Objects left = objects();
  std::erase_if(left, [](const auto& o) { return is_rotation(o.second); });
  EXPECT_EQ((*Vault::open(*env, store_of(left), kFirst))->may_write().error().code, Code::refused);
  EXPECT_TRUE((*Vault::open(*env, store_of(left), kSecond))->may_write());
}
TEST_F(RotateTest, chunks_stay_known_over_rotations) {
  ASSERT_TRUE(backup());
  ASSERT_TRUE(rotate());
  auto s = *WriteSession::begin(*vault);
  EXPECT_FALSE(*s->claim(vault->keys().chunk_hash().id(Buffer(3000, 1))));
}

}  // namespace
}  // namespace hf
