#include "store/local/local_store.hpp"
#include "store/memory/memory_store.hpp"
#include "store/contract_suite.hpp"

#include <cstdlib>
#include <filesystem>

#include "platform/sim_env.hpp"

namespace hf {
namespace {

struct TemporaryDirectory {
  std::string path;
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "holdfast-store-XXXXXX").string();
    path = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
};

std::shared_ptr<ObjectStore> local() {
  struct Kept {
    TemporaryDirectory directory;
    std::unique_ptr<Env> env = make_real_env();
    std::unique_ptr<ObjectStore> store = *create_local_store(*env, directory.path + "/vault");
  };
  auto kept = std::make_shared<Kept>();
  return {kept, kept->store.get()};
}

INSTANTIATE_TEST_SUITE_P(Local, StoreContract, testing::Values(StoreUnderTest{"local", local}));
/// A machine whose calls are interrupted, and do less than asked.
std::shared_ptr<ObjectStore> restless() {
  struct Kept {
    SimEnv env;
    std::unique_ptr<ObjectStore> store = *create_local_store(env, "/vault");
  };
  auto kept = std::make_shared<Kept>();
  kept->env.interrupts(0.2);
  kept->env.short_io(0.3);
  return {kept, kept->store.get()};
}

INSTANTIATE_TEST_SUITE_P(Restless, StoreContract, testing::Values(StoreUnderTest{"restless", restless}));
INSTANTIATE_TEST_SUITE_P(Memory, StoreContract, testing::Values(StoreUnderTest{"memory", [] { return std::shared_ptr<ObjectStore>(make_memory_store()); }}));

TEST(LocalStore, says_why_a_directory_is_no_vault) {
  const TemporaryDirectory dir;
  const auto env = make_real_env();
  EXPECT_EQ(open_local_store(*env, dir.path + "/absent").error().code, Code::not_found);
  EXPECT_EQ(open_local_store(*env, dir.path).error().code, Code::not_a_vault);
}
TEST(LocalStore, never_makes_a_vault_among_other_files) {
  const TemporaryDirectory dir;
  const auto env = make_real_env();
  ASSERT_TRUE(env->write_file_atomically(dir.path + "/mine.txt", as_bytes("x")));
  EXPECT_EQ(create_local_store(*env, dir.path).error().code, Code::already_exists);
}
TEST(LocalStore, foreign_files_in_its_folders_are_not_objects) {
  const TemporaryDirectory dir;
  const auto env = make_real_env();
  const auto store = *create_local_store(*env, dir.path + "/v");
  ASSERT_TRUE(env->write_file_atomically(dir.path + "/v/points/.DS_Store", as_bytes("x")));
  int n = 0;
  ASSERT_TRUE(store->list(ObjectKind::point, [&](std::string_view, std::uint64_t) { ++n; }));
  EXPECT_EQ(n, 0);
}

struct SimulatedStore : testing::Test {
  SimEnv env;
  std::unique_ptr<ObjectStore> store = *create_local_store(env, "/vault");
  // What another program works with.
  std::unique_ptr<ObjectStore> other = (env.put_file("/vault/holdfast-vault", "x"), *open_local_store(env, "/vault"));
  const ObjectName pack{ObjectKind::pack, std::string(64, 'a')}, neighbour{ObjectKind::pack, "aa" + std::string(62, 'b')};
  std::size_t temporary_files() { return env.paths_below("/vault/tmp").size(); }
};

// A program was killed after it had made the folder of a pack and before the folder was durable. The next one found the
// folder there, put a pack into it, synced the folder, and said that the pack was safe. Power loss took folder and pack.
TEST_F(SimulatedStore, a_pack_survives_in_a_folder_that_a_killed_program_made) {
  env.fail_nth(1, EIO, Failure::once, {.below = "/vault/packs", .calls = Calls::syncs});
  EXPECT_FALSE(store->put(pack, as_bytes("one")));
  ASSERT_TRUE(other->put(neighbour, as_bytes("two")));
  env.crash(Survive::nothing);
  EXPECT_TRUE(other->get(neighbour, 10));
}

// A program was killed between the rename of a pack and the sync of its folder: everybody saw the pack, nothing had made
// it durable, and a backup that built on it lost its data with the power.
TEST_F(SimulatedStore, settle_makes_durable_what_a_killed_program_left_visible) {
  ASSERT_TRUE(store->put(neighbour, as_bytes("there is a folder")));
  env.fail_nth(2, EIO, Failure::from_then_on, {.below = "/vault", .calls = Calls::syncs});  // the file, then its folder
  EXPECT_FALSE(store->put(pack, as_bytes("one")));
  env.clear_faults();
  ASSERT_TRUE(other->open(pack));
  ASSERT_TRUE(other->settle(std::array{pack}));
  env.crash(Survive::nothing);
  EXPECT_TRUE(other->open(pack));
}

TEST_F(SimulatedStore, a_crash_while_an_object_is_replaced_leaves_the_old_one_or_the_new_one) {
  for (const Survive how : {Survive::nothing, Survive::everything, Survive::coin}) {
    for (std::uint64_t n = 1;; ++n) {
      SimEnv machine(n);
      const auto made = *create_local_store(machine, "/vault");
      ASSERT_TRUE(made->put(config_name(), as_bytes("x")));
      ASSERT_TRUE(made->put(pack, as_bytes("damaged")));
      machine.crash_at(n, {.below = "/vault", .calls = Calls::changes});
      bool done = false;
      if (auto upload = made->create(ObjectKind::pack)) {
        done = (*upload)->append(as_bytes("whole")) && (*upload)->replace(pack);
      }
      machine.crash(how);
      const auto after = (*open_local_store(machine, "/vault"))->get(pack, 10);
      ASSERT_TRUE(after) << n;
      if (done) {
        EXPECT_EQ(as_text(*after), "whole") << n;
      } else {
        EXPECT_TRUE(as_text(*after) == "damaged" || as_text(*after) == "whole") << n << ": " << as_text(*after);
      }
      if (done) break;
    }
  }
}

TEST_F(SimulatedStore, a_new_vault_is_durable_also_where_a_killed_program_had_begun_it) {
  for (std::uint64_t n = 1;; ++n) {
    SimEnv machine;
    machine.fail_nth(n, EIO, Failure::from_then_on, {.below = "/", .calls = Calls::changes});
    const bool made = create_local_store(machine, "/backups/of/mine").has_value();
    machine.clear_faults();
    const auto again = create_local_store(machine, "/backups/of/mine");
    ASSERT_TRUE(again) << again.error().message;
    ASSERT_TRUE((*again)->put(config_name(), as_bytes("x")));
    machine.crash(Survive::nothing);
    ASSERT_TRUE(open_local_store(machine, "/backups/of/mine")) << n;
    if (made) break;
  }
}

TEST_F(SimulatedStore, a_sweep_removes_what_a_program_that_died_left_and_nothing_else) {
  auto dead = *store->create(ObjectKind::pack);
  ASSERT_TRUE(dead->append(as_bytes("half")));
  env.put_file("/vault/tmp/notes.txt", "someone's");
  env.sync_all();
  env.crash();
  dead.reset();  // its calls fail: the handle is gone
  env.sync_all();
  env.put_file("/vault/tmp/0123456789abcdef01234567", "left by a dead program");
  auto alive = *store->create(ObjectKind::pack);
  ASSERT_TRUE(alive->append(as_bytes("whole")));
  ASSERT_TRUE(other->sweep());
  EXPECT_EQ(temporary_files(), 2u);
  ASSERT_TRUE(alive->commit(pack));
  EXPECT_EQ(as_text(*other->get(pack, 10)), "whole");
  EXPECT_EQ(env.paths_below("/vault/tmp"), std::vector<std::string>{"/vault/tmp/notes.txt"});
}

TEST_F(SimulatedStore, nothing_is_swept_where_there_are_no_locks) {
  env.features({.locks = false});
  env.put_file("/vault/tmp/0123456789abcdef01234567", "perhaps of a program under way");
  auto alive = *store->create(ObjectKind::pack);
  ASSERT_TRUE(other->sweep());
  EXPECT_EQ(temporary_files(), 2u);
  EXPECT_TRUE(alive->commit(pack));
}

/// Sweeps at one moment of another program's calls.
struct SweptEnv final : SimEnv {
  std::function<void()> before_lock;
  int sys_lock(int fd) override {
    if (const auto sweep = std::exchange(before_lock, nullptr)) sweep();
    return SimEnv::sys_lock(fd);
  }
};

TEST(LocalStore, an_upload_that_a_sweep_took_before_it_was_locked_begins_anew) {
  SweptEnv env;
  const auto store = *create_local_store(env, "/vault");
  env.put_file("/vault/holdfast-vault", "x");
  const auto other = *open_local_store(env, "/vault");
  bool swept = false;
  env.before_lock = [&] { swept = other->sweep() && env.paths_below("/vault/tmp").empty(); };
  EXPECT_TRUE(store->put({ObjectKind::pack, std::string(64, 'a')}, as_bytes("one")));
  EXPECT_TRUE(swept);
}

TEST(LocalStore, a_vault_that_was_copied_without_its_empty_folders_can_be_written_to) {
  SimEnv env;
  {
    const auto store = *create_local_store(env, "/vault");
    ASSERT_TRUE(store->put(config_name(), as_bytes("description")));
  }
  for (const char* folder : {"/vault/tmp", "/vault/holds", "/vault/epochs"}) ASSERT_EQ(env.sys_unlinkat(Env::kCwd, folder, true), 0) << folder;
  const auto store = *open_local_store(env, "/vault");
  EXPECT_TRUE(store->put({ObjectKind::hold, std::string(32, 'a')}, as_bytes("held")));
}

}  // namespace
}  // namespace hf
