#include "vault/heal.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "platform/sim_env.hpp"
#include "store/local/local_store.hpp"
#include "store/memory/memory_store.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

Buffer noise(std::size_t n, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Buffer out(n);
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}

/// A pack of noise, which heals as well as any other: nothing of it is opened.
struct Heal : testing::Test {
  std::unique_ptr<ObjectStore> store = make_memory_store();
  Buffer bytes, parity;
  PackId id;
  ParityShape shape;

  void have(std::size_t n, std::uint64_t seed = 1) {
    bytes = noise(n, seed);
    id = PackId{content_name(bytes)};
    ASSERT_TRUE(store->put(pack(), bytes));
    const auto made = make_parity(*store, id);
    ASSERT_TRUE(made) << made.error().message;
    parity = *store->get(parity_name(id), UINT64_MAX);
    shape = StoredParity::open(*store, id)->shape();
  }
  ObjectName pack() { return {ObjectKind::pack, id.hex()}; }
  void put(const ObjectName& name, ByteView content) {
    ASSERT_TRUE(store->remove(name));
    ASSERT_TRUE(store->put(name, content));
  }
  void damage(const std::function<void(Buffer&)>& change) {
    Buffer b = bytes;
    change(b);
    put(pack(), b);
  }
  bool whole() {
    const auto b = store->get(pack(), UINT64_MAX);
    return b && *b == bytes;
  }
};

TEST_F(Heal, a_flipped_bit_anywhere_in_a_small_pack_is_mended) {
  have(9'000);
  for (std::size_t at = 0; at < bytes.size(); at += 311) {
    damage([&](Buffer& b) { b[at] ^= 4; });
    const auto done = heal_pack(*store, id);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(done->blocks, 1u);
    ASSERT_TRUE(whole()) << at;
  }
}

TEST_F(Heal, random_losses_up_to_the_bound_heal_and_one_more_fails_and_changes_nothing) {
  std::mt19937_64 random(7);
  for (const std::size_t size : {3'000u, 5'000u, 20'000u, 300'000u, 5'000'000u, 33'000'000u}) {
    have(size, size);
    for (int round = 0; round < 4; ++round) {
      const auto group = static_cast<std::uint32_t>(random() % shape.groups);
      std::vector<std::uint64_t> columns(shape.columns_of(group));
      for (std::size_t c = 0; c < columns.size(); ++c) columns[c] = c;
      std::shuffle(columns.begin(), columns.end(), random);
      Buffer b = bytes;
      const auto hit = [&](std::uint64_t column) { b[(column * shape.groups + group) << shape.block_bits] ^= static_cast<std::uint8_t>(1 + random() % 255); };
      const std::size_t bound = std::min<std::size_t>(shape.rows, columns.size());
      for (std::size_t i = 0; i < bound; ++i) hit(columns[i]);
      put(pack(), b);
      const auto done = heal_pack(*store, id);
      ASSERT_TRUE(done) << size << ": " << done.error().message;
      EXPECT_EQ(done->blocks, bound);
      ASSERT_TRUE(whole());
      if (columns.size() == bound) continue;
      hit(columns[bound]);
      put(pack(), b);
      const auto beyond = heal_pack(*store, id);
      ASSERT_FALSE(beyond) << size;
      EXPECT_EQ(beyond.error().code, Code::corrupt);
      EXPECT_EQ(*store->get(pack(), UINT64_MAX), b);
    }
  }
}

TEST_F(Heal, a_burst_as_long_as_all_parity_is_mended_wherever_it_lies) {
  have(33'000'000);
  const std::uint64_t burst = (shape.parity_blocks() - 1) << shape.block_bits;  // unaligned, it hits one block more
  for (const std::uint64_t at : {std::uint64_t{0}, std::uint64_t{1'234'567}, bytes.size() - burst}) {
    damage([&](Buffer& b) { std::fill_n(b.begin() + static_cast<std::ptrdiff_t>(at), burst, std::uint8_t{0}); });
    const auto done = heal_pack(*store, id);
    ASSERT_TRUE(done) << at << ": " << done.error().message;
    ASSERT_TRUE(whole()) << at;
  }
}

TEST_F(Heal, a_pack_that_was_cut_or_grew_has_its_size_again) {
  have(5'000'000);
  for (const std::size_t size : {4'999'999u, 4'870'000u, 5'000'001u, 5'100'000u}) {
    damage([&](Buffer& b) { b.resize(size); });
    const auto done = heal_pack(*store, id);
    ASSERT_TRUE(done) << size << ": " << done.error().message;
    EXPECT_TRUE(done->was_cut);
    ASSERT_TRUE(whole()) << size;
  }
  damage([&](Buffer& b) { b.resize(1'000'000); });
  EXPECT_FALSE(heal_pack(*store, id));
}

TEST_F(Heal, a_missing_pack_comes_back_only_where_its_parity_is_as_large) {
  have(3'000);
  ASSERT_TRUE(store->remove(pack()));
  EXPECT_EQ(heal_pack(*store, id).error().code, Code::not_found);
  ASSERT_TRUE(heal_pack(*store, id, true));
  EXPECT_TRUE(whole());
  have(100'000);
  ASSERT_TRUE(store->remove(pack()));
  EXPECT_EQ(heal_pack(*store, id, true).error().code, Code::corrupt);
}

TEST_F(Heal, damaged_parity_still_mends_with_what_is_left_of_it) {
  have(5'000'000);
  Buffer p = parity;
  std::fill_n(p.begin(), shape.parity_offset(1), std::uint8_t{0});  // one head, one table, one block
  put(parity_name(id), p);
  damage([&](Buffer& b) { b[70'000] ^= 1, b[700'000] ^= 1, b[4'999'999] ^= 1; });
  const auto done = heal_pack(*store, id);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_TRUE(whole());
  EXPECT_FALSE(StoredParity::open(*store, id)->check());
  // The end is gone: what lies before still serves.
  p = parity;
  p.resize(shape.parity_offset(2));
  put(parity_name(id), p);
  damage([&](Buffer& b) { b[70'000] ^= 1, b[700'000] ^= 1; });
  ASSERT_TRUE(heal_pack(*store, id));
  EXPECT_TRUE(whole());
  damage([&](Buffer& b) { b[70'000] ^= 1, b[700'000] ^= 1, b[1'700'000] ^= 1; });
  EXPECT_FALSE(heal_pack(*store, id));
}

TEST_F(Heal, no_damage_of_parity_ever_makes_a_wrong_pack) {
  have(20'000);
  std::mt19937_64 random(3);
  for (int round = 0; round < 400; ++round) {
    Buffer p = parity, b = bytes;
    for (int i = 0; i < 1 + round % 4; ++i) p[random() % p.size()] ^= static_cast<std::uint8_t>(1u << random() % 8);
    if (round % 5 == 0) p.resize(random() % p.size());
    for (int i = 0; i < 1 + round % 3; ++i) b[random() % b.size()] ^= 1;
    put(parity_name(id), p);
    put(pack(), b);
    const auto done = heal_pack(*store, id);
    if (done) {
      ASSERT_TRUE(whole()) << round;
    } else {
      ASSERT_EQ(*store->get(pack(), UINT64_MAX), b) << round;
    }
  }
}

// Someone who can write to the store, and has no key, makes parity that fits to itself and to another pack.
TEST_F(Heal, forged_parity_heals_nothing) {
  for (const std::size_t size : {20'000u, 5'000'000u}) {
    have(size, 1);
    const PackId honest = id;
    const Buffer honest_bytes = bytes;
    have(size, 2);
    Buffer forged = parity;
    for (const std::size_t at : {std::size_t{0}, forged.size() - ParityHead::kBytes}) {
      ParityHead head = *ParityHead::decode(ByteView(forged).subspan(at));
      head.pack = honest;
      const Buffer encoded = head.encode();
      std::copy(encoded.begin(), encoded.end(), forged.begin() + static_cast<std::ptrdiff_t>(at));
    }
    id = honest;
    bytes = honest_bytes;
    put(parity_name(id), forged);
    damage([](Buffer& b) { b[5] ^= 1; });
    EXPECT_EQ(heal_pack(*store, id).error().code, Code::corrupt);
    EXPECT_FALSE(whole());
  }
}

TEST_F(Heal, without_parity_it_says_so) {
  have(5'000);
  ASSERT_TRUE(store->remove(parity_name(id)));
  EXPECT_EQ(heal_pack(*store, id).error().code, Code::not_found);
}

TEST(HealCrash, at_any_step_the_pack_is_as_it_was_or_healed_and_the_next_run_heals_it) {
  const Buffer bytes = noise(40'000, 1);
  Buffer damaged = bytes;
  damaged[20'000] ^= 1;
  const PackId id{content_name(bytes)};
  const ObjectName pack{ObjectKind::pack, id.hex()};
  for (const Survive how : {Survive::nothing, Survive::everything, Survive::coin}) {
    for (std::uint64_t n = 1;; ++n) {
      SimEnv env(n);
      const auto store = *create_local_store(env, "/vault");
      env.put_file("/vault/holdfast-vault", "x");
      ASSERT_TRUE(store->put(pack, bytes));
      ASSERT_TRUE(make_parity(*store, id));
      ASSERT_TRUE(store->remove(pack));
      ASSERT_TRUE(store->put(pack, damaged));
      env.crash_at(n, {.below = "/vault", .calls = Calls::changes});
      const bool healed = heal_pack(*store, id).has_value();
      env.crash(how);
      const auto again = *open_local_store(env, "/vault");
      const auto after = again->get(pack, UINT64_MAX);
      ASSERT_TRUE(after) << n;
      ASSERT_TRUE(*after == bytes || (!healed && *after == damaged)) << n;
      ASSERT_TRUE(heal_pack(*again, id)) << n;
      ASSERT_EQ(*again->get(pack, UINT64_MAX), bytes) << n;
      if (healed) break;
    }
  }
}

constexpr Argon2Params kQuick{.memory_kib = 8, .passes = 1, .lanes = 1};
const Secret kSecret{SlotKind::passphrase, as_bytes("correct horse")};

/// A vault with a point of some noise.
std::unique_ptr<Vault> vault_in(Env& env, std::unique_ptr<ObjectStore> store, bool parity) {
  if (parity) {
    EXPECT_TRUE(choose_parity(*store, ParityChoice()));
  }
  auto vault = *Vault::create(env, std::move(store), {.params = {}, .argon2 = kQuick, .label = "first"}, kSecret);
  auto session = *WriteSession::begin(*vault);
  auto writer = session->data_writer();
  for (std::uint64_t i = 0; i < 200; ++i) {
    const Buffer chunk = noise(60'000, i);
    EXPECT_TRUE(writer->add(vault->keys().chunk_hash().id(chunk), chunk));
  }
  EXPECT_TRUE(writer->finish());
  RecoveryPoint p;
  p.root.name = "root";
  p.root.stat.type = FileType::directory;
  p.root.directory = *session->add_metadata(encode_leaf({}));
  EXPECT_TRUE(session->commit(p));
  return vault;
}
std::vector<PackId> packs_of(ObjectStore& store) {
  std::vector<PackId> out;
  EXPECT_TRUE(store.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t) { out.push_back(*PackId::parse(name)); }));
  return out;
}

TEST(ParityOfAVault, every_pack_that_a_backup_writes_gets_it_and_only_where_it_is_wanted) {
  const auto env = make_real_env();
  const auto with = vault_in(*env, make_memory_store(), true), without = vault_in(*env, make_memory_store(), false);
  const auto packs = packs_of(with->store());
  EXPECT_GE(packs.size(), 2u);
  for (const PackId& id : packs) {
    const auto parity = StoredParity::open(with->store(), id);
    ASSERT_TRUE(parity) << parity.error().message;
    EXPECT_TRUE(parity->check());
  }
  EXPECT_TRUE(list_parity(without->store())->objects.empty());
}

// Killed between the two: whoever takes the pack over makes what it lacks.
TEST(ParityOfAVault, of_a_pack_whose_writer_died_before_it_is_made_by_the_next) {
  const auto env = make_real_env();
  for (const bool wanted : {true, false}) {
    const auto vault = vault_in(*env, make_memory_store(), wanted);
    const std::vector<PackId> before = packs_of(vault->store());
    {
      auto session = *WriteSession::begin(*vault);
      auto writer = session->data_writer();
      const Buffer chunk = noise(50'000, 1'000);
      ASSERT_TRUE(*writer->add(vault->keys().chunk_hash().id(chunk), chunk));
      ASSERT_TRUE(writer->finish());
    }
    std::vector<PackId> left = packs_of(vault->store());
    std::erase_if(left, [&](const PackId& id) { return std::find(before.begin(), before.end(), id) != before.end(); });
    ASSERT_EQ(left.size(), 1u);
    if (wanted) {
      ASSERT_TRUE(vault->store().remove(parity_name(left[0])));
    }
    ASSERT_TRUE(WriteSession::begin(*vault));
    EXPECT_EQ(list_parity(vault->store())->objects.contains(left[0]), wanted);
  }
}

TEST(ParityOfAVault, is_added_where_it_lacks_and_removed) {
  const auto env = make_real_env();
  const auto vault = vault_in(*env, make_memory_store(), false);
  ObjectStore& store = vault->store();
  Progress progress;
  const auto work = add_parity(store, kParityPercent, 2, progress);
  ASSERT_TRUE(work);
  EXPECT_EQ(work->made, packs_of(store).size());
  EXPECT_EQ(add_parity(store, kParityPercent, 1, progress)->made, 0u);
  const PackId id = packs_of(store)[0];
  Buffer b = *store.get({ObjectKind::pack, id.hex()}, UINT64_MAX);
  const Buffer before = b;
  b[b.size() / 2] ^= 1;
  ASSERT_TRUE(store.remove({ObjectKind::pack, id.hex()}));
  ASSERT_TRUE(store.put({ObjectKind::pack, id.hex()}, b));
  EXPECT_TRUE(heal_pack(store, id));
  EXPECT_EQ(*store.get({ObjectKind::pack, id.hex()}, UINT64_MAX), before);
  EXPECT_EQ(remove_parity(store, progress)->removed, packs_of(store).size());
  EXPECT_TRUE(list_parity(store)->objects.empty());
  // Of a damaged pack there is none to be made.
  ASSERT_TRUE(store.remove({ObjectKind::pack, id.hex()}));
  ASSERT_TRUE(store.put({ObjectKind::pack, id.hex()}, b));
  EXPECT_EQ(add_parity(store, kParityPercent, 1, progress)->failed.size(), 1u);
}

TEST(ParityOfAVault, the_choice_can_be_changed_and_a_damaged_one_means_yes) {
  const auto store = make_memory_store();
  EXPECT_FALSE(*parity_choice(*store));
  ASSERT_TRUE(choose_parity(*store, ParityChoice{10}));
  EXPECT_EQ((*parity_choice(*store))->percent, 10u);
  ASSERT_TRUE(choose_parity(*store, ParityChoice{5}));
  EXPECT_EQ((*parity_choice(*store))->percent, 5u);
  ASSERT_TRUE(choose_parity(*store, std::nullopt));
  EXPECT_FALSE(*parity_choice(*store));
  ASSERT_TRUE(store->put(parity_choice_name(), as_bytes("damaged")));
  EXPECT_TRUE(*parity_choice(*store));
}

TEST(ParityOfAVault, that_can_not_be_written_costs_no_backup) {
  SimEnv env;
  auto store = *create_local_store(env, "/vault");
  ASSERT_TRUE(choose_parity(*store, ParityChoice()));
  env.fail_nth(1, EIO, Failure::from_then_on, {.below = "/vault/parity", .calls = Calls::any});
  const auto vault = vault_in(env, std::move(store), false);
  EXPECT_EQ(vault->points()->points.size(), 1u);
  env.clear_faults();
  EXPECT_TRUE(list_parity(vault->store())->objects.empty());
  Progress progress;
  EXPECT_GE(add_parity(vault->store(), kParityPercent, 1, progress)->made, 2u);
}

}  // namespace
}  // namespace hf
