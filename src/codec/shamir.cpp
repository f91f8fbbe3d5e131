#include "codec/shamir.hpp"

#include "base/assert.hpp"

namespace hf {

std::uint8_t field_multiply(std::uint8_t a, std::uint8_t b) {
  unsigned product = 0, x = a;
  for (unsigned bit = 0; bit < 8; ++bit) {
    product ^= x & (0u - ((static_cast<unsigned>(b) >> bit) & 1u));
    x = (x << 1) ^ (0x11Bu & (0u - (x >> 7)));  // x stays below 256: bit 8 cancels itself
  }
  return static_cast<std::uint8_t>(product);
}

std::uint8_t field_inverse(std::uint8_t a) {
  // a^254: every element but 0 satisfies a^255 = 1.
  std::uint8_t power = a, out = 1;
  for (int i = 0; i < 7; ++i) {
    power = field_multiply(power, power);  // a^2, a^4, … a^128, whose product it is
    out = field_multiply(out, power);
  }
  return out;
}

std::vector<ShamirShare> shamir_split(ByteView secret, unsigned threshold, unsigned count, ByteView random) {
  HF_ASSERT(threshold >= 2 && threshold <= count && count <= 255);
  HF_ASSERT(random.size() == (threshold - 1) * secret.size());
  std::vector<ShamirShare> out(count);
  for (unsigned i = 0; i < count; ++i) {
    out[i].x = static_cast<std::uint8_t>(i + 1);
    out[i].bytes.assign(secret.size(), 0);
    for (std::size_t at = 0; at < secret.size(); ++at) {
      std::uint8_t y = 0;  // Horner, the highest coefficient first
      for (unsigned power = threshold - 1; power > 0; --power) y = field_multiply(y ^ random[(power - 1) * secret.size() + at], out[i].x);
      out[i].bytes[at] = y ^ secret[at];
    }
  }
  return out;
}

Buffer shamir_combine(std::span<const ShamirShare> shares) {
  HF_ASSERT(!shares.empty());
  Buffer out(shares[0].bytes.size());
  for (const ShamirShare& share : shares) {
    HF_ASSERT(share.x != 0 && share.bytes.size() == out.size());
    std::uint8_t weight = 1;  // Lagrange at 0: the product of x_j / (x_j - x_i); minus is plus here
    for (const ShamirShare& other : shares)
      if (&other != &share) weight = field_multiply(weight, field_multiply(other.x, field_inverse(other.x ^ share.x)));
    for (std::size_t at = 0; at < out.size(); ++at) out[at] ^= field_multiply(weight, share.bytes[at]);
  }
  return out;
}

}  // namespace hf
