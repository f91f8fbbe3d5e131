#pragma once
// For tests: every truncation and every flipped bit of a small object.

#include <gtest/gtest.h>

#include "base/bytes.hpp"

namespace hf::damage {

/// `decode` takes a ByteView; the copies lie at the end of their own allocation, so that a sanitizer sees a byte too many.
template <class F>
void each_truncation(ByteView object, F&& decode) {
  for (std::size_t n = 0; n < object.size(); ++n) {
    const Buffer cut(object.begin(), object.begin() + static_cast<std::ptrdiff_t>(n));
    decode(ByteView(cut));
  }
}
template <class F>
void each_bit_flip(ByteView object, F&& decode) {
  Buffer copy(object.begin(), object.end());
  for (std::size_t bit = 0; bit < 8 * copy.size(); ++bit) {
    const auto mask = static_cast<std::uint8_t>(1u << (bit % 8));
    copy[bit / 8] = static_cast<std::uint8_t>(copy[bit / 8] ^ mask);
    decode(ByteView(copy));
    copy[bit / 8] = static_cast<std::uint8_t>(copy[bit / 8] ^ mask);
  }
}
/// Nothing shorter and nothing with one bit changed decodes.
template <class F>
void always_detected(ByteView object, F&& decode) {
  ASSERT_TRUE(decode(object).has_value());
  each_truncation(object, [&](ByteView b) { EXPECT_FALSE(decode(b).has_value()) << "cut to " << b.size(); });
  each_bit_flip(object, [&](ByteView b) { EXPECT_FALSE(decode(b).has_value()); });
}
/// For layouts that protect themselves only inside a seal: damage never crashes, and whatever decodes encodes to itself.
template <class D, class E>
void canonical_or_refused(ByteView object, D&& decode, E&& encode) {
  const auto check = [&](ByteView b) {
    auto value = decode(b);
    if (!value) return;
    EXPECT_EQ(encode(*value), Buffer(b.begin(), b.end()));
  };
  ASSERT_TRUE(decode(object).has_value());
  check(object);
  each_truncation(object, check);
  each_bit_flip(object, check);
}

}  // namespace hf::damage
