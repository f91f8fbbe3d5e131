#pragma once
// X25519 (RFC 7748): two keys agree on a secret, so that something can be sealed to who is not here.

#include <optional>

#include "codec/hash.hpp"

namespace hf {

/// Any 32 bytes are a private key.
Digest agreement_public_key(const Digest& private_key);
/// The shared secret: the same from both sides. Nothing where `other` is a point of small order, which would give a
/// secret that everybody knows.
std::optional<Digest> agree(const Digest& private_key, const Digest& other);

}  // namespace hf
