#pragma once
// One contract, two machines: every promise of Env is kept by the Linux kernel and by SimEnv alike.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "base/units.hpp"
#include "platform/env.hpp"
#include "platform/sim_env.hpp"

namespace hf {

/// A machine and an empty directory on it.
struct EnvWorld {
  std::unique_ptr<Env> env;
  std::string root;
  bool real;

  explicit EnvWorld(bool is_real) : real(is_real) {
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
  EnvWorld(EnvWorld&&) = default;
  ~EnvWorld() {
    if (real && !root.empty()) std::filesystem::remove_all(root);
  }
};

inline std::string machine_name(const testing::TestParamInfo<const char*>& info) { return info.param; }

class EnvContract : public testing::TestWithParam<const char*> {
 protected:
  EnvWorld world_{GetParam() == std::string("Real")};
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

}  // namespace hf
