#include "tree.hpp"

#include <fcntl.h>
#include <linux/fs.h>

#include <algorithm>
#include <set>

#include "base/assert.hpp"

namespace hf::simulation {
namespace {

/// The test's own calls must succeed.
template <class T>
T must(Result<T> result, const std::string& path) {
  if (!result) {
    fprintf(stderr, "the test's own call failed at %s: %s\n", path.c_str(), result.error().message.c_str());
    HF_ASSERT(false);
  }
  return std::move(*result);
}

std::map<std::string, std::string> xattrs_of(SimEnv& env, const std::string& path) {
  std::map<std::string, std::string> out;
  std::string names(4096, '\0'), value(65536, '\0');
  const ssize_t n = env.sys_listxattrat(Env::kCwd, path.c_str(), names.data(), names.size());
  for (std::string_view rest(names.data(), n > 0 ? static_cast<std::size_t>(n) : 0); !rest.empty();) {
    const std::string key(rest.data());
    rest.remove_prefix(key.size() + 1);
    const ssize_t got = env.sys_getxattrat(Env::kCwd, path.c_str(), key.c_str(), value.data(), value.size());
    HF_ASSERT(got >= 0);
    out[key] = value.substr(0, static_cast<std::size_t>(got));
  }
  return out;
}

void add_item(SimEnv& env, const std::string& root, const std::string& path, Tree& out, std::map<std::uint64_t, std::string>& first) {
  const std::string full = path.empty() ? root : root + "/" + path;
  const Stat s = must(env.stat(full), full);
  Item item{.type = s.type, .mode = s.mode, .uid = s.uid, .gid = s.gid, .rdev_major = s.rdev_major, .rdev_minor = s.rdev_minor, .mtime = s.mtime};
  item.xattrs = xattrs_of(env, full);
  if (s.type == FileType::regular) item.content = *env.get_file(full);
  if (s.type == FileType::symlink) item.target = must(env.read_link(Env::kCwd, full.c_str()), full);
  if (s.type == FileType::regular || s.type == FileType::directory) {
    const Fd fd = must(env.open(full, O_RDONLY | O_NOFOLLOW), full);
    HF_ASSERT(env.sys_get_flags(fd.get(), &item.flags) == 0);
  }
  if (s.type == FileType::regular && s.nlink > 1) item.same_file = first.try_emplace(s.ino, path).first->second;
  out.emplace(path, std::move(item));
  if (s.type != FileType::directory) return;
  for (const std::string& name : must(env.list_names(full), full)) add_item(env, root, path.empty() ? name : path + "/" + name, out, first);
}

std::string describe(const Item& a, const Item& b) {
  std::string out;
  const auto differs = [&](const char* what, const auto& x, const auto& y) {
    if (x != y) out += std::string(out.empty() ? "" : ", ") + what;
  };
  differs("type", a.type, b.type);
  differs("mode", a.mode, b.mode);
  differs("owner", std::pair(a.uid, a.gid), std::pair(b.uid, b.gid));
  differs("device", std::pair(a.rdev_major, a.rdev_minor), std::pair(b.rdev_major, b.rdev_minor));
  differs("flags", a.flags, b.flags);
  differs("mtime", a.mtime, b.mtime);
  differs("size", a.content.size(), b.content.size());
  differs("content", a.content, b.content);
  differs("target", a.target, b.target);
  differs("hard link", a.same_file, b.same_file);
  differs("xattrs", a.xattrs, b.xattrs);
  return out;
}

bool at_or_below(const std::string& path, const std::string& top) {
  return path == top || top.empty() || (path.size() > top.size() && path.starts_with(top) && path[top.size()] == '/');
}

}  // namespace

Tree tree_on_disk(SimEnv& env, const std::string& root) {
  Tree out;
  std::map<std::uint64_t, std::string> first;
  add_item(env, root, "", out, first);
  return out;
}

Result<Tree> tree_in_vault(ChunkReader& chunks, const Entry& root) {
  Tree out;
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> first;
  const auto add = [&](const std::string& path, const Entry& e) -> Status {
    Item item{.type = e.stat.type, .mode = e.stat.mode, .uid = e.stat.uid, .gid = e.stat.gid, .rdev_major = e.stat.rdev_major,
              .rdev_minor = e.stat.rdev_minor, .flags = e.flags, .mtime = e.stat.mtime};
    for (const Xattr& x : e.xattrs) item.xattrs[x.name] = as_text(x.value);
    item.target = e.target;
    if (e.is_regular()) {
      item.content.resize(e.stat.size);
      HF_TRY(for_each_chunk(chunks, e, [&](const ChunkRef& ref, std::uint64_t offset) -> Status {
        const LoadedChunk chunk = HF_TRY(chunks.read(ref.id));
        if (offset + chunk.bytes.size() > item.content.size()) return Error(Code::corrupt, path + " is longer than its size");
        std::copy(chunk.bytes.begin(), chunk.bytes.end(), item.content.begin() + static_cast<std::ptrdiff_t>(offset));
        return {};
      }));
      if (e.stat.nlink > 1) item.same_file = first.try_emplace({e.stat.dev, e.stat.ino}, path).first->second;
    }
    out.emplace(path, std::move(item));
    return {};
  };
  HF_TRY(add("", root));
  HF_TRY(walk_tree(chunks, root, [&](const std::string& path, const Entry& e) -> Result<Walk> {
    HF_TRY(add(path, e));
    return Walk::descend;
  }));
  return out;
}

std::string difference(const Tree& expected, const Tree& actual, const std::vector<std::string>& excused) {
  std::string out;
  int lines = 0;
  const auto say = [&](const std::string& path, const std::string& what) {
    const bool forgiven = std::any_of(excused.begin(), excused.end(), [&](const std::string& e) { return at_or_below(path, e); });
    if (forgiven || ++lines > 5) return;
    out += "  " + printable(path.empty() ? "(root)" : path) + ": " + what + "\n";
  };
  for (const auto& [path, item] : expected) {
    const auto at = actual.find(path);
    if (at == actual.end()) say(path, "missing");
    else if (at->second != item) {
      const std::string what = describe(item, at->second);
      // Where a name of a file with several was not read, another name is its first.
      if (what != "hard link" || excused.empty()) say(path, what);
    }
  }
  for (const auto& [path, item] : actual)
    if (!expected.contains(path)) say(path, "should not be there");
  return out;
}

std::string some_content(Random& random, std::size_t bytes) {
  std::string out;
  out.reserve(bytes + 64);
  while (out.size() < bytes) {
    if (random() % 4 == 0) {
      Random common(random() % 16);  // parts that other files have too
      for (int i = 0; i < 200; ++i) out += static_cast<char>('a' + common() % 26);
    } else {
      for (int i = 0; i < 8; ++i) {
        const std::uint64_t word = random();
        out.append(reinterpret_cast<const char*>(&word), 8);
      }
    }
  }
  out.resize(bytes);
  return out;
}

void change_tree(SimEnv& env, Random& random, const std::string& root, unsigned changes) {
  static const std::string kNames[] = {"a", "b", "letters", "photo.jpg", ".hidden", "new\nline", "\xff\xfe", "ünïcode", "notes", std::string(255, 'n')};
  std::vector<std::string> directories{root}, files, all;
  const auto look = [&] {
    directories = {root};
    files.clear();
    all.clear();
    for (const std::string& path : env.paths_below(root)) {
      const Stat s = must(env.stat(path), path);
      all.push_back(path);
      if (s.type == FileType::directory) directories.push_back(path);
      if (s.type == FileType::regular) files.push_back(path);
    }
  };
  const auto new_name = [&] { return directories[below(random, directories.size())] + "/" + kNames[below(random, std::size(kNames))]; };
  const auto size = [&]() -> std::size_t {
    constexpr std::size_t kSizes[] = {0, 1, 100, 1000, 5000, 20'000, 60'000};
    return kSizes[below(random, std::size(kSizes))] + below(random, 3);
  };
  const auto write = [&](const std::string& path, std::uint64_t at, const std::string& text, int flags) {
    const auto fd = env.open(path, O_WRONLY | flags, 0644);
    if (fd) static_cast<void>(env.write_at(fd->get(), as_bytes(text), at));
  };
  // Whatever a step can't do (a name that is taken by a directory, say) is left undone.
  for (unsigned i = 0; i < changes; ++i) {
    look();
    const std::string some = all.empty() ? root : all[below(random, all.size())];
    const std::string file = files.empty() ? new_name() : files[below(random, files.size())];
    const char* const path = some.c_str();
    switch (below(random, 20)) {
      case 0: case 1: case 2: case 3: case 4: write(new_name(), 0, some_content(random, size()), O_CREAT | O_TRUNC); break;
      case 5: case 6: write(file, size(), some_content(random, 1 + below(random, 3000)), O_CREAT); break;
      case 7: env.sys_mkdirat(Env::kCwd, new_name().c_str(), 0755); break;
      case 8: env.sys_unlinkat(Env::kCwd, path, false); break;
      case 9: if (some != root) env.sys_unlinkat(Env::kCwd, path, true); break;
      case 10: if (some != root) env.sys_renameat(Env::kCwd, path, Env::kCwd, new_name().c_str(), false); break;
      case 11: env.sys_symlinkat("../anywhere", Env::kCwd, new_name().c_str()); break;
      case 12: env.sys_linkat(Env::kCwd, file.c_str(), Env::kCwd, new_name().c_str()); break;
      case 13: env.sys_chmodat(Env::kCwd, path, static_cast<unsigned>(random() % 010000)); break;
      case 14: env.sys_chownat(Env::kCwd, path, static_cast<std::uint32_t>(random() % 3), static_cast<std::uint32_t>(random() % 70'000)); break;
      case 15: env.sys_utimeat(Env::kCwd, path, static_cast<std::int64_t>(random() % 4'000'000'000'000'000'000) - 1'000'000'000'000'000'000); break;
      case 16: {
        const std::string value = some_content(random, below(random, 300));
        env.sys_setxattrat(Env::kCwd, path, random() % 2 ? "user.note" : "trusted.mark", value.data(), value.size());
        break;
      }
      case 17: {
        constexpr FileType kTypes[] = {FileType::fifo, FileType::char_device, FileType::block_device, FileType::socket};
        env.sys_mknodat(Env::kCwd, new_name().c_str(), kTypes[below(random, 4)], 0600, 8, static_cast<std::uint32_t>(random() % 16));
        break;
      }
      case 18: {  // sparse, above the size from which files are read in slices
        if (random() % 8 != 0) break;
        const auto fd = env.open(file, O_WRONLY | O_CREAT);
        if (fd) env.sys_ftruncate(fd->get(), 4'700'000 + random() % 100);
        if (fd && random() % 2) static_cast<void>(env.write_at(fd->get(), as_bytes(some_content(random, 3000)), 4'300'000));
        break;
      }
      default: {
        const auto fd = env.open(file, O_WRONLY);
        if (fd && random() % 4 == 0) env.sys_set_flags(fd->get(), FS_NODUMP_FL);
        else if (fd) env.sys_ftruncate(fd->get(), size());
        break;
      }
    }
  }
  // Durable, as most of a source is: change detection trusts times, and a power loss may keep a file's times and lose
  // what was in it.
  for (const std::string& path : env.paths_below(root)) {
    const Stat s = must(env.stat(path), path);
    if (s.type != FileType::regular && s.type != FileType::directory) continue;
    const Fd fd = must(env.open(path, O_RDONLY | O_NOFOLLOW), path);
    HF_ASSERT(env.sync(fd.get()));
  }
  HF_ASSERT(env.sync_directory(root));
}

}  // namespace hf::simulation
