// verify with stripes: what comes back, what is told, with a key and without.
#include "vault/restripe.hpp"
#include "verify/verify_fixture.hpp"

namespace hf {
namespace {

using namespace verify_test;

struct StripeVerify : VaultFixture {
  std::unique_ptr<ObjectStore> place = make_memory_store();

  void SetUp() override {
    for (std::uint64_t n = 0; n < 3; ++n)
      backup([&](TreeWriter& t) {
        const Entry files = t.directory("files", {t.file("large", {noise(400'000, 10 + n)}), t.file("small", {noise(300, 20 + n)})});
        return t.directory("root", {files});
      });
    ASSERT_TRUE(keep_stripes(vault->store(), *place, vault->id(), {.data = 10, .parity = 2}, progress));
  }
  std::vector<ObjectName> packs() {
    std::vector<ObjectName> out;
    for (const auto& [name, bytes] : objects_of(vault->store()))
      if (name.kind == ObjectKind::pack) out.push_back(name);
    std::sort(out.begin(), out.end(), [&](const auto& a, const auto& b) { return vault->store().get(a, UINT64_MAX)->size() > vault->store().get(b, UINT64_MAX)->size(); });
    return out;
  }
  std::vector<ObjectName> rows() {
    std::vector<ObjectName> out;
    for (const auto& [name, bytes] : objects_of(*place)) out.push_back(name);
    return out;
  }
  void change(ObjectStore& store, const ObjectName& name, const std::function<void(Buffer&)>& how) {
    Buffer b = *store.get(name, UINT64_MAX);
    how(b);
    ASSERT_TRUE(store.remove(name));
    ASSERT_TRUE(store.put(name, b));
  }
  VerifyReport keyless(bool heal) {
    auto r = verify_ciphertext(vault->store(), 2, progress, nullptr, heal, place.get());
    EXPECT_TRUE(r) << r.error().message;
    return r ? std::move(*r) : VerifyReport();
  }
};

TEST_F(StripeVerify, whole_ones_are_read_back_and_nothing_is_said) {
  const VerifyReport r = check({.stripes = place.get()});
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.stripes.stripes, 1u);
  EXPECT_EQ(r.stripes.read, 2u);
  EXPECT_EQ(r.stripes.packs_without, 0u);
  EXPECT_TRUE(r.notes.empty());
  EXPECT_FALSE(check().stripes.looked);
}

TEST_F(StripeVerify, lost_packs_come_back_with_a_key_and_without) {
  const Objects before = objects_of(vault->store());
  const auto all = packs();
  ASSERT_GE(all.size(), 4u);
  for (const bool key : {true, false}) {
    ASSERT_TRUE(vault->store().remove(all[0]));
    ASSERT_TRUE(vault->store().remove(all[2]));
    const VerifyReport told = key ? check({.store_proof = false, .stripes = place.get()}) : keyless(false);
    EXPECT_FALSE(told.sound());
    ASSERT_TRUE(names(told, all[0]));
    EXPECT_NE(told.damage[0].hint.find("verify --heal"), std::string::npos);
    EXPECT_EQ(told.stripes.lacking, 1u);
    const VerifyReport r = key ? check({.store_proof = false, .heal = true, .stripes = place.get()}) : keyless(true);
    EXPECT_TRUE(r.sound());
    EXPECT_EQ(r.healed_count, 2u);
    EXPECT_NE(r.healed[0].message.find("was missing: all of it rebuilt from a stripe"), std::string::npos);
    EXPECT_EQ(r.stripes.lacking, 0u);
    EXPECT_EQ(objects_of(vault->store()), before);
  }
}

TEST_F(StripeVerify, damage_without_parity_of_its_own_is_mended_from_the_stripe) {
  const Objects before = objects_of(vault->store());
  const auto all = packs();
  change(vault->store(), all[0], [](Buffer& b) { std::fill_n(b.begin() + 1000, 200'000, std::uint8_t{0}); });
  change(vault->store(), all[1], [](Buffer& b) { b.resize(b.size() / 2); });
  const VerifyReport r = check({.store_proof = false, .heal = true, .stripes = place.get()});
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.healed_count, 2u);
  EXPECT_EQ(objects_of(vault->store()), before);
}

TEST_F(StripeVerify, more_lost_than_parity_packs_is_told_and_changes_nothing) {
  const auto all = packs();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(vault->store().remove(all[static_cast<std::size_t>(i)]));
  const VerifyReport r = keyless(true);
  EXPECT_FALSE(r.sound());
  EXPECT_EQ(r.healed_count, 0u);
  ASSERT_TRUE(names(r, all[0]));
  EXPECT_NE(r.damage[0].hint.find("more of its stripe is lost"), std::string::npos);
  EXPECT_EQ(packs().size(), all.size() - 3);
}

TEST_F(StripeVerify, damaged_parity_packs_are_told_as_harmless_and_made_anew) {
  const Objects before = objects_of(*place);
  const auto objects = rows();
  change(*place, objects[0], [](Buffer& b) { b[b.size() / 2] ^= 1; });
  ASSERT_TRUE(place->remove(objects[1]));
  const VerifyReport told = check({.store_proof = false, .stripes = place.get()});
  EXPECT_TRUE(told.sound());
  EXPECT_EQ(told.stripes.damaged, 2u);
  EXPECT_EQ(told.damage_count, 1u);
  EXPECT_EQ(told.damage[0].kind, DamageKind::damaged_parity);
  const VerifyReport r = keyless(true);
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.stripes.made, 2u);
  EXPECT_EQ(objects_of(*place), before);
}

TEST_F(StripeVerify, a_lost_pack_beside_a_damaged_parity_pack_comes_back_and_then_the_parity_pack) {
  const Objects before = objects_of(vault->store()), stripes = objects_of(*place);
  ASSERT_TRUE(vault->store().remove(packs()[0]));
  change(*place, rows()[0], [](Buffer& b) { std::fill(b.begin(), b.end(), std::uint8_t{0}); });
  EXPECT_TRUE(keyless(true).sound());
  EXPECT_EQ(objects_of(vault->store()), before);
  EXPECT_EQ(objects_of(*place), stripes);
}

TEST_F(StripeVerify, packs_in_no_stripe_are_counted) {
  const std::size_t before = packs().size();
  backup([&](TreeWriter& t) { return t.directory("root", {t.file("new", {noise(5000, 99)})}); });
  const VerifyReport r = check({.depth = VerifyDepth::structure, .stripes = place.get()});
  EXPECT_TRUE(r.sound());
  EXPECT_EQ(r.stripes.packs_without, packs().size() - before);
  ASSERT_EQ(r.notes.size(), 1u);
  EXPECT_NE(r.notes[0].find("holdfast parity stripe"), std::string::npos);
}

}  // namespace
}  // namespace hf
