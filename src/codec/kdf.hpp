#pragma once
// Argon2id (RFC 9106): from a passphrase to a key.

#include "base/bytes.hpp"
#include "codec/hash.hpp"

namespace hf {

/// Costs, recorded with each slot. Readers refuse more than 4 GiB or 64 passes, so that no vault can hang them. These are the
/// second choice that RFC 9106 recommends, section 4: whoever guesses pays as much as with one lane, and who knows has two or
/// four cores to wait for.
struct Argon2Params {
  std::uint32_t memory_kib = 64 * 1024;
  std::uint32_t passes = 3;
  std::uint32_t lanes = 4;
  bool acceptable() const { return memory_kib >= 8 * lanes && memory_kib <= (4u << 20) && passes >= 1 && passes <= 64 && lanes >= 1 && lanes <= 64; }
};

Result<Digest> argon2id(ByteView secret, ByteView salt, const Argon2Params& params);

}  // namespace hf
