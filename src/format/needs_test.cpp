// The graph of needs against the plainest possible one, and its layout.

#include "format/needs.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "format/damage.hpp"

namespace hf {
namespace {

constexpr ChunkKey key(std::uint64_t n) { return {n * 0x9E3779B97F4A7C15, n}; }
PackId pack(std::uint8_t n) {
  PackId id;
  id.bytes.fill(n);
  return id;
}

NeedGraph example() {
  NeedGraph g;
  g.add_node(key(1), {}, std::vector{key(10), key(11), key(12)});
  g.add_node(key(2), {}, std::vector{key(11), key(13)});
  g.add_node(key(3), std::vector{key(1), key(2)}, std::vector{key(14)});
  g.keep_added();
  g.add_pack(pack(7), std::vector<NeedGraph::Delta>{{{key(13)}, {key(20), key(21)}}, {{key(20)}, {key(22)}}});
  g.add_pack(pack(8), {});
  return g;
}

std::set<ChunkKey> marked(const NeedGraph& g, const NeedMarks& marks) {
  std::set<ChunkKey> out;
  g.for_each_marked(marks, [&](const ChunkKey& k) { out.insert(k); });
  return out;
}
Buffer encoded(const NeedGraph& g) { return g.encode(); }

TEST(Needs, a_node_needs_itself_and_all_below) {
  const NeedGraph g = example();
  NeedMarks marks;
  g.mark_below(key(2), marks);
  EXPECT_EQ(marked(g, marks), (std::set{key(2), key(11), key(13)}));
  g.mark_below(key(3), marks);
  EXPECT_EQ(marked(g, marks), (std::set{key(1), key(2), key(3), key(10), key(11), key(12), key(13), key(14)}));
  EXPECT_EQ(marks.count(), 8u);
}

TEST(Needs, bases_of_needed_segments_are_needed_and_theirs) {
  const NeedGraph g = example();
  const std::vector<PackId> packs{pack(7), pack(8)};
  NeedMarks with, without;
  g.mark_below(key(2), with);
  g.mark_bases(packs, with);
  EXPECT_EQ(marked(g, with), (std::set{key(2), key(11), key(13), key(20), key(21), key(22)}));
  g.mark_below(key(1), without);
  g.mark_bases(packs, without);
  EXPECT_EQ(without.count(), 4u);
}

TEST(Needs, what_is_a_node_here_and_content_there_is_walked_all_the_same) {
  NeedGraph g;
  g.add_node(key(1), {}, std::vector{key(10)});
  g.add_node(key(2), std::vector{key(3), key(1)}, std::vector{key(1)});
  g.add_node(key(3), {}, std::vector{key(1)});
  NeedMarks marks;
  g.mark_below(key(3), marks);
  g.mark_below(key(2), marks);
  EXPECT_TRUE(marked(g, marks).contains(key(10)));
}

TEST(Needs, what_was_added_and_dropped_is_not_known) {
  NeedGraph g = example();
  g.add_node(key(5), std::vector{key(6)}, {});
  g.drop_added();
  EXPECT_FALSE(g.knows_node(key(5)));
  EXPECT_TRUE(g.knows_node(key(3)));
  EXPECT_TRUE(NeedGraph::decode(g.encode()));
}

TEST(Needs, a_node_below_which_something_is_unknown_is_refused) {
  NeedGraph g;
  g.add_node(key(5), std::vector{key(6)}, {});
  EXPECT_FALSE(NeedGraph::decode(g.encode()));
}

TEST(Needs, damage_is_refused_or_has_one_encoding) {
  damage::canonical_or_refused(example().encode(), NeedGraph::decode, encoded);
  damage::canonical_or_refused(NeedGraph().encode(), NeedGraph::decode, encoded);
  Buffer twice = example().encode();
  std::copy_n(twice.begin() + 2, 16, twice.begin() + 18);
  EXPECT_FALSE(NeedGraph::decode(twice));
}

TEST(Needs, golden_vector) {
  NeedGraph g;
  const auto of = [](std::uint8_t b) {
    ChunkId id;
    id.bytes.fill(b);
    return ChunkKey::of(id);
  };
  g.add_node(of(0xA0), {}, std::vector{of(0xB0), of(0xB1)});
  g.add_node(of(0xA1), std::vector{of(0xA0)}, std::vector{of(0xB1)});
  g.add_pack(pack(0xC0), std::vector<NeedGraph::Delta>{{{of(0xB1)}, {of(0xB0)}}});
  std::string expected = "0104";
  for (const char* k : {"a0", "b0", "b1", "a1"})
    for (int i = 0; i < 16; ++i) expected += k;
  expected += "02" "00" "00" "010101" "03" "010000" "010200" "01";
  for (int i = 0; i < 32; ++i) expected += "c0";
  expected += "01" "010200" "010100";
  EXPECT_EQ(to_hex(g.encode()), expected);
}

/// Random trees that grow, and points that go: the same as a graph of sets, before and after it was stored.
TEST(Needs, random_histories_agree_with_sets) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 engine(seed);
    const auto random = [&] { return static_cast<unsigned>(engine()); };
    NeedGraph g;
    struct Plain {
      std::set<ChunkKey> nodes, contents;
    };
    std::map<ChunkKey, Plain> plain;
    std::map<PackId, std::vector<NeedGraph::Delta>> deltas;
    std::vector<ChunkKey> nodes;
    std::uint64_t next = 1;
    for (int step = 0; step < 60; ++step) {
      Plain p;
      for (unsigned i = random() % 4; i > 0 && !nodes.empty(); --i) p.nodes.insert(nodes[random() % nodes.size()]);
      for (unsigned i = random() % 80; i > 0; --i) p.contents.insert(key(1000 + random() % 300));
      const ChunkKey node = key(next++);
      g.add_node(node, std::vector(p.nodes.begin(), p.nodes.end()), std::vector(p.contents.begin(), p.contents.end()));
      g.keep_added();
      plain[node] = p;
      nodes.push_back(node);
      if (step % 5 == 0) {
        std::vector<NeedGraph::Delta> list;
        for (unsigned i = random() % 3; i > 0; --i) {
          NeedGraph::Delta d;
          for (unsigned c = 1 + random() % 3; c > 0; --c) d.chunks.push_back(key(1000 + random() % 300));
          for (unsigned c = 1 + random() % 3; c > 0; --c) d.bases.push_back(key(2000 + random() % 300));
          if (random() % 2 == 0) d.bases.push_back(key(1000 + random() % 300));
          list.push_back(d);
        }
        const PackId id = pack(static_cast<std::uint8_t>(1 + step));
        g.add_pack(id, list);
        deltas[id] = list;
      }
      if (step % 20 != 19) continue;
      std::set<ChunkKey> expected;
      NeedMarks marks;
      std::vector<PackId> packs;
      for (const auto& [id, list] : deltas) packs.push_back(id);
      std::vector<ChunkKey> todo;
      for (unsigned i = 1 + random() % 5; i > 0; --i) todo.push_back(nodes[random() % nodes.size()]);
      for (const ChunkKey& root : todo) g.mark_below(root, marks);
      g.mark_bases(packs, marks);
      while (!todo.empty()) {
        const ChunkKey n = todo.back();
        todo.pop_back();
        expected.insert(n);
        expected.insert(plain[n].contents.begin(), plain[n].contents.end());
        todo.insert(todo.end(), plain[n].nodes.begin(), plain[n].nodes.end());
      }
      for (bool more = true; more;) {
        more = false;
        for (const auto& [id, list] : deltas)
          for (const NeedGraph::Delta& d : list)
            if (std::any_of(d.chunks.begin(), d.chunks.end(), [&](const ChunkKey& k) { return expected.contains(k); }))
              for (const ChunkKey& base : d.bases) more = expected.insert(base).second || more;
      }
      EXPECT_EQ(marked(g, marks), expected) << seed;
      auto back = NeedGraph::decode(g.encode(marks, packs));
      ASSERT_TRUE(back) << seed;
      EXPECT_LE(back->chunks(), g.chunks());
      NeedMarks again;
      std::set<ChunkKey> kept;
      for (const ChunkKey& n : nodes) {
        if (!expected.contains(n)) {
          EXPECT_FALSE(back->knows_node(n));
          continue;
        }
        back->mark_below(n, again);
      }
      back->mark_bases(packs, again);
      EXPECT_EQ(marked(*back, again), expected) << seed;
      g = std::move(*back);
      std::erase_if(nodes, [&](const ChunkKey& n) { return !g.knows_node(n); });
    }
  }
}

}  // namespace
}  // namespace hf
