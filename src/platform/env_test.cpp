// Files, names and conveniences.

#include "platform/env_contract.hpp"

namespace hf {
namespace {

using ::testing::ElementsAre;

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

}  // namespace
}  // namespace hf
