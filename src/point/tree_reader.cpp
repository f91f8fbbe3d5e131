#include "point/tree_reader.hpp"

#include <algorithm>

namespace hf {
namespace {
/// Deeper inner levels than any real directory needs: a hostile vault must not make us recurse for ever.
constexpr std::size_t kInnerLevelsMax = 16;
}  // namespace

Result<TreeNode> read_node(ChunkReader& chunks, const ChunkRef& ref) {
  const LoadedChunk loaded = HF_TRY(chunks.read(ref.id));
  return decode_node(loaded.bytes).context([&] { return "directory node " + ref.id.brief(); });
}

DirectoryCursor::DirectoryCursor(ChunkReader& chunks, std::optional<ChunkRef> root) : chunks_(chunks), root_(root) {}

Status DirectoryCursor::descend(const ChunkRef& node, std::string_view from, std::size_t depth) {
  if (depth > kInnerLevelsMax) return Error(Code::corrupt, "a directory has more levels of nodes than any directory needs");
  TreeNode n = HF_TRY(read_node(chunks_, node));
  if (n.is_leaf()) {
    leaf_ = std::move(n.entries);
    at_ = 0;
    return {};
  }
  Level level{std::move(n.ranges), 0};
  // The last range that begins at or before `from`; the first one for names before all.
  const auto after = std::upper_bound(level.ranges.begin(), level.ranges.end(), from, [](std::string_view name, const NodeRange& r) { return name < r.first; });
  level.at = after == level.ranges.begin() ? 0 : static_cast<std::size_t>(after - level.ranges.begin()) - 1;
  const ChunkRef child = level.ranges[level.at].node;
  levels_.push_back(std::move(level));
  return descend(child, from, depth + 1);
}

Status DirectoryCursor::open(const ChunkRef& node, std::string_view from) {
  levels_.clear();
  leaf_.clear();
  opened_ = true;
  HF_TRY(descend(node, from, 0));
  at_ = static_cast<std::size_t>(std::lower_bound(leaf_.begin(), leaf_.end(), from, [](const Entry& e, std::string_view name) { return e.name < name; }) - leaf_.begin());
  return {};
}

Result<Entry*> DirectoryCursor::next() {
  if (!root_) return nullptr;
  if (!opened_) HF_TRY(open(*root_, ""));
  while (at_ >= leaf_.size()) {
    while (!levels_.empty() && levels_.back().at + 1 >= levels_.back().ranges.size()) levels_.pop_back();
    if (levels_.empty()) return nullptr;
    const ChunkRef child = levels_.back().ranges[++levels_.back().at].node;
    HF_TRY(descend(child, "", levels_.size()));
  }
  return &leaf_[at_++];
}

Status DirectoryCursor::seek(std::string_view name) {
  if (!root_) return {};
  const bool ahead = opened_ && at_ < leaf_.size() && leaf_[at_].name <= name && name <= leaf_.back().name;
  if (!ahead) return open(*root_, name);
  at_ = static_cast<std::size_t>(
      std::lower_bound(leaf_.begin() + static_cast<std::ptrdiff_t>(at_), leaf_.end(), name, [](const Entry& e, std::string_view n) { return e.name < n; }) - leaf_.begin());
  return {};
}

Result<const Entry*> DirectoryCursor::find(std::string_view name) {
  if (!root_) return nullptr;
  // Within the leaf at hand, whatever was asked before?
  if (opened_ && !leaf_.empty() && leaf_.front().name <= name && name <= leaf_.back().name) {
    const auto at = std::lower_bound(leaf_.begin(), leaf_.end(), name, [](const Entry& e, std::string_view n) { return e.name < n; });
    at_ = static_cast<std::size_t>(at - leaf_.begin());
    return at->name == name ? &*at : nullptr;
  }
  HF_TRY(open(*root_, name));
  return at_ < leaf_.size() && leaf_[at_].name == name ? &leaf_[at_] : nullptr;
}

namespace {
Status visit_refs(ChunkReader& chunks, const std::vector<ChunkRef>& refs, int level, const std::function<Status(const ChunkRef&)>& visit) {
  for (const ChunkRef& ref : refs) {
    if (level == 0) {
      HF_TRY(visit(ref));
      continue;
    }
    const LoadedChunk loaded = HF_TRY(chunks.read(ref.id));
    const std::vector<ChunkRef> inner = HF_TRY(decode_ref_list(loaded.bytes).context([&] { return "list of chunks " + ref.id.brief(); }));
    HF_TRY(visit_refs(chunks, inner, level - 1, visit));
  }
  return {};
}
}  // namespace

Status for_each_chunk(ChunkReader& chunks, const Entry& file, const std::function<Status(const ChunkRef&, std::uint64_t)>& visit) {
  std::uint64_t offset = 0;
  auto hole = file.content.holes.begin();
  const auto skip_holes = [&] {
    for (; hole != file.content.holes.end() && hole->offset == offset; ++hole) offset += hole->bytes;
  };
  HF_TRY(visit_refs(chunks, file.content.refs, file.content.level, [&](const ChunkRef& ref) -> Status {
    skip_holes();
    // A chunk never spans a hole: chunks are cut anew after each.
    const std::uint64_t limit = hole != file.content.holes.end() ? hole->offset : file.stat.size;
    if (ref.bytes > limit - offset) return Error(Code::corrupt, "the chunks of a file do not fit its size");
    HF_TRY(visit(ref, offset));
    offset += ref.bytes;
    return {};
  }));
  skip_holes();
  if (offset != file.stat.size) return Error(Code::corrupt, "the chunks of a file do not fit its size");
  return {};
}

Result<Entry> find_path(ChunkReader& chunks, const Entry& root, std::string_view path) {
  Entry at = root;
  std::string walked;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    walked += (walked.empty() ? "" : "/") + std::string(part);
    if (!at.is_directory()) return Error(Code::not_found, "the recovery point has no '" + printable(walked) + "'", "look around: holdfast ls");
    DirectoryCursor cursor(chunks, at.directory);
    const Entry* found = HF_TRY(cursor.find(part));
    if (found == nullptr) return Error(Code::not_found, "the recovery point has no '" + printable(walked) + "'", "look around: holdfast ls");
    Entry next = *found;
    at = std::move(next);
  }
  return at;
}

Status walk_tree(ChunkReader& chunks, const Entry& root, const std::function<Result<Walk>(const std::string&, const Entry&)>& visit,
                 const std::function<Status(const std::string&, const Error&)>& failed) {
  // A stack of our own: paths may be deeper than the thread's stack would bear.
  struct Open {
    DirectoryCursor cursor;
    std::size_t path_bytes;
  };
  std::vector<Open> stack;
  std::string path;
  stack.push_back({DirectoryCursor(chunks, root.directory), 0});
  while (!stack.empty()) {
    path.resize(stack.back().path_bytes);
    auto next = stack.back().cursor.next();
    if (!next) {
      if (!failed) return next.error();
      HF_TRY(failed(path, next.error()));
      stack.pop_back();
      continue;
    }
    const Entry* entry = *next;
    if (entry == nullptr) {
      stack.pop_back();
      continue;
    }
    if (!path.empty()) path += '/';
    path += entry->name;
    const Walk what = HF_TRY(visit(path, *entry));
    if (what == Walk::stop) return {};
    if (what == Walk::descend && entry->is_directory()) stack.push_back({DirectoryCursor(chunks, entry->directory), path.size()});
  }
  return {};
}

}  // namespace hf
