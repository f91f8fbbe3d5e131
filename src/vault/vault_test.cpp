#include <gtest/gtest.h>

#include <random>
#include <set>

#include "platform/sim_env.hpp"
#include "store/local/local_store.hpp"
#include "store/memory/memory_store.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

constexpr Argon2Params kQuick{.memory_kib = 8, .passes = 1, .lanes = 1};
const Secret kSecret{SlotKind::passphrase, as_bytes("correct horse")};

struct VaultTest : testing::Test {
  std::unique_ptr<Env> env = make_real_env();
  std::unique_ptr<Vault> vault = *Vault::create(*env, make_memory_store(), {.params = {}, .argon2 = kQuick, .label = "first"}, kSecret);
  Buffer noise(std::size_t n, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Buffer out(n);
    for (auto& b : out) b = static_cast<std::uint8_t>(random() & 15);
    return out;
  }
  RecoveryPoint empty_point(WriteSession& s) {
    RecoveryPoint p;
    p.root.name = "root";
    p.root.stat.type = FileType::directory;
    p.root.directory = *s.add_metadata(encode_leaf({}));
    return p;
  }
};

TEST_F(VaultTest, a_chunk_comes_back_and_is_stored_once) {
  auto s = *WriteSession::begin(*vault);
  auto w = s->data_writer();
  const Buffer chunk = noise(70'000, 1);
  const ChunkId id = vault->keys().chunk_hash().id(chunk);
  EXPECT_TRUE(*w->add(id, chunk));
  EXPECT_FALSE(*w->add(id, chunk));
  ASSERT_TRUE(w->finish());
  RecoveryPoint p = empty_point(*s);
  const auto committed = s->commit(p);
  ASSERT_TRUE(committed) << committed.error().message;
  const auto index = *Index::load(*vault);
  ChunkReader reader(*vault, *index);
  const auto read = reader.read(id);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_TRUE(std::equal(chunk.begin(), chunk.end(), read->bytes.begin(), read->bytes.end()));
  EXPECT_EQ(vault->points()->points.size(), 1u);
  auto again = *WriteSession::begin(*vault);
  EXPECT_FALSE(*again->claim(id));
}

TEST_F(VaultTest, init_never_takes_the_key_slots_of_a_vault_that_lost_its_description) {
  // `init` took the place for one where an earlier init had died, removed the key slots, and with them the way to all data.
  SimEnv machine;
  {
    auto before = *Vault::create(machine, *create_local_store(machine, "/vault"), {.params = {}, .argon2 = kQuick, .label = "first"}, kSecret);
    auto s = *WriteSession::begin(*before);
    RecoveryPoint p = empty_point(*s);
    ASSERT_TRUE(s->commit(p));
    ASSERT_TRUE(before->store().remove(config_name()));
  }
  const auto again = Vault::create(machine, *create_local_store(machine, "/vault"), {.params = {}, .argon2 = kQuick, .label = "second"}, kSecret);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Code::already_exists);
  EXPECT_NE(again.error().hint.find("holdfast rebuild"), std::string::npos);
  EXPECT_EQ(machine.list_names("/vault/keys")->size(), 1u);
}

TEST_F(VaultTest, ten_thousand_small_chunks_are_found_through_filter_and_pages) {
  auto s = *WriteSession::begin(*vault);
  auto w = s->data_writer();
  std::vector<ChunkId> ids;
  for (std::uint64_t i = 0; i < 10'000; ++i) {
    const Buffer chunk = noise(100, i);
    ids.push_back(vault->keys().chunk_hash().id(chunk));
    ASSERT_TRUE(*w->add(ids.back(), chunk));
  }
  ASSERT_TRUE(w->finish());
  RecoveryPoint p = empty_point(*s);
  ASSERT_TRUE(s->commit(p));
  const auto index = *Index::load(*vault);
  for (const ChunkId& id : ids) ASSERT_TRUE(*index->find(id));
  for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_FALSE(*index->find(vault->keys().chunk_hash().id(noise(101, i))));
}

TEST_F(VaultTest, many_sessions_leave_few_runs_and_every_chunk_is_found) {
  std::vector<ChunkId> ids;
  for (std::uint64_t i = 0; i < 40; ++i) {
    auto s = *WriteSession::begin(*vault);
    auto w = s->data_writer();
    const Buffer chunk = noise(1000, i);
    ids.push_back(vault->keys().chunk_hash().id(chunk));
    ASSERT_TRUE(*w->add(ids.back(), chunk));
    ASSERT_TRUE(w->finish());
    RecoveryPoint p = empty_point(*s);
    ASSERT_TRUE(s->commit(p));
  }
  const auto index = *Index::load(*vault);
  EXPECT_LE(index->runs().size(), 18u);
  for (const ChunkId& id : ids) EXPECT_TRUE(*index->find(id));
}

// Two prunes ran at once. One had copied a chunk into a new pack; the other one joined the runs of the index for something
// else, and of the two places of the chunk it kept the old one. When that pack went, nobody knew of the chunk any more.
TEST_F(VaultTest, joined_runs_tell_of_every_place_of_a_chunk) {
  const Buffer chunk = noise(70'000, 1);
  const ChunkId id = vault->keys().chunk_hash().id(chunk);
  std::vector<std::unique_ptr<WriteSession>> sessions;  // at once, so each stores it
  for (int i = 0; i < 3; ++i) sessions.push_back(*WriteSession::begin(*vault));
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    auto w = sessions[i]->data_writer();
    EXPECT_TRUE(*w->add(id, chunk));
    ASSERT_TRUE(w->finish());
    const Buffer node = noise(100, 10 + i);
    ASSERT_TRUE(sessions[i]->add_metadata(node));
    ASSERT_TRUE(sessions[i]->suspend());
  }
  const auto index = *Index::load(*vault);
  ASSERT_EQ(index->find_all(id)->size(), 3u);
  std::unordered_set<PackId> metadata;
  for (const IndexedPack& p : index->packs())
    if (p.pack_class == PackClass::metadata) metadata.insert(p.id);
  ASSERT_EQ(metadata.size(), 3u);
  ASSERT_TRUE(index->drop_packs(metadata));
  const auto anew = *Index::load(*vault);
  for (const Index* look : {index.get(), anew.get()}) {
    std::set<PackId> packs;
    const auto places = *look->find_all(id);
    for (const ChunkPlace& place : places) packs.insert(place.pack);
    EXPECT_EQ(packs.size(), 3u);
    EXPECT_EQ(look->packs().size(), 3u);
  }
}

TEST_F(VaultTest, packs_of_a_session_that_died_are_used_by_the_next) {
  const Buffer chunk = noise(50'000, 7);
  const ChunkId id = vault->keys().chunk_hash().id(chunk);
  {
    auto s = *WriteSession::begin(*vault);
    auto w = s->data_writer();
    ASSERT_TRUE(*w->add(id, chunk));
    ASSERT_TRUE(w->finish());
  }  // no commit, no run
  auto next = *WriteSession::begin(*vault);
  EXPECT_FALSE(*next->claim(id));
}

TEST_F(VaultTest, opens_with_the_secret_and_with_no_other) {
  EXPECT_TRUE(vault->test_key(kSecret));
  EXPECT_EQ(vault->test_key({SlotKind::passphrase, as_bytes("wrong")}).error().code, Code::wrong_secret);
  const Buffer file(64, 3);
  const SlotId slot = *vault->add_key({SlotKind::key_file, file}, "file");
  EXPECT_EQ(*vault->test_key({SlotKind::key_file, file}), slot);
  ASSERT_TRUE(vault->remove_key(slot));
  EXPECT_FALSE(vault->test_key({SlotKind::key_file, file}));
  EXPECT_EQ(vault->remove_key((*vault->key_slots())[0].id).error().code, Code::refused);
}

TEST(ClaimSet, forgets_only_what_is_erased) {
  ClaimSet set;
  std::mt19937_64 random(5);
  std::vector<ChunkKey> keys;
  for (int i = 0; i < 20'000; ++i) keys.push_back({random(), random() & 0xFFFF});  // crowded: long probe runs
  for (const ChunkKey& k : keys) set.insert(k);
  for (std::size_t i = 0; i < keys.size(); i += 2) set.erase(keys[i]);
  for (std::size_t i = 0; i < keys.size(); ++i) EXPECT_EQ(set.contains(keys[i]), i % 2 == 1) << i;
}

}  // namespace
}  // namespace hf
