#pragma once
// Reading a recovery point's tree of names.

#include <functional>
#include <string>

#include "vault/chunk_reader.hpp"

namespace hf {

/// The entries of one directory in order of names, a node at a time. One thread.
class DirectoryCursor {
 public:
  /// `root` is Entry::directory; empty for a directory without a node.
  DirectoryCursor(ChunkReader& chunks, std::optional<ChunkRef> root);
  /// The next entry, or nullptr at the end; valid until the next call, and the caller may move from it (only with next()).
  Result<Entry*> next();
  /// Goes to the first entry that is not before `name`; reads only nodes on the way.
  Status seek(std::string_view name);
  /// The entry of this name, or nullptr. As seek(): names asked in order cost nothing twice.
  Result<const Entry*> find(std::string_view name);

 private:
  struct Level {
    std::vector<NodeRange> ranges;
    std::size_t at = 0;
  };
  Status open(const ChunkRef& node, std::string_view from);
  Status descend(const ChunkRef& node, std::string_view from, std::size_t depth);

  ChunkReader& chunks_;
  const std::optional<ChunkRef> root_;
  bool opened_ = false;
  std::vector<Level> levels_;  // inner nodes from the root down
  std::vector<Entry> leaf_;
  std::size_t at_ = 0;
};

/// Reads a node of a tree. Corrupt where it is not a chunk of the announced size, or not a node.
Result<TreeNode> read_node(ChunkReader& chunks, const ChunkRef& ref);

/// Calls `visit` for each chunk of a file's content, in order, with its offset in the file (holes counted in). Lists of
/// chunks are read as they are needed: memory does not grow with the file.
Status for_each_chunk(ChunkReader& chunks, const Entry& file, const std::function<Status(const ChunkRef&, std::uint64_t offset)>& visit);

/// The entry at a path below the root ("" or "." is the root itself); NotFound names the first missing part.
Result<Entry> find_path(ChunkReader& chunks, const Entry& root, std::string_view path);

/// What a walk does next.
enum class Walk : std::uint8_t { descend, skip, stop };
/// Visits everything below `root` (not the root itself) in order of paths: a directory before what is in it.
/// `path` is relative to the root and valid during the call. `failed` is told of a directory that can't be read, and the
/// walk goes on; without it the walk ends with the error.
Status walk_tree(ChunkReader& chunks, const Entry& root, const std::function<Result<Walk>(const std::string& path, const Entry&)>& visit,
                 const std::function<Status(const std::string& path, const Error&)>& failed = nullptr);

}  // namespace hf
