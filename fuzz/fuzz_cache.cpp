// What a machine remembers of a vault: any bytes are a graph that can be walked, or nothing.
#include "format/known_points.hpp"
#include "format/needs.hpp"
#include "format/prune_note.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice c(data, size);
  if (c.which % 3 == 0) {
    fuzz::canonical(c.rest, decode_known_points, encode_known_points);
    return 0;
  }
  if (c.which % 3 == 2) {
    fuzz::canonical(c.rest, decode_prune_note, encode_prune_note);
    return 0;
  }
  fuzz::canonical(c.rest, NeedGraph::decode, [](const NeedGraph& g) { return g.encode(); });
  const auto graph = NeedGraph::decode(c.rest);
  if (!graph) return 0;
  // Marking what is known, and storing what was marked, ends and gives the same marks.
  NeedMarks all;
  std::vector<ChunkKey> nodes;
  for (std::size_t i = 0; i < graph->chunks() && i < 64; ++i) {
    const ChunkKey key = graph->key_of(static_cast<NeedGraph::Number>(i));
    if (!graph->knows_node(key)) continue;
    graph->mark_below(key, all);
    nodes.push_back(key);
  }
  graph->mark_bases(graph->packs(), all);
  const auto again = NeedGraph::decode(graph->encode(all, graph->packs()));
  HF_MUST(again);
  NeedMarks second;
  for (const ChunkKey& key : nodes) again->mark_below(key, second);
  again->mark_bases(again->packs(), second);
  HF_MUST(second.count() == all.count());
  return 0;
}
