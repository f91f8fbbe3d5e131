#include "target/fs/handle_cache.hpp"

namespace hf {

Handle HandleCache::get(Slot& slot) {
  Lock lock(mutex_);
  if (slot.handle_ && slot.place_ != recent_.begin()) recent_.splice(recent_.begin(), recent_, slot.place_);
  return slot.handle_;
}

Handle HandleCache::put(Slot& slot, Fd handle) {
  Handle closing;  // closed after the mutex is free
  auto fresh = std::make_shared<const Fd>(std::move(handle));
  Lock lock(mutex_);
  if (slot.handle_) return slot.handle_;
  slot.handle_ = std::move(fresh);
  recent_.push_front(&slot);
  slot.place_ = recent_.begin();
  if (recent_.size() > open_max_) {
    closing = std::move(recent_.back()->handle_);
    recent_.back()->handle_ = nullptr;
    recent_.pop_back();
  }
  return slot.handle_;
}

void HandleCache::close(Slot& slot) {
  Handle closing;
  Lock lock(mutex_);
  if (!slot.handle_) return;
  closing = std::move(slot.handle_);
  slot.handle_ = nullptr;
  recent_.erase(slot.place_);
}

}  // namespace hf
