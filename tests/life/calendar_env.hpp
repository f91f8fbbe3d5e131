#pragma once
// The real machine on another day: its files and processes, a clock that the test sets, chance from a seed. What fsync
// makes durable does not matter here, so it costs nothing.

#include <atomic>
#include <map>
#include <random>

#include "base/mutex.hpp"
#include "platform/forward_env.hpp"

namespace hf::life {

class CalendarEnv final : public ForwardEnv {
 public:
  CalendarEnv(Env& real, std::uint64_t seed) : ForwardEnv(real), random_(seed) {}
  void set_wall(std::int64_t ns) { wall_ns_ = ns; }
  void set_variable(const std::string& name, const std::string& value) { variables_[name] = value; }

  /// Each look at the clock takes a microsecond.
  std::int64_t wall_ns() override { return wall_ns_ += 1000; }
  int sys_fsync(int) override { return 0; }
  int sys_syncfs(int) override { return 0; }
  void random(MutableBytes out) override {
    Lock lock(mutex_);
    for (std::uint8_t& b : out) b = static_cast<std::uint8_t>(random_());
  }
  /// Nothing from the environment of the test.
  std::optional<std::string> variable(const std::string& name) override {
    const auto at = variables_.find(name);
    return at == variables_.end() ? std::nullopt : std::optional(at->second);
  }

 private:
  std::atomic<std::int64_t> wall_ns_{0};
  std::map<std::string, std::string> variables_;
  Mutex mutex_;
  std::mt19937_64 random_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::life
