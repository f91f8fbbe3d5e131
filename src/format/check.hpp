#pragma once
// The check at the end of what is not sealed: the first four bytes of the SHA-256 of all before it. It tells damage, and
// keeps nobody from anything.

#include <algorithm>

#include "codec/hash.hpp"

namespace hf {

constexpr std::size_t kCheckBytes = 4;

/// Appends the check of what `b` holds.
inline void add_check(Buffer& b) {
  const Digest d = sha256(b);
  append(b, ByteView(d).first(kCheckBytes));
}
/// `b` with its check, at least that long.
inline bool check_holds(ByteView b) {
  const Digest d = sha256(b.first(b.size() - kCheckBytes));
  return std::equal(b.end() - kCheckBytes, b.end(), d.begin());
}

}  // namespace hf
