#pragma once
// A file in the target while a restore runs; one that does not end well leaves it. The next run of the same restore
// then knows that what is there is its own: a target that was empty before is still treated as such. After a power cut files may have their size and time but not their bytes:
// the next run finds the marker, sees that the machine was started anew, and reads what it would else believe.

#include "target/fs/directory_tree.hpp"

namespace hf {

class RunMarker {
 public:
  static constexpr std::string_view kName = ".holdfast-restore-unfinished";
  /// Makes the marker, durably. `what` names the restore; `fresh`: there was nothing in the target before.
  static Result<RunMarker> begin(DirectoryTree& tree, const std::string& what, bool fresh);
  /// There was nothing in the target before this run, or before the one that it continues.
  bool fresh() const { return fresh_; }
  /// A run before this one ended with the machine (as far as can be known).
  bool power_was_lost() const { return power_was_lost_; }
  /// A run before this one did not end well: when it, or the first of several, began, and when it had surely ended (with
  /// lost power, when the machine was started again), as Unix nanoseconds. What was last changed between them may be that
  /// run's. 0: none.
  std::int64_t lost_run_began() const { return lost_run_began_; }
  std::int64_t lost_run_ended() const { return lost_run_ended_; }
  /// All is done: takes it away and leaves the root's time as it is.
  void end();

 private:
  explicit RunMarker(DirectoryTree& tree) : tree_(&tree) {}
  DirectoryTree* tree_;
  bool power_was_lost_ = false, fresh_ = false;
  std::int64_t lost_run_began_ = 0, lost_run_ended_ = 0;
};

}  // namespace hf
