#pragma once
// Open handles of many objects, a bounded number of them at a time: the one used longest ago is closed first.

#include <list>
#include <memory>

#include "base/mutex.hpp"
#include "platform/env.hpp"

namespace hf {

/// Keeps a file or directory open as long as it lives, also when the cache has closed its own.
using Handle = std::shared_ptr<const Fd>;

/// Any method, any thread. Outlives its slots.
class HandleCache {
 public:
  /// A member of the object whose handle is kept.
  class Slot {
   public:
    explicit Slot(HandleCache& cache) : cache_(cache) {}
    ~Slot() { cache_.close(*this); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

   private:
    friend class HandleCache;
    HandleCache& cache_;
    // Guarded by the cache's mutex; set exactly while the slot is in its list.
    Handle handle_;
    std::list<Slot*>::iterator place_;
  };

  explicit HandleCache(std::size_t open_max) : open_max_(open_max) {}

  /// The open handle, or nullptr.
  Handle get(Slot& slot);
  /// Keeps a handle that was just opened. Where another thread was quicker, gives that one and closes ours.
  Handle put(Slot& slot, Fd handle);
  void close(Slot& slot);

 private:
  const std::size_t open_max_;
  Mutex mutex_;
  std::list<Slot*> recent_ HF_GUARDED_BY(mutex_);  // newest first
};

}  // namespace hf
