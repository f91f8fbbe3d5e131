#include "point/elsewhere.hpp"

#include <algorithm>

#include "point/kin.hpp"
#include "point/likeness.hpp"
#include "point/tree_reader.hpp"

namespace hf {
namespace {
constexpr std::size_t kFilesMax = 1024;
/// An old entry is read in 1 to 2 microseconds, as many bytes of a new file in 10 to 20.
constexpr std::uint64_t kBytesPerEntry = 8192;
}  // namespace

std::vector<Entry> Elsewhere::candidates(std::string_view name, std::uint64_t size) {
  if (parent_ == nullptr) return {};
  Lock lock(mutex_);
  if (!walked_) {
    asked_bytes_ += size;
    if (asked_bytes_ / kBytesPerEntry < parent_->files) return {};
    walk();
    walked_ = true;
  }
  struct Choice {
    bool stranger;
    std::uint64_t distance;
    const Entry* entry;
  };
  std::vector<Choice> choices;
  const std::string kind = kind_of_name(name);
  const auto end = by_size_.upper_bound(size * 2);
  for (auto at = by_size_.lower_bound(size / 2); at != end; ++at)
    choices.push_back({kind_of_name(at->second.name) != kind, std::max(at->first, size) - std::min(at->first, size), &at->second});
  const std::size_t count = std::min(choices.size(), Likeness::kCandidatesMax);
  std::partial_sort(choices.begin(), choices.begin() + static_cast<std::ptrdiff_t>(count), choices.end(),
                    [](const Choice& a, const Choice& b) { return std::tie(a.stranger, a.distance) < std::tie(b.stranger, b.distance); });
  std::vector<Entry> out;
  for (std::size_t i = 0; i < count; ++i) out.push_back(*choices[i].entry);
  return out;
}

void Elsewhere::walk() {
  const auto visit = [&](const std::string&, const Entry& e) HF_REQUIRES(mutex_) -> Result<Walk> {
    if (progress_.stop_requested) return Walk::stop;
    if (!e.is_regular() || e.stat.size <= large_bytes_ || e.content.refs.empty()) return Walk::descend;
    if (by_size_.size() == kFilesMax) {
      if (e.stat.size <= by_size_.begin()->first) return Walk::descend;
      by_size_.erase(by_size_.begin());
    }
    by_size_.emplace(e.stat.size, e);
    return Walk::descend;
  };
  // What can't be read of it is passed over: nothing depends on it.
  static_cast<void>(walk_tree(chunks_, parent_->root, visit, [](const std::string&, const Error&) -> Status { return {}; }));
}

}  // namespace hf
