// The engine as a whole, and the walk: directories in parallel, their names in batches, each in order.

#include <fcntl.h>

#include <algorithm>

#include "base/assert.hpp"
#include "point/capture_engine.hpp"
#include "point/kin.hpp"

namespace hf::capturing {

Engine::Engine(WriteSession& session, const CaptureOptions& options, const Former& former, Progress& progress, ProblemSink& problems)
    : env_(session.vault().env()),
      session_(session),
      options_(options),
      former_(former),
      progress_(progress),
      problems_(problems),
      chunker_(session.vault().keys().cuts_key(), session.vault().params().cuts),
      chunk_hash_(session.vault().keys().chunk_hash()),
      zero_chunk_(chunk_hash_.id(Buffer(chunker_.zero_run_cut()))),
      chunks_(session.vault(), session.index()),
      pool_(options.jobs) {
  for (unsigned i = 0; i < pool_.workers(); ++i) workers_.push_back(std::make_unique<Worker>());
}
Engine::~Engine() = default;

std::vector<Unreadable> Engine::unreadable() const {
  Lock lock(mutex_);
  std::vector<Unreadable> sorted = unreadable_;
  std::sort(sorted.begin(), sorted.end(), [](const Unreadable& a, const Unreadable& b) { return a.path < b.path; });
  return sorted;
}
std::map<std::uint32_t, std::string> Engine::users() const {
  Lock lock(mutex_);
  return users_;
}
std::map<std::uint32_t, std::string> Engine::groups() const {
  Lock lock(mutex_);
  return groups_;
}

void Engine::problem(const std::string& path, Error error) {
  ++unreadable_count;
  ++progress_.errors;
  {
    Lock lock(mutex_);
    if (unreadable_.size() < RecoveryPoint::kUnreadableListed) unreadable_.push_back({path, error.message});
  }
  problems_.problem(std::move(error).with_object(path));
}

void Engine::fail(Error error) {
  Lock lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  failed_ = true;
}

bool Engine::stopping() {
  if (progress_.stop_requested && !failed_) fail(Error(Code::cancelled, "stopped on request"));
  return failed_;
}

std::string path_of(const DirectoryJob& job, std::string_view name) {
  std::vector<std::string_view> parts;
  if (!name.empty()) parts.push_back(name);
  const DirectoryJob* at = &job;
  for (; at->parent; at = at->parent->directory.get()) parts.push_back(at->name);
  std::string path = at->name == "/" ? "" : at->name;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) (path += '/') += *part;
  return path.empty() ? "/" : path;
}

void Engine::note_owner(const Stat& stat) {
  // Most files belong to the owner seen last: no lock for them.
  thread_local std::uint64_t last_engine = 0;
  thread_local std::uint32_t last_uid = 0, last_gid = 0;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  if (last_engine == self && last_uid == stat.uid && last_gid == stat.gid) return;
  {
    Lock lock(mutex_);
    if (!users_.contains(stat.uid))
      if (const auto name = env_.user_name(stat.uid)) users_[stat.uid] = *name;
    if (!groups_.contains(stat.gid))
      if (const auto name = env_.group_name(stat.gid)) groups_[stat.gid] = *name;
  }
  last_engine = self;
  last_uid = stat.uid;
  last_gid = stat.gid;
}

Result<Entry> Engine::run(const std::string& base, const PathTree& paths) {
  if (!options_.vault_directory.empty())
    if (const auto s = env_.stat(options_.vault_directory, true)) vault_stat_ = *s;
  Entry root;
  root.name = "root";
  root.stat = HF_TRY(env_.stat(base, true).context([&] { return "reading " + printable(base); }));
  root_device_ = root.stat.dev;
  auto job = std::make_shared<DirectoryJob>(session_, chunks_, lay_at(base));
  if (!former_.roots.empty()) job->vanished = std::make_shared<const std::vector<Entry>>(former_.roots);
  job->name = base;
  job->only = &paths;
  job->handle = HF_TRY(env_.open(base, O_RDONLY | O_DIRECTORY).context([&] { return "reading " + printable(base); }));
  root.xattrs = HF_TRY(read_xattrs(env_, job->handle.get(), ""));
  root.flags = read_inode_flags(env_, job->handle.get());
  note_owner(root.stat);
  {
    Lock lock(mutex_);
    root_ = std::move(root);
  }
  push([this, job](Worker&) { start_directory(job); });
  pool_.run();
  finish_workers();
  Lock lock(mutex_);
  if (failure_) return *failure_;
  HF_ASSERT(root_ && root_->directory);
  return *root_;
}

void Engine::finish_workers() {
  bool cancelled = false;
  {
    Lock lock(mutex_);
    cancelled = failure_ && failure_->code == Code::cancelled;
  }
  if (cancelled) {  // what was sealed so far becomes a pack, so that the next run finds it
    for (auto& w : workers_)
      if (w->writer) static_cast<void>(w->writer->finish());
    return;
  }
  // Each worker ends with a part of a segment: sealed side by side, since compression is what takes time here.
  for (auto& w : workers_)
    push([this, w = w.get()](Worker&) {
      auto s = flush(*w);
      if (s && w->writer) s = w->writer->finish();
      if (!s) fail(std::move(s.error()));
    });
  pool_.run();
}

void Engine::start_directory(const std::shared_ptr<DirectoryJob>& job) {
  if (stopping()) return;
  const auto give_up = [&](Error error) {
    // The directory itself is kept, as something that was there; what is in it is not known.
    problem(path_of(*job), std::move(error));
    if (!job->parent) return fail(Error(Code::io, "nothing could be read in " + printable(path_of(*job))));
    part_done(job->parent);
  };
  if (!job->handle.valid()) {
    auto opened = env_.open(job->parent->directory->handle.get(), job->name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened) return give_up(std::move(opened.error()));
    job->handle = std::move(*opened);
    Entry& own = *job->parent->slots[job->parent_slot];
    auto xattrs = read_xattrs(env_, job->handle.get(), "");
    if (xattrs) own.xattrs = std::move(*xattrs);
    else problem(path_of(*job), std::move(xattrs.error()));
    own.flags = read_inode_flags(env_, job->handle.get());
  }
  if (job->only != nullptr && !job->only->whole) {
    for (const auto& [name, below] : job->only->children) job->names.add(name);
    job->names.sort();
  } else if (options_.exclude_caches && is_cache_directory(env_, job->handle.get())) {
    job->names.add("CACHEDIR.TAG");
  } else {
    auto names = list_directory(env_, job->handle.get());
    if (!names) return give_up(std::move(names.error()));
    job->names = std::move(*names);
  }
  find_former(*job);
  job->batch_count = std::max<std::size_t>(1, (job->names.size() + kBatchNames - 1) / kBatchNames);
  progress_.now_at(path_of(*job));
  push([this, job](Worker& w) { run_batch(job, w); });
}

namespace {

/// Large files of the same stretch, those that are gone first: one of them may be what a new name was.
std::shared_ptr<const std::vector<Entry>> large_files_among(std::span<const Entry> before, std::span<const Entry* const> gone) {
  auto out = std::make_shared<std::vector<Entry>>();
  const auto is_worth_it = [](const Entry& e) { return e.is_regular() && e.stat.size > kSliceBytes / 2; };
  for (const Entry* e : gone)
    if (out->size() < Likeness::kCandidatesMax && is_worth_it(*e)) out->push_back(*e);
  for (const Entry& e : before)
    if (out->size() < Likeness::kCandidatesMax && is_worth_it(e) && std::find(gone.begin(), gone.end(), &e) == gone.end()) out->push_back(e);
  return out->empty() ? nullptr : out;
}

std::shared_ptr<const std::vector<Entry>> directories_among(std::span<const Entry* const> gone) {
  auto out = std::make_shared<std::vector<Entry>>();
  for (const Entry* e : gone)
    if (out->size() < Likeness::kCandidatesMax && e->is_directory()) out->push_back(*e);
  return out->empty() ? nullptr : out;
}

}  // namespace

std::optional<ChunkRef> Engine::lay_at(const std::string& path) const {
  const auto at = former_.directories.find(path);
  return at != former_.directories.end() ? std::optional(at->second) : std::nullopt;
}

void Engine::find_former(DirectoryJob& job) {
  if (!job.vanished) return;
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < job.names.size(); ++i) names.emplace_back(job.names[i]);
  const Entry* former = likeness_.likest_directory(*job.vanished, names);
  Lock lock(job.mutex);
  if (former != nullptr) job.old.emplace(chunks_, former->directory);
  job.vanished.reset();
}

void Engine::run_batch(const std::shared_ptr<DirectoryJob>& job, Worker& worker) {
  if (stopping()) return;
  auto batch = std::make_shared<Batch>();
  batch->directory = job;
  std::vector<Entry> before;  // what the parent point has in this stretch of names
  std::size_t first, last;
  {
    Lock lock(job->mutex);
    batch->number = job->next_batch++;
    std::size_t trailing = 0;
    first = batch->number * kBatchNames;
    last = std::min(first + kBatchNames, job->names.size());
    while (first < last && !job->old_done) {
      if (job->old_at == nullptr) {
        auto next = job->old->next();
        if (!next) {
          // A damaged old tree only costs reading anew; `verify` tells of it.
          job->old_done = true;
          break;
        }
        job->old_at = *next;
      }
      if (job->old_at == nullptr) {
        job->old_done = true;
        break;
      }
      // Behind the last name there may be some that are gone; what is new may come from them.
      const bool behind = job->old_at->name > std::string_view(job->names[last - 1]);
      if (behind && (last < job->names.size() || trailing++ == kBatchNames)) break;
      before.push_back(std::move(*job->old_at));
      job->old_at = nullptr;
    }
    if (job->next_batch < job->batch_count) push([this, job](Worker& w) { run_batch(job, w); });
  }
  batch->slots.resize(last - first);
  std::vector<std::shared_ptr<DirectoryJob>> directories;
  Kin kin;
  Origins origins;
  auto old = before.begin();
  if (session_.stores_deltas() && !before.empty()) {
    std::vector<const Entry*> gone;
    bool any_new = false;
    for (std::size_t i = first; i < last; ++i) {
      const std::string_view name = job->names[i];
      for (; old != before.end() && old->name < name; ++old) gone.push_back(&*old);
      const bool is_new = old == before.end() || old->name != name;
      if (is_new) kin.expect(name);
      else ++old;
      any_new = any_new || is_new;
    }
    for (; old != before.end(); ++old) gone.push_back(&*old);
    kin.learn(before);
    if (any_new) {
      origins.files = large_files_among(before, gone);
      origins.directories = directories_among(gone);
    }
    old = before.begin();
  }
  for (std::size_t i = first; i < last; ++i) {
    const std::string_view name = job->names[i];
    while (old != before.end() && old->name < name) ++old;
    Entry* same = old != before.end() && old->name == name ? &*old : nullptr;
    origins.before = same;
    origins.kin = same == nullptr ? kin.of(name) : nullptr;
    if (auto s = look_at(batch, i - first, job->names[i], origins, worker, directories); !s) return fail(std::move(s.error()));
    if (failed_) return;
  }
  // The first directory on top of the stack: the walk goes in order of names.
  for (auto d = directories.rbegin(); d != directories.rend(); ++d) push([this, child = *d](Worker&) { start_directory(child); });
  // Gathered files keep the batch open until their worker has hashed them.
  part_done(batch);
}

bool Engine::unchanged(const Entry& before, const Stat& now) const {
  if (!former_.trusted || before.inconsistent || !before.is_regular()) return false;
  const Stat& then = before.stat;
  if (then.size != now.size || then.mtime != now.mtime || then.ctime != now.ctime || then.ino != now.ino || then.dev != now.dev) return false;
  // Racily clean (git's index has the same rule): what changed within the clock's granularity of the last run may have
  // changed again unseen. Clocks of 2 s (FAT) show in whole seconds.
  constexpr std::int64_t kTick = 20'000'000, kCoarse = 2'000'000'000;
  const bool whole_seconds = now.mtime % 1'000'000'000 == 0 && now.ctime % 1'000'000'000 == 0;
  return std::max(then.mtime, then.ctime) < former_.point->started_ns - (whole_seconds ? kCoarse : kTick);
}

Result<bool> Engine::still_stored(const Entry& before) {
  if (!session_.index().distrusts_any()) return true;
  if (before.content.level > 0) return false;  // a long list: reading the file answers it
  for (const ChunkRef& ref : before.content.refs)
    if (!HF_TRY(session_.index().find(ref.id))) return false;
  return true;
}

Status Engine::look_at(const std::shared_ptr<Batch>& batch, std::size_t slot, const char* name, const Origins& origins, Worker& worker,
                       std::vector<std::shared_ptr<DirectoryJob>>& directories) {
  DirectoryJob& job = *batch->directory;
  Entry* const before = origins.before;
  Stat stat;
  int status;
  do status = env_.sys_stat(job.handle.get(), name, false, &stat);
  while (status == -EINTR);
  if (status < 0) {
    problem(path_of(job, name), Error::from_errno(-status, status == -ENOENT ? "vanished while the backup ran" : "reading its metadata"));
    return {};
  }
  const bool is_directory = stat.type == FileType::directory;
  const PathTree* below = nullptr;
  if (job.only != nullptr && !job.only->whole) {
    below = &job.only->children.at(name);
    if (!is_directory && !below->whole) {
      problem(path_of(job, name), Error(Code::not_a_directory, "it is not a directory any more"));
      return {};
    }
  } else if (!options_.excludes.empty()) {
    if (options_.excludes.excludes(options_.excludes.needs_path() ? path_of(job, name) : std::string(), name, is_directory)) return {};
  }
  // What a restore replaced and kept for a while is no one's data.
  if (is_directory && std::string_view(name).starts_with(kUndoPrefix)) return {};
  if (vault_stat_ && is_directory && stat.ino == vault_stat_->ino && stat.dev == vault_stat_->dev) {
    vault_left_out = true;
    return {};
  }
  note_owner(stat);
  if (!is_directory) ++progress_.items_done;

  if (stat.type == FileType::regular && before != nullptr && unchanged(*before, stat) && HF_TRY(still_stored(*before))) {
    before->stat = stat;
    batch->slots[slot] = std::move(*before);
    ++files_unchanged;
    progress_.bytes_done += stat.size;
    return {};
  }
  Entry entry;
  entry.name = name;
  entry.stat = stat;
  switch (stat.type) {
    case FileType::regular: return read_file(batch, slot, std::move(entry), origins, worker);
    case FileType::directory: {
      // On the way to a path that was named every file system is entered; below it, only its own. Each directory is on
      // that of the one above it, so comparing with this one is enough.
      const bool on_the_way = below != nullptr;
      const std::uint64_t device = job.parent ? job.parent->slots[job.parent_slot]->stat.dev : root_device_;
      const bool foreign = options_.one_file_system && !on_the_way && stat.dev != device;
      batch->slots[slot] = std::move(entry);
      if (foreign) return {};
      // Names below a directory under a new name are looked for below the one it seems to come from; each file is then
      // judged by itself, as always.
      const Entry* old = origins.by_name();
      std::optional<ChunkRef> former;
      if (old != nullptr && old->is_directory()) former = old->directory;
      else if (!former_.directories.empty()) former = lay_at(path_of(job, name));
      auto child = std::make_shared<DirectoryJob>(session_, chunks_, former);
      if (old == nullptr && !former) child->vanished = origins.directories;
      child->parent = batch;
      child->parent_slot = slot;
      child->only = below;
      child->name = name;
      ++batch->parts_left;
      directories.push_back(std::move(child));
      return {};
    }
    case FileType::symlink: {
      auto target = env_.read_link(job.handle.get(), name);
      if (!target) {
        problem(path_of(job, name), std::move(target.error()));
        return {};
      }
      entry.target = std::move(*target);
      break;
    }
    default: break;
  }
  if (before != nullptr && before->stat.type == stat.type && before->stat.ctime == stat.ctime && before->stat.ino == stat.ino) {
    entry.xattrs = std::move(before->xattrs);
  } else {
    auto xattrs = read_xattrs(env_, job.handle.get(), name);
    if (xattrs) entry.xattrs = std::move(*xattrs);
    else problem(path_of(job, name), std::move(xattrs.error()));  // the item is kept, as far as it is known
  }
  batch->slots[slot] = std::move(entry);
  return {};
}

void Engine::part_done(std::shared_ptr<Batch> batch) {
  // A loop, not recursion: finishing the deepest directory may finish all those above it.
  while (batch && --batch->parts_left == 0) {
    std::shared_ptr<Batch> next;
    if (auto s = deliver(batch, next); !s) return fail(std::move(s.error()));
    batch = std::move(next);
  }
}

Status Engine::deliver(const std::shared_ptr<Batch>& batch, std::shared_ptr<Batch>& next) {
  DirectoryJob& job = *batch->directory;
  Lock lock(job.mutex);
  job.ready[batch->number] = batch;
  while (!job.ready.empty() && job.ready.begin()->first == job.consumed) {
    const auto ready = std::move(job.ready.begin()->second);
    job.ready.erase(job.ready.begin());
    ++job.consumed;
    for (auto& slot : ready->slots) {
      if (!slot) continue;
      if (entry_weight(*slot) > kEntryWeightMax) {
        problem(path_of(job, slot->name), Error(Code::too_many, "its extended attributes or holes are more than a vault can hold"));
        continue;
      }
      HF_TRY(job.builder.add(std::move(*slot)));
    }
  }
  if (job.consumed < job.batch_count) return {};
  const ChunkRef node = HF_TRY(job.builder.finish());
  job.handle.reset();
  const auto fill = [&](Entry& own) HF_REQUIRES(job.mutex) {
    own.directory = node;
    own.below_files = job.builder.files();
    own.below_bytes = job.builder.bytes();
  };
  if (job.parent) {
    fill(*job.parent->slots[job.parent_slot]);
    next = job.parent;
  } else {
    Lock root_lock(mutex_);
    fill(*root_);
  }
  return {};
}

}  // namespace hf::capturing
