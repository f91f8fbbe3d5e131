#pragma once
// Writing a recovery point's tree of names, node by node.

#include <vector>

#include "format/tree.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/write_session.hpp"

namespace hf {

/// Takes the entries of one directory in order of names and stores its nodes; holds one leaf. One thread at a time.
class DirectoryBuilder {
 public:
  explicit DirectoryBuilder(WriteSession& session) : session_(session) {}
  /// `before`: the root node of the same directory in an earlier point. Nodes are stored as what differs from its nodes.
  DirectoryBuilder(WriteSession& session, ChunkReader& chunks, std::optional<ChunkRef> before)
      : session_(session), chunks_(&chunks), before_(session.stores_deltas() ? before : std::nullopt) {}
  Status add(Entry entry);
  Result<ChunkRef> finish();  ///< the root node; call once
  std::uint64_t files() const { return files_; }  ///< everything in it and below it that is no directory
  std::uint64_t bytes() const { return bytes_; }  ///< of regular files in it and below it

 private:
  Status end_leaf();
  /// Old nodes that hold names like those of the leaf at hand.
  std::vector<ChunkRef> old_leaves();
  std::span<const ChunkRef> old_root() const { return before_ ? std::span<const ChunkRef>(&*before_, 1) : std::span<const ChunkRef>(); }
  WriteSession& session_;
  ChunkReader* chunks_ = nullptr;
  std::optional<ChunkRef> before_;
  std::optional<std::vector<NodeRange>> old_ranges_;  // of its root, once they were needed
  LeafRule rule_;
  std::vector<Entry> leaf_;
  std::vector<NodeRange> ranges_;
  std::uint64_t files_ = 0, bytes_ = 0;
};

/// Takes the chunks of one file in order; long lists become nodes as they grow. One thread at a time.
class ContentBuilder {
 public:
  explicit ContentBuilder(WriteSession& session) : session_(session) {}
  Status add(const ChunkRef& ref);
  Result<Content> finish();  ///< without holes; call once

 private:
  Status end_list(std::size_t level);
  WriteSession& session_;
  std::vector<std::vector<ChunkRef>> levels_{1};  // references not yet in a node, by level
};

}  // namespace hf
