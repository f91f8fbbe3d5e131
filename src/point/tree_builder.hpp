#pragma once
// Writing a recovery point's tree of names, node by node.

#include <vector>

#include "format/tree.hpp"
#include "vault/write_session.hpp"

namespace hf {

/// Takes the entries of one directory in order of names and stores its nodes; holds one leaf. One thread at a time.
class DirectoryBuilder {
 public:
  explicit DirectoryBuilder(WriteSession& session) : session_(session) {}
  Status add(Entry entry);
  Result<ChunkRef> finish();  ///< the root node; call once
  std::uint64_t files() const { return files_; }  ///< everything in it and below it that is no directory
  std::uint64_t bytes() const { return bytes_; }  ///< of regular files in it and below it

 private:
  Status end_leaf();
  WriteSession& session_;
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
