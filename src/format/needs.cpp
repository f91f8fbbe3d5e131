#include "format/needs.hpp"

#include <algorithm>
#include <bit>

namespace hf {
namespace {

constexpr std::uint8_t kLayout = 1;

/// Ranges of numbers in order: for each the gap to the one before, and one less than its length.
class RangeList {
 public:
  void add(std::uint32_t begin, std::uint32_t end) {
    if (!ranges_.empty() && ranges_.back().second == begin) ranges_.back().second = end;
    else ranges_.emplace_back(begin, end);
  }
  void write(wire::Writer& w) {
    w.varint(ranges_.size());
    std::uint32_t at = 0;
    for (const auto& [begin, end] : ranges_) {
      w.varint(begin - at);
      w.varint(end - begin - 1);
      at = end;
    }
    ranges_.clear();
  }

 private:
  std::vector<std::pair<std::uint32_t, std::uint32_t>> ranges_;
};

/// Passes over a list and checks it. Gives how many numbers it has.
std::uint64_t check_list(wire::Reader& r, std::uint64_t numbers) {
  const std::uint64_t ranges = r.count(r.left() / 2);
  std::uint64_t at = 0, total = 0;
  for (std::uint64_t i = 0; i < ranges && r.ok(); ++i) {
    const std::uint64_t gap = r.count(numbers - at);
    if (gap == 0 && i > 0) r.fail();  // would be one range
    at += gap;
    if (at >= numbers) r.fail();
    const std::uint64_t length = r.count(numbers - 1 - std::min(at, numbers - 1)) + 1;
    if (!r.ok()) break;
    at += length;
    total += length;
  }
  return total;
}

}  // namespace

// --- NeedMarks ---

bool NeedMarks::set(Bits& bits, Number n) {
  grow(bits, std::size_t{n} + 1);
  const std::uint64_t bit = std::uint64_t{1} << (n % 64);
  if ((bits[n / 64] & bit) != 0) return false;
  bits[n / 64] |= bit;
  return true;
}

void NeedMarks::set_range(Bits& bits, Number begin, Number end) {
  grow(bits, end);
  for (Number n = begin; n < end;) {
    if (n % 64 == 0 && end - n >= 64) {
      bits[n / 64] = ~std::uint64_t{0};
      n += 64;
    } else {
      bits[n / 64] |= std::uint64_t{1} << (n % 64);
      ++n;
    }
  }
}

std::uint64_t NeedMarks::count() const {
  std::uint64_t n = 0;
  for (std::uint64_t word : marked_) n += static_cast<std::uint64_t>(std::popcount(word));
  return n;
}

// --- numbers ---

void NeedGraph::rehash(std::size_t slots) {
  slots_.assign(slots, 0);
  for (Number n = 0; n < keys_.size(); ++n) {
    std::size_t at = keys_[n].low & (slots - 1);
    while (slots_[at] != 0) at = (at + 1) & (slots - 1);
    slots_[at] = n + 1;
  }
}

std::optional<NeedGraph::Number> NeedGraph::find(const ChunkKey& key) const {
  if (slots_.empty()) return std::nullopt;
  for (std::size_t at = key.low & (slots_.size() - 1); slots_[at] != 0; at = (at + 1) & (slots_.size() - 1))
    if (keys_[slots_[at] - 1] == key) return slots_[at] - 1;
  return std::nullopt;
}

NeedGraph::Number NeedGraph::number_of(const ChunkKey& key) {
  if (const auto known = find(key)) return *known;
  HF_ASSERT(keys_.size() < UINT32_MAX - 1);
  keys_.push_back(key);
  list_at_.push_back(0);
  const auto n = static_cast<Number>(keys_.size() - 1);
  if (keys_.size() * 4 >= slots_.size() * 3) {
    rehash(std::max<std::size_t>(64, slots_.size() * 2));
    return n;
  }
  std::size_t at = key.low & (slots_.size() - 1);
  while (slots_[at] != 0) at = (at + 1) & (slots_.size() - 1);
  slots_[at] = n + 1;
  return n;
}

bool NeedGraph::knows_node(const ChunkKey& node) const {
  const auto n = find(node);
  return n && list_at_[*n] != 0;
}

std::vector<PackId> NeedGraph::packs() const {
  std::vector<PackId> out;
  for (const auto& [id, deltas] : packs_) out.push_back(id);
  std::sort(out.begin(), out.end());
  return out;
}

// --- learning ---

void NeedGraph::append_list(std::span<const ChunkKey> keys) {
  scratch_.clear();
  for (const ChunkKey& key : keys) scratch_.push_back(number_of(key));
  std::sort(scratch_.begin(), scratch_.end());
  scratch_.erase(std::unique(scratch_.begin(), scratch_.end()), scratch_.end());
  RangeList list;
  for (Number n : scratch_) list.add(n, n + 1);
  wire::Writer w(lists_);
  list.write(w);
}

void NeedGraph::add_node(const ChunkKey& node, std::span<const ChunkKey> nodes, std::span<const ChunkKey> contents) {
  const Number n = number_of(node);
  if (list_at_[n] != 0) return;
  const std::uint64_t at = lists_.size();
  append_list(nodes);
  append_list(contents);
  list_at_[n] = at + 1;
  added_.push_back(n);
}

void NeedGraph::drop_added() {
  for (Number n : added_) list_at_[n] = 0;
  added_.clear();
}

void NeedGraph::add_pack(const PackId& pack, std::span<const Delta> deltas) {
  const PackDeltas at{lists_.size(), static_cast<std::uint32_t>(deltas.size())};
  for (const Delta& d : deltas) {
    append_list(d.chunks);
    append_list(d.bases);
  }
  packs_[pack] = at;
}

// --- asking ---

bool NeedGraph::names_nodes(const ChunkKey& node) const {
  const auto n = find(node);
  bool any = false;
  if (n && list_at_[*n] != 0) each_range(list_at_[*n] - 1, [&](Number, Number) { any = true; });
  return any;
}

void NeedGraph::mark_below(const ChunkKey& node, NeedMarks& marks) const {
  const auto root = find(node);
  HF_ASSERT(root && list_at_[*root] != 0);
  std::vector<Number> todo{*root};
  NeedMarks::grow(marks.marked_, keys_.size());
  while (!todo.empty()) {
    const Number n = todo.back();
    todo.pop_back();
    if (!NeedMarks::set(marks.walked_, n)) continue;
    NeedMarks::set(marks.marked_, n);
    HF_ASSERT(list_at_[n] != 0);
    const std::uint64_t contents = each_range(list_at_[n] - 1, [&](Number begin, Number end) {
      for (Number below = begin; below < end; ++below)
        if (!NeedMarks::has(marks.walked_, below)) todo.push_back(below);
    });
    each_range(contents, [&](Number begin, Number end) { NeedMarks::set_range(marks.marked_, begin, end); });
  }
}

void NeedGraph::mark_bases(std::span<const PackId> packs, NeedMarks& marks, const std::function<Standing(const PackId&)>& standing, const NeedMarks* alone) const {
  const auto mark_all = [&](std::uint64_t bases) {
    bool more = false;
    each_range(bases, [&](Number begin, Number end) {
      for (Number n = begin; n < end; ++n) more = NeedMarks::set(marks.marked_, n) || more;
    });
    return more;
  };
  std::vector<std::uint64_t> waiting;  // segments none of whose chunks is needed so far
  for (const PackId& id : packs) {
    const auto found = packs_.find(id);
    HF_ASSERT(found != packs_.end());
    const Standing here = standing ? standing(id) : Standing::as_used;
    if (here == Standing::none) continue;
    std::uint64_t at = found->second.at;
    for (std::uint32_t i = 0; i < found->second.count; ++i) {
      bool folded = false;
      const std::uint64_t bases = each_range(at, [&](Number begin, Number end) {
        for (Number n = begin; alone != nullptr && n < end && !folded; ++n) folded = alone->has(n);
      });
      if (here == Standing::all) mark_all(bases);
      else if (!folded) waiting.push_back(at);
      at = each_range(bases, [](Number, Number) {});
    }
  }
  for (bool more = true; more;) {  // each round takes at least one segment off the list
    more = false;
    std::erase_if(waiting, [&](std::uint64_t at) {
      bool needed = false;
      const std::uint64_t bases = each_range(at, [&](Number begin, Number end) {
        for (Number n = begin; n < end && !needed; ++n) needed = marks.has(n);
      });
      if (!needed) return false;
      more = mark_all(bases) || more;
      return true;
    });
  }
}

void NeedGraph::mark(std::span<const ChunkKey> bases, NeedMarks& marks) {
  for (const ChunkKey& key : bases) NeedMarks::set(marks.marked_, number_of(key));
}

// --- storing ---

Buffer NeedGraph::encode(const NeedMarks& marks, std::span<const PackId> packs) const {
  NeedMarks::Bits numbers = marks.marked_;
  std::vector<PackId> kept;
  for (const PackId& id : packs) {
    const auto found = packs_.find(id);
    if (found == packs_.end()) continue;
    kept.push_back(id);
    std::uint64_t at = found->second.at;
    for (std::uint32_t i = 0; i < 2 * found->second.count; ++i) at = each_range(at, [&](Number begin, Number end) { NeedMarks::set_range(numbers, begin, end); });
  }
  return encode_kept(numbers, marks.walked_, std::move(kept));
}

Buffer NeedGraph::encode() const {
  NeedMarks::Bits numbers, nodes;
  for (Number n = 0; n < keys_.size(); ++n) {
    NeedMarks::set(numbers, n);
    if (list_at_[n] != 0) NeedMarks::set(nodes, n);
  }
  return encode_kept(numbers, nodes, packs());
}

Buffer NeedGraph::encode_kept(const NeedMarks::Bits& numbers, const NeedMarks::Bits& nodes, std::vector<PackId> packs) const {
  // Numbers close up and keep their order, so that a range of kept ones stays a range.
  std::vector<std::uint32_t> below;  // kept numbers before each word
  std::uint32_t total = 0;
  for (std::uint64_t word : numbers) {
    below.push_back(total);
    total += static_cast<std::uint32_t>(std::popcount(word));
  }
  const auto renumbered = [&](Number n) { return below[n / 64] + static_cast<std::uint32_t>(std::popcount(numbers[n / 64] & ((std::uint64_t{1} << (n % 64)) - 1))); };
  Buffer out;
  wire::Writer w(out);
  w.u8(kLayout);
  w.varint(total);
  std::vector<Number> kept_nodes;
  for (Number n = 0; n < keys_.size(); ++n) {
    if (!NeedMarks::has(numbers, n)) continue;
    for (std::uint64_t word : {keys_[n].high, keys_[n].low})
      for (int shift = 56; shift >= 0; shift -= 8) w.u8(static_cast<std::uint8_t>(word >> shift));
    if (NeedMarks::has(nodes, n)) kept_nodes.push_back(n);
  }
  RangeList list;
  const auto copy_list = [&](std::uint64_t at) {
    const std::uint64_t next = each_range(at, [&](Number begin, Number end) { list.add(renumbered(begin), renumbered(end - 1) + 1); });
    list.write(w);
    return next;
  };
  w.varint(kept_nodes.size());
  std::uint32_t last = 0;
  for (Number n : kept_nodes) {
    w.varint(renumbered(n) - last);
    last = renumbered(n);
    copy_list(copy_list(list_at_[n] - 1));
  }
  std::sort(packs.begin(), packs.end());
  packs.erase(std::unique(packs.begin(), packs.end()), packs.end());
  w.varint(packs.size());
  for (const PackId& id : packs) {
    const PackDeltas& deltas = packs_.at(id);
    w.id(id);
    w.varint(deltas.count);
    std::uint64_t at = deltas.at;
    for (std::uint32_t i = 0; i < 2 * deltas.count; ++i) at = copy_list(at);
  }
  return out;
}

Result<NeedGraph> NeedGraph::decode(ByteView in) {
  const Error damaged(Code::corrupt, "the cache of needs is damaged");
  if (in.size() > kNeedsBytesMax) return damaged;
  wire::Reader r(in);
  NeedGraph g;
  if (r.u8() != kLayout) return damaged;
  const std::uint64_t keys = r.count(std::min<std::uint64_t>(r.left() / 16, UINT32_MAX - 2));
  g.keys_.reserve(keys);
  for (std::uint64_t i = 0; i < keys; ++i) {
    std::uint64_t words[2] = {};
    const ByteView key = r.raw(16);
    for (std::size_t b = 0; b < key.size(); ++b) words[b / 8] = words[b / 8] << 8 | key[b];
    g.keys_.push_back({words[0], words[1]});
  }
  if (!r.ok()) return damaged;
  g.list_at_.resize(keys);
  std::size_t slots = 64;
  while (keys * 4 >= slots * 3) slots *= 2;
  g.rehash(slots);
  for (Number n = 0; n < keys; ++n)
    if (g.find(g.keys_[n]) != n) return damaged;  // twice

  // The lists stay as they are.
  const auto take_lists = [&](int lists, std::array<std::uint64_t, 2>& lengths) {
    const ByteView from = in.last(r.left());
    for (int i = 0; i < lists && r.ok(); ++i) lengths[static_cast<std::size_t>(i)] = check_list(r, keys);
    const std::uint64_t at = g.lists_.size();
    if (r.ok()) append(g.lists_, from.first(from.size() - r.left()));
    return at;
  };
  std::array<std::uint64_t, 2> lengths{};
  std::uint64_t number = 0;
  const std::uint64_t nodes = r.count(std::min<std::uint64_t>(keys, r.left() / 3));
  for (std::uint64_t i = 0; i < nodes && r.ok(); ++i) {
    const std::uint64_t gap = r.count(keys - number);
    number += gap;
    if ((gap == 0 && i > 0) || number >= keys) return damaged;
    const std::uint64_t at = take_lists(2, lengths);
    g.list_at_[number] = at + 1;
  }
  const std::uint64_t packs = r.count(r.left() / 33);
  std::optional<PackId> last;
  for (std::uint64_t i = 0; i < packs && r.ok(); ++i) {
    const PackId id = r.id<PackId>();
    if (last && *last >= id) return damaged;
    last = id;
    PackDeltas deltas{g.lists_.size(), static_cast<std::uint32_t>(r.count(r.left() / 6))};
    for (std::uint32_t d = 0; d < deltas.count && r.ok(); ++d) {
      take_lists(2, lengths);
      if (lengths[0] == 0 || lengths[1] == 0) r.fail();  // no segment is without chunks, no delta without bases
    }
    g.packs_[id] = deltas;
  }
  if (!r.at_end()) return damaged;
  // Whatever is named as a node is one.
  for (Number n = 0; n < keys; ++n) {
    if (g.list_at_[n] == 0) continue;
    bool closed = true;
    g.each_range(g.list_at_[n] - 1, [&](Number begin, Number end) {
      for (Number below = begin; below < end && closed; ++below) closed = g.list_at_[below] != 0;
    });
    if (!closed) return damaged;
  }
  return g;
}

}  // namespace hf
