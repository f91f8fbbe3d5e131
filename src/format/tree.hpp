#pragma once
// Trees: a directory is a node, or several where it is large; a node is a chunk (docs/format/tree.md).

#include <optional>
#include <span>
#include <vector>

#include "base/ids.hpp"
#include "platform/env.hpp"

namespace hf {

struct ChunkRef {
  ChunkId id;
  std::uint32_t bytes = 0;  ///< of plaintext
  auto operator<=>(const ChunkRef&) const = default;
};

struct Xattr {
  std::string name;
  Buffer value;
  bool operator==(const Xattr&) const = default;
};

struct Hole {
  std::uint64_t offset = 0, bytes = 0;
  bool operator==(const Hole&) const = default;
};

/// What a file holds: its bytes without the holes, in order, as chunks. Level 0: `refs` are these chunks. Level n:
/// `refs` are nodes (chunks of metadata) that list references of level n - 1.
struct Content {
  std::uint8_t level = 0;
  std::vector<ChunkRef> refs;
  std::vector<Hole> holes;  ///< in order, apart from each other
  bool operator==(const Content&) const = default;
};

/// One name in a directory, with everything that it is.
struct Entry {
  std::string name;  ///< any bytes but NUL and '/'; never empty, "." or ".."
  Stat stat;
  std::uint32_t flags = 0;     ///< inode flags as FS_IOC_GETFLAGS gives them
  std::vector<Xattr> xattrs;   ///< in order of names; ACLs and capabilities are among them
  std::string target;          ///< of a symlink
  Content content;             ///< of a regular file
  bool inconsistent = false;   ///< it changed each time it was read
  std::optional<ChunkRef> directory;  ///< the root node of a directory
  std::uint64_t below_files = 0, below_bytes = 0;  ///< directories: what is below and no directory, and bytes of regular files below

  bool is_directory() const { return stat.type == FileType::directory; }
  bool is_regular() const { return stat.type == FileType::regular; }
};

/// A node of an inner level: where the names from `first` on are.
struct NodeRange {
  std::string first;
  ChunkRef node;
};

/// Either a leaf with entries in order of names, or an inner node with ranges.
struct TreeNode {
  std::vector<Entry> entries;
  std::vector<NodeRange> ranges;
  bool is_leaf() const { return ranges.empty(); }
};

/// Content levels go no deeper: readers refuse more.
constexpr std::uint8_t kContentLevelMax = 8;

/// Canonical: the same entries give the same bytes, and no other bytes decode to them. What is encoded must be what
/// decode_node() accepts, which is asserted: safe names in order and unlike, xattrs with unlike names (in any order), no empty
/// chunk, and the chunks and holes of a file as long together as the file.
Buffer encode_leaf(const std::vector<Entry>& entries);
Buffer encode_inner(const std::vector<NodeRange>& ranges);
Result<TreeNode> decode_node(ByteView in);

/// Lists of references (Content levels above 0).
Buffer encode_ref_list(const std::vector<ChunkRef>& refs);
Result<std::vector<ChunkRef>> decode_ref_list(ByteView in);

/// Where a long list ends and the next begins, so that a change rewrites little: decided by the last item alone. For
/// leaves, leaf_end() below is the whole rule; leaf_ends_after() alone knows no weights.
constexpr std::size_t kLeafEntriesMin = 512, kLeafEntriesMax = 8192;
bool leaf_ends_after(std::string_view name);
/// Where leaves end. By weight, since an entry may be of 60 bytes or of 40,000 and a node must stay far below what one
/// chunk can hold: counting alone would let 1,000 large files make a node of 33 MB that no reader accepts.
class LeafRule {
 public:
  /// Told of each entry in order of names; true where a leaf ends after this one, and the next leaf begins.
  bool ends_after(const Entry& entry);

 private:
  std::size_t weight_ = 0, count_ = 0;
};
/// How many of these entries (in order of names) the first leaf takes, by the rule above.
std::size_t leaf_end(std::span<const Entry> entries);
constexpr std::size_t kLeafWeightMin = 32 * 1024, kLeafWeightMean = 128 * 1024, kLeafWeightMax = 1024 * 1024;
/// About how many bytes an entry takes, rounded up.
std::size_t entry_weight(const Entry& entry);
/// Heavier entries (only absurd xattrs or holes make them) must be cut down or refused before they are encoded: a node
/// is one chunk, and a chunk has at most kSegmentPlainMax bytes.
constexpr std::size_t kEntryWeightMax = std::size_t{24} << 20;
constexpr std::size_t kRefListMin = 512, kRefListMax = 8192;
bool ref_list_ends_after(const ChunkId& id);
/// Contents with at most this many references keep them in their entry.
constexpr std::size_t kRefsInEntryMax = 1024;

/// True if a name from a vault may be used as one component of a path.
bool is_safe_name(std::string_view name);

}  // namespace hf
