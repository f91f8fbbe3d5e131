#include "base/work_pool.hpp"

#include <thread>

namespace hf {

void WorkPool::push(Task task) {
  {
    Lock lock(mutex_);
    waiting_.push_back(std::move(task));
  }
  changed_.notify_one();
}

void WorkPool::run() {
  std::vector<std::jthread> threads;
  for (unsigned i = 1; i < workers_; ++i) threads.emplace_back([this, i] { work(i); });
  work(0);
}

void WorkPool::work(unsigned worker) {
  mutex_.lock();
  for (;;) {
    if (!waiting_.empty()) {
      Task task = std::move(waiting_.back());
      waiting_.pop_back();
      ++running_;
      mutex_.unlock();
      task(worker);
      task = nullptr;  // what it held goes before we say that it ended
      mutex_.lock();
      --running_;
      continue;
    }
    if (running_ == 0) break;
    changed_.wait(mutex_);
  }
  mutex_.unlock();
  changed_.notify_all();
}

}  // namespace hf
