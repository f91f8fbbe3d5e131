#include "point/restore.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "point/restore_planner.hpp"
#include "target/fs/run_marker.hpp"

namespace hf {
namespace {

/// Hands windows from the planner's thread to the engine's: one waits while one is done. With one job there is no
/// second thread, and what is handed over is done at once.
class Handover {
 public:
  Handover(RestoreEngine& engine, StopReason& stop, unsigned jobs) : engine_(engine), stop_(stop) {
    if (jobs > 1) thread_ = std::jthread([this] { work(); });
  }
  ~Handover() { close(); }

  bool submit(std::unique_ptr<Window> window) {
    if (!thread_.joinable()) {
      engine_.execute(*window);
      return !stop_.stopped();
    }
    Lock lock(mutex_);
    while (waiting_ && !stop_.stopped()) changed_.wait(mutex_);
    if (stop_.stopped()) return false;
    waiting_ = std::move(window);
    changed_.notify_all();
    return true;
  }
  /// Returns when everything is done.
  void close() {
    if (!thread_.joinable()) return;
    {
      Lock lock(mutex_);
      closing_ = true;
      changed_.notify_all();
    }
    thread_.join();
  }

 private:
  void work() {
    for (;;) {
      std::unique_ptr<Window> window;
      {
        Lock lock(mutex_);
        while (!waiting_ && !closing_) changed_.wait(mutex_);
        if (!waiting_) return;
        window = std::move(waiting_);
        changed_.notify_all();
      }
      try {
        engine_.execute(*window);
      } catch (const std::exception& problem) {
        stop_.fail(Error(Code::internal, std::string("out of memory, or a library failed: ") + problem.what(), "fewer workers need less: --jobs 1"));
      }
      Lock lock(mutex_);
      changed_.notify_all();  // the planner may wait for nothing if we stopped
    }
  }

  RestoreEngine& engine_;
  StopReason& stop_;
  Mutex mutex_;
  Condition changed_;
  std::unique_ptr<Window> waiting_ HF_GUARDED_BY(mutex_);
  bool closing_ HF_GUARDED_BY(mutex_) = false;
  std::jthread thread_;
};

double seconds_since(Env& env, std::int64_t begin) { return static_cast<double>(env.monotonic_ns() - begin) / 1e9; }

/// Seconds that a restore of this plan would take, from reading a sample of its segments now.
void predict(Env& env, ChunkReader& chunks, const std::vector<ChunkPlace>& sample, unsigned jobs, RestorePlan& plan) {
  // What a file costs apart from its bytes, and a byte to write: assumed, not measured, since a plan
  // writes nothing.
  constexpr double kSecondsPerFile = 20e-6, kSecondsPerByteWritten = 0.6e-9;
  constexpr std::int64_t kSampleTime = 300'000'000;
  SegmentOpener opener(chunks.vault(), &chunks);
  OpenedSegment segment;
  std::vector<ByteView> views;
  std::vector<Digest> digests;
  std::uint64_t stored = 0, plain = 0;
  const std::int64_t begin = env.monotonic_ns();
  // From both ends and the middle first: places that are far apart.
  std::size_t step = std::max<std::size_t>(1, sample.size() / 2), read = 0;
  std::vector<bool> seen(sample.size());
  for (; step > 0 && env.monotonic_ns() - begin < kSampleTime; step /= 2)
    for (std::size_t i = 0; i < sample.size() && env.monotonic_ns() - begin < kSampleTime; i += step) {
      if (seen[i]) continue;
      seen[i] = true;
      if (!chunks.fetch(sample[i], opener, segment)) continue;
      views.clear();
      for (std::size_t c = 0; c < segment.chunk_count(); ++c) views.push_back(segment.chunk(c));
      digests.resize(views.size());
      chunks.vault().keys().chunk_hash().digest_many(views, digests);
      stored += sample[i].stored_bytes;
      plain += segment.plain.size();
      ++read;
    }
  const double took = seconds_since(env, begin);
  const double workers = std::max(1u, jobs);
  double seconds = 0.05 + static_cast<double>(plan.create + plan.replace + plan.directories) * kSecondsPerFile / workers +
                   static_cast<double>(plan.bytes) * kSecondsPerByteWritten;
  if (stored > 0 && took > 0) {
    const double rate = static_cast<double>(stored) / took;  // one worker, of stored bytes
    seconds += static_cast<double>(plan.bytes_fetched) / rate / workers;
    plan.rests_on = fmt::format("{} {} of the vault read just now, at {} of content a second and worker; writing was not measured", human_count(read),
                                read == 1 ? "segment" : "segments", human_bytes(static_cast<std::uint64_t>(static_cast<double>(plain) / took)));
  } else {
    plan.rests_on = "the number of files alone: there is nothing to read";
  }
  plan.seconds = seconds;
}

std::string about(const RecoveryPoint& point, const RestoreOptions& options) {
  return "restore of recovery point " + point.id.brief() + " (" + utc_time(point.started_ns) + ", " + point.source() + ") into " + options.target;
}

}  // namespace

Result<RestoreReport> restore(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& wanted, Progress& progress, ProblemSink& problems) {
  const std::int64_t begin = env.monotonic_ns();
  RestoreOptions options = wanted;
  StopReason stop(progress);
  RestoreTally tally(options, problems, progress);
  // Refused before anything is made: what makes no sense, and paths that the point does not have.
  HF_TRY(RestorePlanner(env, chunks, point, options, RestorePlanner::Purpose::restore, nullptr, nullptr, nullptr, tally, progress, stop, nullptr).check());
  const auto tree = HF_TRY(DirectoryTree::open(env, options.target, true));
  tree->learn_creation();
  auto marker = HF_TRY(RunMarker::begin(*tree, point.id.hex(), HF_TRY(tree->root_is_empty())));
  options.fresh = marker.fresh();
  options.compare = options.compare || marker.power_was_lost();
  options.torn = {marker.lost_run_began(), marker.lost_run_ended(), marker.power_was_lost()};
  MetadataWriter metadata(*tree, options.owners, point.users, point.groups);
  std::optional<UndoArea> undo;
  if (options.undo && !tree->root_was_made()) undo.emplace(*tree, env.wall_ns(), about(point, options));
  UndoArea* kept = undo ? &*undo : nullptr;

  Status status;
  {
    RestoreEngine engine(chunks, tree.get(), &metadata, kept, options, tally, progress, stop);
    Handover handover(engine, stop, options.jobs);
    RestorePlanner planner(env, chunks, point, options, RestorePlanner::Purpose::restore, tree.get(), &metadata, kept, tally, progress, stop,
                           [&](std::unique_ptr<Window> window) { return handover.submit(std::move(window)); });
    status = planner.check();
    if (status) status = planner.run();
    if (!status) stop.fail(status.error());
    handover.close();
    engine.finish();
  }
  if (undo) undo->remove_if_useless();
  status = stop.status();
  if (status) marker.end();
  if (!status) {
    Error error = std::move(status.error());
    if (undo && undo->is_useful()) {
      error.detail += (error.detail.empty() ? "" : "; ") + std::string("what was replaced until then is kept in ") + printable(options.target + "/" + undo->name());
    }
    return error;
  }
  RestoreReport report = tally.take_report();
  report.seconds = seconds_since(env, begin);
  report.not_set = metadata.not_set().rows();
  report.verified = options.verify;
  report.compared = options.compare;
  if (undo && undo->is_useful()) report.undo_area = undo->name();
  return report;
}

Result<RestorePlan> plan_restore(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Progress& progress, ProblemSink& problems) {
  StopReason stop(progress);
  RestoreTally tally(options, problems, progress);
  std::unique_ptr<DirectoryTree> tree;
  auto opened = DirectoryTree::open(env, options.target, false);
  if (opened) tree = std::move(*opened);
  else if (opened.error().code != Code::not_found) return opened.error();
  std::optional<MetadataWriter> metadata;
  if (tree) metadata.emplace(*tree, options.owners, point.users, point.groups);
  RestorePlanner planner(env, chunks, point, options, RestorePlanner::Purpose::plan, tree.get(), metadata ? &*metadata : nullptr, nullptr, tally, progress, stop,
                         [](std::unique_ptr<Window>) { return true; });
  HF_TRY(planner.check());
  HF_TRY(planner.run());
  RestorePlan plan = planner.take_plan();
  predict(env, chunks, planner.sample(), options.jobs, plan);
  return plan;
}

Result<RestoreReport> prove(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Progress& progress, ProblemSink& problems) {
  const std::int64_t begin = env.monotonic_ns();
  StopReason stop(progress);
  RestoreTally tally(options, problems, progress);
  {
    RestoreEngine engine(chunks, nullptr, nullptr, nullptr, options, tally, progress, stop);
    Handover handover(engine, stop, options.jobs);
    RestorePlanner planner(env, chunks, point, options, RestorePlanner::Purpose::prove, nullptr, nullptr, nullptr, tally, progress, stop,
                           [&](std::unique_ptr<Window> window) { return handover.submit(std::move(window)); });
    Status status = planner.check();
    if (status) status = planner.run();
    if (!status) stop.fail(status.error());
    handover.close();
  }
  HF_TRY(stop.status());
  RestoreReport report = tally.take_report();
  report.seconds = seconds_since(env, begin);
  return report;
}

Result<UndoReport> undo_restore(Env& env, const std::string& area) {
  const std::string path = HF_TRY(env.absolute_path(area));
  const std::size_t slash = path.rfind('/');
  std::string root = path.substr(0, slash == 0 ? 1 : slash), name = path.substr(slash + 1);
  if (!name.starts_with(UndoArea::kPrefix)) {
    root = path;
    name = HF_TRY(newest_undo_area(env, root));
  }
  const auto tree = HF_TRY(DirectoryTree::open(env, root, false));
  return undo(*tree, name);
}

}  // namespace hf
