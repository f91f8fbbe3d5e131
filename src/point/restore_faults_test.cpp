// Restore on a machine that fails: every call once, every call from then on, power cuts at every call.

#include <gtest/gtest.h>

#include "platform/sim_env.hpp"
#include "point/restore.hpp"
#include "store/memory/memory_store.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

constexpr std::int64_t kThen = 1'000'000'000'123'456'789;

class Problems final : public ProblemSink {
 public:
  void problem(const Error&) override { ++count; }
  int count = 0;
};

/// A point with a few files of all sizes; the target has old versions of some of them.
class RestoreFaults : public testing::Test {
 protected:
  RestoreFaults() {
    auto s = *WriteSession::begin(*vault);
    auto w = s->data_writer();
    std::vector<Entry> inner, outer;
    const auto file = [&](const std::string& name, const std::string& content) {
      Entry e = base(name, FileType::regular, 0644);
      e.stat.size = content.size();
      for (std::size_t at = 0; at < content.size(); at += 30'000) {
        const auto chunk = as_bytes(std::string_view(content).substr(at, 30'000));
        const ChunkId id = vault->keys().chunk_hash().id(chunk);
        EXPECT_TRUE(w->add(id, chunk));
        EXPECT_TRUE(w->finish());  // a pack each: several segments to a file
        e.content.refs.push_back({id, static_cast<std::uint32_t>(chunk.size())});
      }
      return e;
    };
    inner.push_back(file("changed", kNew));
    inner.push_back(file("fresh", kNew));
    inner.push_back(file("small", "new"));
    Entry link = base("symlink", FileType::symlink, 0777);
    link.target = "new/place";
    inner.push_back(link);
    Entry d = base("d", FileType::directory, 0755);
    d.directory = *s->add_metadata(encode_leaf(inner));
    d.below_files = 4;
    outer.push_back(d);
    point.root = base("root", FileType::directory, 0755);
    point.root.directory = *s->add_metadata(encode_leaf(outer));
    point.root.below_files = 4;
    point.base_path = "/source";
    point.paths = {"/source"};
    EXPECT_TRUE(s->commit(point));
    index = *Index::load(*vault);
  }
  static Entry base(const std::string& name, FileType type, unsigned mode) {
    Entry e;
    e.name = name;
    e.stat.type = type;
    e.stat.mode = mode;
    e.stat.mtime = e.stat.ctime = kThen;
    e.stat.nlink = 1;
    return e;
  }
  /// A machine with old versions in the target.
  std::unique_ptr<SimEnv> machine(std::uint64_t seed) {
    auto env = std::make_unique<SimEnv>(seed);
    env->put_file("/t/d/changed", kOld);
    env->put_file("/t/d/small", "old");
    env->put_file("/t/d/extra", "not in the point");
    env->sys_symlinkat("old/place", Env::kCwd, "/t/d/symlink");
    for (const char* p : {"/t/d/changed", "/t/d/small", "/t/d/symlink"}) EXPECT_EQ(env->sys_utimeat(Env::kCwd, p, kThen - 1), 0);
    env->sync_all();
    return env;
  }
  Result<RestoreReport> run(Env& env) {
    RestoreOptions o;
    o.target = "/t";
    o.delete_extra = true;
    o.sync = true;
    Progress progress;
    ChunkReader chunks(*vault, *index);
    return restore(env, chunks, point, o, progress, problems);
  }
  /// Old or new, never anything else, and what was deleted or replaced is still somewhere.
  void old_or_new(SimEnv& env, std::uint64_t n) {
    const auto changed = env.get_file("/t/d/changed");
    ASSERT_TRUE(changed) << n;
    EXPECT_TRUE(*changed == kOld || *changed == kNew) << n;
    const auto small = env.get_file("/t/d/small");
    ASSERT_TRUE(small) << n;
    EXPECT_TRUE(*small == "old" || *small == "new") << n;
    bool kept = false, kept_extra = false;
    for (const std::string& path : env.paths_below("/t")) {
      kept = kept || env.get_file(path) == kOld;
      kept_extra = kept_extra || env.get_file(path) == "not in the point";
    }
    EXPECT_TRUE(kept) << n;
    EXPECT_TRUE(kept_extra) << n;
  }
  void done(SimEnv& env, std::uint64_t n) {
    const auto report = run(env);
    ASSERT_TRUE(report) << n << ": " << report.error().message;
    EXPECT_TRUE(report->proven()) << n;
    EXPECT_EQ(report->conflicts, 0u) << n;
    EXPECT_TRUE(env.get_file("/t/d/changed") == kNew) << n;
    EXPECT_TRUE(env.get_file("/t/d/fresh") == kNew) << n;
    EXPECT_FALSE(env.get_file("/t/.holdfast-restore-unfinished"));
    EXPECT_EQ(env.get_file("/t/d/small"), "new") << n;
    EXPECT_EQ(*env.read_link(Env::kCwd, "/t/d/symlink"), "new/place") << n;
    EXPECT_FALSE(env.get_file("/t/d/extra")) << n;
    for (const std::string& path : env.paths_below("/t/d")) EXPECT_EQ(path.find(".holdfast-tmp-"), std::string::npos) << n << " " << path;
    EXPECT_EQ(env.open_handles(), 0u) << n;
  }

  const std::string kOld = std::string(100'000, 'o'), kNew = std::string(40'000, 'n') + std::string(60'000, 'o');
  std::unique_ptr<Env> real = make_real_env();
  std::unique_ptr<Vault> vault = *Vault::create(*real, make_memory_store(), {.params = {}, .argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1}, .label = ""},
                                                {SlotKind::passphrase, as_bytes("x")});
  std::unique_ptr<Index> index;
  RecoveryPoint point;
  Problems problems;
};

TEST_F(RestoreFaults, a_power_cut_at_any_call_leaves_old_or_new_and_the_next_run_completes) {
  const Survive coin = Survive::coin;
  std::uint64_t seed = 0;
  for (const Survive how : {Survive::nothing, Survive::everything, coin, coin, coin, coin, coin}) {
    for (std::uint64_t n = 1;; ++n) {
      auto env = machine(++seed);
      env->crash_at(n);
      const bool completed = run(*env).has_value();
      const bool struck = env->is_down();
      env->crash(how);
      env->jump_wall(3'600'000'000'000);  // the machine was off for an hour
      old_or_new(*env, n);
      if (!struck) {
        EXPECT_TRUE(completed);
        break;
      }
      done(*env, n);
    }
  }
}

TEST_F(RestoreFaults, any_call_that_fails_once_or_for_good_loses_nothing) {
  for (const int os_error : {EIO, ENOSPC, EINTR, EMFILE}) {
    for (const Failure how : {Failure::once, Failure::from_then_on}) {
      if (os_error == EINTR && how == Failure::from_then_on) continue;
      for (std::uint64_t n = 1;; ++n) {
        auto env = machine(n);
        env->fail_nth(n, os_error, how);
        static_cast<void>(run(*env));
        const bool struck = env->faults_struck() > 0;
        env->clear_faults();
        old_or_new(*env, n);
        if (!struck) break;
        done(*env, n);
      }
    }
  }
}

TEST_F(RestoreFaults, short_writes_and_interruptions_change_nothing) {
  for (std::uint64_t seed = 1; seed < 20; ++seed) {
    auto env = machine(seed);
    env->short_io(0.5);
    env->interrupts(0.2);
    done(*env, seed);
  }
}

TEST_F(RestoreFaults, a_full_disk_says_so_and_the_next_run_goes_on) {
  auto env = machine(1);
  env->capacity(env->bytes_used() + 90'000);
  const auto full = run(*env);
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::no_space);
  EXPECT_NE(full.error().hint.find("make room"), std::string::npos);
  old_or_new(*env, 0);
  env->capacity(1u << 30);
  done(*env, 0);
}

TEST_F(RestoreFaults, a_file_system_that_can_little_gets_the_content) {
  auto env = machine(1);
  env->features({.xattrs = false, .inode_flags = false, .seek_holes = false, .entry_types = false, .rename_no_replace = false, .hard_links = false});
  done(*env, 0);
}

TEST_F(RestoreFaults, undo_can_be_cut_off_anywhere_and_repeated) {
  for (std::uint64_t n = 1;; ++n) {
    auto env = machine(n);
    ASSERT_TRUE(run(*env));
    env->sync_all();
    env->crash_at(n);
    static_cast<void>(undo_restore(*env, "/t"));
    const bool struck = env->is_down();
    env->crash(Survive::coin);
    if (struck && newest_undo_area(*env, "/t")) {
      const auto again = undo_restore(*env, "/t");
      ASSERT_TRUE(again) << n << ": " << again.error().message;
    }
    EXPECT_EQ(env->get_file("/t/d/changed"), kOld) << n;
    EXPECT_EQ(env->get_file("/t/d/small"), "old") << n;
    EXPECT_EQ(env->get_file("/t/d/extra"), "not in the point") << n;
    EXPECT_FALSE(env->get_file("/t/d/fresh")) << n;
    EXPECT_EQ(*env->read_link(Env::kCwd, "/t/d/symlink"), "old/place") << n;
    if (!struck) break;
  }
}

}  // namespace
}  // namespace hf
