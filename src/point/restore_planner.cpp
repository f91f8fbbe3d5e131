#include "point/restore_planner.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "base/units.hpp"
#include "point/restore_frame.hpp"
#include "target/fs/remove.hpp"
#include "target/fs/run_marker.hpp"
#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {
/// All directories on the way to a path, by their inodes: none of them may be moved or removed.
void add_way_to(Env& env, const std::string& path, auto& inodes) {
  const auto absolute = env.absolute_path(path);
  if (!absolute) return;
  for (std::size_t end = absolute->size(); end != std::string::npos && end > 0; end = absolute->rfind('/', end - 1))
    if (const auto stat = env.stat(absolute->substr(0, end), true)) inodes.insert({stat->dev, stat->ino});
}
bool below_or_same(const std::string& path, const std::string& root) {
  return root.empty() || path == root || (path.size() > root.size() && path.starts_with(root) && path[root.size()] == '/');
}
}  // namespace

void NamesThere::sort() {
  std::sort(starts_.begin(), starts_.end(), [&](std::size_t a, std::size_t b) { return std::string_view(text_.data() + a) < std::string_view(text_.data() + b); });
  seen_.assign(starts_.size(), false);
}
void NamesThere::seen(std::string_view name) {
  std::size_t low = 0, high = starts_.size();
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (at(middle) < name) low = middle + 1;
    else high = middle;
  }
  if (low == starts_.size() || at(low) != name) return;
  seen_[low] = any_seen_ = true;
}
std::vector<std::string> NamesThere::unseen() const {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < starts_.size(); ++i)
    if (!seen_[i]) out.emplace_back(at(i));
  return out;
}

RestorePlanner::RestorePlanner(Env& env, ChunkReader& chunks, const RecoveryPoint& point, const RestoreOptions& options, Purpose purpose, DirectoryTree* tree,
                               MetadataWriter* metadata, UndoArea* undo, RestoreTally& tally, Progress& progress, StopReason& stop, Submit submit)
    : env_(env),
      chunks_(chunks),
      point_(point),
      options_(options),
      purpose_(purpose),
      tree_(tree),
      metadata_(metadata),
      undo_(undo),
      tally_(tally),
      progress_(progress),
      stop_(stop),
      submit_(std::move(submit)),
      places_(chunks),
      limit_(limits_.first),
      window_(std::make_unique<Window>()),
      nowhere_(std::make_shared<Directory>(no_handles_, nullptr, "", true, false)) {}
RestorePlanner::~RestorePlanner() = default;

Status RestorePlanner::check() {
  selection_ = HF_TRY(Selection::make(point_, options_.paths, options_.include, options_.exclude));
  progress_.items_total = progress_.bytes_total = 0;
  for (const std::string& path : selection_.literal()) {
    const Entry found = HF_TRY(find_path(chunks_, point_.root, path));
    progress_.items_total += found.is_directory() ? found.below_files : 1;
    progress_.bytes_total += found.is_directory() ? found.below_bytes : found.stat.size;
  }
  if (selection_.everything()) {
    progress_.items_total = point_.root.below_files;
    progress_.bytes_total = point_.root.below_bytes;
  } else if (selection_.has_globs()) {
    progress_.items_total = progress_.bytes_total = 0;  // not known before the walk
  }
  if (purpose_ == Purpose::prove) return {};

  for (const std::string& path : options_.untouchable) {
    add_way_to(env_, path, untouchable_);
    const auto vault = env_.absolute_path(path), target = env_.absolute_path(options_.target);
    if (vault && target && below_or_same(*target, *vault))
      return Error(Code::refused, "the target " + printable(options_.target) + " lies inside the vault", "choose a directory outside " + printable(path));
  }
  for (const std::string& path : point_.paths)
    if (auto inside = path_in_point(point_, path)) complete_.push_back(*inside);
  if (point_.paths.empty()) complete_.emplace_back();
  if (!options_.delete_extra) return {};

  if (selection_.has_globs() || selection_.has_excludes())
    return Error(Code::usage, "--delete does not go together with patterns: what they leave out would be deleted", "name whole directories, or leave --delete away");
  if (options_.overwrite == Overwrite::never) return Error(Code::usage, "--delete does not go together with --overwrite never");
  if (HF_TRY(DirectoryCursor(chunks_, point_.root.directory).next()) == nullptr) return Error(Code::refused, "the recovery point is empty: everything in the target would be deleted", "choose another point: holdfast points");
  if (point_.unreadable_count > point_.unreadable.size())
    return Error(Code::refused, "the backup could not read " + human_count(point_.unreadable_count) + " items, and --delete would take what is left of them",
                 "choose a complete point, or leave --delete away");
  for (const Unreadable& u : point_.unreadable)
    if (auto inside = path_in_point(point_, u.path)) unread_.insert(*inside);
  return {};
}

void RestorePlanner::problem(Error error) {
  if (RestoreEngine::is_fatal(error)) stop_.fail(std::move(error));
  else tally_.failed(std::move(error));
}

void RestorePlanner::count(Action action, const Entry& entry) {
  switch (action) {
    case Action::create: ++plan_.create; break;
    case Action::replace: ++plan_.replace; break;
    case Action::update: ++plan_.update; break;
    case Action::leave: ++plan_.leave; break;
    case Action::conflict: ++plan_.conflict; break;
    case Action::remove: ++plan_.remove; break;
  }
  if ((action == Action::create || action == Action::replace) && entry.is_regular()) plan_.bytes += entry.stat.size;
  if (options_.on_action) options_.on_action(action, path_);
}

DirectoryRef RestorePlanner::directory_here() { return stack_.back()->directory; }

// --- the walk ---

Status RestorePlanner::run() {
  HF_TRY(enter(point_.root, "", selection_.takes_root() ? Choice::take : Choice::pass));
  while (!stack_.empty() && !stop_.stopped()) {
    Frame& frame = *stack_.back();
    path_.resize(frame.path_bytes);
    const auto next = frame.cursor.next();
    if (!next) {
      // Other nodes of the same directory may be whole: the cursor has moved past this one.
      if (next.error().code != Code::corrupt && next.error().code != Code::unsupported) return next.error();
      frame.intact = false;
      tally_.damaged({path_.empty() ? "." : path_, 0, {}, "", next.error().message});
      continue;
    }
    if (*next == nullptr) HF_TRY(leave());
    else HF_TRY(see(**next));
  }
  HF_TRY(stop_.status());
  return flush();
}

Status RestorePlanner::see(const Entry& entry) {
  Frame& frame = *stack_.back();
  if (!path_.empty()) path_ += '/';
  path_ += entry.name;
  if (frame.deletes) frame.names.seen(entry.name);
  const Choice choice = selection_.choose(path_, entry.is_directory(), frame.choice);
  if (choice == Choice::skip) return {};
  if (entry.is_directory()) {
    HF_TRY(enter(entry, entry.name, choice));
    if (choice == Choice::take && !HF_TRY(ensure(stack_.size() - 1))) stack_.pop_back();
    return {};
  }
  progress_.items_done.fetch_add(1, std::memory_order_relaxed);
  if (!HF_TRY(ensure(stack_.size() - 1))) return {};
  return plan_file(entry);
}

Status RestorePlanner::enter(Entry entry, const std::string& name, Choice choice) {
  auto frame = std::make_unique<Frame>(chunks_, entry, choice);
  frame->name = name;
  frame->path_bytes = path_.size();
  stack_.push_back(std::move(frame));
  if (stack_.size() == 1) HF_TRY(ensure(0));
  return {};
}

Result<bool> RestorePlanner::ensure(std::size_t depth) {
  // Mostly nothing to do: look at the last one first.
  if (stack_[depth]->state == Frame::State::present || stack_[depth]->state == Frame::State::absent) return true;
  for (std::size_t i = 0; i <= depth; ++i) {
    if (stack_[i]->state == Frame::State::unknown && !HF_TRY(ensure_one(i))) return false;
    if (stack_[i]->state == Frame::State::blocked) return false;
  }
  return true;
}

Result<bool> RestorePlanner::ensure_one(std::size_t depth) {
  Frame& frame = *stack_[depth];
  const auto nameless = [&](Frame::State state) {
    frame.directory = depth == 0 ? nowhere_ : std::make_shared<Directory>(no_handles_, stack_[depth - 1]->directory, frame.name, true, false);
    frame.state = state;
    return true;
  };
  if (purpose_ == Purpose::prove) return nameless(Frame::State::present);
  if (depth == 0) {
    if (tree_ == nullptr) return nameless(Frame::State::absent);
    frame.directory = tree_->root();
    frame.state = Frame::State::present;
    if (tree_->root_was_made()) return true;
    frame.before = tree_->root_stat();
    HF_TRY(list_existing(frame));
    return true;
  }
  Frame& above = *stack_[depth - 1];
  const auto make = [&]() -> Result<bool> {
    above.touched = true;
    if (purpose_ == Purpose::plan) {
      ++plan_.directories;
      return nameless(Frame::State::absent);
    }
    if (undo_ != nullptr && journal_creations_) undo_->will_create(*above.directory, frame.name, FileType::directory, 0, 0);
    auto made = tree_->make(above.directory, frame.name);
    if (!made) {
      frame.state = Frame::State::blocked;
      problem(std::move(made.error()));
      return false;
    }
    ++tally_.directories_made;
    frame.directory = std::move(*made);
    frame.state = Frame::State::present;
    return true;
  };
  if (above.state == Frame::State::absent || above.directory->made()) return make();
  const auto handle = tree_->handle(above.directory);
  if (!handle) {
    frame.state = Frame::State::blocked;
    problem(handle.error());
    return false;
  }
  Stat stat;
  const int looked = uninterrupted([&] { return env_.sys_stat((*handle)->get(), frame.name.c_str(), false, &stat); });
  if (looked == -ENOENT) return make();
  if (looked < 0) {
    frame.state = Frame::State::blocked;
    problem(Error::from_errno(-looked, "looking at " + printable(path_)).with_object(path_));
    return false;
  }
  if (stat.type == FileType::directory && !options_.untouchable.empty() && untouchable(stat)) {
    // On the way to the vault, or the vault itself: into the former we go, the latter stays as it is.
    for (const std::string& path : options_.untouchable) {
      const auto vault = env_.stat(path, true);
      if (!vault || vault->dev != stat.dev || vault->ino != stat.ino) continue;
      frame.state = Frame::State::blocked;
      tally_.conflict(*above.directory, frame.name, "the vault lies there");
      return false;
    }
  }
  if (stat.type == FileType::directory) {
    frame.directory = tree_->existing(above.directory, frame.name, stat);
    frame.before = stat;
    frame.state = Frame::State::present;
    HF_TRY(list_existing(frame));
    return true;
  }
  // Something that is no directory is in the way; a symlink above all.
  const bool newer = stat.mtime > frame.metadata.mtime;
  if (options_.overwrite == Overwrite::never || (newer && options_.overwrite != Overwrite::always)) {
    frame.state = Frame::State::blocked;
    const std::string what = stat.type == FileType::symlink ? "a symlink" : "a file";
    tally_.conflict(*above.directory, frame.name, what + " is where the directory would be; " + human_count(frame.below) + " names below were not restored");
    if (purpose_ == Purpose::plan) ++plan_.conflict;
    return false;
  }
  if (purpose_ == Purpose::plan) {
    ++plan_.replace;
    return nameless(Frame::State::absent);
  }
  Status moved;
  if (undo_ != nullptr) {
    undo_->will_replace(*above.directory, frame.name, FileType::directory, 0, 0);
    HF_TRY(undo_->flush());
    moved = undo_->take(above.directory, frame.name);
  } else {
    moved = remove_all(*tree_, above.directory, frame.name);
  }
  if (!moved) {
    frame.state = Frame::State::blocked;
    problem(std::move(moved.error()));
    return false;
  }
  tally_.did(Action::replace, *above.directory, frame.name);
  auto made = tree_->make(above.directory, frame.name);
  if (!made) {
    frame.state = Frame::State::blocked;
    problem(std::move(made.error()));
    return false;
  }
  above.touched = true;
  frame.directory = std::move(*made);
  frame.state = Frame::State::present;
  return true;
}

/// What is in a directory that was there: for --delete, and what earlier runs left.
Status RestorePlanner::list_existing(Frame& frame) {
  frame.deletes = options_.delete_extra && frame.choice == Choice::take &&
                  std::any_of(complete_.begin(), complete_.end(), [&](const std::string& root) { return below_or_same(path_, root); });
  const Handle handle = HF_TRY(tree_->handle(frame.directory));
  bool empty = true;
  const auto list = [&]() -> int {
    const auto fresh = env_.open(handle->get(), ".", O_RDONLY | O_DIRECTORY);
    if (!fresh) return -fresh.error().os_error;
    return env_.sys_list(fresh->get(), [&](const DirEntry& e) {
      if (e.name.starts_with(DirectoryTree::kTemporaryPrefix)) {
        frame.temporaries.emplace_back(e.name);
        return;
      }
      if (stack_.size() == 1 && e.name == RunMarker::kName) return;
      empty = false;
      if (frame.deletes) frame.names.add(e.name);
    });
  };
  int listed;
  do {
    frame.names = {};
    frame.temporaries.clear();
    listed = list();
  } while (listed == -EINTR);
  frame.names.sort();
  if (listed < 0) {
    frame.deletes = false;
    problem(Error::from_errno(-listed, "listing " + printable(path_)).with_object(path_));
  }
  if (stack_.size() == 1) {
    // What is put into a target that was empty needs no undo, and the target becomes what the point's root is; any other
    // keeps its own face, unless it is where the files came from.
    const bool ours = purpose_ == Purpose::restore ? options_.fresh : empty;
    journal_creations_ = undo_ != nullptr && !ours;
    const bool is_source = options_.in_place && std::find(complete_.begin(), complete_.end(), "") != complete_.end();
    if (ours && !options_.in_place) frame.before.reset();
    else if (!is_source) frame.metadata.type = FileType::unknown;
  }
  return {};
}

Status RestorePlanner::leave() {
  Frame& frame = *stack_.back();
  const auto pop = [&] { stack_.pop_back(); };
  if (frame.state != Frame::State::present || purpose_ == Purpose::prove) return pop(), Status();
  DirectoryDone done;
  if (frame.deletes && frame.intact) {
    if (stack_.size() == 1 && !frame.names.empty() && !frame.names.any_seen())
      return Error(Code::refused, "nothing in " + printable(options_.target) + " is in the recovery point, so --delete would take all of it", "is it the right directory? If so, empty it yourself first");
    const Handle handle = HF_TRY(tree_->handle(frame.directory));
    for (std::string& name : frame.names.unseen()) {
      if (name.starts_with(UndoArea::kPrefix) && stack_.size() == 1) continue;
      const std::string path = path_.empty() ? name : path_ + "/" + name;
      if (std::any_of(unread_.begin(), unread_.end(), [&](const std::string& u) { return below_or_same(u, path); })) continue;
      const auto stat = env_.stat(handle->get(), name.c_str());
      if (!stat) continue;  // gone already
      if (untouchable(*stat)) continue;
      if (frame.before && stat->dev != frame.before->dev) {
        tally_.conflict(*frame.directory, name, "another file system is mounted there: not deleted");
        continue;
      }
      ++plan_.remove;
      if (purpose_ == Purpose::plan && options_.on_action) options_.on_action(Action::remove, path);
      done.remove.push_back(std::move(name));
    }
  }
  if (purpose_ == Purpose::plan) return pop(), Status();
  for (const std::string& name : frame.temporaries)
    if (const auto handle = tree_->handle(frame.directory)) uninterrupted([&] { return env_.sys_unlinkat((*handle)->get(), name.c_str(), false); });
  const bool made = frame.directory->made();
  done.set = (made || (options_.overwrite != Overwrite::never && frame.choice == Choice::take)) && frame.metadata.type == FileType::directory &&
             (stack_.size() > 1 || frame.choice == Choice::take);
  // The undo folder itself changes the root's time.
  const bool root_changes = stack_.size() == 1 && (frame.touched || frame.touched_below || !done.remove.empty());
  if (stack_.size() > 1) stack_[stack_.size() - 2]->touched_below |= frame.touched || frame.touched_below || !done.remove.empty();
  if (journal_creations_ && frame.before && !done.set && root_changes) undo_->will_change(*frame.directory, "", *frame.before);
  if (done.set || !done.remove.empty()) {
    const Stat* b = frame.before ? &*frame.before : nullptr;
    const bool changes = root_changes || frame.touched || !done.remove.empty() ||
                         (b != nullptr && (b->mode != frame.metadata.mode || b->mtime != frame.metadata.mtime || b->uid != frame.metadata.uid || b->gid != frame.metadata.gid));
    if (journal_creations_ && b != nullptr && done.set && changes) undo_->will_change(*frame.directory, "", *b);
    done.before = frame.before;
    done.directory = frame.directory;
    done.metadata = std::move(frame.metadata);
    window_->directories.push_back(std::move(done));
  } else {
    tree_->close(frame.directory);
  }
  pop();
  return flush_if_full();
}

RestorePlan RestorePlanner::take_plan() {
  plan_.segments = segments_.size();
  plan_.packs = pack_numbers_.size();
  return std::move(plan_);
}

}  // namespace hf
