#pragma once
// A simulated machine, spoken to in a test's words.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "platform/sim_env.hpp"

namespace hf {

constexpr int kSeeds = 200;  // enough for each coin to have fallen both ways

/// With an empty durable directory "/v".
struct Sim : SimEnv {
  explicit Sim(std::uint64_t seed = 1) : SimEnv(seed) { make_dir("/v"); }

  void write(const std::string& path, std::string_view text) {
    const Fd file = *open(path, O_WRONLY | O_CREAT | O_TRUNC);
    EXPECT_TRUE(write_at(file.get(), as_bytes(text), 0));
  }
  int fsync(const std::string& path) { return sys_fsync(open(path, O_RDONLY)->get()); }
  void write_durably(const std::string& path, std::string_view text) {
    write(path, text);
    EXPECT_EQ(fsync(path), 0);
  }
  int move(const char* from, const char* to, bool no_replace = false) { return sys_renameat(kCwd, from, kCwd, to, no_replace); }
  int mkdir(const char* path) { return sys_mkdirat(kCwd, path, 0755); }
  int link(const char* from, const char* to) { return sys_linkat(kCwd, from, kCwd, to); }
  int unlink(const char* path) { return sys_unlinkat(kCwd, path, false); }
  bool exists(const std::string& path) {
    Stat out;
    return sys_stat(kCwd, path.c_str(), false, &out) == 0;
  }
};

}  // namespace hf
