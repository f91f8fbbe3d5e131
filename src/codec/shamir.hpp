#pragma once
// Shamir's secret sharing over GF(2^8): any `threshold` of the shares give the secret, fewer say nothing about it.
// A. Shamir, "How to share a secret", CACM 22 (1979). Each byte is shared alone, with a polynomial of its own whose
// value at 0 is that byte; share x holds the values at x. The field is that of AES (FIPS 197): x^8 + x^4 + x^3 + x + 1.

#include <span>
#include <vector>

#include "base/bytes.hpp"

namespace hf {

/// Product and inverse in the field; the time taken tells nothing about the operands. The inverse of 0 is 0.
std::uint8_t field_multiply(std::uint8_t a, std::uint8_t b);
std::uint8_t field_inverse(std::uint8_t a);

struct ShamirShare {
  std::uint8_t x = 0;  ///< 1 to 255, distinct within a set
  Buffer bytes;        ///< as many as the secret has
};

/// Shares for x = 1 to `count`. `random` gives the coefficients: (threshold - 1) * secret.size() bytes that nobody can guess.
/// 2 <= threshold <= count <= 255.
std::vector<ShamirShare> shamir_split(ByteView secret, unsigned threshold, unsigned count, ByteView random);
/// The secret that these shares give. All of one length, with distinct x other than 0. Too few, or shares of different
/// sets, give other bytes: only a check beside the secret can tell.
Buffer shamir_combine(std::span<const ShamirShare> shares);

}  // namespace hf
