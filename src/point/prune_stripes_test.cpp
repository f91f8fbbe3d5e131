// Prune and stripes: what stays is as protected as it was, at every moment.

#include <algorithm>

#include "point/prune_world.hpp"
#include "vault/restripe.hpp"
#include "vault/stripe_heal.hpp"

namespace hf {
namespace {

/// A machine with a vault of which much is about to go, and its stripes in another place.
struct Machine {
  SimEnv env;
  Progress progress;
  struct Silent final : ProblemSink {
    void problem(const Error&) override {}
  } silent;

  explicit Machine(std::uint64_t seed) : env(seed) {
    InitOptions options;
    options.argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1};
    options.params.cuts = {.size_min = 256, .size_avg = 2048, .size_max = 8192};
    const auto vault = *Vault::create(env, *create_local_store(env, "/vault"), options, kSecret);
    const auto place = *create_local_place(env, "/second");
    EXPECT_TRUE(choose_stripes(vault->store(), StripesChoice{vault->id(), 4, 1, "/second"}));
    for (unsigned i = 0; i < 4; ++i) env.put_file("/source/stays" + std::to_string(i), PruneWorld::noise(30'000, i));
    for (unsigned i = 0; i < 4; ++i) env.put_file("/source/goes" + std::to_string(i), PruneWorld::noise(30'000, 10 + i));
    const PointId first = backup(*vault);
    for (unsigned i = 0; i < 4; ++i) env.put_file("/source/goes" + std::to_string(i), "small");
    backup(*vault);
    EXPECT_TRUE(keep_stripes(vault->store(), *place, vault->id(), {.data = 4, .parity = 1}, progress));
    EXPECT_TRUE(forget(*vault, first, {.grace_seconds = 0, .reason = "test"}));
  }
  PointId backup(Vault& vault) {
    env.advance(kDay);
    CaptureOptions o;
    o.paths = {"/source"};
    o.host = "host";
    o.vault_directory = "/vault";
    o.write = {.compression_level = 1, .pack_bytes = 16 * 1024};
    auto done = capture(vault, o, progress, silent);
    EXPECT_TRUE(done) << done.error().message;
    return done->point.id;
  }
  std::unique_ptr<Vault> open() { return *Vault::open(env, *open_local_store(env, "/vault"), kSecret); }
  std::unique_ptr<ObjectStore> place() { return *open_local_place(env, "/second"); }
  Result<PruneReport> prune(bool with_stripes = true) {
    const auto vault = HF_TRY(Vault::open(env, HF_TRY(open_local_store(env, "/vault")), kSecret));
    const auto stripes = HF_TRY(open_local_place(env, "/second"));
    PruneOptions o;
    o.write = {.compression_level = 1, .pack_bytes = 16 * 1024};
    o.keep_stripes = with_stripes;
    o.stripes_elsewhere = stripes.get();
    TreeMarker trees(1);
    return hf::prune(*vault, o, trees, progress);
  }
  StripeCensus census() {
    const auto vault = open();
    return stripe_census(*list_pack_sizes(vault->store()), *list_stripes(*place(), vault->id()));
  }
  std::vector<PackId> in_stripes() {
    std::vector<PackId> out;
    const StripeList list = *list_stripes(*place(), std::nullopt);
    for (const auto& [id, f] : list.stripes)
      for (const StripeMember& m : f.stripe.members) out.push_back(m.pack);
    return out;
  }
};

TEST(PruneStripes, what_stays_is_in_whole_stripes_when_others_go) {
  Machine m(1);
  const auto before = m.in_stripes();
  const auto r = m.prune();
  ASSERT_TRUE(r) << r.error().message;
  EXPECT_GT(r->packs_removed, 2u);
  EXPECT_GT(r->stripes_removed, 0u);
  EXPECT_EQ(r->packs_held, 0u);
  const StripeCensus c = m.census();
  EXPECT_TRUE(c.lacking.empty());
  const auto present = *list_pack_sizes(m.open()->store());
  const auto after = m.in_stripes();
  for (const PackId& id : before) EXPECT_EQ(present.contains(id), std::find(after.begin(), after.end(), id) != after.end());
}

TEST(PruneStripes, a_rehearsal_tells_the_same_and_changes_nothing) {
  Machine m(1);
  const auto vault = m.open();
  const auto place = m.place();
  const auto before = m.in_stripes();
  PruneOptions o;
  o.write = {.compression_level = 1, .pack_bytes = 16 * 1024};
  o.stripes_elsewhere = place.get();
  TreeMarker trees2(1);
  const auto told = rehearse_prune(*vault, o, trees2, m.progress);
  ASSERT_TRUE(told) << told.error().message;
  EXPECT_EQ(m.in_stripes(), before);
  EXPECT_TRUE(m.census().lacking.empty());
  const auto done = m.prune();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->stripes_made, told->stripes_made);
  EXPECT_EQ(done->stripes_removed, told->stripes_removed);
  EXPECT_EQ(done->packs_removed, told->packs_removed);
}

TEST(PruneStripes, without_their_place_nothing_is_done_and_without_stripes_the_next_one_makes_good) {
  Machine m(1);
  const auto vault = m.open();
  TreeMarker trees3(1);
  EXPECT_EQ(hf::prune(*vault, {}, trees3, m.progress).error().code, Code::not_found);
  ASSERT_TRUE(m.prune(false));
  EXPECT_FALSE(m.census().lacking.empty());
  ASSERT_TRUE(m.prune());
  EXPECT_TRUE(m.census().lacking.empty());
}

TEST(PruneStripes, a_lost_pack_keeps_its_stripe_and_what_it_needs) {
  std::uint64_t tried = 0;
  for (std::size_t i = 0;; ++i) {
    Machine again(1);
    const auto ids = again.in_stripes();
    if (i >= ids.size()) break;
    const PackId id = ids[i];
    const auto v = again.open();
    const Buffer bytes = *v->store().get({ObjectKind::pack, id.hex()}, UINT64_MAX);
    ASSERT_TRUE(v->store().remove({ObjectKind::pack, id.hex()}));
    // Whether it can mark all or not, and whatever it does: a pack that the index knows still comes back.
    static_cast<void>(again.prune());
    const StripeList list = *list_stripes(*again.place(), v->id());
    std::vector<const Stripe*> all;
    for (const auto& [stripe, f] : list.stripes) all.push_back(&f.stripe);
    const auto index = *Index::load(*v);
    const auto healed = heal_from_stripes(v->store(), *again.place(), id, all);
    const auto packs = index->packs();
    const bool known = std::any_of(packs.begin(), packs.end(), [&](const IndexedPack& p) { return p.id == id; });
    if (known) {
      ASSERT_TRUE(healed) << id.brief() << ": " << healed.error().message;
      EXPECT_EQ(*v->store().get({ObjectKind::pack, id.hex()}, UINT64_MAX), bytes);
      ++tried;
    }
  }
  EXPECT_GT(tried, 0u);
}

TEST(PruneStripes, killed_at_any_step_it_leaves_every_needed_pack_in_a_stripe_that_brings_it_back) {
  for (const Survive how : {Survive::nothing, Survive::everything, Survive::coin}) {
    for (std::uint64_t n = 1;; n += 3) {
      Machine m(n);
      const auto before = m.in_stripes();
      m.env.crash_at(n, {.calls = Calls::changes});
      const bool done = m.prune().has_value();
      m.env.crash(how);
      const auto vault = m.open();
      const auto place = m.place();
      const StripeList list = *list_stripes(*place, vault->id());
      const auto present = *list_pack_sizes(vault->store());
      std::unordered_set<PackId> needed;
      const auto index = *Index::load(*vault);
      for (const IndexedPack& p : index->packs()) needed.insert(p.id);
      for (const auto absent = (*newest_epoch(*vault)).absent(); const PackId& id : absent) needed.erase(id);
      std::vector<const Stripe*> all;
      for (const auto& [stripe, f] : list.stripes) all.push_back(&f.stripe);
      for (const PackId& id : before) {
        if (!needed.contains(id) || !present.contains(id)) continue;
        const Buffer bytes = *vault->store().get({ObjectKind::pack, id.hex()}, UINT64_MAX);
        ASSERT_TRUE(vault->store().remove({ObjectKind::pack, id.hex()}));
        const auto healed = heal_from_stripes(vault->store(), *place, id, all);
        ASSERT_TRUE(healed) << n << ": " << healed.error().message;
        ASSERT_EQ(*vault->store().get({ObjectKind::pack, id.hex()}, UINT64_MAX), bytes);
      }
      const auto next = m.prune();
      ASSERT_TRUE(next) << n << ": " << next.error().message;
      ASSERT_TRUE(m.census().lacking.empty()) << n;
      if (done) break;
    }
  }
}

}  // namespace
}  // namespace hf
