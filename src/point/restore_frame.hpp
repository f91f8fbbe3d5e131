#pragma once
// One directory on the planner's way down.

#include "point/restore_planner.hpp"

namespace hf {

/// Names of one directory in one block of memory, in order.
class NamesThere {
 public:
  void add(std::string_view name) {
    starts_.push_back(text_.size());
    text_.append(name);
    text_ += '\0';
  }
  void sort();
  /// Marks a name as known to the point.
  void seen(std::string_view name);
  /// Those that the point does not know.
  std::vector<std::string> unseen() const;
  bool any_seen() const { return any_seen_; }
  bool empty() const { return starts_.empty(); }

 private:
  std::string_view at(std::size_t i) const { return std::string_view(text_.data() + starts_[i]); }
  std::string text_;
  std::vector<std::size_t> starts_;
  std::vector<bool> seen_;
  bool any_seen_ = false;
};

struct RestorePlanner::Frame {
  Frame(ChunkReader& chunks, const Entry& entry, Choice c) : cursor(chunks, entry.directory), metadata(OwnedMetadata::of(entry)), below(entry.below_files), choice(c) {}

  DirectoryCursor cursor;
  OwnedMetadata metadata;
  std::uint64_t below;
  Choice choice;
  std::string name;
  std::size_t path_bytes = 0;

  enum class State : std::uint8_t {
    unknown,  ///< nothing in it was needed yet
    present,
    absent,   ///< it would be made, if this were more than a plan
    blocked,  ///< something else is there and stays
  } state = State::unknown;
  DirectoryRef directory;
  std::optional<Stat> before;  ///< it was there
  bool intact = true;          ///< every name in it could be read
  bool touched = false;        ///< something is made or removed in it
  bool touched_below = false;
  bool deletes = false;
  NamesThere names;                       ///< with `deletes`
  std::vector<std::string> temporaries;  ///< what earlier runs left
};

}  // namespace hf
