#pragma once
// Result<T>: a value or an Error, never silently dropped. HF_TRY(x) gives x's value or returns its error to the caller.

#include <tl/expected.hpp>
#include <utility>

#include "base/error.hpp"

namespace hf {

template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using Base = tl::expected<T, Error>;
  using Base::Base;
  Result(Error error) : Base(tl::unexpect, std::move(error)) {}  // NOLINT(google-explicit-constructor): `return Error{…}`

  /// Adds what was being done to an error; `doing()` is called only on failure.
  template <class F>
  Result context(F&& doing) && {
    if (!this->has_value()) static_cast<void>(std::move(this->error()).in_context(doing()));  // changes it in place
    return std::move(*this);
  }
};

using Status = Result<void>;

}  // namespace hf

/// The value of a Result, or return its error from this function. A GNU statement expression: not in coroutines or
/// default arguments.
#define HF_TRY_(name, ...)                                     \
  __extension__({                                              \
    auto name = (__VA_ARGS__);                                 \
    if (!name) [[unlikely]] return std::move(name.error());    \
    ::hf::detail::take(std::move(name));                       \
  })
#define HF_JOIN_(a, b) a##b
#define HF_NAME_(a, b) HF_JOIN_(a, b)
#define HF_TRY(...) HF_TRY_(HF_NAME_(hf_result_, __COUNTER__), __VA_ARGS__)

namespace hf::detail {
template <class T>
T take(Result<T>&& r) { return std::move(*r); }
inline void take(Result<void>&&) {}
template <class T>
T take(tl::expected<T, Error>&& r) { return std::move(*r); }
}  // namespace hf::detail
