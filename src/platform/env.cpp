#include "platform/env.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

namespace hf {
namespace {
/// Calls until it is not interrupted; gives the call's value or -errno.
template <class Call>
auto uninterrupted(Call&& call) {
  for (;;) {
    const auto result = call();
    if (result != -EINTR) return result;
  }
}

/// The error of a call on `name`; `verb` is "opening", "reading", ...
Error failed(std::int64_t result, std::string_view verb, std::string_view name) {
  return Error::from_errno(static_cast<int>(-result), std::string(verb) + " " + printable(name)).with_object(std::string(name));
}
Error failed(std::int64_t result, std::string_view verb) { return Error::from_errno(static_cast<int>(-result), verb); }

/// "a/b/c" -> {"a/b", "c"}, "c" -> {".", "c"}, "/c" -> {"/", "c"}; slashes at the end are dropped first.
struct Split {
  std::string parent, name;
};
Split split(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}
}  // namespace

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    reset();
    env_ = other.env_;
    handle_ = other.handle_;
    other.handle_ = -1;
  }
  return *this;
}

void Fd::reset() {
  // An error of close() tells nothing that fsync() did not tell before, and Linux frees the handle even on EINTR.
  if (handle_ >= 0) env_->sys_close(handle_);
  handle_ = -1;
}

Result<Fd> Env::open(int dir, const char* name, int flags, unsigned mode) {
  const int fd = uninterrupted([&] { return sys_openat(dir, name, flags | O_CLOEXEC, mode); });
  if (fd < 0) return failed(fd, "opening", name);
  return Fd(*this, fd);
}

Result<std::size_t> Env::read_at(int fd, MutableBytes out, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = uninterrupted([&] { return sys_pread(fd, out.data() + done, out.size() - done, offset + done); });
    if (n < 0) return failed(n, "reading");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Result<std::size_t> Env::read_some(int fd, MutableBytes out) {
  std::size_t done = 0;
  while (done < out.size()) {
    const ssize_t n = uninterrupted([&] { return sys_read(fd, out.data() + done, out.size() - done); });
    if (n < 0) return failed(n, "reading");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

Status Env::write_at(int fd, ByteView data, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = uninterrupted([&] { return sys_pwrite(fd, data.data() + done, data.size() - done, offset + done); });
    if (n < 0) return failed(n, "writing");
    if (n == 0) return failed(-EIO, "writing");  // a device that takes nothing and says nothing: never loop for ever
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Status Env::write_all(int fd, ByteView data) {
  std::size_t done = 0;
  while (done < data.size()) {
    const ssize_t n = uninterrupted([&] { return sys_write(fd, data.data() + done, data.size() - done); });
    if (n < 0) return failed(n, "writing");
    if (n == 0) return failed(-EIO, "writing");
    done += static_cast<std::size_t>(n);
  }
  return {};
}

Status Env::sync(int fd) {
  const int result = uninterrupted([&] { return sys_fsync(fd); });
  if (result < 0) return failed(result, "syncing");
  return {};
}

Result<Stat> Env::stat(int dir, const char* name, bool follow) {
  Stat out;
  const int result = uninterrupted([&] { return sys_stat(dir, name, follow, &out); });
  if (result < 0) return failed(result, "looking at", name);
  return out;
}

Result<std::vector<std::string>> Env::list_names(const std::string& path) {
  std::vector<std::string> names;
  for (;;) {
    // A listing starts at the handle's position, so an interrupted one begins again with a new handle.
    names.clear();
    Fd dir = HF_TRY(open(path, O_RDONLY | O_DIRECTORY));
    const int result = sys_list(dir.get(), [&](const DirEntry& entry) { names.emplace_back(entry.name); });
    if (result == -EINTR) continue;
    if (result < 0) return failed(result, "listing", path);
    break;
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<Buffer> Env::read_file(const std::string& path, std::size_t bytes_max) {
  Fd file = HF_TRY(open(path, O_RDONLY));
  const Stat facts = HF_TRY(stat(file.get(), "").context([&] { return "reading " + printable(path); }));
  // The size is a hint only: files of /proc say 0, and a file may grow while it is read.
  const auto expected = static_cast<std::size_t>(std::min<std::uint64_t>(facts.size, bytes_max));
  Buffer content(expected + 1);
  std::size_t done = 0;
  for (;;) {
    done += HF_TRY(read_some(file.get(), MutableBytes(content).subspan(done)).context([&] { return printable(path); }));
    if (done > bytes_max)
      return Error(Code::too_many, printable(path) + " is larger than " + std::to_string(bytes_max) + " bytes").with_object(path);
    if (done < content.size()) break;
    content.resize(content.size() + std::min(content.size(), bytes_max + 1 - done));
  }
  content.resize(done);
  return content;
}

Result<std::string> Env::read_link(int dir, const char* name) {
  std::string target(4096, '\0');
  for (;;) {
    const ssize_t n = uninterrupted([&] { return sys_readlinkat(dir, name, target.data(), target.size()); });
    if (n < 0) return failed(n, "reading the link", name);
    if (static_cast<std::size_t>(n) < target.size()) {
      target.resize(static_cast<std::size_t>(n));
      return target;
    }
    target.resize(target.size() * 2);  // full: it may have been cut off
  }
}

Status Env::sync_directory(const std::string& path) {
  Fd dir = HF_TRY(open(path, O_RDONLY | O_DIRECTORY));
  HF_TRY(sync(dir.get()).context([&] { return "directory " + printable(path); }));
  return {};
}

Status Env::make_directories(const std::string& path, unsigned mode) {
  const int result = uninterrupted([&] { return sys_mkdirat(kCwd, path.c_str(), mode); });
  if (result == 0) return sync_directory(split(path).parent);
  if (result == -EEXIST) {
    const Stat there = HF_TRY(stat(path, true));
    if (there.type != FileType::directory) return failed(-ENOTDIR, "making directory", path);
    return {};
  }
  const auto [parent, name] = split(path);
  if (result != -ENOENT || name.empty() || parent == path) return failed(result, "making directory", path);
  if (parent == ".") return failed(result, "making directory", path);
  HF_TRY(make_directories(parent, mode));
  // Once more; another process may have made it meanwhile.
  const int second = uninterrupted([&] { return sys_mkdirat(kCwd, path.c_str(), mode); });
  if (second == -EEXIST) return {};
  if (second < 0) return failed(second, "making directory", path);
  return sync_directory(parent);
}

Status Env::write_file_atomically(const std::string& path, ByteView content, unsigned mode) {
  const std::string parent = split(path).parent;
  std::uint8_t salt[8];
  random(salt);
  const std::string temporary = parent + "/" + kTemporaryPrefix + to_hex(salt);
  const auto write_and_rename = [&]() -> Status {
    Fd file = HF_TRY(open(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    HF_TRY(write_at(file.get(), content, 0));
    HF_TRY(sync(file.get()));
    file.reset();
    const int result = uninterrupted([&] { return sys_renameat(kCwd, temporary.c_str(), kCwd, path.c_str(), false); });
    if (result < 0) return failed(result, "renaming", temporary);
    return {};
  };
  Status written = write_and_rename();
  if (!written) {
    uninterrupted([&] { return sys_unlinkat(kCwd, temporary.c_str(), false); });
    return std::move(written.error()).in_context("writing " + printable(path)).with_object(path);
  }
  return sync_directory(parent);
}

}  // namespace hf
