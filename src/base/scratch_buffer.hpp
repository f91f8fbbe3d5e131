#pragma once
// Memory for what is written whole before it is read.

#include <memory>
#include <utility>

#include "base/bytes.hpp"

namespace hf {

/// Grows without filling it with zeros or moving what was in it, and never shrinks: so whoever uses it again and again asks the
/// kernel for memory once. One thread.
class ScratchBuffer {
 public:
  ScratchBuffer() = default;
  ScratchBuffer(ScratchBuffer&& other) noexcept : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  ScratchBuffer& operator=(ScratchBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  /// What is in it is undefined. The last one is a loan until this call where it was smaller, else the same memory.
  MutableBytes of(std::size_t bytes) {
    if (size_ < bytes) {
      memory_.reset();  // first: both at once may be more than there is
      size_ = 0;
      memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes);
      size_ = bytes;
    }
    return {memory_.get(), bytes};
  }
  const std::uint8_t* data() const { return memory_.get(); }
  std::size_t size() const { return size_; }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t size_ = 0;
};

}  // namespace hf
