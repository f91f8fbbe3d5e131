#pragma once
// All trees of a vault at once: each distinct node is read once, however many recovery points and paths lead to it, in the
// order in which nodes lie in packs, by several workers. What a look at a node marks is then found again from the roots:
// `find` marks nodes with matching names, `verify` nodes with damage below.
//
// It goes round by round: a round's nodes are sorted by place, each segment is fetched and opened once, and the children
// that nobody has seen make the next round. Memory: about 30 bytes a node and 4 a child, and 60 for each node of a round.

#include <array>
#include <functional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/mutex.hpp"
#include "base/progress.hpp"
#include "format/tree.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

/// A chunk of metadata: a node of a directory, or a list of references of a large file.
struct GraphNode {
  ChunkRef ref;
  std::uint8_t list_level = 0;  ///< 0: directory node; else Content::level of the list
};

class TreeGraph {
 public:
  using Number = std::uint32_t;
  TreeGraph(ChunkReader& chunks, unsigned jobs, Progress* progress = nullptr) : chunks_(chunks), jobs_(jobs == 0 ? 1 : jobs), progress_(progress) {}

  /// Looks at a node's plaintext, which has the right identity and size; adds its children; true marks it. Called by
  /// several threads at once; `worker` is below jobs. An error is what is wrong with the node, as if it could not be read.
  using Look = std::function<Result<bool>(unsigned worker, const GraphNode& node, ByteView content, std::vector<GraphNode>& children)>;
  /// Told of a node that can't be read; it is marked. An error ends the walk. Called by one thread at a time.
  using Failed = std::function<Status(const GraphNode& node, const Error& error)>;
  /// Walks everything below `roots`. Cancelled where progress says so. May be called again for more roots.
  Status walk(const std::vector<GraphNode>& roots, const Look& look, const Failed& failed);

  /// After the last walk: does this node, or anything below, carry a mark? `list_level` as in GraphNode.
  bool leads_to_mark(const ChunkId& id, std::uint8_t list_level = 0) const;
  bool is_unreadable(const ChunkId& id) const;
  std::uint64_t nodes() const { return count_; }
  std::uint64_t marks() const { return mark_count_; }

  /// Visits entries below `root` (a directory) that are in marked nodes, or lead to marks, with their paths relative to
  /// it; directories before what is in them. Only such nodes are read again. `wanted` says which entries to keep in
  /// memory between calls: matching files, damaged ones; it is asked once for each entry of each such node.
  struct Lost {  ///< instead of an entry: a node of the directory `path` that can't be read
    ChunkId node;
    std::string from;  ///< the first name that it held; empty: all of the directory
  };
  using Wanted = std::function<bool(const Entry&)>;
  using Visit = std::function<Status(const std::string& path, const Entry* entry, const Lost* lost)>;
  Status trace(const Entry& root, const Wanted& wanted, const Visit& visit);

 private:
  struct Placed {
    ChunkPlace place;
    GraphNode node;
    Number number;
  };
  struct Kept {  // what trace() remembers of a node
    std::vector<Entry> entries;      // wanted, or directories that lead to marks
    std::vector<bool> is_wanted;
    std::vector<NodeRange> ranges;   // that lead to marks
  };
  /// Numbers for keys, assigned once. Any thread.
  class Numbers {
   public:
    std::pair<Number, bool> number_of(const ChunkKey& key, std::atomic<Number>& next);
    std::optional<Number> find(const ChunkKey& key) const;

   private:
    struct Slot {
      ChunkKey key;
      Number number = 0;  // 0: free; numbers begin with 1
    };
    struct Shard {
      mutable Mutex mutex;
      std::vector<Slot> slots HF_GUARDED_BY(mutex);
      std::size_t used HF_GUARDED_BY(mutex) = 0;
    };
    std::array<Shard, 64> shards_;
  };
  struct Worker;
  void add(Worker& worker, Number parent, const GraphNode& node);
  void read_segment(Worker& worker, unsigned id, std::span<const Placed> group, const Look& look);
  void take(Worker& worker, unsigned id, const Placed& placed, ByteView content, const Look& look);
  void close();
  Result<const Kept*> kept(const ChunkId& node, const Wanted& wanted);

  ChunkReader& chunks_;
  const unsigned jobs_;
  Progress* const progress_;
  Numbers numbers_;
  std::atomic<Number> next_number_{1};
  std::uint64_t count_ = 0, mark_count_ = 0;
  std::vector<std::pair<Number, Number>> edges_;  // parent, child; emptied by close()
  std::vector<Number> marked_, unreadable_list_;
  std::vector<bool> leads_, unreadable_;          // by number
  bool closed_ = false;
  std::unordered_map<Number, Kept> kept_;
};

/// The children of a directory node for a look that needs no more: sub-directories, and lists of large files if asked.
void add_children(const TreeNode& node, bool with_lists, std::vector<GraphNode>& children);

}  // namespace hf
