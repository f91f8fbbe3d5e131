#include "source/fs/fs_source.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace hf {
namespace {
/// Calls until it is not interrupted.
template <class Call>
auto uninterrupted(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result != -EINTR) return result;
  }
}
}  // namespace

void NameList::add(std::string_view name) {
  starts_.push_back(static_cast<std::uint32_t>(text_.size()));
  text_ += name;
  text_ += '\0';
}

void NameList::sort() {
  std::sort(starts_.begin(), starts_.end(), [this](std::uint32_t a, std::uint32_t b) { return std::strcmp(text_.data() + a, text_.data() + b) < 0; });
  // A file system that is written to while it is listed may give a name twice.
  starts_.erase(std::unique(starts_.begin(), starts_.end(), [this](std::uint32_t a, std::uint32_t b) { return std::strcmp(text_.data() + a, text_.data() + b) == 0; }),
                starts_.end());
}

Result<NameList> list_directory(Env& env, int directory) {
  NameList names;
  int status;
  do status = env.sys_list(directory, [&](const DirEntry& e) { names.add(e.name); });
  while (status == -EINTR);
  if (status < 0) return Error::from_errno(-status, "listing");
  names.sort();
  return names;
}

Result<std::vector<DataExtent>> data_extents(Env& env, int file, const Stat& stat) {
  std::vector<DataExtent> out;
  if (stat.size == 0) return out;
  if (stat.blocks * 512 >= stat.size) return std::vector{DataExtent{0, stat.size}};
  for (std::uint64_t at = 0; at < stat.size;) {
    const std::int64_t data = uninterrupted([&] { return env.sys_seek(file, at, SEEK_DATA); });
    if (data == -ENXIO) break;  // a hole up to the end
    if (data == -EINVAL || data == -EOPNOTSUPP) return std::vector{DataExtent{0, stat.size}};
    if (data < 0) return Error::from_errno(static_cast<int>(-data), "looking for holes");
    if (static_cast<std::uint64_t>(data) >= stat.size) break;
    std::int64_t hole = uninterrupted([&] { return env.sys_seek(file, static_cast<std::uint64_t>(data), SEEK_HOLE); });
    if (hole < 0) return Error::from_errno(static_cast<int>(-hole), "looking for holes");
    hole = static_cast<std::int64_t>(std::min(static_cast<std::uint64_t>(hole), stat.size));
    if (hole <= data) break;  // it changed meanwhile; the caller sees that by its times
    out.push_back({static_cast<std::uint64_t>(data), static_cast<std::uint64_t>(hole - data)});
    at = static_cast<std::uint64_t>(hole);
  }
  return out;
}

std::vector<Hole> holes_between(const std::vector<DataExtent>& extents, std::uint64_t size) {
  std::vector<Hole> out;
  std::uint64_t at = 0;
  for (const DataExtent& e : extents) {
    if (e.offset > at) out.push_back({at, e.offset - at});
    at = e.offset + e.bytes;
  }
  if (size > at) out.push_back({at, size - at});
  return out;
}

Result<std::vector<Xattr>> read_xattrs(Env& env, int directory, const char* name) {
  std::array<char, 1024> little;
  std::vector<Xattr> out;
  ssize_t n = uninterrupted([&] { return env.sys_listxattrat(directory, name, little.data(), little.size()); });
  std::string many;
  std::string_view names(little.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  if (n == -ERANGE) {
    many.resize(64 * 1024);  // the kernel's limit
    n = uninterrupted([&] { return env.sys_listxattrat(directory, name, many.data(), many.size()); });
    names = std::string_view(many.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
  }
  if (n == -EOPNOTSUPP || n == 0) return out;
  if (n < 0) return Error::from_errno(static_cast<int>(-n), "reading extended attributes");
  Buffer value(64 * 1024);  // the kernel's limit
  while (!names.empty()) {
    const std::string key(names.data());
    names.remove_prefix(std::min(names.size(), key.size() + 1));
    const ssize_t got = uninterrupted([&] { return env.sys_getxattrat(directory, name, key.c_str(), value.data(), value.size()); });
    if (got == -ENODATA || got == -EOPNOTSUPP) continue;  // gone meanwhile, or of a kind that can't be read
    if (got < 0) return Error::from_errno(static_cast<int>(-got), "reading the extended attribute " + printable(key));
    out.push_back({key, Buffer(value.begin(), value.begin() + got)});
  }
  std::sort(out.begin(), out.end(), [](const Xattr& a, const Xattr& b) { return a.name < b.name; });
  return out;
}

std::uint32_t read_inode_flags(Env& env, int file) {
  // Those that a person sets (chattr) and that can be set again. What the file system sets by itself is left out.
  constexpr std::uint32_t kKept = FS_SECRM_FL | FS_UNRM_FL | FS_SYNC_FL | FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL | FS_JOURNAL_DATA_FL |
                                  FS_NOTAIL_FL | FS_DIRSYNC_FL | FS_TOPDIR_FL | FS_NOCOW_FL | FS_COMPR_FL;
  std::uint32_t flags = 0;
  return uninterrupted([&] { return env.sys_get_flags(file, &flags); }) == 0 ? flags & kKept : 0;
}

bool is_cache_directory(Env& env, int directory) {
  constexpr std::string_view kSignature = "Signature: 8a477f597d28d172789f06886806bc55";
  const auto file = env.open(directory, "CACHEDIR.TAG", O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return false;
  std::array<std::uint8_t, kSignature.size()> head;
  const auto n = env.read_at(file->get(), head, 0);
  return n && *n == head.size() && as_text(head) == kSignature;
}

}  // namespace hf
