#include "point/tree_builder.hpp"

#include <algorithm>

#include "point/tree_reader.hpp"

namespace hf {

Status DirectoryBuilder::add(Entry entry) {
  if (entry_weight(entry) > kEntryWeightMax) return Error(Code::too_many, "its extended attributes or holes are more than a vault can hold");
  files_ += entry.is_directory() ? entry.below_files : 1;
  bytes_ += entry.is_directory() ? entry.below_bytes : entry.is_regular() ? entry.stat.size : 0;
  const bool ends = rule_.ends_after(entry);
  leaf_.push_back(std::move(entry));
  return ends ? end_leaf() : Status();
}

Status DirectoryBuilder::end_leaf() {
  if (leaf_.empty()) return {};
  ranges_.push_back({leaf_.front().name, HF_TRY(session_.add_metadata(encode_leaf(leaf_), old_leaves()))});
  leaf_.clear();
  return {};
}

std::vector<ChunkRef> DirectoryBuilder::old_leaves() {
  if (!before_) return {};
  if (!old_ranges_) {
    old_ranges_.emplace();
    // What can't be read is no help; `verify` tells of it.
    if (auto node = read_node(*chunks_, *before_)) old_ranges_ = node->is_leaf() ? std::vector<NodeRange>{{"", *before_}} : std::move(node->ranges);
  }
  constexpr std::size_t kEnough = 4;
  std::vector<ChunkRef> out;
  const std::string &first = leaf_.front().name, &last = leaf_.back().name;
  auto at = std::upper_bound(old_ranges_->begin(), old_ranges_->end(), first, [](const std::string& name, const NodeRange& r) { return name < r.first; });
  if (at != old_ranges_->begin()) --at;
  for (; at != old_ranges_->end() && at->first <= last && out.size() < kEnough; ++at) out.push_back(at->node);
  return out;
}

Result<ChunkRef> DirectoryBuilder::finish() {
  if (ranges_.empty()) return session_.add_metadata(encode_leaf(leaf_), old_root());
  HF_TRY(end_leaf());
  std::vector<NodeRange> level = std::move(ranges_);
  while (level.size() > 1) {
    std::vector<NodeRange> above, node;
    const auto end_node = [&]() -> Status {
      above.push_back({node.front().first, HF_TRY(session_.add_metadata(encode_inner(node), old_root()))});
      node.clear();
      return {};
    };
    for (NodeRange& range : level) {
      node.push_back(std::move(range));
      if ((node.size() >= kRefListMin && ref_list_ends_after(node.back().node.id)) || node.size() == kRefListMax) HF_TRY(end_node());
    }
    if (!node.empty()) HF_TRY(end_node());
    level = std::move(above);
  }
  return level[0].node;
}

Status ContentBuilder::add(const ChunkRef& ref) {
  levels_[0].push_back(ref);
  // A list stays in its entry as long as it is short; so nothing is ended before it is known to be long.
  for (std::size_t level = 0; level < levels_.size(); ++level) {
    const auto& list = levels_[level];
    const bool long_already = level + 1 < levels_.size() || list.size() > kRefsInEntryMax;
    const bool ends = long_already && list.size() >= kRefListMin && (ref_list_ends_after(list.back().id) || list.size() >= kRefListMax);
    if (!ends) return {};
    HF_TRY(end_list(level));
  }
  return {};
}

Status ContentBuilder::end_list(std::size_t level) {
  if (level + 1 == levels_.size()) levels_.emplace_back();
  const ChunkRef node = HF_TRY(session_.add_metadata(encode_ref_list(levels_[level])));
  levels_[level].clear();
  levels_[level + 1].push_back(node);
  return {};
}

Result<Content> ContentBuilder::finish() {
  Content content;
  for (std::size_t level = 0;; ++level) {
    const bool top = level + 1 == levels_.size();
    if (top && levels_[level].size() <= kRefsInEntryMax) {
      content.level = static_cast<std::uint8_t>(level);
      content.refs = std::move(levels_[level]);
      return content;
    }
    if (!levels_[level].empty()) HF_TRY(end_list(level));
  }
}

}  // namespace hf
