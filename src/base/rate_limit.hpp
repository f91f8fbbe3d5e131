#pragma once
// So many bytes a second, shared by all threads that take from it.

#include <atomic>
#include <cstdint>
#include <functional>

#include "base/mutex.hpp"

namespace hf {

/// A bucket of tokens: what is taken beyond the rate is waited for, by whom takes it. Up to half a second's worth that was
/// not used may be taken at once. Any thread.
class RateLimit {
 public:
  struct Time {
    std::function<std::int64_t()> now;          ///< monotonic nanoseconds
    std::function<void(std::int64_t ns)> pause;
  };
  /// `bytes_per_second` at least 1. Waiting ends early when `stop` becomes true; it may be nullptr.
  RateLimit(std::uint64_t bytes_per_second, Time time, const std::atomic<bool>* stop);
  void take(std::uint64_t bytes);

 private:
  const double ns_per_byte_;
  const Time time_;
  const std::atomic<bool>* const stop_;
  Mutex mutex_;
  std::int64_t paid_until_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
