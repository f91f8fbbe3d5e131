#include "codec/shamir.hpp"

#include <gtest/gtest.h>

#include <random>

namespace hf {
namespace {

/// Polynomials multiplied and divided by hand: what the field is, without any trick.
std::uint8_t schoolbook(unsigned a, unsigned b) {
  unsigned product = 0;
  for (unsigned i = 0; i < 8; ++i)
    if (b >> i & 1) product ^= a << i;
  for (int i = 15; i >= 8; --i)
    if (product >> i & 1) product ^= 0x11Bu << (i - 8);
  return static_cast<std::uint8_t>(product);
}
Buffer noise(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  Buffer out(n);
  for (auto& b : out) b = static_cast<std::uint8_t>(random());
  return out;
}

TEST(Shamir, the_field_is_that_of_fips_197) {
  EXPECT_EQ(field_multiply(0x57, 0x83), 0xC1);  // section 4.2
  EXPECT_EQ(field_multiply(0x57, 0x13), 0xFE);  // section 4.2.1
  for (unsigned a = 0; a < 256; ++a)
    for (unsigned b = 0; b < 256; ++b) ASSERT_EQ(field_multiply(static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b)), schoolbook(a, b)) << a << " " << b;
}
TEST(Shamir, every_element_has_its_inverse) {
  EXPECT_EQ(field_inverse(0), 0);
  EXPECT_EQ(field_inverse(0x53), 0xCA);
  for (unsigned a = 1; a < 256; ++a) ASSERT_EQ(field_multiply(static_cast<std::uint8_t>(a), field_inverse(static_cast<std::uint8_t>(a))), 1) << a;
}
TEST(Shamir, a_split_is_pinned) {
  // y = 0x42 + 0x01 x + 0x02 x^2, by hand: x = 1, 2, 3.
  const Buffer secret{0x42}, random{0x01, 0x02};
  const auto shares = shamir_split(secret, 3, 3, random);
  EXPECT_EQ(shares[0].bytes[0], 0x42 ^ 0x01 ^ 0x02);
  EXPECT_EQ(shares[1].bytes[0], 0x42 ^ 0x02 ^ 0x08);
  EXPECT_EQ(shares[2].bytes[0], 0x42 ^ 0x03 ^ 0x0A);
}
TEST(Shamir, any_enough_shares_give_the_secret_and_fewer_do_not) {
  const Buffer secret = noise(20, 1);
  for (unsigned n = 2; n <= 7; ++n)
    for (unsigned m = 2; m <= n; ++m) {
      const auto shares = shamir_split(secret, m, n, noise((m - 1) * secret.size(), 100 * n + m));
      for (unsigned subset = 1; subset < 1u << n; ++subset) {
        std::vector<ShamirShare> some;
        for (unsigned i = 0; i < n; ++i)
          if (subset >> i & 1) some.insert(some.begin() + static_cast<std::ptrdiff_t>(some.size() / 2), shares[i]);  // in any order
        ASSERT_EQ(shamir_combine(some) == secret, some.size() >= m) << m << "/" << n << " subset " << subset;
      }
    }
}
TEST(Shamir, one_share_short_every_secret_is_as_likely) {
  // 2 of 2: share 1 is 0x17. For each secret there is one coefficient that gives it: nothing is learned.
  for (unsigned secret = 0; secret < 256; ++secret) {
    unsigned fitting = 0;
    for (unsigned c = 0; c < 256; ++c)
      fitting += shamir_split(Buffer{static_cast<std::uint8_t>(secret)}, 2, 2, Buffer{static_cast<std::uint8_t>(c)})[0].bytes[0] == 0x17;
    ASSERT_EQ(fitting, 1u);
  }
}
TEST(Shamir, the_largest_set) {
  const Buffer secret = noise(20, 2);
  const auto shares = shamir_split(secret, 255, 255, noise(254 * secret.size(), 3));
  EXPECT_EQ(shamir_combine(shares), secret);
  EXPECT_NE(shamir_combine(std::span(shares).first(254)), secret);
}

}  // namespace
}  // namespace hf
