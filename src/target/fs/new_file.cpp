#include "target/fs/new_file.hpp"

#include <fcntl.h>

#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

Status create_file(DirectoryTree& tree, MetadataWriter& metadata, const DirectoryRef& directory, const std::string& name, std::uint64_t size,
                   std::span<const Extent> extents, const Metadata& m, bool seal) {
  Env& env = tree.env();
  const Handle dir = HF_TRY(tree.handle(directory));
  const unsigned mode = metadata.creation_mode(*directory, m);
  auto file = env.open(dir->get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
  if (!file) return std::move(file.error()).with_object(directory->path_of(name));
  const auto fill = [&]() -> Status {
    std::uint64_t end = 0;
    for (const Extent& e : extents) {
      HF_TRY(env.write_at(file->get(), e.bytes, e.offset));
      end = e.offset + e.bytes.size();
    }
    if (end < size) {
      const int result = uninterrupted([&] { return env.sys_ftruncate(file->get(), size); });
      if (result < 0) return Error::from_errno(-result, "setting the size");
    }
    return {};
  };
  if (auto filled = fill(); !filled) {
    uninterrupted([&] { return env.sys_unlinkat(dir->get(), name.c_str(), false); });
    return std::move(filled.error()).in_context(printable(name)).with_object(directory->path_of(name));
  }
  const MetadataWriter::Place place{file->get(), "", *directory, name};
  metadata.set_on_new(place, m, mode);
  if (m.flags != 0) metadata.set_flags(place, m.flags, seal);
  return {};
}

Result<bool> create_special(DirectoryTree& tree, MetadataWriter& metadata, const DirectoryRef& directory, const std::string& name, const std::string& target,
                            std::uint32_t rdev_major, std::uint32_t rdev_minor, const Metadata& m) {
  Env& env = tree.env();
  const Handle dir = HF_TRY(tree.handle(directory));
  const int result = uninterrupted([&] {
    return m.type == FileType::symlink ? env.sys_symlinkat(target.c_str(), dir->get(), name.c_str())
                                       : env.sys_mknodat(dir->get(), name.c_str(), m.type, 0600, rdev_major, rdev_minor);
  });
  const bool device = m.type == FileType::char_device || m.type == FileType::block_device;
  if (device && (result == -EPERM || result == -EOPNOTSUPP || result == -EINVAL)) {
    metadata.not_set().add(NotSet::Kind::device, -result, *directory, name);
    return false;
  }
  if (result < 0) return Error::from_errno(-result, "making " + printable(name)).with_object(directory->path_of(name));
  if (directory->made()) {
    metadata.set_on_new({dir->get(), name.c_str(), *directory, name}, m, 0600);
    return true;
  }
  // Others may write into a directory that was there: what gets an owner and a mode must be what we made, not something
  // that was put in its place.
  const Fd made = HF_TRY(env.open(dir->get(), name.c_str(), O_PATH | O_NOFOLLOW));
  const Stat stat = HF_TRY(env.stat(made.get(), ""));
  if (stat.type != m.type || stat.nlink != 1 || stat.uid != env.user_id())
    return Error(Code::conflict, printable(name) + " was exchanged while we worked", "find out who writes there, then restore again").with_object(directory->path_of(name));
  metadata.set_on_new({made.get(), "", *directory, name}, m, 0600);
  return true;
}

PendingFile::PendingFile(DirectoryTree& tree, DirectoryRef directory, std::string name, std::string temporary, bool resume, bool keep)
    : tree_(tree),
      directory_(std::move(directory)),
      name_(std::move(name)),
      temporary_(std::move(temporary)),
      resume_(resume),
      keep_(keep),
      slot_(tree.cache()) {}

PendingFile::~PendingFile() {
  if (!keep_) discard();
}

Result<Handle> PendingFile::handle() {
  if (Handle open = tree_.cache().get(slot_)) return open;
  Lock lock(opening_);
  if (Handle open = tree_.cache().get(slot_)) return open;
  auto opened = open();
  if (!opened) return std::move(opened.error()).with_object(directory_->path_of(name_));
  return opened;
}

Result<Handle> PendingFile::open() {
  Env& env = tree_.env();
  const Handle dir = HF_TRY(tree_.handle(directory_));
  const auto changed = [&] { return Error(Code::conflict, "a temporary file was exchanged while we worked", "find out who writes there, then restore again"); };
  if (made_ || resume_) {
    auto again = env.open(dir->get(), temporary_.c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK);
    if (again) {
      const Stat stat = HF_TRY(env.stat(again->get(), ""));
      if (made_ && (stat.dev != dev_ || stat.ino != ino_)) return changed();
      if (made_ || (stat.type == FileType::regular && stat.nlink == 1 && stat.uid == env.user_id())) {
        made_ = true;
        dev_ = stat.dev;
        ino_ = stat.ino;
        return tree_.cache().put(slot_, std::move(*again));
      }
    }
    if (made_) return again ? changed() : again.error();
  }
  for (int attempt = 0;; ++attempt) {
    auto fresh = env.open(dir->get(), temporary_.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
    if (!fresh && fresh.error().code == Code::already_exists && attempt == 0) {
      uninterrupted([&] { return env.sys_unlinkat(dir->get(), temporary_.c_str(), false); });  // of a run that died
      continue;
    }
    if (!fresh) return fresh.error();
    const Stat stat = HF_TRY(env.stat(fresh->get(), ""));
    made_ = true;
    dev_ = stat.dev;
    ino_ = stat.ino;
    return tree_.cache().put(slot_, std::move(*fresh));
  }
}

Status PendingFile::write(ByteView bytes, std::uint64_t offset) {
  const Handle file = HF_TRY(handle());
  auto written = tree_.env().write_at(file->get(), bytes, offset);
  if (!written) return std::move(written.error()).in_context(printable(name_)).with_object(directory_->path_of(name_));
  return {};
}

Status PendingFile::complete(std::uint64_t size, const Metadata& m, MetadataWriter& metadata) {
  Env& env = tree_.env();
  const Handle file = HF_TRY(handle());
  const Stat stat = HF_TRY(env.stat(file->get(), ""));
  if (stat.size != size) {
    const int result = uninterrupted([&] { return env.sys_ftruncate(file->get(), size); });
    if (result < 0) return Error::from_errno(-result, "setting the size of " + printable(name_)).with_object(directory_->path_of(name_));
  }
  const MetadataWriter::Place place{file->get(), "", *directory_, name_};
  metadata.set_on_new(place, m, 0600);
  if (m.flags != 0) metadata.set_flags(place, m.flags, false);
  return {};
}

Status PendingFile::publish(const std::string& as, bool may_replace) {
  Env& env = tree_.env();
  const Handle dir = HF_TRY(tree_.handle(directory_));
  const int result = may_replace ? uninterrupted([&] { return env.sys_renameat(dir->get(), temporary_.c_str(), dir->get(), as.c_str(), false); })
                                 : rename_no_replace(env, dir->get(), temporary_.c_str(), dir->get(), as.c_str());
  if (result < 0) return Error::from_errno(-result, "giving " + printable(as) + " its name").with_object(directory_->path_of(as));
  Lock lock(opening_);
  made_ = false;
  return {};
}

void PendingFile::forget() {
  Lock lock(opening_);
  made_ = false;
}

void PendingFile::discard() {
  {
    Lock lock(opening_);
    if (!made_) return;
    made_ = false;
  }
  tree_.cache().close(slot_);
  if (const auto dir = tree_.handle(directory_)) uninterrupted([&] { return tree_.env().sys_unlinkat((*dir)->get(), temporary_.c_str(), false); });
}

int rename_no_replace(Env& env, int from_dir, const char* from, int to_dir, const char* to) {
  const int result = uninterrupted([&] { return env.sys_renameat(from_dir, from, to_dir, to, true); });
  if (result != -EOPNOTSUPP && result != -EINVAL) return result;
  Stat there;
  const int looked = uninterrupted([&] { return env.sys_stat(to_dir, to, false, &there); });
  if (looked == 0) return -EEXIST;
  if (looked != -ENOENT) return looked;
  return uninterrupted([&] { return env.sys_renameat(from_dir, from, to_dir, to, false); });
}

}  // namespace hf
