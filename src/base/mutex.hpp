#pragma once
// std::mutex with names that clang's -Wthread-safety understands.

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define HF_THREAD_(x) __attribute__((x))
#else
#define HF_THREAD_(x)
#endif
#define HF_GUARDED_BY(m) HF_THREAD_(guarded_by(m))
#define HF_REQUIRES(m) HF_THREAD_(requires_capability(m))

namespace hf {

class HF_THREAD_(capability("mutex")) Mutex {
 public:
  void lock() HF_THREAD_(acquire_capability()) { mutex_.lock(); }
  void unlock() HF_THREAD_(release_capability()) { mutex_.unlock(); }
  bool try_lock() HF_THREAD_(try_acquire_capability(true)) { return mutex_.try_lock(); }

 private:
  std::mutex mutex_;
};

class HF_THREAD_(scoped_lockable) Lock {
 public:
  explicit Lock(Mutex& m) HF_THREAD_(acquire_capability(m)) : mutex_(m) { mutex_.lock(); }
  ~Lock() HF_THREAD_(release_capability()) { mutex_.unlock(); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
};

/// Works with Mutex; wait() needs the Mutex held and holds it again on return.
class Condition {
 public:
  void wait(Mutex& m) HF_REQUIRES(m) { condition_.wait(m); }
  template <class Duration>
  void wait_for(Mutex& m, Duration d) HF_REQUIRES(m) { condition_.wait_for(m, d); }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable_any condition_;
};

}  // namespace hf
