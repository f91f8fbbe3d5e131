#pragma once
// The names in a directory node and where its sub-directories are, without the rest: three times as quick as decoding it.

#include <functional>

#include "format/tree.hpp"

namespace hf {

struct NameInNode {
  std::string_view name;  ///< in the node's bytes
  FileType type = FileType::unknown;
  std::optional<ChunkRef> node;  ///< of a directory, or of a range
  bool is_range = false;         ///< of an inner node: `name` is only where the range begins
};

/// Visits each name of a leaf, or each range of an inner node, in order. Checks only what keeps it within the bytes and
/// names safe: decode_node() refuses more. What was visited before an error is a part.
Status scan_names(ByteView node, const std::function<void(const NameInNode&)>& visit);

}  // namespace hf
