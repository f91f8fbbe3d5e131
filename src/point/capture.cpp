#include "point/capture.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "point/capture_engine.hpp"

namespace hf {
namespace {

/// The newest point of the same source, of that kind if one is given.
std::optional<RecoveryPoint> newest_of(const PointList& list, const std::string& host, const std::vector<std::string>& paths, std::optional<PointKind> kind = {}) {
  for (auto p = list.points.rbegin(); p != list.points.rend(); ++p)
    if (p->host == host && p->paths == paths && (!kind || p->kind == *kind)) return *p;
  return std::nullopt;
}

void begin_point(RecoveryPoint& point, const CaptureOptions& options, std::int64_t now) {
  point.started_ns = now;
  point.host = options.host;
  point.user = options.user;
  point.program = options.program;
  point.tags = options.tags;
}

/// The points that may be built on. What other keys made is not: a write-only key could name what is not there.
Result<PointList> own_points(WriteSession& session) {
  PointList list = HF_TRY(session.vault().points());
  std::erase_if(list.points, [&](const RecoveryPoint& p) { return p.writer != session.vault().writer(); });
  return list;
}

/// Decides the kind and what to build on; gives the point of the same source in which old versions are looked for.
Result<std::optional<RecoveryPoint>> choose_parent(RecoveryPoint& point, const PointList& list, const CaptureOptions& options, WriteSession& session) {
  const KindChoice choice = options.kind ? HF_TRY(options.kind(list)) : KindChoice{};
  if (choice.independent) {
    HF_ASSERT(choice.kind == PointKind::full);
    session.store_all_anew();
    point.domain = session.point_id();
    point.domain_ns = point.started_ns;
    return std::optional<RecoveryPoint>();
  }
  auto parent = newest_of(list, point.host, point.paths);
  if (parent) {
    point.domain = parent->domain;
    point.domain_ns = parent->domain_ns;
  }
  if (choice.kind == PointKind::differential) parent = newest_of(list, point.host, point.paths, PointKind::full);
  if (parent && choice.kind != PointKind::full) {
    point.kind = choice.kind;
    point.parent = parent->id;
    const bool on_full = parent->kind == PointKind::full;
    point.base_full = on_full ? parent->id : parent->base_full;
    point.base_full_ns = on_full ? parent->started_ns : parent->base_full_ns;
  }
  return parent;
}

/// Likewise; gives all that a tree is compared with.
Result<Former> choose_former(RecoveryPoint& point, const CaptureOptions& options, WriteSession& session, Progress& progress) {
  const PointList list = HF_TRY(own_points(session));
  if (auto parent = HF_TRY(choose_parent(point, list, options, session))) {
    progress.bytes_total = parent->bytes, progress.items_total = parent->files;
    return former_of_source(std::move(*parent), point.kind != PointKind::full);
  }
  if (!session.stores_deltas()) return Former();
  ChunkReader chunks(session.vault(), session.index());
  return former_of_others(chunks, list.points, point);
}

/// Likewise, for a stream. The last one under its name is what most of it was stored against; the point stands alone all the same.
Result<std::vector<Entry>> choose_former_streams(RecoveryPoint& point, const std::string& name, const CaptureOptions& options, WriteSession& session) {
  const PointList list = HF_TRY(own_points(session));
  const auto last = HF_TRY(choose_parent(point, list, options, session));
  if (!session.stores_deltas()) return std::vector<Entry>();
  ChunkReader chunks(session.vault(), session.index());
  if (!last) return former_of_stream(chunks, list.points, point);
  auto found = find_path(chunks, last->root, name);
  return found ? std::vector<Entry>{std::move(*found)} : std::vector<Entry>();
}

/// Commits, or on a failure keeps what was stored for the next run.
Result<CaptureResult> end_capture(WriteSession& session, capturing::Engine& engine, RecoveryPoint point, Result<Entry> root, std::uint64_t files, std::uint64_t bytes) {
  if (!root) {
    if (root.error().code == Code::cancelled) static_cast<void>(session.suspend());
    return root.error();
  }
  CaptureResult result;
  point.root = std::move(*root);
  point.users = engine.users();
  point.groups = engine.groups();
  point.files = files;
  point.bytes = bytes;
  point.bytes_read = engine.bytes_read;
  point.unreadable = engine.unreadable();
  point.unreadable_count = engine.unreadable_count;
  point.inconsistent_count = engine.inconsistent;
  HF_TRY(session.commit(point));
  result.point = std::move(point);
  result.files_read = engine.files_read;
  result.files_unchanged = engine.files_unchanged;
  result.vault_left_out = engine.vault_left_out;
  if (const DeltaTally* t = session.delta_tally()) {
    result.bytes_delta = t->bytes_plain;
    result.bytes_delta_stored = t->bytes_stored;
    result.bytes_delta_saved = t->bytes_saved();
    result.delta_depth = t->depth_max;
  }
  return result;
}

Result<CaptureResult> capture_once(Vault& vault, const CaptureOptions& options, Progress& progress, ProblemSink& problems) {
  HF_ASSERT(!options.paths.empty());
  Env& env = vault.env();
  RecoveryPoint point;
  point.paths = options.paths;
  std::sort(point.paths.begin(), point.paths.end());
  point.paths.erase(std::unique(point.paths.begin(), point.paths.end()), point.paths.end());

  // One directory stands for itself; anything else is a part of "/", so that nothing collides.
  capturing::PathTree tree;
  point.base_path = "/";
  if (point.paths.size() == 1) {
    const Stat s = HF_TRY(env.stat(point.paths[0]).context([&] { return "reading " + printable(point.paths[0]); }));
    if (s.type == FileType::directory) {
      point.base_path = point.paths[0];
      tree.whole = true;
    }
  }
  if (!tree.whole) {
    for (const std::string& path : point.paths) {
      HF_TRY(env.stat(path).context([&] { return "reading " + printable(path); }));
      capturing::PathTree* at = &tree;
      for (std::size_t start = 1; start < path.size();) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        at = &at->children[path.substr(start, end - start)];
        start = end + 1;
      }
      at->whole = true;
    }
  }

  // The start counts before the parent is chosen and the tree is looked at; the parent after the session has begun, since
  // then a prune leaves what it needs.
  const std::int64_t started_ns = env.wall_ns();
  const auto session = HF_TRY(WriteSession::begin(vault, options.write));
  begin_point(point, options, started_ns);
  const Former former = HF_TRY(choose_former(point, options, *session, progress));
  capturing::Engine engine(*session, options, former, progress, problems);
  auto root = engine.run(point.base_path, tree);
  const std::uint64_t files = root ? root->below_files : 0, bytes = root ? root->below_bytes : 0;
  return end_capture(*session, engine, std::move(point), std::move(root), files, bytes);
}

}  // namespace

Result<CaptureResult> capture(Vault& vault, const CaptureOptions& options, Progress& progress, ProblemSink& problems) {
  auto done = capture_once(vault, options, progress, problems);
  // A prune took this machine for dead (it slept for days): what it saw is old by now, and what it stored is found.
  if (!done && done.error().code == Code::conflict) return capture_once(vault, options, progress, problems);
  return done;
}

Result<CaptureResult> capture_stream(Vault& vault, int input, const std::string& name, const CaptureOptions& options, Progress& progress) {
  struct Ignore final : ProblemSink {
    void problem(const Error&) override {}
  } none;
  RecoveryPoint point;
  point.paths = {std::string(kStreamPrefix) + name};
  point.base_path = "";
  begin_point(point, options, vault.env().wall_ns());
  const auto session = HF_TRY(WriteSession::begin(vault, options.write));
  const std::vector<Entry> before = HF_TRY(choose_former_streams(point, name, options, *session));
  // Every byte of a stream is read, whatever was asked for.
  point.kind = PointKind::full;
  point.parent = point.base_full = std::nullopt;
  point.base_full_ns = 0;
  const Former no_tree;
  capturing::Engine engine(*session, options, no_tree, progress, none);
  Result<Entry> root = engine.run_stream(input, name, before);
  return end_capture(*session, engine, std::move(point), std::move(root), 1, progress.bytes_done);
}

}  // namespace hf
