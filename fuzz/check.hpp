#pragma once
// For fuzz targets: what must hold of any input. A target returns 0; a broken promise aborts, which the fuzzer records.

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "base/bytes.hpp"
#include "codec/hash.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

#define HF_MUST(condition)                                                                         \
  do {                                                                                             \
    if (!(condition)) {                                                                            \
      std::fprintf(stderr, "fuzz: %s is false at %s:%d\n", #condition, __FILE__, __LINE__);        \
      std::abort();                                                                                \
    }                                                                                              \
  } while (false)

namespace hf::fuzz {

inline bool same(ByteView a, ByteView b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

/// What decodes encodes to the bytes that it came from: there is one encoding of each value.
template <class D, class E>
void canonical(ByteView in, D&& decode, E&& encode) {
  const auto value = decode(in);
  if (value) HF_MUST(same(encode(*value), in));
}

/// The first byte of an input chooses among the decoders of one target.
struct Choice {
  std::uint8_t which = 0;
  ByteView rest;
  Choice(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return;
    which = data[0];
    rest = ByteView(data + 1, size - 1);
  }
};

/// Mends the last four bytes, which check all before them, so that the fuzzer gets past the check; every eighth input
/// is left as it is.
inline Buffer with_mended_check(ByteView in) {
  Buffer b(in.begin(), in.end());
  if (b.size() < 4 || b.back() % 8 == 7) return b;
  const Digest d = sha256(ByteView(b).first(b.size() - 4));
  std::copy_n(d.begin(), 4, b.end() - 4);
  return b;
}

}  // namespace hf::fuzz
