#include "point/restore_crew.hpp"

#include <algorithm>

#include "base/without_throwing.hpp"

namespace hf {

Crew::Crew(unsigned jobs) {
  for (unsigned worker = 1; worker < jobs; ++worker)
    threads_.emplace_back([this, worker](const std::stop_token& stop) { work(worker, stop); });
}

Crew::~Crew() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  begin_.notify_all();
}

void Crew::work(unsigned worker, std::stop_token) {
  std::uint64_t done = 0;
  for (;;) {
    {
      Lock lock(mutex_);
      while (lot_ == done && !stopping_) begin_.wait(mutex_);
      if (stopping_) return;
      done = lot_;
    }
    take_tasks(worker);
    Lock lock(mutex_);
    if (--busy_ == 0) end_.notify_all();
  }
}

void Crew::take_tasks(unsigned worker) {
  const Task* task;
  std::size_t count;
  {
    Lock lock(mutex_);
    task = task_;
    count = count_;
  }
  for (std::size_t i; (i = next_.fetch_add(1, std::memory_order_relaxed)) < count;) {
    const Status done = without_throwing([&]() -> Status {
      (*task)(worker, i);
      return {};
    });
    if (done) continue;
    Lock lock(mutex_);
    failed_ = done.error();
  }
}

Status Crew::run(std::size_t count, const Task& task) {
  if (count == 0) return {};
  {
    Lock lock(mutex_);
    task_ = &task;
    count_ = count;
    failed_.reset();
    next_ = 0;
    busy_ = static_cast<unsigned>(threads_.size());
    ++lot_;
  }
  if (!threads_.empty()) begin_.notify_all();
  take_tasks(0);
  Lock lock(mutex_);
  while (busy_ > 0) end_.wait(mutex_);
  if (failed_) return *failed_;
  return {};
}

}  // namespace hf
