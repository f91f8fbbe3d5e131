#pragma once
// Env's single system calls, retried where a signal interrupted them.

#include <cerrno>

namespace hf::target {

/// The call's value, or -errno, but never -EINTR.
template <class Call>
auto uninterrupted(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result != -EINTR) return result;
  }
}

}  // namespace hf::target
