#pragma once
// Worker threads over one stack of tasks: the newest first, so that a tree is walked in depth and little is open at once.

#include <functional>
#include <vector>

#include "base/mutex.hpp"

namespace hf {

/// Tasks may push tasks. push() from any thread. With one worker everything runs in the thread that calls run(), in one
/// order: simulations rely on it.
class WorkPool {
 public:
  using Task = std::function<void(unsigned worker)>;  ///< must not throw
  explicit WorkPool(unsigned workers) : workers_(workers == 0 ? 1 : workers) {}
  unsigned workers() const { return workers_; }
  void push(Task task);
  /// Runs until no task is waiting or running. The calling thread is worker 0.
  void run();

 private:
  void work(unsigned worker);

  const unsigned workers_;
  Mutex mutex_;
  Condition changed_;
  std::vector<Task> waiting_ HF_GUARDED_BY(mutex_);
  unsigned running_ HF_GUARDED_BY(mutex_) = 0;
};

}  // namespace hf
