#include "target/fs/remove.hpp"

#include <fcntl.h>

#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {
Error failed(int result, const DirectoryRef& parent, const std::string& name) {
  const std::string path = parent->path_of(name);
  return Error::from_errno(-result, "removing " + printable(path)).with_object(path);
}
}  // namespace

Status remove_all(DirectoryTree& tree, const DirectoryRef& parent, const std::string& name) {
  Env& env = tree.env();
  // What is below is listed directory by directory: a stack of our own, and names of one directory at each level.
  struct Level {
    DirectoryRef directory;  // in which `names` are
    std::vector<std::string> names;
  };
  std::vector<Level> stack;
  stack.push_back({parent, {name}});
  while (!stack.empty()) {
    Level& level = stack.back();
    if (level.names.empty()) {
      tree.close(level.directory);
      stack.pop_back();
      if (stack.empty()) break;
      Level& above = stack.back();
      const Handle dir = HF_TRY(tree.handle(above.directory));
      const int result = uninterrupted([&] { return env.sys_unlinkat(dir->get(), above.names.back().c_str(), true); });
      if (result < 0 && result != -ENOENT) return failed(result, above.directory, above.names.back());
      above.names.pop_back();
      continue;
    }
    const Handle dir = HF_TRY(tree.handle(level.directory));
    const std::string at = level.names.back();
    const int result = uninterrupted([&] { return env.sys_unlinkat(dir->get(), at.c_str(), false); });
    if (result == 0 || result == -ENOENT) {
      level.names.pop_back();
      continue;
    }
    Stat stat;
    const int looked = uninterrupted([&] { return env.sys_stat(dir->get(), at.c_str(), false, &stat); });
    if (looked < 0 || stat.type != FileType::directory) return failed(result, level.directory, at);
    Level below{tree.existing(level.directory, at, stat), {}};
    const Handle inner = HF_TRY(tree.handle(below.directory));
    // A second listing needs a second handle: a handle remembers how far it was listed.
    const Fd listing = HF_TRY(env.open(inner->get(), ".", O_RDONLY | O_DIRECTORY));
    const int listed = env.sys_list(listing.get(), [&](const DirEntry& e) { below.names.emplace_back(e.name); });
    if (listed < 0 && listed != -EINTR) return failed(listed, level.directory, at);
    stack.push_back(std::move(below));
  }
  return {};
}

}  // namespace hf
