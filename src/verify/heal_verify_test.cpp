// verify --heal: what it mends, what it can't, and what it says.
#include "vault/parity.hpp"
#include "verify/verify.hpp"
#include "verify/verify_fixture.hpp"

namespace hf {
namespace {

using namespace verify_test;

struct HealVerify : VaultFixture {
  static constexpr std::size_t kPhoto = 700'000;

  void SetUp() override {
    ASSERT_TRUE(choose_parity(vault->store(), ParityChoice()));
    backup([](TreeWriter& t) {
      const Entry photos = t.directory("photos", {t.file("large", {noise(kPhoto, 4)}), t.file("small", {noise(300, 5)})});
      return t.directory("root", {photos});
    });
  }
  static constexpr unsigned kVersions = 8;  ///< so many that some come before the photo's pack in order of names
  /// Points of which each has a photo that is stored as what differs from the large one.
  void change_the_photo() {
    Buffer version = noise(kPhoto, 4);
    const ChunkId base = vault->keys().chunk_hash().id(version);
    for (unsigned i = 0; i < kVersions; ++i) {
      version[1000 * i + 7] ^= 1;
      const ChunkId id = vault->keys().chunk_hash().id(version);
      backup([&](TreeWriter& t) {
        const std::vector<ChunkRef> near{{base, kPhoto}};
        EXPECT_TRUE(*t.data.add(id, version, near));
        Entry file = t.file("changed", {});
        file.content.refs = {{id, kPhoto}};
        file.stat.size = kPhoto;
        return t.directory("root", {file});
      }, {.delta = DeltaPolicy::always});
    }
  }
  Objects objects() { return objects_of(vault->store()); }
  ObjectName pack_of(const Buffer& chunk) {
    const auto index = *Index::load(*vault);
    const auto place = *index->find(vault->keys().chunk_hash().id(chunk));
    return {ObjectKind::pack, place->pack.hex()};
  }
  ObjectName photo() { return pack_of(noise(kPhoto, 4)); }
  static ObjectName parity_of(const ObjectName& pack) { return {ObjectKind::parity, pack.name}; }
  /// Heals what `objects` hold; then everything is as it was before.
  VerifyReport heals(const Objects& damaged) {
    const Objects before = objects();
    const auto opened = *open(damaged);
    const VerifyReport r = check(*opened, {.heal = true});
    EXPECT_TRUE(r.sound());
    const Objects after = objects_of(opened->store());
    for (const auto& [name, bytes] : before)
      if (name.kind != ObjectKind::proof) {
        EXPECT_EQ(after.at(name), bytes) << name.text();
      }
    const VerifyReport again = check(*opened);
    EXPECT_TRUE(again.sound());
    EXPECT_EQ(again.damage_count, 0u);
    EXPECT_TRUE(again.notes.empty());
    return r;
  }
};

TEST_F(HealVerify, a_whole_vault_has_nothing_to_heal_and_its_parity_is_read_back) {
  const VerifyReport r = heals(objects());
  EXPECT_EQ(r.healed_count, 0u);
  EXPECT_TRUE(r.parity.wanted);
  EXPECT_EQ(r.parity.objects, r.packs);
  EXPECT_EQ(r.parity.read, r.packs);
  EXPECT_EQ(r.parity.packs_without, 0u);
  EXPECT_EQ(r.parity.made, 0u);
}

TEST_F(HealVerify, damage_is_mended_told_and_written_down) {
  Objects damaged = objects();
  const ObjectName pack = photo();
  damaged[pack][200'000] ^= 1;
  damaged[pack][500'000] ^= 1;
  const auto opened = *open(damaged);
  const VerifyReport r = check(*opened, {.heal = true});
  EXPECT_TRUE(r.sound());
  ASSERT_EQ(r.healed.size(), 1u);
  EXPECT_EQ(r.healed[0].object, pack.text());
  EXPECT_EQ(r.healed[0].blocks, 2u);
  EXPECT_LE(r.healed[0].offset, 200'000u);
  EXPECT_NE(r.healed[0].message.find("rebuilt from parity"), std::string::npos);
  EXPECT_EQ(objects_of(opened->store()).at(pack), objects().at(pack));
  const auto proofs = *opened->proofs();
  ASSERT_EQ(proofs.size(), 1u);
  EXPECT_EQ(proofs[0].proof.healed, std::vector<PackId>{*PackId::parse(pack.name)});
  EXPECT_TRUE(proofs[0].proof.damaged.empty());
  EXPECT_EQ(check(*opened).damage_count, 0u);
}

TEST_F(HealVerify, without_heal_nothing_is_changed_and_the_hint_tells_of_it) {
  Objects damaged = objects();
  damaged[photo()][200'000] ^= 1;
  const auto opened = *open(damaged);
  const VerifyReport r = check(*opened, {.store_proof = false});
  EXPECT_FALSE(r.sound());
  ASSERT_EQ(r.damage.size(), 1u);
  EXPECT_NE(r.damage[0].hint.find("holdfast verify --heal"), std::string::npos);
  EXPECT_EQ(objects_of(opened->store()), damaged);
}

TEST_F(HealVerify, one_that_was_cut_off_heals_and_so_does_one_that_is_gone_and_small) {
  Objects damaged = objects();
  damaged[photo()].resize(damaged[photo()].size() - 5'000);
  EXPECT_EQ(heals(damaged).healed_count, 1u);
  damaged = objects();
  ObjectName smallest = photo();
  for (const auto& [name, bytes] : damaged)
    if (name.kind == ObjectKind::pack && bytes.size() < damaged[smallest].size()) smallest = name;
  ASSERT_LT(damaged[smallest].size(), 4096u);
  damaged.erase(smallest);
  EXPECT_EQ(heals(damaged).healed_count, 1u);
}

TEST_F(HealVerify, a_large_pack_that_is_gone_does_not_come_back_and_that_is_said) {
  Objects damaged = objects();
  damaged.erase(photo());
  const VerifyReport r = check(**open(damaged), {.heal = true});
  EXPECT_FALSE(r.sound());
  ASSERT_EQ(r.damage.size(), 1u);
  EXPECT_EQ(r.damage[0].kind, DamageKind::missing_pack);
  EXPECT_NE(r.damage[0].hint.find("its parity can't heal it"), std::string::npos) << r.damage[0].hint;
  EXPECT_EQ(r.affected_count, 2u);
}

TEST_F(HealVerify, more_damage_than_parity_is_told_as_damage) {
  Objects damaged = objects();
  Buffer& b = damaged[photo()];
  std::fill(b.begin() + 1000, b.begin() + 300'000, std::uint8_t{0});
  const auto opened = *open(damaged);
  const VerifyReport r = check(*opened, {.store_proof = false, .heal = true});
  EXPECT_FALSE(r.sound());
  EXPECT_EQ(r.healed_count, 0u);
  EXPECT_EQ(objects_of(opened->store()), damaged);
}

TEST_F(HealVerify, damaged_parity_is_harmless_and_made_anew) {
  Objects damaged = objects();
  damaged[parity_of(photo())][20'000] ^= 1;
  const VerifyReport plain = check(**open(damaged));
  EXPECT_TRUE(plain.sound());
  EXPECT_EQ(plain.parity.damaged, 1u);
  ASSERT_EQ(plain.damage.size(), 1u);
  EXPECT_EQ(plain.damage[0].kind, DamageKind::damaged_parity);
  EXPECT_EQ(heals(damaged).parity.made, 1u);
  damaged[parity_of(photo())].clear();
  EXPECT_EQ(heals(damaged).parity.made, 1u);
  damaged.erase(parity_of(photo()));
  const VerifyReport lacking = check(**open(damaged));
  EXPECT_EQ(lacking.parity.packs_without, 1u);
  EXPECT_EQ(lacking.notes.size(), 1u);
  EXPECT_EQ(heals(damaged).parity.made, 1u);
}

TEST_F(HealVerify, it_needs_no_key) {
  Objects damaged = objects();
  damaged[photo()][200'000] ^= 1;
  damaged[parity_of(photo())][200] ^= 1;
  const auto store = store_of(damaged);
  EXPECT_FALSE(verify_ciphertext(*store, 2, progress)->sound());
  const VerifyReport r = *verify_ciphertext(*store, 2, progress, nullptr, true);
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.healed_count, 2u);
  EXPECT_EQ(objects_of(*store), objects());
}

TEST_F(HealVerify, a_vault_without_parity_gets_none_and_hears_nothing_of_it) {
  ASSERT_TRUE(choose_parity(vault->store(), std::nullopt));
  ASSERT_TRUE(remove_parity(vault->store(), progress));
  const VerifyReport r = check({.heal = true});
  EXPECT_TRUE(r.sound());
  EXPECT_TRUE(r.notes.empty());
  EXPECT_EQ(r.parity.made, 0u);
  Objects damaged = objects();
  damaged[photo()][200'000] ^= 1;
  const VerifyReport hit = check(**open(damaged), {.store_proof = false, .heal = true});
  ASSERT_EQ(hit.damage.size(), 1u);
  EXPECT_NE(hit.damage[0].hint.find("it has no parity"), std::string::npos) << hit.damage[0].hint;
}

// Half of a vault's packs were damaged within their parity. Each was healed, and yet damage was told: packs that were read
// before the one with their bases had been judged while it was damaged, and readers still held the file of before.
TEST_F(HealVerify, deltas_are_judged_when_what_they_stand_on_is_healed) {
  change_the_photo();
  Objects damaged = objects();
  damaged[photo()][200'000] ^= 1;
  EXPECT_EQ(check(**open(damaged), {.store_proof = false}).affected_points.size(), kVersions + 1) << "no delta stands on the photo: nothing is tried here";
  EXPECT_EQ(heals(damaged).healed_count, 1u);
}

// A year of days on one damaged segment was told of once a day.
TEST_F(HealVerify, what_stands_on_a_damaged_segment_is_told_with_it) {
  change_the_photo();
  Objects damaged = objects();
  damaged[photo()][200'000] ^= 1;
  const auto told = [&](const VerifyReport& r) {
    ASSERT_EQ(r.damage.size(), 1u);
    EXPECT_EQ(r.damage_count, 1u);
    EXPECT_EQ(r.damage[0].object, photo().text());
    EXPECT_EQ(r.damage[0].chunks, 2u + kVersions) << "the two that lie there, and what stands on one of them";
    EXPECT_NE(r.damage[0].message.find("8 chunks are stored as what differs"), std::string::npos) << r.damage[0].message;
    EXPECT_EQ(r.affected_points.size(), kVersions + 1);
  };
  told(check(**open(damaged), {.store_proof = false}));
  damaged.erase(photo());
  told(check(**open(damaged), {.store_proof = false}));
  told(check(**open(damaged), {.depth = VerifyDepth::structure}));
}

TEST_F(HealVerify, what_does_not_open_for_a_reason_that_is_not_known_is_told_by_itself) {
  const ObjectName first_run = objects().lower_bound({ObjectKind::index, ""})->first;
  change_the_photo();
  Objects damaged = objects();
  damaged.erase(first_run);  // the bases are there, and nobody finds them
  const VerifyReport r = check(**open(damaged), {.store_proof = false});
  const auto of_deltas = std::count_if(r.damage.begin(), r.damage.end(), [](const Damage& d) { return d.hint.find("the pack itself is well") != std::string::npos; });
  EXPECT_EQ(of_deltas, kVersions);
}

// Of a chunk there were two copies, one damaged and one stored against what was damaged: it was told that nothing is lost.
TEST_F(HealVerify, a_second_copy_that_stands_on_what_is_lost_spares_nothing) {
  Buffer version = noise(kPhoto, 4);
  const std::vector<ChunkRef> near{{vault->keys().chunk_hash().id(version), kPhoto}};
  version[7] ^= 1;
  const ChunkId id = vault->keys().chunk_hash().id(version);
  const auto beside = *WriteSession::begin(*vault, {.delta = DeltaPolicy::always});  // does not see what comes next
  backup([&](TreeWriter& t) {
    const Entry other = t.file("other", {version});
    EXPECT_TRUE(t.data.part_ends());  // a segment of its own
    return t.directory("root", {other, t.file("rest", {noise(5000, 22)})});
  }, {.delta = DeltaPolicy::off});
  const ObjectName plain = pack_of(version);
  {
    const auto data = beside->data_writer();
    ASSERT_TRUE(*data->add(id, version, near));
    ASSERT_TRUE(data->finish());
    RecoveryPoint p;
    TreeWriter tree{*beside, *data};
    p.root = tree.directory("root", {});
    p.base_path = "/home";
    ASSERT_TRUE(beside->commit(p));
  }
  Objects damaged = objects();
  damaged[plain][200'000] ^= 1;
  const VerifyReport spared = check(**open(damaged), {.store_proof = false});
  ASSERT_EQ(spared.damage.size(), 1u);
  EXPECT_TRUE(spared.damage[0].healed) << "the delta gives it";
  EXPECT_EQ(spared.damage[0].hint.find("may be removed"), std::string::npos) << "what else lies in the pack lies nowhere else: " << spared.damage[0].hint;
  damaged[photo()][200'000] ^= 1;
  const VerifyReport lost = check(**open(damaged), {.store_proof = false});
  ASSERT_EQ(lost.damage.size(), 2u);
  for (const Damage& d : lost.damage) EXPECT_FALSE(d.healed) << d.message;
  EXPECT_EQ(lost.serious, 2u);
}

}  // namespace
}  // namespace hf
