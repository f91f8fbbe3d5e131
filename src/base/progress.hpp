#pragma once
// How low rooms tell high ones how far they are, and are told to stop, without knowing who listens.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/mutex.hpp"

namespace hf {

/// Counters of one running job: updated by its workers, read by whoever draws. Any method, any thread.
class Progress {
 public:
  std::atomic<std::uint64_t> bytes_done{0}, bytes_total{0};  ///< plaintext bytes; total 0 = unknown yet
  std::atomic<std::uint64_t> items_done{0}, items_total{0};
  std::atomic<std::uint64_t> errors{0};
  std::atomic<bool> stop_requested{false};  ///< set by a signal handler; jobs end soon with Code::cancelled

  void now_at(std::string_view item) {
    Lock lock(mutex_);
    item_.assign(item);
  }
  std::string current_item() {
    Lock lock(mutex_);
    return item_;
  }

 private:
  Mutex mutex_;
  std::string item_ HF_GUARDED_BY(mutex_);
};

/// Where a job reports an item that failed while the job goes on. Any thread.
class ProblemSink {
 public:
  virtual ~ProblemSink() = default;
  virtual void problem(const Error& error) = 0;
};

}  // namespace hf
