// The end of a window: what replaces something gets its name, links are made, directories are finished.

#include <fcntl.h>

#include <algorithm>

#include "point/restore_worker.hpp"
#include "target/fs/remove.hpp"
#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {
std::string temporary_name(Env& env) {
  std::uint8_t random[8];
  env.random(random);
  return std::string(DirectoryTree::kTemporaryPrefix) + to_hex(random);
}
bool same_thing(const Stat& a, const Stat& b) { return a.ino == b.ino && a.dev == b.dev && a.mtime == b.mtime && a.size == b.size && a.type == b.type; }
}  // namespace

/// An empty file in a target that was empty is what an interrupted run left.
bool RestoreEngine::worth_keeping(const Stat& old) const { return !(options_.fresh && old.type == FileType::regular && old.size == 0); }

/// `temporary` takes the place of what was there.
Status RestoreEngine::put_in_place(const DirectoryRef& directory, const std::string& name, const std::string& temporary, const Stat& old) {
  const Handle dir = HF_TRY(tree_->handle(directory));
  const std::string path = directory->path_of(name);
  Stat now;
  const int looked = uninterrupted([&] { return env_->sys_stat(dir->get(), name.c_str(), false, &now); });
  if (looked < 0 && looked != -ENOENT) return Error::from_errno(-looked, "looking at " + printable(path)).with_object(path);
  if (looked == 0 && !same_thing(now, old) && options_.overwrite != Overwrite::always)
    return Error(Code::conflict, "it changed while we restored").with_object(path);
  if (looked == 0 && now.type == FileType::directory) HF_TRY(undo_ != nullptr ? undo_->take(directory, name) : remove_all(*tree_, directory, name));
  else if (looked == 0 && undo_ != nullptr && worth_keeping(now)) HF_TRY(undo_->keep(directory, name));
  const int renamed = looked == 0 && now.type != FileType::directory
                          ? uninterrupted([&] { return env_->sys_renameat(dir->get(), temporary.c_str(), dir->get(), name.c_str(), false); })
                          : rename_no_replace(*env_, dir->get(), temporary.c_str(), dir->get(), name.c_str());
  if (renamed < 0) return Error::from_errno(-renamed, "giving " + printable(path) + " its name").with_object(path);
  return {};
}

void RestoreEngine::commit_file(LargeFile& file) {
  if (file.failed) return file.file->discard();
  auto placed = put_in_place(file.directory, file.name, file.file->temporary(), *file.old);
  if (!placed) {
    file.file->discard();
    if (placed.error().code == Code::conflict) return tally_.conflict(*file.directory, file.name, placed.error().message);
    return problem(std::move(placed.error()));
  }
  file.published = true;
  file.file->forget();
  tally_.did(Action::replace, *file.directory, file.name);
  if ((file.metadata.flags & kFlagsSealing) != 0) {
    Lock lock(mutex_);
    seals_.push_back({file.directory, file.name, file.metadata.flags});
  }
}

void RestoreEngine::commit_special(Item& item) {
  const std::string temporary = temporary_name(*env_);
  auto made = create_special(*tree_, *metadata_, item.directory, temporary, item.target, item.rdev_major, item.rdev_minor, item.metadata.view());
  if (!made) return problem(std::move(made.error()));
  if (!*made) return;
  auto placed = put_in_place(item.directory, item.name, temporary, *item.old);
  if (placed) return tally_.did(Action::replace, *item.directory, item.name);
  if (const auto dir = tree_->handle(item.directory)) uninterrupted([&] { return env_->sys_unlinkat((*dir)->get(), temporary.c_str(), false); });
  if (placed.error().code == Code::conflict) return tally_.conflict(*item.directory, item.name, placed.error().message);
  problem(std::move(placed.error()));
}

/// The file system makes no links, or no more of them: the same content once more.
Status RestoreEngine::copy_instead(LinkItem& link, int from_dir, const std::string& as) {
  const Fd from = HF_TRY(env_->open(from_dir, link.first_name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  const Stat stat = HF_TRY(env_->stat(from.get(), ""));
  if (stat.type != FileType::regular) return Error(Code::unsupported, "the other name of " + printable(link.name) + " is no regular file");
  PendingFile copy(*tree_, link.directory, as, temporary_name(*env_), false, false);
  Buffer block(1u << 20);
  std::uint64_t at = 0;
  for (std::size_t n; (n = HF_TRY(env_->read_at(from.get(), block, at))) > 0; at += n) HF_TRY(copy.write(ByteView(block).first(n), at));
  HF_TRY(copy.complete(stat.size, link.metadata.view(), *metadata_));
  return copy.publish(as, false);
}

void RestoreEngine::commit_link(LinkItem& link) {
  const std::string path = link.directory->path_of(link.name);
  const auto from = tree_->handle(link.first_directory);
  const auto to = tree_->handle(link.directory);
  if (!from || !to) return problem(from ? to.error() : from.error());
  const std::string name = link.old ? temporary_name(*env_) : link.name;
  const int result = uninterrupted([&] { return env_->sys_linkat((*from)->get(), link.first_name.c_str(), (*to)->get(), name.c_str()); });
  Status status;
  if (result == -ENOENT) {
    status = Error(Code::not_found, "'" + printable(path) + "' is another name of '" + printable(link.first_directory->path_of(link.first_name)) + "', which could not be restored").with_object(path);
  } else if (result == -EPERM || result == -EOPNOTSUPP || result == -EMLINK || result == -EXDEV) {
    metadata_->not_set().add(NotSet::Kind::hard_link, -result, *link.directory, link.name);
    status = copy_instead(link, (*from)->get(), name);
  } else if (result < 0) {
    status = Error::from_errno(-result, "linking " + printable(path)).with_object(path);
  }
  if (status && link.old) {
    status = put_in_place(link.directory, link.name, name, *link.old);
    if (!status) uninterrupted([&] { return env_->sys_unlinkat((*to)->get(), name.c_str(), false); });
    // Two names of one inode: rename() does nothing then, and leaves the temporary one.
    else uninterrupted([&] { return env_->sys_unlinkat((*to)->get(), name.c_str(), false); });
  }
  if (status) return tally_.did(link.old ? Action::replace : Action::create, *link.directory, link.name);
  if (status.error().code == Code::conflict || status.error().code == Code::already_exists)
    return tally_.conflict(*link.directory, link.name, status.error().code == Code::conflict ? status.error().message : "it appeared while we restored");
  problem(std::move(status.error()));
}

void RestoreEngine::update(Item& item) {
  const auto dir = tree_->handle(item.directory);
  if (!dir) return problem(dir.error());
  const std::string path = item.directory->path_of(item.name);
  auto file = env_->open((*dir)->get(), item.name.c_str(), O_PATH | O_NOFOLLOW);
  if (!file) return problem(std::move(file.error()).with_object(path));
  const auto stat = env_->stat(file->get(), "");
  if (!stat) return problem(stat.error());
  if (!same_thing(*stat, *item.old)) return tally_.conflict(*item.directory, item.name, "it changed while we restored");
  const MetadataWriter::Place place{file->get(), "", *item.directory, item.name};
  const Metadata m = item.metadata.view();
  if (!metadata_->differs(place, m, *stat)) return tally_.did(Action::leave, *item.directory, item.name);
  if (undo_ != nullptr && !options_.fresh) undo_->changed();
  metadata_->set_on_existing(place, m, *stat);
  if ((m.flags & kFlagsSettable) != 0 && m.type == FileType::regular) {
    if (const auto open = env_->open((*dir)->get(), item.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK))
      metadata_->set_flags({open->get(), "", *item.directory, item.name}, m.flags, !item.many_names);
  }
  tally_.did(Action::update, *item.directory, item.name);
}

void RestoreEngine::finish_directory(DirectoryDone& done) {
  for (const std::string& name : done.remove) {
    if (stop_.stopped()) return;
    auto removed = undo_ != nullptr ? undo_->take(done.directory, name) : remove_all(*tree_, done.directory, name);
    if (removed) tally_.did(Action::remove, *done.directory, name);
    else problem(std::move(removed.error()));
  }
  const Metadata m = done.metadata.view();
  const DirectoryRef& parent = done.directory->parent();
  // In a directory that we made nobody else can exchange anything yet: by name is two calls instead of five.
  if (done.set && parent && parent->made() && m.xattrs == nullptr && m.flags == 0 && !done.before) {
    const auto dir = tree_->handle(parent);
    if (!dir) return problem(dir.error());
    metadata_->set_on_new({(*dir)->get(), done.directory->name().c_str(), *parent, done.directory->name()}, m, 0700);
  } else if (done.set) {
    const auto handle = tree_->handle(done.directory);
    if (!handle) return problem(handle.error());
    const MetadataWriter::Place place{(*handle)->get(), "", parent ? *parent : *done.directory, parent ? std::string_view(done.directory->name()) : "."};
    if (done.before) {
      const auto stat = env_->stat((*handle)->get(), "");
      if (stat && metadata_->differs(place, m, *stat)) {
        if (undo_ != nullptr && !options_.fresh) undo_->changed();
        metadata_->set_on_existing(place, m, *stat);
      }
    } else {
      metadata_->set_on_new(place, m, 0700);
    }
    if (m.flags != 0) {
      metadata_->set_flags(place, m.flags, false);
      if ((m.flags & kFlagsSealing) != 0) {
        Lock lock(mutex_);
        seals_.push_back({parent ? parent : done.directory, parent ? done.directory->name() : "", m.flags});
      }
    }
  }
  tree_->close(done.directory);
}

void RestoreEngine::commit(Window& window) {
  std::vector<LargeFile*> files;
  {
    Lock lock(mutex_);
    files.swap(to_commit_);
  }
  // The journal first, then one sync for all that replaces something, then the names.
  if (undo_ != nullptr) {
    for (const LargeFile* f : files)
      if (worth_keeping(*f->old)) undo_->will_replace(*f->directory, f->name, f->metadata.type, f->size, f->metadata.mtime);
    for (const std::uint32_t i : window.replaced) {
      const Item& item = window.items[i];
      undo_->will_replace(*item.directory, item.name, item.metadata.type, 0, item.metadata.mtime);
    }
    for (const std::uint32_t i : options_.fresh ? std::vector<std::uint32_t>() : window.updates) {
      const Item& item = window.items[i];
      undo_->will_change(*item.directory, item.name, *item.old);
    }
    for (const LinkItem& l : window.links)
      if (l.old) undo_->will_replace(*l.directory, l.name, l.metadata.type, l.size, l.metadata.mtime);
    for (const DirectoryDone& d : window.directories)
      for (const std::string& name : d.remove) undo_->will_delete(*d.directory, name);
    if (auto flushed = undo_->flush(); !flushed) return stop_.fail(flushed.error());
  }
  if (!files.empty()) {
    const auto root = tree_->handle(tree_->root());
    if (!root) return stop_.fail(root.error());
    const int synced = uninterrupted([&] { return env_->sys_syncfs((*root)->get()); });
    if (synced < 0) return stop_.fail(Error::from_errno(-synced, "making the restored files durable"));
  }
  const auto each = [&](std::size_t count, const Crew::Task& task) {
    auto ran = crew_.run(count, [&](unsigned worker, std::size_t i) {
      if (!stop_.stopped()) task(worker, i);
    });
    if (!ran) stop_.fail(ran.error());
  };
  each(files.size(), [&](unsigned, std::size_t i) { commit_file(*files[i]); });
  each(window.replaced.size(), [&](unsigned, std::size_t i) { commit_special(window.items[window.replaced[i]]); });
  each(window.updates.size(), [&](unsigned, std::size_t i) { update(window.items[window.updates[i]]); });
  for (LinkItem& link : window.links) {  // in order: a name may be linked that is itself a link
    if (stop_.stopped()) return;
    commit_link(link);
  }
  for (DirectoryDone& done : window.directories) {
    if (stop_.stopped()) return;
    finish_directory(done);
  }
}

void RestoreEngine::finish() {
  if (proving() || stop_.stopped()) return;
  if (undo_ != nullptr && undo_->is_useful())  // the last lines came after the last window
    if (auto flushed = undo_->flush(); !flushed) return stop_.fail(flushed.error());
  std::vector<Seal> seals;
  {
    Lock lock(mutex_);
    seals.swap(seals_);
  }
  for (const Seal& s : seals) {
    const auto dir = tree_->handle(s.directory);
    if (!dir) {
      problem(dir.error());
      continue;
    }
    const auto file = s.name.empty() ? env_->open((*dir)->get(), ".", O_RDONLY | O_DIRECTORY) : env_->open((*dir)->get(), s.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!file) {
      problem(file.error());
      continue;
    }
    metadata_->set_flags({file->get(), "", *s.directory, s.name}, s.flags, true);
  }
  if (!options_.sync) return;
  const auto root = tree_->handle(tree_->root());
  const int synced = root ? uninterrupted([&] { return env_->sys_syncfs((*root)->get()); }) : -EIO;
  if (synced < 0) stop_.fail(Error::from_errno(-synced, "making the restored files durable"));
}

}  // namespace hf
