#include "recovery/salvage.hpp"

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"
#include "recovery/found_keys.hpp"
#include "store/memory/memory_store.hpp"
#include "verify/verify_fixture.hpp"

namespace hf {
namespace {

using namespace verify_test;

struct SalvageTest : VaultFixture {
  SimEnv machine;
  std::vector<Buffer> contents;  // of the files, in order of their names

  /// A point with `files` files of four chunks each, in small packs.
  RecoveryPoint point(std::size_t files) {
    contents.clear();
    return backup([&](TreeWriter& t) {
      std::vector<Entry> entries;
      for (std::size_t i = 0; i < files; ++i) {
        contents.push_back(noise(4 * 100'000, 1000 + i));
        std::vector<Buffer> parts;
        for (int p = 0; p < 4; ++p) parts.emplace_back(contents.back().begin() + p * 100'000, contents.back().begin() + (p + 1) * 100'000);
        entries.push_back(t.file("file-" + std::to_string(100 + i), parts));
      }
      return t.directory("root", std::move(entries));
    }, {.pack_bytes = 3u << 20});
  }
  std::vector<Buffer> packs() {
    std::vector<Buffer> out;
    for (const auto& [name, bytes] : objects_of(vault->store()))
      if (name.kind == ObjectKind::pack) out.push_back(bytes);
    return out;
  }
  void put(const std::string& path, ByteView bytes) { machine.put_file(path, as_text(bytes)); }

  struct Outcome {
    SalvageReport report;
    std::unique_ptr<Vault> vault;
    Catalogue catalogue;
    VaultBeginnings beginnings;
  };
  Outcome salvage_from(const std::vector<std::string>& paths, std::vector<ByteGap> gaps = {}, bool dry = false, unsigned jobs = 1) {
    Outcome out;
    sources = std::make_unique<RawSources>(machine);
    for (const std::string& p : paths) EXPECT_TRUE(sources->add(p, gaps));
    const auto scanned = scan_into(out.catalogue, *sources, progress);
    EXPECT_TRUE(scanned) << scanned.error().message;
    for (const FoundVault& v : vaults_of(out.catalogue))
      if (v.id == vault->id()) {
        auto found = open_found(machine, v, {SlotKind::key_file, key_file});
        EXPECT_TRUE(found) << found.error().message;
        out.beginnings = std::move(*found);
      }
    std::unique_ptr<ObjectStore> store;
    ViewStore* view = nullptr;
    UnfinishedStore* unfinished = nullptr;
    if (dry) {
      auto s = std::make_unique<ViewStore>(*sources);
      EXPECT_TRUE(s->put(config_name(), out.beginnings.description));
      view = s.get();
      store = std::move(s);
    } else {
      auto s = std::make_unique<UnfinishedStore>(make_memory_store(), out.beginnings.description);
      unfinished = s.get();
      store = std::move(s);
    }
    auto opened = begin_vault(machine, std::move(store), out.beginnings);
    EXPECT_TRUE(opened) << opened.error().message;
    out.vault = std::move(*opened);
    auto report = dry ? assess_salvage(*out.vault, *view, *sources, out.catalogue, {jobs}, progress) : salvage(*out.vault, *sources, out.catalogue, {jobs}, progress);
    EXPECT_TRUE(report) << report.error().message;
    if (report) out.report = std::move(*report);
    if (unfinished != nullptr) {
      EXPECT_TRUE(unfinished->complete());
    }
    return out;
  }
  std::unique_ptr<RawSources> sources;

  /// Packs at odd places with noise between.
  Buffer image_of(const std::vector<Buffer>& pieces) {
    Buffer image = noise(4097, 5);
    for (const Buffer& p : pieces) {
      append(image, p);
      append(image, noise(1234 + image.size() % 777, image.size()));
    }
    return image;
  }
};

TEST_F(SalvageTest, packs_at_odd_places_in_an_image_come_back_whole) {
  point(20);
  put("/disk.img", image_of(packs()));
  const Outcome o = salvage_from({"/disk.img"});
  EXPECT_EQ(o.report.packs_whole, packs().size());
  EXPECT_EQ(o.report.packs_broken, 0u);
  EXPECT_FALSE(o.beginnings.description_made);
  ASSERT_EQ(o.report.points.size(), 1u);
  EXPECT_TRUE(o.report.all_whole());
  EXPECT_EQ(o.vault->id(), vault->id());
  const VerifyReport v = check(*o.vault);
  EXPECT_TRUE(v.sound());
  // Copied as they are: under the names that they had.
  std::set<ObjectName> before, after;
  for (const auto& [name, bytes] : objects_of(vault->store()))
    if (name.kind == ObjectKind::pack) before.insert(name);
  for (const auto& [name, bytes] : objects_of(o.vault->store()))
    if (name.kind == ObjectKind::pack) after.insert(name);
  EXPECT_EQ(before, after);
}

TEST_F(SalvageTest, a_dry_run_says_the_same_and_copies_nothing) {
  point(20);
  std::vector<Buffer> all = packs();
  std::sort(all.begin(), all.end(), [](const Buffer& a, const Buffer& b) { return a.size() > b.size(); });  // data first
  all[0].resize(all[0].size() / 2);
  std::fill(all[1].begin() + 1'000'000, all[1].begin() + 1'004'096, 0);
  put("/disk.img", image_of(all));
  for (unsigned jobs : {1u, 3u}) {
    const Outcome real = salvage_from({"/disk.img"}, {}, false, jobs), dry = salvage_from({"/disk.img"}, {}, true, jobs);
    EXPECT_EQ(real.report.packs_whole, dry.report.packs_whole);
    EXPECT_EQ(real.report.packs_broken, dry.report.packs_broken);
    EXPECT_EQ(real.report.segments_saved, dry.report.segments_saved);
    EXPECT_EQ(real.report.segments_damaged, dry.report.segments_damaged);
    EXPECT_EQ(real.report.chunks, dry.report.chunks);
    EXPECT_EQ(real.report.assessment.affected_count, dry.report.assessment.affected_count);
    EXPECT_GT(real.report.assessment.affected_count, 0u);
    ASSERT_EQ(dry.report.points.size(), 1u);
    EXPECT_EQ(dry.report.points[0].state, SalvagedState::part);
    EXPECT_EQ(real.report.points[0].paths_hit, dry.report.points[0].paths_hit);
  }
}

TEST_F(SalvageTest, every_segment_that_is_left_is_saved_and_the_rest_is_named) {
  point(20);
  std::vector<Buffer> all = packs();
  std::size_t torn = 0;
  for (Buffer& p : all) {
    if (PackHeader::decode(p)->pack_class == PackClass::metadata) continue;
    ++torn;
    const std::size_t middle = p.size() / 2;
    std::fill(p.begin() + static_cast<std::ptrdiff_t>(middle), p.begin() + static_cast<std::ptrdiff_t>(middle + 512), 0);  // a lost sector
  }
  put("/disk.img", image_of(all));
  const Outcome o = salvage_from({"/disk.img"});
  EXPECT_GT(torn, 1u);
  EXPECT_EQ(o.report.packs_whole, all.size() - torn);  // the metadata
  EXPECT_EQ(o.report.packs_broken, torn);
  EXPECT_EQ(o.report.segments_damaged, torn);
  EXPECT_GT(o.report.segments_saved, 0u);
  ASSERT_EQ(o.report.points.size(), 1u);
  EXPECT_EQ(o.report.points[0].state, SalvagedState::part);
  // The new vault is an ordinary one: what is in it is sound, and what is missing is named by verify too.
  const VerifyReport v = check(*o.vault);
  EXPECT_EQ(v.affected_count, o.report.assessment.affected_count);
  for (const Damage& d : v.damage) EXPECT_EQ(d.kind, DamageKind::missing_chunk) << d.message;
}

TEST_F(SalvageTest, a_pack_in_two_pieces_far_apart_is_joined) {
  point(20);
  std::vector<Buffer> all = packs();
  // A file system with blocks of 4 KiB: the second half of each data pack lies elsewhere, in a block of its own.
  Buffer image(4096, 1);
  std::vector<Buffer> halves;
  for (const Buffer& p : all) {
    image.resize((image.size() + 4095) / 4096 * 4096, 2);
    if (PackHeader::decode(p)->pack_class == PackClass::metadata) {
      append(image, p);
      continue;
    }
    const auto cut = static_cast<std::ptrdiff_t>(p.size() / 2 / 4096 * 4096);
    append(image, Buffer(p.begin(), p.begin() + cut));
    halves.emplace_back(p.begin() + cut, p.end());
  }
  for (const Buffer& h : halves) {
    image.resize((image.size() + 4095) / 4096 * 4096 + 8192, 3);
    append(image, h);
  }
  put("/disk.img", image);
  for (const bool dry : {false, true}) {
    const Outcome o = salvage_from({"/disk.img"}, {}, dry);
    EXPECT_EQ(o.report.segments_joined, halves.size());
    EXPECT_EQ(o.report.segments_damaged, 0u);
    EXPECT_TRUE(o.report.all_whole());
  }
}

TEST_F(SalvageTest, carved_files_of_any_names_and_pieces_of_them_will_do) {
  point(10);
  int n = 0;
  for (const Buffer& p : packs()) {
    const std::size_t cut = p.size() / 3;
    put("/recup/dir" + std::to_string(n % 3) + "/f" + std::to_string(n) + ".bin", ByteView(p).first(cut));
    put("/recup/other" + std::to_string(n), ByteView(p).subspan(cut - std::min<std::size_t>(cut, 1000)));  // overlapping a little
    ++n;
  }
  const Outcome o = salvage_from({"/recup"});
  ASSERT_EQ(o.report.points.size(), 1u);
  EXPECT_GT(o.report.segments_saved, 0u);
  EXPECT_LE(o.report.assessment.affected_count, 10u);
}

TEST_F(SalvageTest, what_a_map_calls_unread_is_passed_over) {
  point(10);
  Buffer image = image_of(packs());
  put("/disk.img", image);
  // The image holds what it holds; but nothing in the gap is to be looked at.
  const Outcome o = salvage_from({"/disk.img"}, {{image.size() / 2, image.size() / 2 + 4096}});
  EXPECT_EQ(o.catalogue.gap_count, 1u);
  EXPECT_EQ(o.catalogue.gap_bytes, 4096u);
  EXPECT_FALSE(o.report.packs_whole == packs().size());
}

TEST_F(SalvageTest, another_vaults_packs_are_told_apart_and_left_out) {
  point(6);
  std::vector<Buffer> all = packs();
  auto ours = std::move(vault);
  vault = make();  // opened by the same secrets
  point(6);
  const std::size_t theirs = packs().size();
  for (const Buffer& p : packs()) all.push_back(p);
  vault = std::move(ours);
  put("/disk.img", image_of(all));
  const Outcome o = salvage_from({"/disk.img"});
  EXPECT_TRUE(o.report.all_whole());
  EXPECT_EQ(o.report.packs_whole, all.size() - theirs);
  EXPECT_EQ(o.report.packs_broken, 0u);
  EXPECT_GT(o.report.segments_foreign, 0u);
  ASSERT_EQ(vaults_of(o.catalogue).size(), 2u);
}

TEST_F(SalvageTest, without_a_description_a_key_slot_is_enough) {
  point(4);
  Buffer image;
  for (const auto& [name, bytes] : objects_of(vault->store())) {
    if (name.kind != ObjectKind::pack && name.kind != ObjectKind::key) continue;
    Buffer copy = bytes;
    for (std::size_t at = 0; (at = as_text(copy).find("HFVAULT\n", at)) != std::string_view::npos; ++at) copy[at] = 0;
    append(image, copy);
  }
  put("/disk.img", image);
  const Outcome o = salvage_from({"/disk.img"});
  EXPECT_TRUE(o.beginnings.description_made);
  EXPECT_EQ(o.vault->id(), vault->id());
  EXPECT_TRUE(o.report.all_whole());
}

TEST_F(SalvageTest, forged_headers_cost_bounded_work_and_change_nothing) {
  point(4);
  Buffer image = image_of(packs());
  // Headers that promise segments of 33 MiB, of packs that claim to be ours and of a real one.
  const Buffer real = packs()[0];
  const PackHeader header = *PackHeader::decode(real);
  for (std::uint32_t i = 0; i < 3000; ++i) {
    FrameHeader h;
    h.kind = i % 3 == 0 ? SealedKind::point : SealedKind::segment;
    h.ordinal = i;
    h.stored_bytes = i % 7 == 0 ? UINT32_MAX : 200'000;
    h.salt = i % 2 == 0 ? header.salt : Salt{static_cast<std::uint8_t>(i), static_cast<std::uint8_t>(i >> 8), 1};
    h.epoch = i % 5 == 0 ? 9 : 1;
    Buffer b(FrameHeader::kBytes);
    h.encode(b);
    append(image, b);
    if (i % 100 == 0) {
      PackHeader forged = header;
      forged.salt[0] = static_cast<std::uint8_t>(i);
      append(image, forged.encode());
      PackTrailer t;
      t.directory_offset = i * 100;
      t.directory_stored_bytes = i % 200 == 0 ? UINT32_MAX : 100;
      append(image, t.encode());
    }
  }
  put("/disk.img", image);
  const Outcome o = salvage_from({"/disk.img"});
  EXPECT_TRUE(o.report.all_whole());
  EXPECT_TRUE(check(*o.vault).sound());
}

TEST_F(SalvageTest, a_point_without_its_root_is_told_as_nothing) {
  const RecoveryPoint first = point(4);
  std::set<std::string> before;
  for (const auto& [name, bytes] : objects_of(vault->store())) before.insert(name.text());
  point(5);
  Buffer image;
  for (const auto& [name, bytes] : objects_of(vault->store())) {
    const bool metadata = name.kind == ObjectKind::pack && PackHeader::decode(bytes)->pack_class == PackClass::metadata;
    if (metadata && before.contains(name.text())) continue;  // the first point's trees are lost, its file is not
    append(image, bytes);
  }
  put("/disk.img", image);
  const Outcome o = salvage_from({"/disk.img"});
  ASSERT_EQ(o.report.points.size(), 2u);
  EXPECT_EQ(o.report.points[0].point.id, first.id);
  EXPECT_EQ(o.report.points[0].state, SalvagedState::nothing);
  EXPECT_EQ(o.report.points[1].state, SalvagedState::whole);
  EXPECT_FALSE(o.report.all_whole());
}

}  // namespace
}  // namespace hf
