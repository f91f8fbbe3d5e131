#include "point/mark.hpp"

#include "point/tree_graph.hpp"
#include "vault/bases.hpp"

namespace hf {
namespace {

void mark(const ChunkRef& ref, ClaimSet& live) { live.insert(ChunkKey::of(ref.id)); }

/// Contents of a file: chunks at level 0, else lists, which are nodes.
void take_content(const Content& content, ClaimSet& live, std::vector<GraphNode>& children) {
  for (const ChunkRef& r : content.refs) {
    if (content.level == 0) mark(r, live);
    else children.push_back({r, content.level});
  }
}

}  // namespace

Status mark_points(const Vault& vault, const Index& index, const std::vector<RecoveryPoint>& points, ClaimSet& live, Progress& progress, unsigned jobs) {
  ChunkReader chunks(vault, index);
  TreeGraph graph(chunks, jobs, &progress);
  std::vector<GraphNode> roots;
  for (const RecoveryPoint& p : points) {
    if (p.root.directory) roots.push_back({*p.root.directory, 0});
  }
  const auto look = [&](unsigned, const GraphNode& node, ByteView content, std::vector<GraphNode>& children) -> Result<bool> {
    mark(node.ref, live);
    if (node.list_level > 0) {
      for (const ChunkRef& r : HF_TRY(decode_ref_list(content))) {
        if (node.list_level == 1) mark(r, live);
        else children.push_back({r, static_cast<std::uint8_t>(node.list_level - 1)});
      }
      return false;
    }
    const TreeNode tree = HF_TRY(decode_node(content));
    for (const NodeRange& r : tree.ranges) children.push_back({r.node, 0});
    for (const Entry& e : tree.entries) {
      if (e.directory) children.push_back({*e.directory, 0});
      take_content(e.content, live, children);
    }
    return false;
  };
  HF_TRY(graph.walk(roots, look, [](const GraphNode& node, const Error& error) -> Status {
    return Error(Code::corrupt, "chunk " + node.ref.id.brief() + " of a tree can't be read, so nobody knows what is needed below it; nothing was removed",
                 "see what is affected, and heal it first: holdfast verify --full")
        .with_detail(error.message);
  }));
  return close_over_bases(vault, index, live);
}

MarkPoints marker(unsigned jobs) {
  return [jobs](const Vault& vault, const Index& index, const std::vector<RecoveryPoint>& points, ClaimSet& live, Progress& progress) {
    return mark_points(vault, index, points, live, progress, jobs);
  };
}

}  // namespace hf
