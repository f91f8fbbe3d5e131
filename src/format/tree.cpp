#include "format/tree.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "codec/hash.hpp"
#include "format/pack.hpp"
#include "format/tree_bits.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {

using namespace tree_bits;

struct Last {  // what the next entry is written against
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::int64_t mtime_s = 0, ctime_s = 0;
  std::uint64_t ino = 0, dev = 0;
};

constexpr std::int64_t kSecond = 1'000'000'000;
std::int64_t seconds_of(std::int64_t ns) { return ns / kSecond - (ns % kSecond < 0 ? 1 : 0); }
std::uint64_t rest_of(std::int64_t ns) { return static_cast<std::uint64_t>(ns % kSecond + (ns % kSecond < 0 ? kSecond : 0)); }

Error damaged() { return Error(Code::corrupt, "a directory node is damaged"); }

/// Times beyond what 64-bit nanoseconds hold are refused, not wrapped.
bool join_time(std::int64_t s, std::uint64_t ns, std::int64_t& out) {
  if (ns >= static_cast<std::uint64_t>(kSecond)) return false;
  const __int128 joined = static_cast<__int128>(s) * kSecond + static_cast<__int128>(ns);  // exact also near the ends
  out = static_cast<std::int64_t>(joined);
  return out == joined;
}

Error newer() { return Error(Code::unsupported, "a directory node was written by a newer version of Holdfast", "use that version or a later one"); }

bool has_one_chunk(const Entry& e) {
  return e.is_regular() && e.content.level == 0 && e.content.refs.size() == 1 && e.content.refs[0].bytes == e.stat.size && e.content.holes.empty();
}

/// The bits of an entry after `last`: also what makes the encoding canonical, as the decoder accepts no others.
std::uint32_t bits_of(const Entry& e, const Last& last) {
  const Stat& s = e.stat;
  std::uint32_t bits = static_cast<std::uint32_t>(s.type);
  if (s.mode == last.mode && s.uid == last.uid && s.gid == last.gid) bits |= kSameOwner;
  if (!e.xattrs.empty()) bits |= kHasXattrs;
  if (e.flags != 0) bits |= kHasFlags;
  if (e.is_regular() && !e.content.holes.empty()) bits |= kHasHoles;
  if (e.inconsistent) bits |= kInconsistent;
  if (!e.is_directory() && s.nlink > 1) bits |= kLinked;
  if (s.dev == last.dev) bits |= kSameDevice;
  if (s.ctime == s.mtime) bits |= kCtimeIsMtime;
  if (e.is_regular() && e.content.level > 0) bits |= kDeepContent;
  if (has_one_chunk(e)) bits |= kOneChunk;
  if (rest_of(s.mtime) == 0) bits |= kWholeSecond;
  return bits;
}

/// The kernel lists xattrs in no order.
std::vector<const Xattr*> in_order(const std::vector<Xattr>& xattrs) {
  std::vector<const Xattr*> out;
  for (const Xattr& x : xattrs) out.push_back(&x);
  std::sort(out.begin(), out.end(), [](const Xattr* a, const Xattr* b) { return a->name < b->name; });
  for (std::size_t i = 0; i < out.size(); ++i) HF_ASSERT(!out[i]->name.empty() && (i == 0 || out[i - 1]->name != out[i]->name));
  return out;
}

/// Asserts what the decoder demands: a node that no one can read must not be written.
void check_entry(const Entry& e) {
  HF_ASSERT(is_safe_name(e.name));
  HF_ASSERT(e.stat.type >= FileType::regular && e.stat.type <= FileType::block_device);
  HF_ASSERT(e.stat.mode <= 07777);
  if (e.is_directory() && e.directory) HF_ASSERT(e.directory->bytes > 0 && e.directory->bytes <= kSegmentPlainMax);
  if (!e.is_regular()) return;
  std::uint64_t sum = 0, hole_end = 0;
  for (const Hole& h : e.content.holes) {
    HF_ASSERT(h.bytes > 0 && h.offset >= hole_end && h.bytes <= e.stat.size && h.offset <= e.stat.size - h.bytes);
    hole_end = h.offset + h.bytes;
    sum += h.bytes;
  }
  for (const ChunkRef& r : e.content.refs) {
    HF_ASSERT(r.bytes > 0 && r.bytes <= kSegmentPlainMax);
    sum += r.bytes;
  }
  HF_ASSERT(e.content.level <= kContentLevelMax);
  HF_ASSERT(e.content.level > 0 ? !e.content.refs.empty() : sum == e.stat.size);
}

}  // namespace

// A leaf keeps the hashes apart from the rest: they do not compress, and in between they would hide what does.
Buffer encode_leaf(const std::vector<Entry>& entries) {
  Buffer fields, ids, out;
  wire::Writer w(fields), hashes(ids);
  Last last;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Entry& e = entries[i];
    const Stat& s = e.stat;
    check_entry(e);
    HF_ASSERT(i == 0 || entries[i - 1].name < e.name);
    const std::uint32_t bits = bits_of(e, last);
    w.varint(bits);
    w.text(e.name);
    if ((bits & kSameOwner) == 0) {
      w.varint(s.mode);
      w.varint(s.uid);
      w.varint(s.gid);
    }
    w.signed_varint(seconds_of(s.mtime) - last.mtime_s);
    if ((bits & kWholeSecond) == 0) w.u32(static_cast<std::uint32_t>(rest_of(s.mtime)));
    if ((bits & kCtimeIsMtime) == 0) {
      w.signed_varint(seconds_of(s.ctime) - last.ctime_s);
      w.u32(static_cast<std::uint32_t>(rest_of(s.ctime)));
    }
    if ((bits & kSameDevice) == 0) w.varint(s.dev);
    w.signed_varint(static_cast<std::int64_t>(s.ino - last.ino));
    if ((bits & kLinked) != 0) w.varint(s.nlink);
    if ((bits & kHasFlags) != 0) w.u32(e.flags);
    if ((bits & kHasXattrs) != 0) {
      w.varint(e.xattrs.size());
      for (const Xattr* x : in_order(e.xattrs)) {
        w.text(x->name);
        w.bytes(x->value);
      }
    }
    switch (s.type) {
      case FileType::regular:
        w.varint(s.size);
        if ((bits & kHasHoles) != 0) {
          w.varint(e.content.holes.size());
          std::uint64_t end = 0;
          for (const Hole& h : e.content.holes) {
            w.varint(h.offset - end);
            w.varint(h.bytes);
            end = h.offset + h.bytes;
          }
        }
        if ((bits & kDeepContent) != 0) w.u8(e.content.level);
        if ((bits & kOneChunk) == 0) {
          w.varint(e.content.refs.size());
          for (const ChunkRef& r : e.content.refs) w.varint(r.bytes);
        }
        for (const ChunkRef& r : e.content.refs) hashes.id(r.id);
        break;
      case FileType::directory:
        w.varint(e.below_files);
        w.varint(e.below_bytes);
        w.varint(e.directory ? e.directory->bytes : 0);
        if (e.directory) hashes.id(e.directory->id);
        break;
      case FileType::symlink: w.text(e.target); break;
      case FileType::char_device:
      case FileType::block_device:
        w.varint(s.rdev_major);
        w.varint(s.rdev_minor);
        break;
      default: break;
    }
    last = {s.mode, s.uid, s.gid, seconds_of(s.mtime), seconds_of(s.ctime), s.ino, s.dev};
  }
  wire::Writer head(out);
  head.u8(kLeaf);
  head.varint(entries.size());
  head.varint(fields.size());
  append(out, fields);
  append(out, ids);
  return out;
}

Buffer encode_inner(const std::vector<NodeRange>& ranges) {
  HF_ASSERT(!ranges.empty());
  Buffer out;
  wire::Writer w(out);
  w.u8(kInner);
  w.varint(ranges.size());
  for (const NodeRange& r : ranges) {
    w.text(r.first);
    w.varint(r.node.bytes);
    w.id(r.node.id);
  }
  return out;
}

namespace {
Result<TreeNode> decode_leaf(wire::Reader r) {
  TreeNode node;
  const std::uint64_t count = r.count(r.left());
  wire::Reader f(r.bytes());
  if (!r.ok()) return damaged();
  node.entries.reserve(std::min<std::uint64_t>(count, kLeafEntriesMax));
  Last last;
  for (std::uint64_t i = 0; i < count; ++i) {
    Entry e;
    Stat& s = e.stat;
    const std::uint64_t bits = f.varint();
    if (f.ok() && bits >= kWholeSecond * 2) return newer();
    if ((bits & kTypeMask) == 0) return damaged();
    s.type = static_cast<FileType>(bits & kTypeMask);
    e.name = f.text();
    if (!is_safe_name(e.name)) return damaged();
    if (!node.entries.empty() && !(node.entries.back().name < e.name)) return damaged();
    if ((bits & kSameOwner) != 0) {
      s.mode = last.mode;
      s.uid = last.uid;
      s.gid = last.gid;
    } else {
      s.mode = static_cast<std::uint32_t>(f.count(07777));
      s.uid = static_cast<std::uint32_t>(f.count(UINT32_MAX));
      s.gid = static_cast<std::uint32_t>(f.count(UINT32_MAX));
    }
    std::int64_t mtime_s, ctime_s;
    if (__builtin_add_overflow(last.mtime_s, f.signed_varint(), &mtime_s)) return damaged();
    if (!join_time(mtime_s, (bits & kWholeSecond) != 0 ? 0 : f.u32(), s.mtime)) return damaged();
    if ((bits & kCtimeIsMtime) != 0) {
      s.ctime = s.mtime;
      ctime_s = mtime_s;
    } else {
      if (__builtin_add_overflow(last.ctime_s, f.signed_varint(), &ctime_s)) return damaged();
      if (!join_time(ctime_s, f.u32(), s.ctime)) return damaged();
    }
    s.dev = (bits & kSameDevice) != 0 ? last.dev : f.varint();
    s.ino = last.ino + static_cast<std::uint64_t>(f.signed_varint());
    s.nlink = (bits & kLinked) != 0 ? static_cast<std::uint32_t>(f.count(UINT32_MAX)) : 1;
    if ((bits & kHasFlags) != 0) e.flags = f.u32();
    if ((bits & kHasXattrs) != 0) {
      const std::uint64_t n = f.count(f.left());
      for (std::uint64_t x = 0; x < n && f.ok(); ++x) {
        Xattr& attribute = e.xattrs.emplace_back();
        attribute.name = f.text();
        if (attribute.name.empty() || (x > 0 && !(e.xattrs[x - 1].name < attribute.name))) return damaged();
        const ByteView value = f.bytes();
        attribute.value.assign(value.begin(), value.end());
      }
    }
    e.inconsistent = (bits & kInconsistent) != 0;
    switch (s.type) {
      case FileType::regular: {
        s.size = f.varint();
        std::uint64_t in_holes = 0;
        if ((bits & kHasHoles) != 0) {
          const std::uint64_t n = f.count(f.left());
          std::uint64_t end = 0;
          for (std::uint64_t h = 0; h < n && f.ok(); ++h) {
            Hole hole;
            const std::uint64_t gap = f.varint();
            hole.bytes = f.varint();
            if (__builtin_add_overflow(end, gap, &hole.offset) || __builtin_add_overflow(hole.offset, hole.bytes, &end) || end > s.size || hole.bytes == 0)
              return damaged();
            in_holes += hole.bytes;
            e.content.holes.push_back(hole);
          }
        }
        if ((bits & kDeepContent) != 0) {
          e.content.level = f.u8();
          if (e.content.level == 0 || e.content.level > kContentLevelMax) return damaged();
        }
        const bool one = (bits & kOneChunk) != 0;
        if (one && (bits & (kHasHoles | kDeepContent)) != 0) return damaged();
        const std::uint64_t refs = one ? 1 : f.count(r.left() / ChunkId::kBytes);
        e.content.refs.resize(refs);
        std::uint64_t sum = 0;
        for (ChunkRef& ref : e.content.refs) {
          ref.bytes = static_cast<std::uint32_t>(one ? (s.size <= kSegmentPlainMax ? s.size : 0) : f.count(kSegmentPlainMax));
          if (ref.bytes == 0) return damaged();
          sum += ref.bytes;
        }
        for (ChunkRef& ref : e.content.refs) ref.id = r.id<ChunkId>();
        // The chunks of a file are as long as the file: nothing that follows need ask again.
        if (e.content.level == 0 ? sum + in_holes != s.size : refs == 0) return damaged();
        break;
      }
      case FileType::directory: {
        e.below_files = f.varint();
        e.below_bytes = f.varint();
        const auto bytes = static_cast<std::uint32_t>(f.count(kSegmentPlainMax));
        if (bytes > 0) e.directory = ChunkRef{r.id<ChunkId>(), bytes};
        break;
      }
      case FileType::symlink: e.target = f.text(); break;
      case FileType::char_device:
      case FileType::block_device:
        s.rdev_major = static_cast<std::uint32_t>(f.count(UINT32_MAX));
        s.rdev_minor = static_cast<std::uint32_t>(f.count(UINT32_MAX));
        break;
      default: break;
    }
    if (!f.ok() || !r.ok() || bits != bits_of(e, last)) return damaged();
    last = {s.mode, s.uid, s.gid, mtime_s, ctime_s, s.ino, s.dev};
    node.entries.push_back(std::move(e));
  }
  if (!f.at_end() || !r.at_end()) return damaged();
  return node;
}
}  // namespace

Result<TreeNode> decode_node(ByteView in) {
  wire::Reader r(in);
  const std::uint8_t kind = r.u8();
  if (kind == kLeaf) return decode_leaf(r);
  if (kind > kRefList) return newer();
  if (kind != kInner) return damaged();
  TreeNode node;
  const std::uint64_t count = r.count(r.left() / (ChunkId::kBytes + 3));
  for (std::uint64_t i = 0; i < count && r.ok(); ++i) {
    NodeRange& range = node.ranges.emplace_back();
    range.first = r.text();
    range.node.bytes = static_cast<std::uint32_t>(r.count(kSegmentPlainMax));
    range.node.id = r.id<ChunkId>();
    if (!is_safe_name(range.first) || range.node.bytes == 0) return damaged();
    if (i > 0 && !(node.ranges[i - 1].first < range.first)) return damaged();
  }
  if (!r.at_end() || node.ranges.empty()) return damaged();
  return node;
}

Buffer encode_ref_list(const std::vector<ChunkRef>& refs) {
  HF_ASSERT(!refs.empty());
  Buffer out;
  wire::Writer w(out);
  w.u8(kRefList);
  w.varint(refs.size());
  for (const ChunkRef& r : refs) w.varint(r.bytes);
  for (const ChunkRef& r : refs) w.id(r.id);
  return out;
}

Result<std::vector<ChunkRef>> decode_ref_list(ByteView in) {
  wire::Reader r(in);
  const std::uint8_t kind = r.u8();
  if (kind > kRefList) return newer();
  if (kind != kRefList) r.fail();
  std::vector<ChunkRef> refs(r.count(r.left() / (ChunkId::kBytes + 1)));
  for (ChunkRef& ref : refs) {
    ref.bytes = static_cast<std::uint32_t>(r.count(kSegmentPlainMax));
    if (ref.bytes == 0) r.fail();  // a list that never advances could be followed for ever
  }
  if (refs.empty()) r.fail();
  for (ChunkRef& ref : refs) ref.id = r.id<ChunkId>();
  if (!r.at_end()) return Error(Code::corrupt, "a list of chunks is damaged");
  return refs;
}

bool leaf_ends_after(std::string_view name) {
  const Digest d = sha256(as_bytes(name));
  return d[0] == 0 && d[1] < 64;  // one name in 1,024
}
std::size_t entry_weight(const Entry& e) {
  std::size_t n = 48 + e.name.size() + e.target.size() + 36 * (e.content.refs.size() + (e.directory ? 1 : 0)) + 12 * e.content.holes.size();
  for (const Xattr& x : e.xattrs) n += 8 + x.name.size() + x.value.size();
  return n;
}

bool LeafRule::ends_after(const Entry& entry) {
  const std::size_t own = entry_weight(entry);
  weight_ += own;
  ++count_;
  bool ends = weight_ >= kLeafWeightMax || count_ == kLeafEntriesMax;
  if (!ends && weight_ >= kLeafWeightMin) {
    // Heavy entries end a leaf more often, so that leaves are about as large whatever they hold.
    const Digest d = sha256(as_bytes(entry.name));
    const std::uint64_t drawn = std::uint64_t{d[0]} << 16 | std::uint64_t{d[1]} << 8 | d[2];
    ends = drawn * kLeafWeightMean < std::uint64_t{own} << 24;
  }
  if (ends) weight_ = count_ = 0;
  return ends;
}

std::size_t leaf_end(std::span<const Entry> entries) {
  LeafRule rule;
  for (std::size_t i = 0; i < entries.size(); ++i)
    if (rule.ends_after(entries[i])) return i + 1;
  return entries.size();
}

bool ref_list_ends_after(const ChunkId& id) { return id.bytes[31] == 0 && id.bytes[30] < 64; }

bool is_safe_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == std::string_view::npos && name.find('\0') == std::string_view::npos;
}

}  // namespace hf
