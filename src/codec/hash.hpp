#pragma once
// SHA-256, HMAC-SHA-256 and HKDF. Several messages at once run in two interleaved lanes where the CPU has SHA
// instructions: one lane alone waits for its own latency (docs/performance.md has the figures).
//
// Pure: the same bytes give the same digest on every machine; the vectors of FIPS 180-4, RFC 4231 and RFC 5869 pin it.

#include <array>
#include <span>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace hf {

using Digest = std::array<std::uint8_t, 32>;

Digest sha256(ByteView message);
/// Digests of several messages; `out` has as many places. Faster than one by one.
void sha256_many(std::span<const ByteView> messages, std::span<Digest> out);

/// SHA-256 of a stream.
class Sha256 {
 public:
  Sha256();
  void update(ByteView bytes);
  Digest finish();  ///< call once

 private:
  std::array<std::uint32_t, 8> state_;
  std::array<std::uint8_t, 64> rest_{};
  std::size_t rest_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
};

/// HMAC-SHA-256 (RFC 2104) under one key, whose two first blocks are hashed once. Immutable: any thread.
class KeyedHash {
 public:
  explicit KeyedHash(ByteView key);
  Digest digest(ByteView message) const;
  void digest_many(std::span<const ByteView> messages, std::span<Digest> out) const;
  ChunkId id(ByteView chunk) const { return ChunkId{digest(chunk)}; }

 private:
  std::array<std::uint32_t, 8> inner_, outer_;
};

/// HKDF-SHA-256 (RFC 5869), 32 bytes: an independent key for each (salt, info).
Digest hkdf(ByteView secret, ByteView salt, std::string_view info);

}  // namespace hf
