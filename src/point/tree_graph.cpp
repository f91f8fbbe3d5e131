#include "point/tree_graph.hpp"

#include <algorithm>
#include <thread>

namespace hf {

// --- Numbers ---

namespace {
/// The same bytes may be named as a list of chunks and as a list of lists, by a forged point: those are two nodes.
ChunkKey key_of(const ChunkId& id, std::uint8_t list_level) {
  ChunkKey key = ChunkKey::of(id);
  key.low += list_level;
  return key;
}
}  // namespace

std::pair<TreeGraph::Number, bool> TreeGraph::Numbers::number_of(const ChunkKey& key, std::atomic<Number>& next) {
  Shard& s = shards_[key.high >> 58];
  Lock lock(s.mutex);
  if (s.used * 4 >= s.slots.size() * 3) {
    std::vector<Slot> before = std::exchange(s.slots, std::vector<Slot>(std::max<std::size_t>(64, s.slots.size() * 2)));
    for (const Slot& slot : before) {
      if (slot.number == 0) continue;
      std::size_t at = slot.key.low & (s.slots.size() - 1);
      while (s.slots[at].number != 0) at = (at + 1) & (s.slots.size() - 1);
      s.slots[at] = slot;
    }
  }
  std::size_t at = key.low & (s.slots.size() - 1);
  for (; s.slots[at].number != 0; at = (at + 1) & (s.slots.size() - 1))
    if (s.slots[at].key == key) return {s.slots[at].number, false};
  s.slots[at] = {key, next.fetch_add(1, std::memory_order_relaxed)};
  ++s.used;
  return {s.slots[at].number, true};
}

std::optional<TreeGraph::Number> TreeGraph::Numbers::find(const ChunkKey& key) const {
  const Shard& s = shards_[key.high >> 58];
  Lock lock(s.mutex);
  if (s.slots.empty()) return std::nullopt;
  for (std::size_t at = key.low & (s.slots.size() - 1); s.slots[at].number != 0; at = (at + 1) & (s.slots.size() - 1))
    if (s.slots[at].key == key) return s.slots[at].number;
  return std::nullopt;
}

// --- walk ---

struct TreeGraph::Worker {
  explicit Worker(ChunkReader& chunks) : opener(chunks.vault(), &chunks) {}
  SegmentOpener opener;
  OpenedSegment segment;
  std::vector<ByteView> views;
  std::vector<Digest> digests;
  std::vector<GraphNode> children;
  // What the round found:
  std::vector<Placed> next;
  std::vector<std::pair<Number, Number>> edges;
  std::vector<Number> marked;
  std::vector<std::pair<Placed, Error>> failed;
};

void TreeGraph::add(Worker& w, Number parent, const GraphNode& node) {
  const auto [number, is_new] = numbers_.number_of(key_of(node.ref.id, node.list_level), next_number_);
  if (parent != 0) w.edges.emplace_back(parent, number);
  if (!is_new) return;
  auto place = chunks_.locate(node.ref.id);
  if (place) w.next.push_back({*place, node, number});
  else w.failed.push_back({Placed{{}, node, number}, std::move(place.error())});
}

void TreeGraph::take(Worker& w, unsigned id, const Placed& p, ByteView content, const Look& look) {
  w.children.clear();
  const auto marks = look(id, p.node, content, w.children);
  if (!marks) {
    w.failed.push_back({p, marks.error()});
    return;
  }
  if (*marks) w.marked.push_back(p.number);
  for (const GraphNode& child : w.children) add(w, p.number, child);
}

void TreeGraph::read_segment(Worker& w, unsigned id, std::span<const Placed> group, const Look& look) {
  const auto fetched = chunks_.fetch(group[0].place, w.opener, w.segment);
  w.views.clear();
  for (const Placed& p : group) w.views.push_back(fetched ? w.segment.chunk(p.place.chunk) : ByteView());
  w.digests.resize(w.views.size());
  chunks_.vault().keys().chunk_hash().digest_many(w.views, w.digests);
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Placed& p = group[i];
    if (w.digests[i] == p.node.ref.id.bytes && w.views[i].size() == p.node.ref.bytes) {
      take(w, id, p, w.views[i], look);
      continue;
    }
    const auto elsewhere = chunks_.read(p.node.ref.id);  // also tells what is wrong
    if (elsewhere && elsewhere->bytes.size() == p.node.ref.bytes) take(w, id, p, elsewhere->bytes, look);
    else if (!elsewhere) w.failed.push_back({p, elsewhere.error()});
    else w.failed.push_back({p, Error(Code::corrupt, "chunk " + p.node.ref.id.brief() + " has another size than the tree says")});
  }
}

Status TreeGraph::walk(const std::vector<GraphNode>& roots, const Look& look, const Failed& failed) {
  std::vector<std::unique_ptr<Worker>> workers;
  for (unsigned i = 0; i < jobs_; ++i) workers.push_back(std::make_unique<Worker>(chunks_));
  for (const GraphNode& root : roots) add(*workers[0], 0, root);
  closed_ = false;
  std::vector<Placed> round;
  for (;;) {
    round.clear();
    for (const auto& w : workers) {
      round.insert(round.end(), w->next.begin(), w->next.end());
      w->next.clear();
      edges_.insert(edges_.end(), w->edges.begin(), w->edges.end());
      w->edges.clear();
      mark_count_ += w->marked.size();
      marked_.insert(marked_.end(), w->marked.begin(), w->marked.end());
      w->marked.clear();
      for (auto& [placed, error] : w->failed) {
        unreadable_list_.push_back(placed.number);
        ++mark_count_;
        HF_TRY(failed(placed.node, error));
      }
      w->failed.clear();
    }
    count_ = next_number_.load() - 1;
    if (round.empty()) return {};
    if (progress_ != nullptr && progress_->stop_requested) return Error(Code::cancelled, "stopped");
    const auto by_place = [](const Placed& p) { return std::tie(p.place.pack, p.place.offset, p.place.chunk); };
    std::sort(round.begin(), round.end(), [&](const Placed& a, const Placed& b) { return by_place(a) < by_place(b); });
    std::vector<std::size_t> begins;
    for (std::size_t i = 0; i < round.size(); ++i)
      if (i == 0 || round[i].place.pack != round[i - 1].place.pack || round[i].place.offset != round[i - 1].place.offset) begins.push_back(i);
    begins.push_back(round.size());
    std::atomic<std::size_t> next_group{0};
    const auto work = [&](unsigned id) {
      for (;;) {
        if (progress_ != nullptr && progress_->stop_requested) return;
        const std::size_t g = next_group.fetch_add(1, std::memory_order_relaxed);
        if (g + 1 >= begins.size()) return;
        const std::span<const Placed> group(round.data() + begins[g], begins[g + 1] - begins[g]);
        read_segment(*workers[id], id, group, look);
      }
    };
    const std::size_t useful = std::min<std::size_t>(jobs_, begins.size() - 1);
    std::vector<std::jthread> threads;
    for (unsigned i = 1; i < useful; ++i) threads.emplace_back([&, i] { work(i); });
    work(0);
    threads.clear();
  }
}

// --- marks ---

void TreeGraph::close() {
  const std::size_t n = next_number_.load();
  leads_.assign(n, false);
  unreadable_.assign(n, false);
  std::vector<Number> open;
  const auto reach = [&](Number number) {
    if (leads_[number]) return;
    leads_[number] = true;
    open.push_back(number);
  };
  for (Number m : unreadable_list_) {
    unreadable_[m] = true;
    reach(m);
  }
  for (Number m : marked_) reach(m);
  closed_ = true;
  if (open.empty()) return;
  // Upwards along the edges: sorted by child they are a list of parents each.
  std::sort(edges_.begin(), edges_.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
  while (!open.empty()) {
    const Number child = open.back();
    open.pop_back();
    auto at = std::lower_bound(edges_.begin(), edges_.end(), child, [](const auto& e, Number c) { return e.second < c; });
    for (; at != edges_.end() && at->second == child; ++at) reach(at->first);
  }
}

bool TreeGraph::leads_to_mark(const ChunkId& id, std::uint8_t list_level) const {
  const auto number = numbers_.find(key_of(id, list_level));
  return number && *number < leads_.size() && leads_[*number];
}
bool TreeGraph::is_unreadable(const ChunkId& id) const {
  const auto number = numbers_.find(ChunkKey::of(id));
  return number && *number < unreadable_.size() && unreadable_[*number];
}

// --- trace ---

Result<const TreeGraph::Kept*> TreeGraph::kept(const ChunkId& node, const Wanted& wanted) {
  const Number number = numbers_.find(ChunkKey::of(node)).value_or(0);
  const auto [at, is_new] = kept_.try_emplace(number);
  if (!is_new) return &at->second;
  const LoadedChunk loaded = HF_TRY(chunks_.read(node));
  TreeNode content = HF_TRY(decode_node(loaded.bytes));
  Kept& k = at->second;
  for (NodeRange& r : content.ranges)
    if (leads_to_mark(r.node.id)) k.ranges.push_back(std::move(r));
  for (Entry& e : content.entries) {
    const bool want = wanted(e);
    if (!want && !(e.directory && leads_to_mark(e.directory->id))) continue;
    k.entries.push_back(std::move(e));
    k.is_wanted.push_back(want);
  }
  return &k;
}

Status TreeGraph::trace(const Entry& root, const Wanted& wanted, const Visit& visit) {
  if (!closed_) close();
  if (!root.directory || !leads_to_mark(root.directory->id)) return {};
  struct Step {  // a node to be looked at, or an entry to be visited
    ChunkId node;
    std::string path, from;
  };
  // The last one is next: pushed in reverse, so that paths come in order. A stack of our own, as paths may be deep.
  std::vector<Step> stack;
  stack.push_back({root.directory->id, "", ""});
  while (!stack.empty()) {
    const Step step = std::move(stack.back());
    stack.pop_back();
    if (is_unreadable(step.node)) {
      const Lost lost{step.node, step.from};
      HF_TRY(visit(step.path, nullptr, &lost));
      continue;
    }
    const Kept* k = HF_TRY(kept(step.node, wanted));
    const std::size_t bottom = stack.size();
    for (const NodeRange& r : k->ranges) stack.push_back({r.node.id, step.path, r.first});
    for (std::size_t i = 0; i < k->entries.size(); ++i) {
      const Entry& e = k->entries[i];
      std::string path = step.path.empty() ? e.name : step.path + "/" + e.name;
      if (k->is_wanted[i]) HF_TRY(visit(path, &e, nullptr));
      if (e.directory && leads_to_mark(e.directory->id)) stack.push_back({e.directory->id, std::move(path), ""});
    }
    std::reverse(stack.begin() + static_cast<std::ptrdiff_t>(bottom), stack.end());
  }
  return {};
}

void add_children(const TreeNode& node, bool with_lists, std::vector<GraphNode>& children) {
  for (const NodeRange& r : node.ranges) children.push_back({r.node, 0});
  for (const Entry& e : node.entries) {
    if (e.directory) children.push_back({*e.directory, 0});
    if (with_lists && e.content.level > 0)
      for (const ChunkRef& r : e.content.refs) children.push_back({r, e.content.level});
  }
}

}  // namespace hf
