#pragma once
// Ed25519 (RFC 8032).

#include <array>

#include "base/bytes.hpp"
#include "codec/hash.hpp"

namespace hf {

using PublicKey = std::array<std::uint8_t, 32>;
using Signature = std::array<std::uint8_t, 64>;

PublicKey public_key_of(const Digest& seed);
Signature sign(const Digest& seed, ByteView message);
bool signature_holds(const PublicKey& key, ByteView message, const Signature& signature);

}  // namespace hf
