#include "base/rate_limit.hpp"

#include <algorithm>

namespace hf {
namespace {
constexpr std::int64_t kBurstNs = 500'000'000, kSliceNs = 100'000'000;
}

RateLimit::RateLimit(std::uint64_t bytes_per_second, Time time, const std::atomic<bool>* stop)
    : ns_per_byte_(1e9 / static_cast<double>(bytes_per_second)), time_(std::move(time)), stop_(stop), paid_until_(time_.now()) {}

void RateLimit::take(std::uint64_t bytes) {
  std::int64_t until = 0;
  {
    Lock lock(mutex_);
    paid_until_ = std::max(paid_until_, time_.now() - kBurstNs) + static_cast<std::int64_t>(static_cast<double>(bytes) * ns_per_byte_);
    until = paid_until_;
  }
  // In slices: whoever is asked to stop does.
  for (std::int64_t left = until - time_.now(); left > 0 && (stop_ == nullptr || !*stop_); left = until - time_.now()) time_.pause(std::min(left, kSliceNs));
}

}  // namespace hf
