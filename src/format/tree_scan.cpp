#include "format/tree_scan.hpp"

#include "format/pack.hpp"
#include "format/tree_bits.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace tree_bits;

Error damaged() { return Error(Code::corrupt, "a directory node is damaged"); }
Error newer() { return Error(Code::unsupported, "a directory node was written by a newer version of Holdfast", "use that version or a later one"); }

Status scan_leaf(wire::Reader r, const std::function<void(const NameInNode&)>& visit) {
  const std::uint64_t count = r.count(r.left());
  wire::Reader f(r.bytes());
  if (!r.ok()) return damaged();
  NameInNode n;
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t bits = f.varint();
    if (f.ok() && bits >= kWholeSecond * 2) return newer();
    n.type = static_cast<FileType>(bits & kTypeMask);
    n.name = as_text(f.bytes());
    n.node.reset();
    if ((bits & kSameOwner) == 0)
      for (int skip = 0; skip < 3; ++skip) f.varint();
    f.varint();
    if ((bits & kWholeSecond) == 0) f.u32();
    if ((bits & kCtimeIsMtime) == 0) {
      f.varint();
      f.u32();
    }
    if ((bits & kSameDevice) == 0) f.varint();
    f.varint();
    if ((bits & kLinked) != 0) f.varint();
    if ((bits & kHasFlags) != 0) f.u32();
    if ((bits & kHasXattrs) != 0) {
      const std::uint64_t xattrs = f.count(f.left());
      for (std::uint64_t x = 0; x < xattrs && f.ok(); ++x) {
        f.bytes();
        f.bytes();
      }
    }
    switch (n.type) {
      case FileType::regular: {
        f.varint();
        if ((bits & kHasHoles) != 0) {
          const std::uint64_t holes = f.count(f.left());
          for (std::uint64_t h = 0; h < 2 * holes && f.ok(); ++h) f.varint();
        }
        if ((bits & kDeepContent) != 0) f.u8();
        const std::uint64_t refs = (bits & kOneChunk) != 0 ? 1 : f.count(r.left() / ChunkId::kBytes);
        if ((bits & kOneChunk) == 0)
          for (std::uint64_t c = 0; c < refs && f.ok(); ++c) f.varint();
        r.raw(refs * ChunkId::kBytes);
        break;
      }
      case FileType::directory: {
        f.varint();
        f.varint();
        const auto bytes = static_cast<std::uint32_t>(f.count(kSegmentPlainMax));
        if (bytes > 0) n.node = ChunkRef{r.id<ChunkId>(), bytes};
        break;
      }
      case FileType::symlink: f.bytes(); break;
      case FileType::char_device:
      case FileType::block_device:
        f.varint();
        f.varint();
        break;
      case FileType::unknown: return damaged();
      default: break;
    }
    if (!f.ok() || !r.ok() || !is_safe_name(n.name)) return damaged();
    visit(n);
  }
  return f.at_end() && r.at_end() ? Status() : damaged();
}
}  // namespace

Status scan_names(ByteView node, const std::function<void(const NameInNode&)>& visit) {
  wire::Reader r(node);
  const std::uint8_t kind = r.u8();
  if (kind == kLeaf) return scan_leaf(r, visit);
  if (kind > kRefList) return newer();
  if (kind != kInner) return damaged();
  const std::uint64_t count = r.count(r.left() / (ChunkId::kBytes + 3));
  for (std::uint64_t i = 0; i < count; ++i) {
    NameInNode n;
    n.is_range = true;
    n.name = as_text(r.bytes());
    const auto bytes = static_cast<std::uint32_t>(r.count(kSegmentPlainMax));
    n.node = ChunkRef{r.id<ChunkId>(), bytes};
    if (!r.ok() || bytes == 0 || !is_safe_name(n.name)) return damaged();
    visit(n);
  }
  return r.at_end() && count > 0 ? Status() : damaged();
}

}  // namespace hf
