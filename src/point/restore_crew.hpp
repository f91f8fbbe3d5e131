#pragma once
// Workers that do many small tasks together and then wait for the next lot.

#include <atomic>
#include <functional>
#include <optional>
#include <thread>
#include <vector>

#include "base/mutex.hpp"
#include "base/result.hpp"

namespace hf {

/// With one job there are no threads: everything runs in the caller's, in order.
class Crew {
 public:
  explicit Crew(unsigned jobs);
  ~Crew();
  unsigned jobs() const { return static_cast<unsigned>(threads_.size()) + 1; }

  using Task = std::function<void(unsigned worker, std::size_t i)>;
  /// Calls task(worker, i) for each i below `count`, the caller being worker 0; returns when all are done. What a task
  /// throws becomes the error (the other tasks still run). One caller at a time.
  Status run(std::size_t count, const Task& task);

 private:
  void work(unsigned worker, std::stop_token stop);
  void take_tasks(unsigned worker);

  Mutex mutex_;
  Condition begin_, end_;
  // One lot. Guarded by mutex_, but for next_, which workers draw from.
  const Task* task_ HF_GUARDED_BY(mutex_) = nullptr;
  std::size_t count_ HF_GUARDED_BY(mutex_) = 0;
  std::uint64_t lot_ HF_GUARDED_BY(mutex_) = 0;
  unsigned busy_ HF_GUARDED_BY(mutex_) = 0;
  std::optional<Error> failed_ HF_GUARDED_BY(mutex_);
  bool stopping_ HF_GUARDED_BY(mutex_) = false;
  std::atomic<std::size_t> next_{0};
  std::vector<std::jthread> threads_;
};

}  // namespace hf
