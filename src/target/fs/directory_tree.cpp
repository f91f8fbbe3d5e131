#include "target/fs/directory_tree.hpp"

#include <fcntl.h>

#include <vector>

#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

Directory::Directory(HandleCache& cache, DirectoryRef parent, std::string name, bool made, bool plain)
    : parent_(std::move(parent)), name_(std::move(name)), made_(made), plain_(plain), slot_(cache) {}

Directory::~Directory() {
  // Step by step: the last owner of a path of a million directories must not recurse a million times.
  DirectoryRef up = std::move(parent_);
  while (up && up.use_count() == 1) {
    DirectoryRef next = std::move(up->parent_);
    up = std::move(next);
  }
}

std::string Directory::path() const {
  std::vector<const Directory*> chain;
  std::size_t bytes = 0;
  for (const Directory* at = this; at->parent_; at = at->parent_.get()) {
    chain.push_back(at);
    bytes += at->name_.size() + 1;
  }
  std::string out;
  out.reserve(bytes);
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    if (!out.empty()) out += '/';
    out += (*at)->name_;
  }
  return out;
}

std::string Directory::path_of(std::string_view name) const {
  std::string out = path();
  if (!out.empty()) out += '/';
  return out += name;
}

Result<std::unique_ptr<DirectoryTree>> DirectoryTree::open(Env& env, const std::string& root, bool make) {
  auto tree = std::unique_ptr<DirectoryTree>(new DirectoryTree(env, root));
  const auto doing = [&] { return "opening the target " + printable(root); };
  auto opened = env.open(root, O_RDONLY | O_DIRECTORY);
  bool made = false;
  if (!opened && opened.error().code == Code::not_found && make) {
    HF_TRY(env.make_directories(root, 0700).context([&] { return "making the target " + printable(root); }));
    made = true;
    opened = env.open(root, O_RDONLY | O_DIRECTORY);
  }
  if (!opened) return std::move(std::move(opened).context(doing).error()).with_object(root);
  tree->root_handle_ = std::move(*opened);
  const Stat stat = HF_TRY(env.stat(tree->root_handle_.get(), "").context(doing));
  const bool plain = (stat.mode & 02000) == 0 && tree->is_plain(tree->root_handle_.get());
  tree->root_ = std::make_shared<Directory>(tree->cache_, nullptr, "", made, plain);
  tree->root_stat_ = stat;
  tree->root_->ino_ = stat.ino;
  tree->root_->dev_ = stat.dev;
  return tree;
}

Result<bool> DirectoryTree::root_is_empty() {
  if (root_was_made()) return true;
  for (;;) {
    bool empty = true;
    const Fd listing = HF_TRY(env_.open(root_handle_.get(), ".", O_RDONLY | O_DIRECTORY));
    const int result = env_.sys_list(listing.get(), [&](const DirEntry& e) { empty = empty && e.name.starts_with(kOwnPrefix); });
    if (result == -EINTR) continue;
    if (result < 0) return Error::from_errno(-result, "listing the target " + printable(root_path_));
    return empty;
  }
}

bool DirectoryTree::is_plain(int handle) {
  const ssize_t acl = uninterrupted([&] { return env_.sys_getxattrat(handle, "", "system.posix_acl_default", nullptr, 0); });
  return acl == -ENODATA || acl == -EOPNOTSUPP;
}

void DirectoryTree::learn_creation() {
  std::uint8_t random[8];
  env_.random(random);
  const std::string name = std::string(kTemporaryPrefix) + to_hex(random);
  const int dir = root_handle_.get();
  const auto file = env_.open(dir, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0777);
  if (!file) return;
  const auto stat = env_.stat(file->get(), "");
  uninterrupted([&] { return env_.sys_unlinkat(dir, name.c_str(), false); });
  uninterrupted([&] { return env_.sys_utimeat(dir, "", root_stat_.mtime); });  // nothing happened here
  if (!stat || !root_->plain()) return;
  creation_ = {.known = true, .uid = stat->uid, .gid = stat->gid, .umask = 0777u & ~stat->mode};
}

Result<Handle> DirectoryTree::handle(const DirectoryRef& directory) {
  if (!directory->parent_) return Handle(Handle(), &root_handle_);  // the root is always open
  if (Handle known = cache_.get(directory->slot_)) return known;
  // Up to the nearest one that is open, then down again, one name at a time.
  std::vector<Directory*> closed;
  Handle at;
  for (Directory* d = directory.get();; d = d->parent_.get()) {
    if (!d->parent_) {
      at = Handle(Handle(), &root_handle_);
      break;
    }
    if ((at = cache_.get(d->slot_))) break;
    closed.push_back(d);
  }
  for (auto next = closed.rbegin(); next != closed.rend(); ++next) {
    Directory& d = **next;
    auto opened = env_.open(at->get(), d.name_.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (!opened && (opened.error().os_error == ELOOP || opened.error().os_error == ENOTDIR))
      return Error(Code::not_a_directory, "'" + printable(d.path()) + "' is no directory any more: it was exchanged while we worked",
                   "nothing was written through it; find out who writes there, then restore again")
          .with_object(d.path());
    if (!opened) return std::move(opened.error()).with_object(d.path());
    const Stat stat = HF_TRY(env_.stat(opened->get(), ""));
    if (d.ino_ == 0) {
      d.dev_ = stat.dev;
      d.ino_ = stat.ino;
    } else if (d.ino_ != stat.ino || d.dev_ != stat.dev) {
      return Error(Code::conflict, "'" + printable(d.path()) + "' is another directory than before: it was exchanged while we worked",
                   "nothing was written into it; find out who writes there, then restore again")
          .with_object(d.path());
    }
    at = cache_.put(d.slot_, std::move(*opened));
  }
  return at;
}

Result<DirectoryRef> DirectoryTree::make(const DirectoryRef& parent, const std::string& name) {
  const Handle dir = HF_TRY(handle(parent));
  const int result = uninterrupted([&] { return env_.sys_mkdirat(dir->get(), name.c_str(), 0700); });
  if (result < 0) return Error::from_errno(-result, "making the directory " + printable(name)).with_object(parent->path_of(name));
  return std::make_shared<Directory>(cache_, parent, name, true, parent->plain());
}

DirectoryRef DirectoryTree::existing(const DirectoryRef& parent, const std::string& name, const Stat& stat) {
  auto directory = std::make_shared<Directory>(cache_, parent, name, false, false);
  directory->dev_ = stat.dev;
  directory->ino_ = stat.ino;
  return directory;
}

}  // namespace hf
