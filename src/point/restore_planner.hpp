#pragma once
// Walks the point's tree in order and decides, name by name, what is to be done; hands over windows.
//
// One thread. Memory: the window under construction, the path from the root, and what has several names.

#include <unordered_map>
#include <unordered_set>

#include "point/restore_engine.hpp"
#include "point/restore_places.hpp"
#include "point/restore_select.hpp"

namespace hf {

/// How large windows get: the first is small, so that workers begin soon, and each next one is larger.
struct WindowLimits {
  std::size_t first = 2048, most = 24 * 1024;  ///< items, and chunks
  std::uint64_t bytes = std::uint64_t{1} << 30;
};

class RestorePlanner {
 public:
  enum class Purpose : std::uint8_t { restore, plan, prove };
  /// Takes a full window; false: stop.
  using Submit = std::function<bool(std::unique_ptr<Window>)>;
  /// `tree` may be nullptr when nothing is written (for a plan: when the target does not exist).
  RestorePlanner(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Purpose purpose, DirectoryTree* tree,
                 MetadataWriter* metadata, UndoArea* undo, RestoreTally& tally, Progress& progress, StopReason& stop, Submit submit);
  ~RestorePlanner();
  /// Refuses what makes no sense before anything is touched.
  Status check();
  Status run();
  RestorePlan take_plan();
  /// Some chunks that the plan needs, from all over it, with their places: to measure by.
  const std::vector<ChunkPlace>& sample() const { return sample_; }

 private:
  struct Frame;
  using Choice = Selection::Choice;

  Status enter(Entry entry, const std::string& name, Choice choice);
  Status leave();
  Status see(const Entry& entry);
  /// The frame's directory, made with all above it where that was not needed before; false: it cannot be restored into.
  Result<bool> ensure(std::size_t depth);
  Result<bool> ensure_one(std::size_t depth);
  Status list_existing(Frame& frame);
  Status plan_file(const Entry& entry);
  Status plan_special(const Entry& entry, const std::optional<Stat>& there);
  Status plan_content(const Entry& entry, const std::optional<Stat>& there);
  bool plan_link(const Entry& entry, const std::optional<Stat>& there);
  void remember_link(const Entry& entry);
  void plan_update(const Entry& entry, const Stat& there);
  bool is_newer(const Entry& entry, const Stat& there) const;
  Action judge(const Entry& entry, const Stat& there) const;
  Result<std::optional<Stat>> look(const Entry& entry);
  Status add_chunks(const Entry& entry, std::shared_ptr<LargeFile> large);
  std::shared_ptr<LargeFile> make_large(const Entry& entry);
  std::uint32_t add_item(const Entry& entry);
  Status flush_if_full();
  Status flush();
  bool untouchable(const Stat& stat) const { return untouchable_.contains({stat.dev, stat.ino}); }
  void count(Action action, const Entry& entry);
  std::uint64_t segment_key(const ChunkPlace& place);
  void problem(Error error);
  DirectoryRef directory_here();

  Env& env_;
  ChunkReader& chunks_;
  const RecoveryPoint& point_;
  const RestoreOptions& options_;
  const Purpose purpose_;
  DirectoryTree* tree_;
  MetadataWriter* metadata_;
  UndoArea* undo_;
  RestoreTally& tally_;
  Progress& progress_;
  StopReason& stop_;
  const Submit submit_;
  Selection selection_;
  PlaceFinder places_;
  WindowLimits limits_;
  std::size_t limit_ = 0;
  std::vector<std::string> complete_;  ///< paths below which the point holds everything there was: what may be deleted below
  std::unordered_set<std::string> unread_;  ///< paths that the backup could not read
  bool journal_creations_ = false;

  struct PairHash {
    std::size_t operator()(const std::pair<std::uint64_t, std::uint64_t>& p) const noexcept { return p.second * 0x9E3779B97F4A7C15u ^ p.first; }
  };
  std::unordered_set<std::pair<std::uint64_t, std::uint64_t>, PairHash> untouchable_;
  /// The first name of each file that has several; forgotten when as many names were seen as it has.
  struct First {
    DirectoryRef directory;
    std::string name;
    std::uint64_t dev, ino;  // of what is there already; 0: it is made now
    std::uint32_t left;
    std::uint64_t content;   // of size, time and content: two files that only claim to be one are not linked
  };
  std::unordered_map<std::pair<std::uint64_t, std::uint64_t>, First, PairHash> firsts_;

  std::vector<std::unique_ptr<Frame>> stack_;
  std::string path_;
  std::unique_ptr<Window> window_;
  std::unordered_map<PackId, std::uint32_t> pack_numbers_;
  std::shared_ptr<LargeFile> open_large_;  // its chunks are being planned
  std::size_t file_first_want_ = 0;        // where the chunks of the file at hand begin in the window
  bool in_file_ = false;
  HandleCache no_handles_{1};  // for directories that only have a name
  DirectoryRef nowhere_;

  RestorePlan plan_;
  struct SegmentHash {
    std::size_t operator()(const std::pair<std::uint32_t, std::uint32_t>& p) const noexcept { return (std::size_t{p.first} << 32 | p.second) * 0x9E3779B97F4A7C15u; }
  };
  std::unordered_set<std::pair<std::uint32_t, std::uint32_t>, SegmentHash> segments_;  // of a plan, each counted once
  std::vector<ChunkPlace> sample_;
  std::uint64_t sampled_of_ = 0;
};

}  // namespace hf
