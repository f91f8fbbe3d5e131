#pragma once

#include <string_view>
#include <utility>

#include "base/bytes.hpp"

namespace hf::cli {

/// Bytes that nobody else should see: wiped when it goes. Move only, so that no forgotten copy stays in memory.
class Secret {
 public:
  Secret() = default;
  explicit Secret(ByteView from) : bytes_(from.begin(), from.end()) {}
  explicit Secret(std::string_view from) : Secret(as_bytes(from)) {}
  Secret(Secret&& other) noexcept : bytes_(std::move(other.bytes_)) { other.bytes_.clear(); }
  Secret& operator=(Secret&& other) noexcept {
    wipe(bytes_);
    bytes_ = std::move(other.bytes_);
    other.bytes_.clear();
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { wipe(bytes_); }

  ByteView view() const { return bytes_; }  ///< a loan: valid while this Secret lives
  std::string_view text() const { return as_text(bytes_); }
  bool empty() const { return bytes_.empty(); }
  std::size_t size() const { return bytes_.size(); }
  bool same_as(const Secret& other) const { return bytes_ == other.bytes_; }

 private:
  Buffer bytes_;
};

}  // namespace hf::cli
