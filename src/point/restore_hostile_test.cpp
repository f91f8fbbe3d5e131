// A vault that lies, a target full of traps, packs that are damaged.

#include <fcntl.h>

#include <thread>

#include "point/restore_world.hpp"

namespace hf {
namespace {

namespace fs = std::filesystem;
struct RestoreHostile : RestoreWorld {
  RestoreHostile() {
    outside = base + "/outside";
    fs::create_directories(outside);
    std::ofstream(outside + "/precious") << "untouched";
  }
  void nothing_happened_outside() {
    std::ifstream in(outside + "/precious");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "untouched");
    EXPECT_EQ(std::distance(fs::directory_iterator(outside), fs::directory_iterator()), 1);
  }
  /// Writes `to` where the node says `from`: names that our own encoder would never write.
  void forge_name(const std::string& from, const std::string& to) {
    ASSERT_EQ(from.size(), to.size());
    forge = [from, to](Buffer& node) {
      const auto at = std::search(node.begin(), node.end(), from.begin(), from.end());
      if (at != node.end()) std::copy(to.begin(), to.end(), at);
    };
  }
  std::string outside;
};

// restic CVE-2017-… and many an unpacker: a name with a slash, or "..", written as it came.
TEST_F(RestoreHostile, names_that_lead_elsewhere_are_refused) {
  for (const auto& [from, to] : {std::pair{"QQ", ".."}, std::pair{"QxxxxxxxQ", "../../esc"}, std::pair{"Q", "."}, std::pair{"QxxQ", "/etc"}, std::pair{"QQQ", std::string("a\0b", 3).c_str()}}) {
    begin();
    const std::string wanted = std::string_view(from) == "QQQ" ? std::string("a\0b", 3) : std::string(to);
    forge_name(from, wanted);
    file(std::string(from) + "/evil", "x");
    const RecoveryPoint p = commit();
    const auto report = restored(p);
    EXPECT_EQ(report.created, 0u) << to;
    EXPECT_GT(report.damaged_count, 0u) << to;
    EXPECT_FALSE(fs::exists(base + "/evil"));
    EXPECT_FALSE(fs::exists(base + "/esc"));
    forge = nullptr;
  }
  nothing_happened_outside();
}

TEST_F(RestoreHostile, a_planted_symlink_in_the_targets_place_is_never_followed) {
  file("dir/evil", "x");
  file("plain", "y");
  const RecoveryPoint p = commit();
  fs::create_directories(target);
  fs::create_directory_symlink(outside, there("dir"));  // newer than the point: kept
  fs::create_symlink(outside + "/precious", there("plain"));
  const auto report = restored(p);
  EXPECT_EQ(report.created, 0u);
  EXPECT_EQ(report.conflicts, 2u);
  EXPECT_TRUE(fs::is_symlink(there("dir")));
  nothing_happened_outside();
  RestoreOptions o = into_target();
  o.overwrite = Overwrite::always;
  EXPECT_EQ(restored(p, o).created, 1u);
  EXPECT_FALSE(fs::is_symlink(there("dir")));
  EXPECT_EQ(read("dir/evil"), "x");
  EXPECT_EQ(read("plain"), "y");
  nothing_happened_outside();
  ASSERT_TRUE(undo_restore(*env, target));
  EXPECT_TRUE(fs::is_symlink(there("dir")));
  nothing_happened_outside();
}

TEST_F(RestoreHostile, a_symlink_of_the_vault_with_a_file_beneath_it_in_the_next_run) {
  symlink("dir", outside);
  const RecoveryPoint first = commit();
  begin();
  file("dir/evil", "x");
  const RecoveryPoint second = commit();
  restored(first);
  EXPECT_TRUE(fs::is_symlink(there("dir")));
  restored(second);  // the symlink is not newer: it is replaced by a directory
  EXPECT_FALSE(fs::is_symlink(there("dir")));
  EXPECT_EQ(read("dir/evil"), "x");
  nothing_happened_outside();
}

TEST_F(RestoreHostile, a_directory_swapped_for_a_symlink_while_we_work_is_never_followed) {
  for (int i = 0; i < 400; ++i) file("d" + std::to_string(i % 4) + "/f" + std::to_string(i), noise(3000, static_cast<std::uint64_t>(i)));
  const RecoveryPoint p = commit();
  std::atomic<bool> stop{false};
  std::jthread attacker([&] {
    for (int i = 0; !stop; ++i) {
      const std::string name = there("d" + std::to_string(i % 4));
      if (::rename(name.c_str(), (name + ".away").c_str()) != 0) continue;
      static_cast<void>(::symlink(outside.c_str(), name.c_str()));
      std::this_thread::yield();
      ::unlink(name.c_str());
      static_cast<void>(::rename((name + ".away").c_str(), name.c_str()));
    }
  });
  for (int round = 0; round < 20; ++round) {
    RestoreOptions o = into_target();
    o.overwrite = Overwrite::always;
    o.undo = false;
    static_cast<void>(restore(*env, *chunks, p, o, progress, problems));
  }
  stop = true;
  attacker.join();
  nothing_happened_outside();
}

TEST_F(RestoreHostile, existing_files_are_replaced_not_written_through) {
  file("f", "new");
  fs::create_directories(target);
  fs::create_hard_link(outside + "/precious", there("f"));
  ASSERT_EQ(env->sys_utimeat(Env::kCwd, there("f").c_str(), kThen - 1), 0);
  restored(commit());
  EXPECT_EQ(read("f"), "new");
  nothing_happened_outside();
}

TEST_F(RestoreHostile, the_target_inside_the_vault_is_refused) {
  file("f", "x");
  const RecoveryPoint p = commit();
  RestoreOptions o = into_target();
  o.target = base + "/vault/packs";
  o.untouchable = {base + "/vault"};
  EXPECT_EQ(restore(*env, *chunks, p, o, progress, problems).error().code, Code::refused);
}

// A file that says it has terabytes in chunks that it does not have.
TEST_F(RestoreHostile, a_file_larger_than_its_chunks_is_damage_not_a_full_disk) {
  Branch& b = at("bomb");
  b.entry = make(FileType::regular, 0644);
  b.entry.stat.size = std::uint64_t{1} << 45;
  b.entry.content.level = 1;
  const ChunkRef chunk = store(as_bytes(std::string(65536, 'x')));
  const Buffer list = encode_ref_list({chunk, chunk});
  b.entry.content.refs.push_back(*session->add_metadata(list));
  file("fine", "x");
  const auto report = restored(commit());
  EXPECT_EQ(report.damaged_count, 1u);
  EXPECT_EQ(read("fine"), "x");
  EXPECT_FALSE(exists("bomb"));
  std::uint64_t used = 0;
  for (const auto& e : fs::recursive_directory_iterator(target)) used += env->stat(e.path().string())->blocks * 512;
  EXPECT_LT(used, 1u << 20);
}

// --- damage ---

TEST_F(RestoreHostile, past_a_damaged_chunk_the_rest_is_restored_and_the_loss_is_exact) {
  const std::string content = noise(9'000'000, 5);
  Entry& big = file("big", content);
  const ChunkRef broken = big.content.refs[60];
  file("small", "fine");
  const RecoveryPoint p = commit();
  damage(broken.id);
  const auto report = restored(p);
  EXPECT_FALSE(report.proven());
  ASSERT_EQ(report.damaged_count, 1u);
  const DamagedFile& d = report.damaged[0];
  EXPECT_EQ(d.path, "big");
  EXPECT_EQ(d.partial, "big.holdfast-partial");
  ASSERT_EQ(d.lost.size(), 1u);
  EXPECT_LE(d.lost[0].begin, 60u * 65536);
  EXPECT_GE(d.lost[0].end, 61u * 65536);
  EXPECT_FALSE(exists("big"));
  EXPECT_EQ(read("small"), "fine");
  std::string expected = content;
  std::fill(expected.begin() + static_cast<std::ptrdiff_t>(d.lost[0].begin), expected.begin() + static_cast<std::ptrdiff_t>(d.lost[0].end), '\0');
  EXPECT_TRUE(read("big.holdfast-partial") == expected);
  EXPECT_EQ(problems.all.size(), 1u);
  const auto proof = *prove(*env, *chunks, p, into_target(), progress, problems);
  EXPECT_EQ(proof.damaged_count, 1u);
}

TEST_F(RestoreHostile, a_missing_pack_costs_only_what_was_in_it) {
  for (int i = 0; i < 50; ++i) file("f" + std::to_string(i), noise(20'000, static_cast<std::uint64_t>(i)));
  const RecoveryPoint first = commit();
  begin();
  for (int i = 0; i < 50; ++i) file("f" + std::to_string(i), noise(20'000, static_cast<std::uint64_t>(i)));
  const Entry e = file("new", "in another pack");
  const RecoveryPoint p = commit();
  const PackId lost = chunks->locate(e.content.refs[0].id)->pack;
  fs::remove(base + "/vault/packs/" + lost.hex().substr(0, 2) + "/" + lost.hex());
  chunks = std::make_unique<ChunkReader>(*vault, *index);
  const auto report = restored(p);
  EXPECT_EQ(report.created, 50u);
  ASSERT_EQ(report.damaged_count, 1u);
  EXPECT_EQ(report.damaged[0].path, "new");
  EXPECT_TRUE(report.damaged[0].partial.empty());
  EXPECT_FALSE(exists("new"));
}

TEST_F(RestoreHostile, a_damaged_file_leaves_the_old_one_in_place) {
  const Entry e = file("f", noise(50'000, 1));
  write("f", "old", kThen - 1);
  const RecoveryPoint p = commit();
  damage(e.content.refs[0].id);
  EXPECT_EQ(restored(p).damaged_count, 1u);
  EXPECT_EQ(read("f"), "old");
}

TEST_F(RestoreHostile, a_chunk_that_no_pack_holds) {
  Branch& b = at("gone");
  b.entry = make(FileType::regular, 0644);
  b.entry.stat.size = 100;
  b.entry.content.refs.push_back({vault->keys().chunk_hash().id(as_bytes("never stored")), 100});
  file("fine", "x");
  const auto report = restored(commit());
  EXPECT_EQ(report.damaged_count, 1u);
  EXPECT_EQ(read("fine"), "x");
}

}  // namespace
}  // namespace hf
