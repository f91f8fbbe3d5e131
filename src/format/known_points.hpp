#pragma once
// Recovery points whose signature was found to hold, so that it need not be checked again (docs/format/needs.md).

#include <unordered_map>

#include "base/ids.hpp"
#include "codec/hash.hpp"

namespace hf {

/// The name of a point → SHA-256 of its object, all bytes of it.
using KnownPoints = std::unordered_map<PointId, Digest>;
Buffer encode_known_points(const KnownPoints& known);
Result<KnownPoints> decode_known_points(ByteView in);

}  // namespace hf
