// Modes, owners, times, extended attributes and flags.

#include <linux/fs.h>

#include "platform/env_contract.hpp"

namespace hf {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAre;

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

}  // namespace
}  // namespace hf
