// One contract, two machines: every promise of Env is kept by the Linux kernel and by SimEnv alike.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/fs.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <map>
#include <random>

#include "base/units.hpp"
#include "platform/env.hpp"
#include "platform/sim_env.hpp"

namespace hf {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

/// A machine and an empty directory on it.
struct World {
  std::unique_ptr<Env> env;
  std::string root;
  bool real;

  explicit World(bool is_real) : real(is_real) {
    if (real) {
      ::umask(022);
      env = make_real_env();
      std::string pattern = testing::TempDir() + "/holdfast-XXXXXX";
      root = ::mkdtemp(pattern.data());
    } else {
      auto sim = std::make_unique<SimEnv>();
      sim->make_dir("/w", 0700);
      sim->sys_chownat(Env::kCwd, "/w", ::geteuid(), ::getegid());
      sim->act_as(::geteuid(), ::getegid());
      env = std::move(sim);
      root = "/w";
    }
  }
  World(World&&) = default;
  ~World() {
    if (real && !root.empty()) std::filesystem::remove_all(root);
  }
};

std::string machine_name(const testing::TestParamInfo<const char*>& info) { return info.param; }

class EnvContract : public testing::TestWithParam<const char*> {
 protected:
  World world_{GetParam() == std::string("Real")};
  Env& env = *world_.env;
  Fd dir = *env.open(world_.root, O_RDONLY | O_DIRECTORY);
  const int d = dir.get();

  std::string path(const std::string& name) const { return world_.root + "/" + name; }
  Fd make(const char* name, std::string_view content = "") {
    Fd file = *env.open(d, name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    EXPECT_TRUE(env.write_at(file.get(), as_bytes(content), 0));
    return file;
  }
  std::string content(const char* name) {
    const auto read = env.read_file(path(name), 1 << 24);
    return read ? std::string(as_text(*read)) : "(" + read.error().message + ")";
  }
  int open_error(const char* name, int flags) {
    const int fd = env.sys_openat(d, name, flags, 0644);
    if (fd < 0) return -fd;
    env.sys_close(fd);
    return 0;
  }
  Stat stat(const char* name, bool follow = false) {
    const auto facts = env.stat(d, name, follow);
    EXPECT_TRUE(facts) << name;
    return facts.value_or(Stat{});
  }
  bool exists(const char* name) {
    Stat out;
    return env.sys_stat(d, name, false, &out) == 0;
  }
  std::vector<std::string> names(const std::string& of = ".") { return *env.list_names(path(of)); }
  bool is_root() { return env.user_id() == 0; }
};
INSTANTIATE_TEST_SUITE_P(, EnvContract, testing::Values("Real", "Sim"), machine_name);

// --- opening ---

TEST_P(EnvContract, open_tells_why_not) {
  make("file");
  env.sys_mkdirat(d, "sub", 0755);
  env.sys_symlinkat("file", d, "link");
  env.sys_symlinkat("sub", d, "link_to_sub");
  env.sys_symlinkat("loop", d, "loop");
  EXPECT_EQ(open_error("none", O_RDONLY), ENOENT);
  EXPECT_EQ(open_error("", O_RDONLY), ENOENT);
  EXPECT_EQ(open_error("none/x", O_RDWR | O_CREAT), ENOENT);
  EXPECT_EQ(open_error("file/x", O_RDONLY), ENOTDIR);
  EXPECT_EQ(open_error("file/", O_RDONLY), ENOTDIR);
  EXPECT_EQ(open_error("new/", O_RDWR | O_CREAT), EISDIR);
  EXPECT_EQ(open_error("file", O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(open_error("sub", O_WRONLY), EISDIR);
  EXPECT_EQ(open_error("sub", O_RDONLY | O_CREAT), EISDIR);
  EXPECT_EQ(open_error("link", O_RDONLY | O_NOFOLLOW), ELOOP);
  EXPECT_EQ(open_error("link_to_sub", O_RDONLY | O_NOFOLLOW | O_DIRECTORY), ENOTDIR);
  EXPECT_EQ(open_error("link_to_sub", O_RDONLY | O_DIRECTORY), 0);
  EXPECT_EQ(open_error("loop", O_RDONLY), ELOOP);
  EXPECT_EQ(open_error(std::string(256, 'n').c_str(), O_RDONLY), ENAMETOOLONG);
  EXPECT_EQ(open_error(std::string(255, 'n').c_str(), O_RDONLY), ENOENT);
  EXPECT_EQ(open_error((std::string(4095, '/') + "x").c_str(), O_RDONLY), ENAMETOOLONG);
  EXPECT_EQ(env.sys_openat(9999, "file", O_RDONLY, 0), -EBADF);
  const Fd file = *env.open(d, "file", O_RDONLY);
  EXPECT_EQ(env.sys_openat(file.get(), "x", O_RDONLY, 0), -ENOTDIR);
}

TEST_P(EnvContract, create_exclusively_refuses_what_exists_even_a_dangling_link) {
  make("file");
  env.sys_symlinkat("nowhere", d, "dangling");
  EXPECT_EQ(open_error("file", O_RDWR | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(open_error("dangling", O_RDWR | O_CREAT | O_EXCL), EEXIST);
  EXPECT_EQ(open_error("new", O_RDWR | O_CREAT | O_EXCL), 0);
}

TEST_P(EnvContract, create_through_a_dangling_link_makes_its_target) {
  env.sys_mkdirat(d, "sub", 0755);
  env.sys_symlinkat("sub/target", d, "dangling");
  EXPECT_EQ(open_error("dangling", O_RDWR | O_CREAT), 0);
  EXPECT_EQ(names("sub"), std::vector<std::string>{"target"});
}

TEST_P(EnvContract, links_are_followed_inside_a_path) {
  env.sys_mkdirat(d, "sub", 0755);
  make("sub/file", "here");
  env.sys_symlinkat("sub/../sub", d, "one");
  env.sys_symlinkat("./one", d, "two");
  EXPECT_EQ(content("two/file"), "here");
  EXPECT_EQ(content("sub/.././sub//file"), "here");
}

TEST_P(EnvContract, truncate_and_append_flags) {
  make("file", "0123456789");
  EXPECT_TRUE(env.write_all(env.open(d, "file", O_WRONLY | O_APPEND)->get(), as_bytes("ab")));
  EXPECT_EQ(content("file"), "0123456789ab");
  EXPECT_EQ(open_error("file", O_WRONLY | O_TRUNC), 0);
  EXPECT_EQ(content("file"), "");
}

TEST_P(EnvContract, a_closed_handle_is_bad) {
  const int fd = env.sys_openat(d, "file", O_RDWR | O_CREAT, 0644);
  EXPECT_EQ(env.sys_close(fd), 0);
  char byte = 0;
  Stat out;
  EXPECT_EQ(env.sys_close(fd), -EBADF);
  EXPECT_EQ(env.sys_pread(fd, &byte, 1, 0), -EBADF);
  EXPECT_EQ(env.sys_fsync(fd), -EBADF);
  EXPECT_EQ(env.sys_stat(fd, "", false, &out), -EBADF);
  EXPECT_EQ(env.sys_chmodat(fd, "", 0600), -EBADF);
  EXPECT_EQ(env.sys_utimeat(fd, "", 0), -EBADF);
  EXPECT_EQ(env.sys_listxattrat(fd, "", nullptr, 0), -EBADF);
  EXPECT_EQ(env.sys_list(fd, [](const DirEntry&) {}), -EBADF);
}

// --- reading and writing ---

TEST_P(EnvContract, reading_ends_at_the_end) {
  const Fd file = make("file", "abc");
  char buffer[8];
  EXPECT_EQ(env.sys_pread(file.get(), buffer, 8, 1), 2);
  EXPECT_EQ(env.sys_pread(file.get(), buffer, 8, 3), 0);
  EXPECT_EQ(env.sys_pread(file.get(), buffer, 8, 1_GiB), 0);
  EXPECT_EQ(env.sys_pread(file.get(), buffer, 8, UINT64_MAX), -EINVAL);
}

TEST_P(EnvContract, stream_calls_move_the_position) {
  const Fd file = *env.open(d, "file", O_RDWR | O_CREAT);
  EXPECT_EQ(env.sys_write(file.get(), "hello", 5), 5);
  char buffer[8];
  EXPECT_EQ(env.sys_read(file.get(), buffer, 8), 0);
  EXPECT_EQ(env.sys_seek(file.get(), 1, SEEK_SET), 1);
  EXPECT_EQ(env.sys_read(file.get(), buffer, 3), 3);
  EXPECT_EQ(env.sys_seek(file.get(), 0, SEEK_CUR), 4);
  EXPECT_EQ(env.sys_seek(file.get(), 0, SEEK_END), 5);
}

TEST_P(EnvContract, handles_do_only_what_they_were_opened_for) {
  make("file", "abc");
  const Fd reader = *env.open(d, "file", O_RDONLY), writer = *env.open(d, "file", O_WRONLY);
  char byte = 0;
  EXPECT_EQ(env.sys_pread(writer.get(), &byte, 1, 0), -EBADF);
  EXPECT_EQ(env.sys_pwrite(reader.get(), "x", 1, 0), -EBADF);
  EXPECT_EQ(env.sys_ftruncate(reader.get(), 0), -EINVAL);
  EXPECT_EQ(env.sys_pread(d, &byte, 1, 0), -EISDIR);
  EXPECT_EQ(env.sys_ftruncate(d, 0), -EINVAL);
}

TEST_P(EnvContract, a_write_beyond_the_end_leaves_zeros) {
  const Fd file = make("file", "ab");
  EXPECT_EQ(env.sys_pwrite(file.get(), "z", 1, 10000), 1);
  EXPECT_EQ(content("file"), "ab" + std::string(9998, '\0') + "z");
}

TEST_P(EnvContract, what_was_cut_off_does_not_come_back) {
  const Fd file = make("file", std::string(10000, 'x'));
  EXPECT_EQ(env.sys_ftruncate(file.get(), 5), 0);
  EXPECT_EQ(env.sys_ftruncate(file.get(), 9000), 0);
  EXPECT_EQ(content("file"), "xxxxx" + std::string(8995, '\0'));
}

TEST_P(EnvContract, a_deleted_file_lives_as_long_as_its_handle) {
  const Fd file = make("file", "still here");
  EXPECT_EQ(env.sys_unlinkat(d, "file", false), 0);
  Buffer bytes(10);
  EXPECT_EQ(*env.read_at(file.get(), bytes, 0), 10u);
  EXPECT_EQ(as_text(bytes), "still here");
  EXPECT_EQ(env.stat(file.get(), "")->nlink, 0u);
}

TEST_P(EnvContract, syncs_succeed) {
  const Fd file = make("file", "x");
  EXPECT_EQ(env.sys_fsync(file.get()), 0);
  EXPECT_EQ(env.sys_fsync(d), 0);
  EXPECT_EQ(env.sys_syncfs(d), 0);
}

TEST_P(EnvContract, a_lock_is_held_by_one_handle_until_it_is_closed) {
  std::optional<Fd> holder = make("file", "x");
  const Fd other = *env.open(d, "file", O_RDONLY);
  EXPECT_EQ(env.sys_lock(holder->get()), 0);
  EXPECT_EQ(env.sys_lock(holder->get()), 0);
  EXPECT_EQ(env.sys_lock(other.get()), -EWOULDBLOCK);
  EXPECT_EQ(env.sys_renameat(d, "file", d, "elsewhere", false), 0);
  EXPECT_EQ(env.sys_lock(other.get()), -EWOULDBLOCK);  // a lock is the file's, not the name's
  holder.reset();
  EXPECT_EQ(env.sys_lock(other.get()), 0);
}

TEST_P(EnvContract, holes_and_data_are_found) {
  const Fd file = make("file");
  EXPECT_EQ(env.sys_ftruncate(file.get(), 4_MiB), 0);
  EXPECT_EQ(env.sys_seek(file.get(), 0, SEEK_DATA), -ENXIO);
  EXPECT_EQ(env.sys_seek(file.get(), 0, SEEK_HOLE), 0);
  EXPECT_TRUE(env.write_at(file.get(), Buffer(64_KiB, 'd'), 1_MiB));
  EXPECT_EQ(env.sys_seek(file.get(), 5, SEEK_DATA), 1 << 20);
  EXPECT_EQ(env.sys_seek(file.get(), 1_MiB + 7, SEEK_DATA), (1 << 20) + 7);
  EXPECT_EQ(env.sys_seek(file.get(), 1_MiB, SEEK_HOLE), (1 << 20) + (64 << 10));
  EXPECT_EQ(env.sys_seek(file.get(), 2_MiB, SEEK_DATA), -ENXIO);
  EXPECT_EQ(env.sys_seek(file.get(), 4_MiB, SEEK_HOLE), -ENXIO);
  EXPECT_LT(stat("file").blocks * 512, 1_MiB);
}

// --- stat and list ---

TEST_P(EnvContract, stat_tells_type_size_mode_and_links) {
  make("file", "12345");
  env.sys_mkdirat(d, "sub", 0750);
  env.sys_mkdirat(d, "sub/inner", 0755);
  env.sys_symlinkat("file", d, "link");
  EXPECT_EQ(stat("file").type, FileType::regular);
  EXPECT_EQ(stat("file").size, 5u);
  EXPECT_EQ(stat("file").mode, 0644u);
  EXPECT_EQ(stat("file").nlink, 1u);
  EXPECT_EQ(stat("file").uid, env.user_id());
  EXPECT_EQ(stat("sub").type, FileType::directory);
  EXPECT_EQ(stat("sub").mode, 0750u);
  EXPECT_EQ(stat("sub").nlink, 3u);
  EXPECT_EQ(stat("link").type, FileType::symlink);
  EXPECT_EQ(stat("link").size, 4u);
  EXPECT_EQ(stat("link", true).ino, stat("file").ino);
  EXPECT_EQ(stat("file").dev, stat("").dev);
  EXPECT_EQ(stat("").ino, stat(".").ino);
}

TEST_P(EnvContract, the_umask_holds_for_new_files_and_not_for_chmod) {
  env.sys_close(env.sys_openat(d, "file", O_RDWR | O_CREAT, 0666));
  EXPECT_EQ(stat("file").mode, 0644u);
  EXPECT_EQ(env.sys_chmodat(d, "file", 0666), 0);
  EXPECT_EQ(stat("file").mode, 0666u);
}

TEST_P(EnvContract, listing_gives_every_entry_once_with_its_type) {
  make("file");
  env.sys_mkdirat(d, "sub", 0755);
  env.sys_symlinkat("x", d, "link");
  env.sys_mknodat(d, "pipe", FileType::fifo, 0644, 0, 0);
  std::map<std::string, FileType> seen;
  EXPECT_EQ(env.sys_list(env.open(d, ".", O_RDONLY)->get(),
                         [&](const DirEntry& e) {
                           EXPECT_EQ(e.ino, stat(std::string(e.name).c_str()).ino);
                           EXPECT_TRUE(seen.emplace(e.name, e.type).second);
                         }),
            0);
  const std::map<std::string, FileType> expected = {
      {"file", FileType::regular}, {"sub", FileType::directory}, {"link", FileType::symlink}, {"pipe", FileType::fifo}};
  EXPECT_EQ(seen, expected);
  EXPECT_EQ(env.sys_list(env.open(d, "file", O_RDONLY)->get(), [](const DirEntry&) {}), -ENOTDIR);
}

TEST_P(EnvContract, a_listing_longer_than_any_buffer_is_whole) {
  for (int i = 0; i < 3000; ++i) make((std::string(100, 'n') + std::to_string(i)).c_str());
  EXPECT_EQ(names().size(), 3000u);
}

// --- names ---

TEST_P(EnvContract, names_may_hold_any_byte) {
  make("\xff\n\x1b[31m", "odd");
  EXPECT_EQ(content("\xff\n\x1b[31m"), "odd");
  EXPECT_THAT(names(), ElementsAre("\xff\n\x1b[31m"));
}

TEST_P(EnvContract, mkdir_tells_why_not) {
  make("file");
  EXPECT_EQ(env.sys_mkdirat(d, "sub", 0755), 0);
  EXPECT_EQ(env.sys_mkdirat(d, "sub", 0755), -EEXIST);
  EXPECT_EQ(env.sys_mkdirat(d, "slash/", 0755), 0);
  EXPECT_EQ(env.sys_mkdirat(d, "file", 0755), -EEXIST);
  EXPECT_EQ(env.sys_mkdirat(d, ".", 0755), -EEXIST);
  EXPECT_EQ(env.sys_mkdirat(d, "none/sub", 0755), -ENOENT);
  EXPECT_EQ(env.sys_mkdirat(d, "file/sub", 0755), -ENOTDIR);
}

TEST_P(EnvContract, removal_tells_why_not) {
  make("file");
  env.sys_mkdirat(d, "sub", 0755);
  make("sub/x");
  EXPECT_EQ(env.sys_unlinkat(d, "none", false), -ENOENT);
  EXPECT_EQ(env.sys_unlinkat(d, "sub", false), -EISDIR);
  EXPECT_EQ(env.sys_unlinkat(d, "file/", false), -ENOTDIR);
  EXPECT_EQ(env.sys_unlinkat(d, "file", true), -ENOTDIR);
  EXPECT_EQ(env.sys_unlinkat(d, "sub", true), -ENOTEMPTY);
  EXPECT_EQ(env.sys_unlinkat(d, "sub/.", true), -EINVAL);
  EXPECT_EQ(env.sys_unlinkat(d, "sub/..", true), -ENOTEMPTY);
  EXPECT_EQ(env.sys_unlinkat(d, "sub/x", false), 0);
  EXPECT_EQ(env.sys_unlinkat(d, "sub", true), 0);
}

TEST_P(EnvContract, nothing_is_made_in_a_removed_directory) {
  env.sys_mkdirat(d, "sub", 0755);
  const Fd sub = *env.open(d, "sub", O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(env.sys_unlinkat(d, "sub", true), 0);
  EXPECT_EQ(env.sys_openat(sub.get(), "x", O_RDWR | O_CREAT, 0644), -ENOENT);
  EXPECT_EQ(env.sys_mkdirat(sub.get(), "x", 0755), -ENOENT);
}

TEST_P(EnvContract, rename_moves_and_replaces) {
  make("a", "A");
  make("b", "B");
  env.sys_mkdirat(d, "sub", 0755);
  EXPECT_EQ(env.sys_renameat(d, "a", d, "b", false), 0);
  EXPECT_EQ(content("b"), "A");
  EXPECT_EQ(env.sys_renameat(d, "b", d, "sub/c", false), 0);
  EXPECT_EQ(content("sub/c"), "A");
  EXPECT_THAT(names(), ElementsAre("sub"));
}

TEST_P(EnvContract, rename_tells_why_not) {
  make("file");
  for (const char* name : {"empty", "full", "full/inner"}) env.sys_mkdirat(d, name, 0755);
  EXPECT_EQ(env.sys_renameat(d, "none", d, "x", false), -ENOENT);
  EXPECT_EQ(env.sys_renameat(d, "file", d, "empty", false), -EISDIR);
  EXPECT_EQ(env.sys_renameat(d, "empty", d, "file", false), -ENOTDIR);
  EXPECT_EQ(env.sys_renameat(d, "empty", d, "full", false), -ENOTEMPTY);
  EXPECT_EQ(env.sys_renameat(d, "full", d, "full/inner/x", false), -EINVAL);
  EXPECT_EQ(env.sys_renameat(d, "full/inner", d, "full", false), -ENOTEMPTY);
  EXPECT_EQ(env.sys_renameat(d, ".", d, "x", false), -EBUSY);
  EXPECT_EQ(env.sys_renameat(d, "file", d, "x/", false), -ENOTDIR);
  EXPECT_EQ(env.sys_renameat(d, "full", d, "empty", false), 0);
  EXPECT_THAT(names("empty"), ElementsAre("inner"));
}

TEST_P(EnvContract, rename_without_replacing_refuses_any_existing_name) {
  make("a", "A");
  make("b", "B");
  env.sys_symlinkat("nowhere", d, "link");
  EXPECT_EQ(env.sys_renameat(d, "a", d, "b", true), -EEXIST);
  EXPECT_EQ(env.sys_renameat(d, "a", d, "link", true), -EEXIST);
  EXPECT_EQ(content("b"), "B");
  EXPECT_EQ(env.sys_renameat(d, "a", d, "c", true), 0);
  EXPECT_EQ(content("c"), "A");
  EXPECT_FALSE(exists("a"));
}

TEST_P(EnvContract, rename_between_two_names_of_one_file_does_nothing) {
  make("a");
  env.sys_linkat(d, "a", d, "b");
  EXPECT_EQ(env.sys_renameat(d, "a", d, "b", false), 0);
  EXPECT_THAT(names(), ElementsAre("a", "b"));
}

TEST_P(EnvContract, hard_links_share_everything) {
  const Fd file = make("a", "one");
  EXPECT_EQ(env.sys_linkat(d, "a", d, "b"), 0);
  EXPECT_EQ(stat("a").ino, stat("b").ino);
  EXPECT_EQ(stat("b").nlink, 2u);
  EXPECT_TRUE(env.write_at(file.get(), as_bytes("two"), 0));
  EXPECT_EQ(content("b"), "two");
  EXPECT_EQ(env.sys_linkat(d, "a", d, "b"), -EEXIST);
  EXPECT_EQ(env.sys_linkat(d, "none", d, "c"), -ENOENT);
  env.sys_mkdirat(d, "sub", 0755);
  EXPECT_EQ(env.sys_linkat(d, "sub", d, "c"), -EPERM);
}

TEST_P(EnvContract, a_hard_link_to_a_symlink_is_the_symlink) {
  make("file");
  env.sys_symlinkat("file", d, "link");
  EXPECT_EQ(env.sys_linkat(d, "link", d, "second"), 0);
  EXPECT_EQ(stat("second").type, FileType::symlink);
}

TEST_P(EnvContract, symlinks_hold_any_text) {
  EXPECT_EQ(env.sys_symlinkat("../\xff nowhere", d, "link"), 0);
  EXPECT_EQ(*env.read_link(d, "link"), "../\xff nowhere");
  EXPECT_EQ(env.sys_symlinkat("x", d, "link"), -EEXIST);
  EXPECT_EQ(env.sys_symlinkat("", d, "empty"), -ENOENT);
  EXPECT_EQ(env.sys_symlinkat(std::string(4096, 't').c_str(), d, "long"), -ENAMETOOLONG);
  EXPECT_EQ(env.sys_symlinkat(std::string(4095, 't').c_str(), d, "long"), 0);
  EXPECT_EQ(env.read_link(d, "long")->size(), 4095u);
  char two[2];
  EXPECT_EQ(env.sys_readlinkat(d, "link", two, 2), 2);
  make("file");
  EXPECT_EQ(env.sys_readlinkat(d, "file", two, 2), -EINVAL);
  EXPECT_EQ(env.sys_readlinkat(d, "none", two, 2), -ENOENT);
}

TEST_P(EnvContract, special_files_keep_their_type_and_numbers) {
  EXPECT_EQ(env.sys_mknodat(d, "pipe", FileType::fifo, 0640, 0, 0), 0);
  EXPECT_EQ(env.sys_mknodat(d, "socket", FileType::socket, 0600, 0, 0), 0);
  EXPECT_EQ(env.sys_mknodat(d, "pipe", FileType::fifo, 0640, 0, 0), -EEXIST);
  EXPECT_EQ(stat("pipe").type, FileType::fifo);
  EXPECT_EQ(stat("socket").type, FileType::socket);
  EXPECT_EQ(open_error("pipe", O_RDONLY | O_NONBLOCK), 0);
  EXPECT_EQ(open_error("pipe", O_WRONLY | O_NONBLOCK), ENXIO);
  EXPECT_EQ(open_error("socket", O_RDONLY), ENXIO);
  if (!is_root()) GTEST_SKIP() << "devices need root";
  if (env.sys_mknodat(d, "null", FileType::char_device, 0600, 1, 3) == -EPERM) GTEST_SKIP() << "no devices in this container";
  EXPECT_EQ(env.sys_mknodat(d, "disk", FileType::block_device, 0600, 259, 70000), 0);
  EXPECT_EQ(stat("null").type, FileType::char_device);
  EXPECT_EQ(stat("null").rdev_minor, 3u);
  EXPECT_EQ(stat("disk").rdev_major, 259u);
  EXPECT_EQ(stat("disk").rdev_minor, 70000u);
}

// --- metadata ---

TEST_P(EnvContract, chmod_sets_all_bits_by_name_and_by_handle) {
  const Fd file = make("file");
  env.sys_symlinkat("file", d, "link");
  EXPECT_EQ(env.sys_chmodat(d, "file", 01751), 0);
  EXPECT_EQ(stat("file").mode, 01751u);
  EXPECT_EQ(env.sys_chmodat(file.get(), "", 04600), 0);
  EXPECT_EQ(stat("file").mode, 04600u);
  EXPECT_EQ(env.sys_chmodat(d, "link", 0600), -EOPNOTSUPP);
  EXPECT_EQ(env.sys_chmodat(d, "none", 0600), -ENOENT);
}

TEST_P(EnvContract, times_are_exact_to_the_nanosecond_even_before_1970) {
  const Fd file = make("file");
  env.sys_symlinkat("file", d, "link");
  EXPECT_EQ(env.sys_utimeat(d, "file", 1'777'730'551'123'456'789), 0);
  EXPECT_EQ(stat("file").mtime, 1'777'730'551'123'456'789);
  EXPECT_EQ(env.sys_utimeat(file.get(), "", -1), 0);
  EXPECT_EQ(stat("file").mtime, -1);
  EXPECT_EQ(env.sys_utimeat(d, "link", 42), 0);
  EXPECT_EQ(stat("link").mtime, 42);
  EXPECT_EQ(stat("file").mtime, -1);
}

TEST_P(EnvContract, the_change_time_cannot_be_set_back) {
  make("file");
  env.sys_utimeat(d, "file", 1'000'000'000);
  EXPECT_GT(stat("file").ctime, 1'700'000'000'000'000'000);
}

TEST_P(EnvContract, owners_change_without_following) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const Fd file = make("file");
  env.sys_symlinkat("file", d, "link");
  EXPECT_EQ(env.sys_chownat(d, "link", 12, 34), 0);
  EXPECT_EQ(stat("link").gid, 34u);
  EXPECT_EQ(stat("file").uid, 0u);
  EXPECT_EQ(env.sys_chownat(file.get(), "", 56, UINT32_MAX), 0);
  EXPECT_EQ(stat("file").uid, 56u);
  EXPECT_EQ(stat("file").gid, ::getegid());
}

TEST_P(EnvContract, a_new_owner_drops_set_id_bits_of_files) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  make("file");
  env.sys_mkdirat(d, "sub", 0755);
  env.sys_chmodat(d, "file", 06755);
  env.sys_chmodat(d, "sub", 06755);
  env.sys_chownat(d, "file", 12, 34);
  env.sys_chownat(d, "sub", 12, 34);
  EXPECT_EQ(stat("file").mode, 0755u);
  EXPECT_EQ(stat("sub").mode, 06755u);
}

TEST_P(EnvContract, a_set_group_id_directory_hands_its_group_down) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  env.sys_mkdirat(d, "sub", 0755);
  env.sys_chownat(d, "sub", 0, 77);
  env.sys_chmodat(d, "sub", 02755);
  make("sub/file");
  env.sys_mkdirat(d, "sub/inner", 0755);
  EXPECT_EQ(stat("sub/file").gid, 77u);
  EXPECT_EQ(stat("sub/inner").gid, 77u);
  EXPECT_EQ(stat("sub/inner").mode, 02755u);
}

class Xattrs : public EnvContract {
 protected:
  void SetUp() override {
    make("probe");
    if (env.sys_setxattrat(d, "probe", "user.probe", "", 0) == -EOPNOTSUPP) GTEST_SKIP() << "no user xattrs on this file system";
    env.sys_unlinkat(d, "probe", false);
  }
  std::string get(int at, const char* name, const char* key) {
    char value[256];
    const ssize_t n = env.sys_getxattrat(at, name, key, value, sizeof value);
    return n < 0 ? "-" + std::string(strerrorname_np(static_cast<int>(-n))) : std::string(value, static_cast<std::size_t>(n));
  }
  std::vector<std::string> list(int at, const char* name) {
    char text[1024];
    const ssize_t n = env.sys_listxattrat(at, name, text, sizeof text);
    std::vector<std::string> keys;
    for (const char* key = text; key < text + n; key += keys.back().size() + 1) keys.emplace_back(key);
    // Kernels with a security module add labels of their own.
    std::erase_if(keys, [](const std::string& key) { return key.starts_with("security."); });
    return keys;
  }
};
INSTANTIATE_TEST_SUITE_P(, Xattrs, testing::Values("Real", "Sim"), machine_name);

TEST_P(Xattrs, are_set_read_listed_and_removed_by_name_and_by_handle) {
  const Fd file = make("file");
  const std::string_view value("one\0two", 7);
  EXPECT_EQ(env.sys_setxattrat(d, "file", "user.a", value.data(), value.size()), 0);
  EXPECT_EQ(env.sys_setxattrat(file.get(), "", "user.b", "", 0), 0);
  EXPECT_EQ(get(file.get(), "", "user.a"), value);
  EXPECT_EQ(get(d, "file", "user.b"), "");
  EXPECT_THAT(list(d, "file"), UnorderedElementsAre("user.a", "user.b"));
  EXPECT_EQ(env.sys_removexattrat(d, "file", "user.a"), 0);
  EXPECT_EQ(env.sys_removexattrat(file.get(), "", "user.a"), -ENODATA);
  EXPECT_THAT(list(file.get(), ""), ElementsAre("user.b"));
}

TEST_P(Xattrs, tell_their_size_and_refuse_small_buffers) {
  make("file");
  env.sys_setxattrat(d, "file", "user.a", "12345", 5);
  char small[4];
  EXPECT_EQ(env.sys_getxattrat(d, "file", "user.a", nullptr, 0), 5);
  EXPECT_EQ(env.sys_getxattrat(d, "file", "user.a", small, 4), -ERANGE);
  EXPECT_EQ(env.sys_getxattrat(d, "file", "user.none", small, 4), -ENODATA);
  EXPECT_EQ(env.sys_getxattrat(d, "none", "user.a", small, 4), -ENOENT);
  EXPECT_GE(env.sys_listxattrat(d, "file", nullptr, 0), 7);
  EXPECT_EQ(env.sys_setxattrat(d, "file", "nonsense", "", 0), -EOPNOTSUPP);
}

TEST_P(Xattrs, of_a_symlink_are_its_own) {
  make("file");
  env.sys_setxattrat(d, "file", "user.a", "of file", 7);
  env.sys_symlinkat("file", d, "link");
  EXPECT_EQ(env.sys_setxattrat(d, "link", "user.a", "x", 1), -EPERM);
  EXPECT_THAT(list(d, "link"), ElementsAre());
  if (!is_root()) GTEST_SKIP() << "trusted attributes need root";
  if (env.sys_setxattrat(d, "link", "trusted.t", "x", 1) != 0) GTEST_SKIP() << "no trusted attributes here";
  EXPECT_EQ(get(d, "link", "trusted.t"), "x");
  EXPECT_EQ(get(d, "file", "trusted.t"), "-ENODATA");
}

TEST_P(Xattrs, and_modes_are_reached_through_a_path_handle) {
  make("file");
  const Fd place = *env.open(d, "file", O_PATH | O_NOFOLLOW);
  EXPECT_EQ(env.sys_setxattrat(place.get(), "", "user.a", "x", 1), 0);
  EXPECT_EQ(get(place.get(), "", "user.a"), "x");
  EXPECT_THAT(list(place.get(), ""), ElementsAre("user.a"));
  EXPECT_EQ(env.sys_chmodat(place.get(), "", 0611), 0);
  EXPECT_EQ(env.sys_utimeat(place.get(), "", 77), 0);
  EXPECT_EQ(env.stat(place.get(), "")->mode, 0611u);
  EXPECT_EQ(env.stat(place.get(), "")->mtime, 77);
  char byte;
  EXPECT_EQ(env.sys_pread(place.get(), &byte, 1, 0), -EBADF);
}

TEST_P(EnvContract, an_immutable_file_cannot_be_changed_or_removed) {
  if (!is_root()) GTEST_SKIP() << "needs root";
  const Fd file = make("file", "x");
  std::uint32_t before = 0;
  if (env.sys_get_flags(file.get(), &before) < 0) GTEST_SKIP() << "no inode flags on this file system";
  if (env.sys_set_flags(file.get(), before | FS_IMMUTABLE_FL) < 0) GTEST_SKIP() << "no immutable flag here";
  EXPECT_EQ(open_error("file", O_WRONLY), EPERM);
  EXPECT_EQ(env.sys_unlinkat(d, "file", false), -EPERM);
  EXPECT_EQ(env.sys_renameat(d, "file", d, "x", false), -EPERM);
  EXPECT_EQ(env.sys_linkat(d, "file", d, "x"), -EPERM);
  EXPECT_EQ(env.sys_chmodat(d, "file", 0600), -EPERM);
  EXPECT_EQ(env.sys_utimeat(d, "file", 0), -EPERM);
  EXPECT_EQ(env.sys_set_flags(file.get(), before), 0);
  EXPECT_EQ(env.sys_unlinkat(d, "file", false), 0);
}

// --- conveniences ---

TEST_P(EnvContract, an_error_names_the_file) {
  const auto none = env.open(d, "none\n", O_RDONLY);
  EXPECT_EQ(none.error().code, Code::not_found);
  EXPECT_EQ(none.error().object, "none\n");
  EXPECT_EQ(none.error().os_error, ENOENT);
  EXPECT_THAT(none.error().message, testing::HasSubstr("none\\x0a"));
}

TEST_P(EnvContract, read_file_stops_at_its_limit) {
  make("file", std::string(1000, 'x'));
  EXPECT_EQ(env.read_file(path("file"), 1000)->size(), 1000u);
  EXPECT_EQ(env.read_file(path("file"), 999).error().code, Code::too_many);
  make("empty");
  EXPECT_EQ(env.read_file(path("empty"), 0)->size(), 0u);
}

TEST_P(EnvContract, write_file_atomically_replaces_and_leaves_no_litter) {
  EXPECT_TRUE(env.write_file_atomically(path("file"), as_bytes("old")));
  EXPECT_TRUE(env.write_file_atomically(path("file"), as_bytes("new"), 0640));
  EXPECT_EQ(content("file"), "new");
  EXPECT_EQ(stat("file").mode, 0640u);
  EXPECT_FALSE(env.write_file_atomically(path("none/file"), as_bytes("x")));
  env.sys_mkdirat(d, "sub", 0755);
  EXPECT_FALSE(env.write_file_atomically(path("sub"), as_bytes("x")));
  EXPECT_THAT(names(), ElementsAre("file", "sub"));
}

TEST_P(EnvContract, make_directories_makes_what_is_missing) {
  EXPECT_TRUE(env.make_directories(path("a/b//c/"), 0750));
  EXPECT_TRUE(env.make_directories(path("a/b/c")));
  EXPECT_EQ(stat("a/b/c").mode, 0750u);
  make("file");
  EXPECT_EQ(env.make_directories(path("file")).error().code, Code::not_a_directory);
  EXPECT_EQ(env.make_directories(path("file/x")).error().code, Code::not_a_directory);
}

TEST_P(EnvContract, absolute_path_resolves_what_exists_and_keeps_the_rest) {
  const std::string root = *env.absolute_path(world_.root);
  env.sys_mkdirat(d, "sub", 0755);
  env.sys_symlinkat("sub", d, "link");
  env.sys_symlinkat("loop", d, "loop");
  EXPECT_EQ(*env.absolute_path(path("link/./x/../y//")), root + "/sub/y");
  EXPECT_EQ(*env.absolute_path(path("link/..")), root);
  EXPECT_EQ(*env.absolute_path("/"), "/");
  EXPECT_EQ(*env.absolute_path("/../.."), "/");
  EXPECT_TRUE(env.absolute_path("relative/x")->starts_with('/'));
  EXPECT_EQ(env.absolute_path("").error().code, Code::usage);
  EXPECT_EQ(env.absolute_path(path("loop/x")).error().os_error, ELOOP);
  make("file");
  EXPECT_EQ(env.absolute_path(path("file/x")).error().os_error, ENOTDIR);
}

TEST_P(EnvContract, clocks_and_randomness) {
  EXPECT_GT(env.wall_ns(), 1'700'000'000'000'000'000);
  const auto before = env.monotonic_ns();
  EXPECT_GE(env.monotonic_ns(), before);
  Buffer a(33), b(33);
  env.random(a);
  env.random(b);
  EXPECT_NE(a, b);
  EXPECT_GE(env.cpu_count(), 1u);
  EXPECT_FALSE(env.host_name().empty());
  const std::string me = env.process_identity();
  EXPECT_FALSE(me.empty());
  EXPECT_FALSE(env.process_is_gone(me));
  for (const char* other : {"", " ", "another machine and boot 1 1", "a b c d e", "a b c -1 7"}) EXPECT_FALSE(env.process_is_gone(other)) << other;
  EXPECT_EQ(env.user_name(0), "root");
  EXPECT_EQ(env.user_name(4'000'000'000u), std::nullopt);
  EXPECT_EQ(env.group_name(4'000'000'000u), std::nullopt);
  EXPECT_EQ(env.variable("HOLDFAST_SURELY_NOT_SET"), std::nullopt);
}

TEST(RealEnv, commands_have_no_input_and_give_status_and_output) {
  auto env = make_real_env();
  EXPECT_EQ(env->run_command("cat; echo out; exit 7")->output, "out\n");
  EXPECT_EQ(env->run_command("exit 7")->exit_status, 7);
  EXPECT_EQ(env->run_command("kill -9 $$")->exit_status, 137);
  EXPECT_EQ(env->run_command("head -c 3000000 /dev/zero")->output.size(), 1048576u);
}

TEST(RealEnv, commands_get_input_and_variables_and_may_give_their_errors) {
  auto env = make_real_env();
  const std::string long_input(300'000, 'x');
  EXPECT_EQ(env->run_command("cat", {.input = long_input})->output, long_input);
  EXPECT_EQ(env->run_command("echo $A-$HOME", {.variables = {{"A", "one two"}, {"HOME", "/there"}}})->output, "one two-/there\n");
  EXPECT_EQ(env->run_command("echo out; echo err >&2", {.errors_too = true})->output, "out\nerr\n");
}

TEST(RealEnv, a_command_whose_time_is_over_ends_with_all_that_it_started) {
  auto env = make_real_env();
  const auto late = env->run_command("echo begun; sleep 600 & sleep 600; echo never", {.timeout_ns = 200'000'000});
  ASSERT_TRUE(late);
  EXPECT_TRUE(late->timed_out);
  EXPECT_EQ(late->output, "begun\n");
  EXPECT_EQ(late->exit_status, 143);
  const auto in_time = env->run_command("echo done; exit 3", {.timeout_ns = 600'000'000'000});
  ASSERT_TRUE(in_time);
  EXPECT_FALSE(in_time->timed_out);
  EXPECT_EQ(in_time->exit_status, 3);
  EXPECT_EQ(in_time->output, "done\n");
}

TEST(RealEnv, a_process_that_a_command_left_behind_is_not_waited_for) {
  auto env = make_real_env();
  const auto ran = env->run_command("sleep 600 & echo $!", {.timeout_ns = 300'000'000'000});
  ASSERT_TRUE(ran);
  EXPECT_FALSE(ran->timed_out);
  EXPECT_EQ(env->run_command("kill " + ran->output)->exit_status, 0);
}

TEST(RealEnv, reads_files_whose_size_is_not_known) {
  EXPECT_GT(make_real_env()->read_file("/proc/self/status", 1 << 20)->size(), 100u);
}

// --- the two machines side by side ---

/// Runs the same random calls on both and tells the first difference. Small worlds of few names, so that calls meet.
class Twins {
 public:
  explicit Twins(unsigned seed) : dice_(seed) {
    for (World* world : {&real_, &sim_}) roots_.push_back(*world->env->open(world->root, O_RDONLY | O_DIRECTORY));
  }
  std::string step() {
    const Choice c{.kind = die(12), .a = name(), .b = name(), .target = plain_name(), .flags = flags(), .at = die(20000), .size = 1 + die(9000), .odd = die(2) == 0};
    const std::string real = run(*real_.env, roots_[0].get(), c), sim = run(*sim_.env, roots_[1].get(), c);
    return real == sim ? "" : "call " + std::to_string(c.kind) + " " + c.a + " " + c.b + ": real " + real + ", sim " + sim;
  }
  std::string trees_differ() {
    const std::string real = tree(*real_.env, real_.root), sim = tree(*sim_.env, sim_.root);
    return real == sim ? "" : "real:\n" + real + "sim:\n" + sim;
  }

 private:
  struct Choice {
    unsigned kind;
    std::string a, b, target;
    int flags;
    unsigned at, size;
    bool odd;
  };
  unsigned die(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }
  std::string name() {
    std::string path = plain_name();
    if (die(12) == 0) path += "/";
    if (die(20) == 0) path += "/..";
    if (die(20) == 0) path += "/.";
    return path;
  }
  /// For symlinks too: with ".." in them, paths would lead out of the test's directory.
  std::string plain_name() {
    std::string path;
    for (unsigned depth = 1 + die(3); depth > 0; --depth) path += (path.empty() ? "" : "/") + std::string(1, "abcd"[die(4)]);
    return path;
  }
  int flags() {
    int result = static_cast<int>(die(3));  // O_RDONLY, O_WRONLY, O_RDWR
    for (int flag : {O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW})
      if (die(3) == 0) result |= flag;
    if (die(8) == 0 && !(result & O_CREAT)) result |= O_DIRECTORY;
    // Left to the file system by POSIX: O_EXCL without O_CREAT, O_TRUNC without writing.
    if (!(result & O_CREAT)) result &= ~O_EXCL;
    if ((result & O_ACCMODE) == O_RDONLY) result &= ~O_TRUNC;
    return result | O_CLOEXEC | O_NONBLOCK;
  }
  static std::string word(std::int64_t result) {
    return result < 0 ? strerrorname_np(static_cast<int>(-result)) : std::to_string(result);
  }
  static std::string run(Env& env, int d, const Choice& c) {
    const char *a = c.a.c_str(), *b = c.b.c_str();
    switch (c.kind) {
      case 0: return word(env.sys_mkdirat(d, a, 0755));
      case 1: return word(env.sys_unlinkat(d, a, c.odd));
      case 2:
      case 3: return word(env.sys_renameat(d, a, d, b, c.kind == 3 && c.odd));
      case 4: return word(env.sys_linkat(d, a, d, b));
      case 5: return word(env.sys_symlinkat(c.target.c_str(), d, a));
      case 6: return word(env.sys_chmodat(d, a, 0700 | (c.at & 077)));
      case 7: return word(env.sys_mknodat(d, a, c.odd ? FileType::fifo : FileType::regular, 0644, 0, 0));
      case 8: {
        Stat out;
        const int result = env.sys_stat(d, a, c.odd, &out);
        return word(result) + (result < 0 ? "" : describe(out));
      }
      case 9: return word(env.sys_utimeat(d, a, c.at));
      default: {
        const int fd = env.sys_openat(d, a, c.flags, 0666);
        if (fd < 0) return word(fd);
        std::string bytes(c.size, static_cast<char>('a' + c.at % 26));
        std::string result = "open ";
        if (c.odd) result += word(env.sys_pwrite(fd, bytes.data(), bytes.size(), c.at));
        else result += word(env.sys_ftruncate(fd, c.at));
        const ssize_t n = env.sys_pread(fd, bytes.data(), bytes.size(), c.at / 2);
        result += " " + word(n) + (n > 0 ? ":" + std::to_string(std::hash<std::string_view>()({bytes.data(), static_cast<std::size_t>(n)})) : "");
        env.sys_close(fd);
        return result;
      }
    }
  }
  static std::string describe(const Stat& s) {
    return " type " + std::to_string(static_cast<int>(s.type)) + " mode " + std::to_string(s.mode) + " links " + std::to_string(s.nlink) +
           (s.type == FileType::directory ? "" : " size " + std::to_string(s.size));
  }
  static std::string tree(Env& env, const std::string& path) {
    std::string text;
    const std::vector<std::string> names = *env.list_names(path);
    for (const std::string& name : names) {
      const std::string at = path + "/" + name;
      const Stat s = *env.stat(at);
      text += name + describe(s);
      if (s.type == FileType::symlink) text += " -> " + *env.read_link(Env::kCwd, at.c_str());
      if (s.type == FileType::regular) text += " " + std::to_string(std::hash<std::string_view>()(as_text(*env.read_file(at, 1 << 20))));
      text += "\n";
      if (s.type == FileType::directory) text += tree(env, at) + "^\n";
    }
    return text;
  }

  std::mt19937 dice_;
  World real_{true}, sim_{false};
  std::vector<Fd> roots_;
};

class SideBySide : public testing::TestWithParam<unsigned> {};
TEST_P(SideBySide, random_calls_have_the_same_results_and_leave_the_same_tree) {
  Twins twins(GetParam());
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(twins.step(), "") << "seed " << GetParam() << " step " << i;
  EXPECT_EQ(twins.trees_differ(), "");
}
INSTANTIATE_TEST_SUITE_P(, SideBySide, testing::Range(1u, 9u));

}  // namespace
}  // namespace hf
