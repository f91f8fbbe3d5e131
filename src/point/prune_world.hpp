#pragma once
// For tests of what happens to whole backups when points go: a vault on a simulated disk, backups of /source, prunes.

#include <gtest/gtest.h>

#include <set>

#include "platform/sim_env.hpp"
#include "point/capture.hpp"
#include "point/mark.hpp"
#include "point/tree_reader.hpp"
#include "store/local/local_store.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/prune.hpp"

namespace hf {

constexpr std::int64_t kDay = 24LL * 3600 * 1'000'000'000;
inline const Secret kSecret{SlotKind::passphrase, as_bytes("horse")};

struct PruneWorld : testing::Test {
  SimEnv env;
  std::unique_ptr<Vault> vault;
  Progress progress;

  PruneWorld() {
    InitOptions options;
    options.argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1};
    options.params.cuts = {.size_min = 256, .size_avg = 2048, .size_max = 8192};
    vault = *Vault::create(env, *create_local_store(env, "/vault"), options, kSecret);
  }
  static std::string noise(std::size_t n, unsigned seed) {
    std::string s(n, '\0');
    std::uint64_t x = seed * 0x9E3779B97F4A7C15 + 1;
    for (char& c : s) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      c = static_cast<char>(x);
    }
    return s;
  }
  CaptureOptions options() {
    CaptureOptions o;
    o.paths = {"/source"};
    o.host = "host";
    o.vault_directory = "/vault";
    o.write = {.compression_level = 1, .pack_bytes = 64 * 1024};
    return o;
  }
  struct Silent final : ProblemSink {
    void problem(const Error&) override {}
  } silent;
  RecoveryPoint backup_with(Vault& with) {
    env.advance(kDay);
    auto done = capture(with, options(), progress, silent);
    EXPECT_TRUE(done) << done.error().message;
    return done ? done->point : RecoveryPoint();
  }
  PointId backup() { return backup_with(*vault).id; }
  void forget_now(const PointId& p) {
    const auto done = forget(*vault, p, {.grace_seconds = 0, .reason = "test"});
    ASSERT_TRUE(done) << done.error().message;
  }
  /// Two versions of a file are backed up, and the older point is forgotten.
  PointId forgotten_version() {
    env.put_file("/source/a", noise(100'000, 1));
    const PointId older = backup();
    env.put_file("/source/a", noise(100'000, 2));
    backup();
    forget_now(older);
    return older;
  }
  PruneOptions prune_options() {
    PruneOptions o;
    o.write = {.compression_level = 1, .pack_bytes = 64 * 1024};
    o.jobs = 3;
    return o;
  }
  PruneReport run(const PruneOptions& o) {
    TreeMarker marker(1);
    auto done = prune(*vault, o, marker, progress);
    EXPECT_TRUE(done) << done.error().message << ": " << done.error().detail;
    return done ? *done : PruneReport();
  }
  PruneReport run() { return run(prune_options()); }
  std::uint64_t packs() {
    std::uint64_t n = 0;
    EXPECT_TRUE(vault->store().list(ObjectKind::pack, [&](std::string_view, std::uint64_t) { ++n; }));
    return n;
  }
  /// In how many packs the chunk of the point's files lies that lies in the fewest.
  std::size_t fewest_places(const RecoveryPoint& p) {
    const auto index = *Index::load(*vault);
    ChunkReader chunks(*vault, *index);
    std::size_t fewest = SIZE_MAX;
    EXPECT_TRUE(walk_tree(chunks, p.root, [&](const std::string&, const Entry& e) -> Result<Walk> {
      for (const ChunkRef& ref : e.content.refs) {
        std::set<PackId> packs;
        const auto places = HF_TRY(index->find_all(ref.id));
        for (const ChunkPlace& place : places) packs.insert(place.pack);
        fewest = std::min(fewest, packs.size());
      }
      return Walk::descend;
    }));
    return fewest;
  }
  /// Every file of every point that this vault's keys open, forgotten ones too, by reading all chunks.
  void all_points_are_whole() { all_points_are_whole(*vault); }
  static void all_points_are_whole(const Vault& vault) {
    const auto index = *Index::load(vault);
    ChunkReader chunks(vault, *index);
    PointList list = *vault.points();
    ASSERT_TRUE(list.damaged.empty());
    for (ForgottenPoint& f : list.forgotten) list.points.push_back(std::move(f.point));
    for (const RecoveryPoint& p : list.points)
      ASSERT_TRUE(walk_tree(chunks, p.root, [&](const std::string& path, const Entry& e) -> Result<Walk> {
        if (e.is_regular())
          HF_TRY(for_each_chunk(chunks, e, [&](const ChunkRef& ref, std::uint64_t) -> Status {
            const auto loaded = HF_TRY(chunks.read(ref.id).context([&] { return path; }));
            return loaded.bytes.size() == ref.bytes ? Status() : Status(Error(Code::corrupt, path + " is wrong"));
          }));
        return Walk::descend;
      })) << p.id.hex();
  }
};

}  // namespace hf
