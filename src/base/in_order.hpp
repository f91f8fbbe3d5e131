#pragma once
// Work in two halves: the first is done by any thread, the second by the caller's, in the order in which it was given. So
// much is computed at once, and what comes out is the same with one thread and with many.

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "base/mutex.hpp"
#include "base/result.hpp"

namespace hf {

/// With one job there are no threads: both halves are done at once, in the caller's. One caller.
class InOrder {
 public:
  using First = std::function<Status(unsigned worker)>;  ///< `worker` below jobs, at one time in one thread
  using Second = std::function<Status()>;
  /// At most `ahead` pieces of work wait for their second half, what they hold with them.
  InOrder(unsigned jobs, std::size_t ahead);
  /// Waits for what is being done; what was not finished is dropped.
  ~InOrder();
  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  /// Does what is ready of earlier work, and waits where there is too much of it. An error is that of some work given so far:
  /// give no more then.
  Status add(First first, Second second);
  /// Everything that was given is done when it returns, or has failed.
  Status finish();

 private:
  struct Piece {
    First first;
    Second second;
    enum class State : std::uint8_t { waiting, taken, done } state = State::waiting;
    Status outcome;
  };
  void work(unsigned worker);
  /// The next whose first half nobody does; nullptr: none.
  std::shared_ptr<Piece> take() HF_REQUIRES(mutex_);
  void do_first(Piece& piece, unsigned worker);
  /// Does second halves, until no more than `left` wait; beyond that only those that are ready.
  Status do_seconds(std::size_t left);

  const std::size_t ahead_;
  Mutex mutex_;
  Condition given_, ready_;
  std::deque<std::shared_ptr<Piece>> pieces_ HF_GUARDED_BY(mutex_);  // in order; those that are taken first
  bool stopping_ HF_GUARDED_BY(mutex_) = false;
  std::vector<std::jthread> threads_;
};

}  // namespace hf
