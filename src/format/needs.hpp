#pragma once
// What trees need, worked out once: which chunks each node of a tree names, and what the delta segments of each pack stand
// on (docs/format/needs.md). A prune keeps it in a cache, so that it reads only what is new.
//
// All of it is true for ever: a node is named by the hash of its content, a pack by that of its bytes. So what a cache
// tells can be old, and never wrong; what it doesn't tell is read from the vault.
//
// Chunks have numbers, given as they are first seen. What is named together was mostly first seen together, so that a list
// is a few ranges of numbers, and a thousand versions of a directory take little more than their differences.
//
// INVARIANT (MUST: else a prune would remove what is needed): a node is known only with all nodes below it.

#include <array>
#include <functional>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/assert.hpp"
#include "format/index_run.hpp"
#include "format/wire.hpp"

namespace hf {

/// What was found to be needed, by number. Belongs to one NeedGraph.
class NeedMarks {
 public:
  using Number = std::uint32_t;
  bool has(Number n) const { return has(marked_, n); }
  std::uint64_t count() const;

 private:
  friend class NeedGraph;
  using Bits = std::vector<std::uint64_t>;
  static bool has(const Bits& bits, Number n) { return n / 64 < bits.size() && (bits[n / 64] >> (n % 64) & 1) != 0; }
  static void grow(Bits& bits, std::size_t numbers) { bits.resize(std::max(bits.size(), (numbers + 63) / 64)); }
  /// True if it was not set.
  static bool set(Bits& bits, Number n);
  static void set_range(Bits& bits, Number begin, Number end);

  Bits marked_;
  Bits walked_;  // nodes whose lists were looked at: a chunk may be a node here and a file's content there
};

/// One thread at a time. Memory: about 32 bytes a chunk, and a few for each range of each list.
class NeedGraph {
 public:
  using Number = NeedMarks::Number;
  /// A segment that needs its bases as long as one of its chunks is needed.
  struct Delta {
    std::vector<ChunkKey> chunks, bases;
  };

  std::size_t chunks() const { return keys_.size(); }
  const ChunkKey& key_of(Number n) const { return keys_[n]; }
  bool knows_node(const ChunkKey& node) const;
  /// Does this known node name others?
  bool names_nodes(const ChunkKey& node) const;
  bool knows_pack(const PackId& pack) const { return packs_.contains(pack); }
  std::vector<PackId> packs() const;  ///< in order

  // --- learning ---
  /// What a node names: other nodes, and contents. Known from then on; but what was added is only true once the nodes
  /// that it names were added as well: then keep_added(), and drop_added() where that fails.
  void add_node(const ChunkKey& node, std::span<const ChunkKey> nodes, std::span<const ChunkKey> contents);
  void keep_added() { added_.clear(); }
  void drop_added();
  /// The delta segments of a pack, perhaps none.
  void add_pack(const PackId& pack, std::span<const Delta> deltas);

  // --- asking ---
  /// Marks the chunks that `is_needed` says yes to.
  template <class Ask>
  void mark_those(Ask&& is_needed, NeedMarks& marks) const {
    for (Number n = 0; n < keys_.size(); ++n)
      if (is_needed(keys_[n])) NeedMarks::set(marks.marked_, n);
  }
  /// Marks a known node and everything below it.
  void mark_below(const ChunkKey& node, NeedMarks& marks) const;
  /// Which delta segments of a pack need their bases.
  enum class Standing : std::uint8_t {
    none,     ///< nobody opens them: the pack goes
    as_used,  ///< those with a marked chunk
    all,      ///< the pack stays
  };
  /// Marks what segments have as bases, and theirs, as far as they lie in these packs, all known. Without `standing` those with
  /// a marked chunk; of these, those with a chunk of `alone` don't count.
  void mark_bases(std::span<const PackId> packs, NeedMarks& marks, const std::function<Standing(const PackId&)>& standing = nullptr, const NeedMarks* alone = nullptr) const;
  /// The same for one segment that is in no pack of these: `bases` are needed whatever becomes of it.
  void mark(std::span<const ChunkKey> bases, NeedMarks& marks);
  template <class Visit>
  void for_each_marked(const NeedMarks& marks, Visit&& visit) const {
    for (Number n = 0; n < keys_.size(); ++n)
      if (marks.has(n)) visit(keys_[n]);
  }
  std::optional<Number> find(const ChunkKey& key) const;
  /// `visit(chunks, bases)` with the numbers of each delta segment of a known pack, in order; loans.
  template <class Visit>
  void for_each_delta(const PackId& pack, Visit&& visit) const {
    std::vector<Number> chunks, bases;
    const PackDeltas& deltas = packs_.at(pack);
    std::uint64_t at = deltas.at;
    for (std::uint32_t i = 0; i < deltas.count; ++i) {
      for (std::vector<Number>* list : {&chunks, &bases}) {
        list->clear();
        at = each_range(at, [&](Number begin, Number end) {
          for (Number n = begin; n < end; ++n) list->push_back(n);
        });
      }
      visit(std::span<const Number>(chunks), std::span<const Number>(bases));
    }
  }

  // --- storing ---
  /// Only what these marks reached, and these packs, as far as they are known.
  Buffer encode(const NeedMarks& marks, std::span<const PackId> packs) const;
  /// Everything.
  Buffer encode() const;
  /// Corrupt also where a node is named that is not known.
  static Result<NeedGraph> decode(ByteView in);

 private:
  struct PackDeltas {
    std::uint64_t at = 0;     // in lists_: of each, chunks and bases
    std::uint32_t count = 0;
  };
  Number number_of(const ChunkKey& key);
  void rehash(std::size_t slots);
  void append_list(std::span<const ChunkKey> keys);
  template <class Visit>
  std::uint64_t each_range(std::uint64_t at, Visit&& visit) const {  // visit(begin, end); gives where the next list begins
    wire::Reader r(ByteView(lists_).subspan(at));
    const std::size_t before = r.left();
    Number number = 0;
    for (std::uint64_t ranges = r.varint(); ranges > 0; --ranges) {
      const auto begin = static_cast<Number>(number + r.varint());
      number = static_cast<Number>(begin + r.varint() + 1);
      visit(begin, number);
    }
    HF_ASSERT(r.ok());
    return at + (before - r.left());
  }
  Buffer encode_kept(const NeedMarks::Bits& numbers, const NeedMarks::Bits& nodes, std::vector<PackId> packs) const;

  std::vector<ChunkKey> keys_;            // by number
  std::vector<std::uint64_t> list_at_;    // by number: 1 + where in lists_ a node's two lists begin; 0: no node
  Buffer lists_;
  std::unordered_map<PackId, PackDeltas> packs_;
  std::vector<std::uint32_t> slots_;      // open addressing: 1 + number; at most 3/4 full
  std::vector<Number> added_;
  std::vector<Number> scratch_;
};

/// A graph beyond this is not kept: what one small object can hold.
constexpr std::size_t kNeedsBytesMax = std::size_t{240} << 20;

}  // namespace hf
