#include "platform/sim_machine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/fs.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/assert.hpp"

namespace hf::sim {
namespace {
constexpr std::size_t kNameMax = 255, kPathMax = 4096;
constexpr int kLinksMax = 40;  // MAXSYMLINKS
constexpr std::size_t kLogMax = 256;
constexpr unsigned kUmask = 022;
constexpr std::uint64_t kFileBytesMax = INT64_MAX;

/// Absolute and without "." and "..", by its text alone.
std::string normal(std::string_view base, std::string_view path) {
  std::string result(path.starts_with('/') || base == "/" ? "" : base);
  while (!path.empty()) {
    const std::size_t slash = std::min(path.find('/'), path.size());
    const std::string_view part = path.substr(0, slash);
    path.remove_prefix(std::min(slash + 1, path.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      result.resize(result.empty() ? 0 : result.rfind('/'));
    } else {
      result += '/';
      result += part;
    }
  }
  return result.empty() ? "/" : result;
}

bool is_in(const Inode* node, const Inode* tree) {
  for (;; node = node->parent) {
    if (node == tree) return true;
    if (node->parent == node) return false;
  }
}
}  // namespace

bool Handle::readable() const { return !is_path() && (flags & O_ACCMODE) != O_WRONLY; }
bool Handle::writable() const { return !is_path() && (flags & O_ACCMODE) != O_RDONLY; }
bool Handle::is_path() const { return (flags & O_PATH) != 0; }

// --- what happens to every call ---

std::int64_t Machine::tick() {
  wall_ += step;
  monotonic_ += step;
  return wall_;
}

bool Machine::chance(double probability) {
  return probability > 0 && static_cast<double>(coins_() >> 11) * 0x1p-53 < probability;
}

std::int64_t Machine::before(const CallInfo& info) {
  tick();
  ++calls;
  injected = false;
  if (down) return -EIO;
  const Faults::Verdict verdict = faults.judge(info.kind, info.path, info.other);
  if (verdict.os_error != 0) {
    injected = true;
    down = verdict.crash;
    return -verdict.os_error;
  }
  return chance(interrupt_probability) ? -EINTR : 0;
}

void Machine::after(CallInfo info, std::int64_t result) {
  std::string line = fmt::format("{} {} {}", calls, info.name, printable(info.path));
  if (!info.other.empty()) line += " -> " + printable(info.other);
  if (info.bytes >= 0) line += fmt::format(" {}", info.bytes);
  if (info.offset >= 0) line += fmt::format("@{}", info.offset);
  if (result < 0) {
    const char* word = strerrorname_np(static_cast<int>(-result));
    line += fmt::format(" = -{}{}", word != nullptr ? word : "?", down ? " (down)" : injected ? " (injected)" : "");
  } else {
    line += fmt::format(" = {}", result);
  }
  log_.push_back(std::move(line));
  if (log_.size() > kLogMax) log_.pop_front();
}

void Machine::touch(Inode* node, bool content) {
  node->facts.ctime = now();
  if (content) node->facts.mtime = node->facts.ctime;
  node->facts_dirty = true;
}

void Machine::fill_random(MutableBytes out) {
  for (std::size_t at = 0; at < out.size(); at += 8) {
    const std::uint64_t word = keys_();
    std::memcpy(out.data() + at, &word, std::min<std::size_t>(8, out.size() - at));
  }
}

std::uint64_t Machine::order_of(std::string_view name) const {
  std::uint64_t hash = order_ ^ 0xCBF29CE484222325u;  // FNV-1a
  for (char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash ^ hash >> 29;
}

// --- handles ---

Handle* Machine::handle(int fd) {
  const auto at = handles_.find(fd);
  return at == handles_.end() ? nullptr : &at->second;
}

int Machine::add_handle(Inode* node, int flags, std::string path) {
  disk_.hold(node);
  handles_.emplace(++handle_last_, Handle{.node = node, .flags = flags, .path = std::move(path)});
  return handle_last_;
}

int Machine::close(int fd) {
  const auto at = handles_.find(fd);
  if (at == handles_.end()) return -EBADF;
  Inode* const node = at->second.node;
  handles_.erase(at);
  disk_.release(node);
  return 0;
}

void Machine::crash(Survive how) {
  handles_.clear();
  faults.clear();
  down = false;
  if (how == Survive::coin) {
    // A fair coin alone would hardly ever lose one page of a hundred, or keep just one.
    constexpr double kProbabilities[] = {0.1, 0.5, 0.9};
    const double probability = kProbabilities[coins_() % 3];
    disk_.crash([&] { return chance(probability); });
  } else {
    disk_.crash([&] { return how == Survive::everything; });
  }
}

// --- the walk ---

std::string Machine::path_of(int dir, const char* name) {
  if (dir == Env::kCwd || name[0] == '/') return normal("/", name);
  const Handle* base = handle(dir);
  const std::string start = base != nullptr ? base->path : fmt::format("/(bad handle {})", dir);
  return name[0] == '\0' ? start : normal(start, name);
}

Place Machine::walk(int dir, const char* name, Follow follow) {
  const std::string_view path = name;
  if (path.empty()) return {.error = -ENOENT};
  if (path.size() >= kPathMax) return {.error = -ENAMETOOLONG};
  Inode* start = disk_.root();
  if (path[0] != '/' && dir != Env::kCwd) {
    const Handle* base = handle(dir);
    if (base == nullptr) return {.error = -EBADF};
    start = base->node;
  }
  int links_left = kLinksMax;
  return walk_from(start, path, follow, &links_left);
}

Place Machine::walk_from(Inode* start, std::string_view path, Follow follow, int* links_left) {
  Inode* node = path.starts_with('/') ? disk_.root() : start;
  for (;;) {
    path.remove_prefix(std::min(path.find_first_not_of('/'), path.size()));
    if (path.empty()) return {.dir = node, .name = "/", .node = node, .last = Place::Last::root};
    const std::string part(path.substr(0, path.find('/')));
    path.remove_prefix(part.size());
    const bool slash = !path.empty();
    const bool last = path.find_first_not_of('/') == std::string_view::npos;

    if (!node->is_directory()) return {.error = -ENOTDIR};
    if (!may(node, 1)) return {.error = -EACCES};
    if (part.size() > kNameMax) return {.error = -ENAMETOOLONG};
    Place here{.dir = node, .name = part, .trailing_slash = slash};
    if (part == ".") {
      here.node = node;
      here.last = Place::Last::dot;
    } else if (part == "..") {
      here.node = node->parent;
      here.last = Place::Last::dot_dot;
    } else if (const auto entry = node->entries.find(part); entry != node->entries.end()) {
      here.node = entry->second;
    }

    const bool is_link = here.node != nullptr && here.node->type == FileType::symlink;
    if (is_link && (!last || follow == Follow::always || (follow == Follow::if_slash && slash))) {
      if (--*links_left < 0) return {.error = -ELOOP};
      Place there = walk_from(node, here.node->target, Follow::always, links_left);
      there.trailing_slash |= slash;
      if (last || there.error != 0) return there;
      here = there;
    }
    if (last) return here;
    if (here.node == nullptr) return {.error = -ENOENT};
    node = here.node;
  }
}

Inode* Machine::target(int dir, const char* name, bool follow, int* error) {
  if (name[0] == '\0') {
    if (dir == Env::kCwd) return disk_.root();
    const Handle* base = handle(dir);
    if (base == nullptr) *error = -EBADF;
    return base != nullptr ? base->node : nullptr;
  }
  const Place place = walk(dir, name, follow ? Follow::always : Follow::if_slash);
  if (place.error != 0) *error = place.error;
  else if (place.node == nullptr) *error = -ENOENT;
  else if (place.trailing_slash && !place.node->is_directory()) *error = -ENOTDIR;
  else return place.node;
  return nullptr;
}

Result<std::string> Machine::absolute(const std::string& path) {
  const auto failed = [&](int error) { return Error::from_errno(error, "resolving " + printable(path)).with_object(path); };
  if (path.empty()) return Error(Code::usage, "an empty path names nothing");
  std::deque<std::string> parts;
  const auto push_front = [&](std::string_view text) {
    std::deque<std::string> front;
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t end = std::min(text.find('/', at), text.size());
      if (end > at) front.emplace_back(text.substr(at, end - at));
      at = end + 1;
    }
    parts.insert(parts.begin(), front.begin(), front.end());
  };
  push_front(path);
  std::string result;
  Inode* node = disk_.root();
  int links_left = kLinksMax;
  while (!parts.empty()) {
    const std::string part = parts.front();
    parts.pop_front();
    if (node != nullptr && !node->is_directory()) return failed(ENOTDIR);
    if (part == ".") continue;
    if (part == "..") {
      result.resize(result.empty() ? 0 : result.rfind('/'));
      int ignored = 0;
      node = target(Env::kCwd, result.empty() ? "/" : result.c_str(), false, &ignored);
      continue;
    }
    Inode* next = nullptr;
    if (node != nullptr)
      if (const auto entry = node->entries.find(part); entry != node->entries.end()) next = entry->second;
    if (next != nullptr && next->type == FileType::symlink) {
      if (--links_left < 0) return failed(ELOOP);
      push_front(next->target);
      if (next->target.starts_with('/')) {
        result.clear();
        node = disk_.root();
      }
      continue;
    }
    result += "/" + part;
    node = next;
  }
  return result.empty() ? "/" : result;
}

// --- who may do what ---

bool Machine::may(const Inode* node, unsigned bits) const {
  if (uid == 0) return true;
  const unsigned shift = uid == node->facts.uid ? 6 : gid == node->facts.gid ? 3 : 0;
  return (node->facts.mode >> shift & bits) == bits;
}

int Machine::may_add(const Inode* dir) const {
  if (dir->names == 0) return -ENOENT;
  if (dir->facts.flags & FS_IMMUTABLE_FL) return -EPERM;
  return may(dir, 3) ? 0 : -EACCES;
}

int Machine::may_remove(const Inode* dir, const Inode* node) const {
  constexpr unsigned kFixed = FS_IMMUTABLE_FL | FS_APPEND_FL;
  if (dir->facts.flags & FS_IMMUTABLE_FL) return -EPERM;
  if (!may(dir, 3)) return -EACCES;
  const bool sticky = (dir->facts.mode & 01000u) != 0 && !owns(node) && !owns(dir);
  return sticky || (dir->facts.flags & FS_APPEND_FL) || (node->facts.flags & kFixed) ? -EPERM : 0;
}

// --- names ---

Inode* Machine::make(const Place& at, FileType type, unsigned mode) {
  Facts facts;
  facts.mode = (type == FileType::symlink ? 0777u : mode & ~kUmask) & 07777u;
  facts.uid = uid;
  facts.gid = gid;
  if (at.dir->facts.mode & 02000u) {  // a directory with set-group-id hands its group down
    facts.gid = at.dir->facts.gid;
    if (type == FileType::directory) facts.mode |= 02000u;
  }
  facts.mtime = facts.ctime = now();
  Inode* const node = disk_.make(type, at.dir->dev, std::move(facts));
  disk_.link(at.dir, at.name, node);
  change_content(at.dir);
  return node;
}

Inode* Machine::create(const Place& at, FileType type, unsigned mode, int* error) {
  if (at.error != 0) *error = at.error;
  else if (at.node != nullptr || at.last != Place::Last::name) *error = -EEXIST;
  else if (at.trailing_slash && type != FileType::directory) *error = -ENOENT;
  else if (const int denied = may_add(at.dir); denied != 0) *error = denied;
  else if (disk_.full()) *error = -ENOSPC;
  else return make(at, type, mode);
  return nullptr;
}

int Machine::open(int dir, const char* name, int flags, unsigned mode, std::string path) {
  if (handles_.size() >= handles_max) return -EMFILE;
  if ((flags & O_TMPFILE) == O_TMPFILE) return -EOPNOTSUPP;
  if (flags & O_PATH) flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
  const bool creates = (flags & O_CREAT) != 0, exclusive = creates && (flags & O_EXCL) != 0;
  const bool writes = (flags & O_ACCMODE) != O_RDONLY, reads = (flags & O_ACCMODE) != O_WRONLY;
  if (creates) {
    const Place last = walk(dir, name, Follow::never);
    if (last.error != 0) return last.error;
    if (last.trailing_slash && last.last == Place::Last::name) return -EISDIR;
  }
  const Place at = walk(dir, name, (flags & O_NOFOLLOW) || exclusive ? Follow::if_slash : Follow::always);
  if (at.error != 0) return at.error;
  if (creates && at.trailing_slash && at.last == Place::Last::name) return -EISDIR;  // of a symlink's target
  if (at.node == nullptr) {
    if (!creates) return -ENOENT;
    int error = 0;
    Inode* const made = create(at, FileType::regular, mode, &error);
    return made != nullptr ? add_handle(made, flags, std::move(path)) : error;
  }

  Inode* const node = at.node;
  if (exclusive) return -EEXIST;
  if (creates && node->is_directory()) return -EISDIR;
  if ((at.trailing_slash || (flags & O_DIRECTORY)) && !node->is_directory()) return -ENOTDIR;
  if (flags & O_PATH) return add_handle(node, flags, std::move(path));
  switch (node->type) {
    case FileType::symlink: return -ELOOP;
    case FileType::directory:
      if (writes || (flags & O_TRUNC)) return -EISDIR;
      break;
    case FileType::fifo:
      // Nobody is at the other end; a real machine would wait for ever.
      if (!(flags & O_NONBLOCK) && !(reads && writes)) return -EDEADLK;
      if (!reads) return -ENXIO;
      break;
    case FileType::regular: break;
    default: return -ENXIO;  // no driver, no listener
  }
  if (!may(node, (reads ? 4u : 0u) | (writes ? 2u : 0u))) return -EACCES;
  if (writes && (node->facts.flags & FS_IMMUTABLE_FL)) return -EPERM;
  if ((node->facts.flags & FS_APPEND_FL) && ((writes && !(flags & O_APPEND)) || (flags & O_TRUNC))) return -EPERM;
  if ((flags & O_NOATIME) && !owns(node)) return -EPERM;
  if ((flags & O_TRUNC) && writes && node->type == FileType::regular) {
    disk_.truncate(node, 0);
    change_content(node);
  }
  return add_handle(node, flags, std::move(path));
}

int Machine::remove(int dir, const char* name, bool directory) {
  const Place at = walk(dir, name, Follow::never);
  if (at.error != 0) return at.error;
  if (!directory && at.last != Place::Last::name) return -EISDIR;
  if (at.last == Place::Last::root) return -EBUSY;
  if (at.last == Place::Last::dot) return -EINVAL;
  if (at.last == Place::Last::dot_dot) return -ENOTEMPTY;
  if (at.node == nullptr) return -ENOENT;
  if (!directory && at.trailing_slash) return at.node->is_directory() ? -EISDIR : -ENOTDIR;
  if (const int denied = may_remove(at.dir, at.node); denied != 0) return denied;
  if (directory != at.node->is_directory()) return directory ? -ENOTDIR : -EISDIR;
  if (directory && at.node->dev != at.dir->dev) return -EBUSY;
  if (!at.node->entries.empty()) return -ENOTEMPTY;
  change_facts(at.node);
  disk_.unlink(at.dir, at.name);
  change_content(at.dir);
  return 0;
}

int Machine::rename(int from_dir, const char* from, int to_dir, const char* to, bool no_replace) {
  const Place f = walk(from_dir, from, Follow::never);
  if (f.error != 0) return f.error;
  const Place t = walk(to_dir, to, Follow::never);
  if (t.error != 0) return t.error;
  if (f.dir->dev != t.dir->dev) return -EXDEV;
  if (f.last != Place::Last::name) return -EBUSY;
  if (t.last != Place::Last::name) return no_replace ? -EEXIST : -EBUSY;
  if (f.node == nullptr) return -ENOENT;
  if (no_replace && t.node != nullptr) return -EEXIST;
  if (!f.node->is_directory() && (f.trailing_slash || t.trailing_slash)) return -ENOTDIR;
  if (is_in(t.dir, f.node)) return -EINVAL;
  if (t.node != nullptr && is_in(f.dir, t.node)) return -ENOTEMPTY;
  if (f.node == t.node) return 0;  // two names of one inode: both stay (rename(2))
  if (const int denied = may_remove(f.dir, f.node); denied != 0) return denied;
  if (const int denied = t.node != nullptr ? may_remove(t.dir, t.node) : may_add(t.dir); denied != 0) return denied;
  if (t.node != nullptr && f.node->is_directory() != t.node->is_directory()) return t.node->is_directory() ? -EISDIR : -ENOTDIR;
  if (f.node->dev != f.dir->dev || (t.node != nullptr && t.node->dev != t.dir->dev)) return -EBUSY;
  if (f.node->is_directory() && f.dir != t.dir && !may(f.node, 2)) return -EACCES;
  if (t.node != nullptr && !t.node->entries.empty()) return -ENOTEMPTY;

  change_facts(f.node);
  if (no_replace && !features.rename_no_replace) {
    // As RealEnv does it where the file system cannot: two steps, between which a crash may come.
    if (f.node->is_directory()) return -EINVAL;
    if (!features.hard_links) return -EOPNOTSUPP;
    disk_.link(t.dir, t.name, f.node);
    disk_.unlink(f.dir, f.name);
  } else {
    if (t.node != nullptr) change_facts(t.node);
    disk_.rename(f.dir, f.name, t.dir, t.name);
  }
  change_content(f.dir);
  change_content(t.dir);
  return 0;
}

int Machine::link(int from_dir, const char* from, int to_dir, const char* to) {
  int error = 0;
  Inode* const node = from[0] == '\0' ? nullptr : target(from_dir, from, false, &error);
  if (node == nullptr) return error != 0 ? error : -ENOENT;
  const Place at = walk(to_dir, to, Follow::never);
  if (at.error != 0) return at.error;
  if (at.node != nullptr || at.last != Place::Last::name) return -EEXIST;
  if (at.trailing_slash) return -ENOENT;
  if (at.dir->dev != node->dev) return -EXDEV;
  if (const int denied = may_add(at.dir); denied != 0) return denied;
  if ((node->facts.flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) || node->is_directory() || !features.hard_links) return -EPERM;
  disk_.link(at.dir, at.name, node);
  change_facts(node);
  change_content(at.dir);
  return 0;
}

std::int64_t Machine::write(Handle& file, ByteView data, std::uint64_t offset) {
  if (!file.writable()) return -EBADF;
  if (file.node->type != FileType::regular) return -EPIPE;
  if (data.empty()) return 0;
  if (file.flags & O_APPEND) offset = file.node->content.size;
  if (offset > kFileBytesMax - data.size()) return -EFBIG;
  if (data.size() > 1 && chance(short_probability)) data = data.first(1 + coins_() % (data.size() - 1));
  const std::size_t written = disk_.write(file.node, data, offset);
  if (written == 0) return -ENOSPC;
  change_content(file.node);
  return static_cast<std::int64_t>(written);
}

std::int64_t Machine::read(Handle& file, MutableBytes out, std::uint64_t offset) {
  if (!file.readable()) return -EBADF;
  if (file.node->is_directory()) return -EISDIR;
  if (out.size() > 1 && chance(short_probability)) out = out.first(1 + coins_() % (out.size() - 1));
  return static_cast<std::int64_t>(disk_.read(file.node, out, offset));
}

// --- a test's own actions ---

Place Machine::walk_freely(const std::string& path) {
  const std::uint32_t as = std::exchange(uid, 0);
  Place at = walk(Env::kCwd, path.c_str(), Follow::always);
  uid = as;
  return at;
}

Inode* Machine::ensure(const std::string& path, FileType type, unsigned mode) {
  HF_ASSERT(path.starts_with('/'));
  const std::uint32_t as_uid = std::exchange(uid, 0), as_gid = std::exchange(gid, 0);
  Inode* node = disk_.root();
  for (std::size_t end = 0; end < path.size();) {
    end = std::min(path.find('/', end + 1), path.size());
    const bool whole = end == path.size();
    const Place at = walk(Env::kCwd, path.substr(0, end).c_str(), Follow::always);
    HF_ASSERT(at.error == 0);
    node = at.node;
    if (node == nullptr) {
      node = make(at, whole ? type : FileType::directory, 0);
      node->facts.mode = whole ? mode : 0755;
    }
    disk_.sync_name(node);
    if (whole) node->facts.mode = mode;
  }
  HF_ASSERT(node->type == type);
  uid = as_uid;
  gid = as_gid;
  disk_.sync(node);
  return node;
}

}  // namespace hf::sim
