#pragma once
// Inside format/: what the two readers of tree nodes share (docs/format/tree.md).

#include <cstdint>

namespace hf::tree_bits {

inline constexpr std::uint8_t kLeaf = 1, kInner = 2, kRefList = 3;

// Bits of an entry's first varint: type in the low three, then what differs from the plainest case.
enum : std::uint32_t {
  kTypeMask = 7,
  kSameOwner = 8,        // mode, uid, gid as the entry before
  kHasXattrs = 16,
  kHasFlags = 32,
  kHasHoles = 64,
  kInconsistent = 128,
  kLinked = 256,         // more than one name: link count follows
  kSameDevice = 512,     // dev as the entry before
  kCtimeIsMtime = 1024,
  kDeepContent = 2048,   // level above 0 follows
  kOneChunk = 4096,      // exactly one reference, of the file's size
  kWholeSecond = 8192,   // mtime has no nanoseconds
};

}  // namespace hf::tree_bits
