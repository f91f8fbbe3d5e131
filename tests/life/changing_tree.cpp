#include "changing_tree.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "codec/hash.hpp"

namespace hf::life {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kDatabaseBytes = 1u << 20, kFilesAtFirst = 40;

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return std::move(out).str();
}

std::string describe_one(const std::string& path) {
  struct stat s = {};
  if (lstat(path.c_str(), &s) != 0) return "gone";
  std::ostringstream line;
  line << std::oct << s.st_mode << std::dec << " at " << s.st_mtim.tv_sec << "." << s.st_mtim.tv_nsec;
  if (S_ISREG(s.st_mode)) line << ", " << s.st_size << " bytes " << to_hex(sha256(as_bytes(read_all(path)))).substr(0, 24);
  if (S_ISLNK(s.st_mode)) line << " to " << fs::read_symlink(path).string();
  return line.str();
}

}  // namespace

Description describe(const std::string& root) {
  Description out{{"", describe_one(root)}};
  for (const fs::directory_entry& e : fs::recursive_directory_iterator(root)) out[e.path().string().substr(root.size() + 1)] = describe_one(e.path().string());
  return out;
}

std::string difference(const Description& expected, const Description& actual) {
  std::string out;
  int lines = 0;
  const auto tell = [&](const std::string& path, const std::string& was, const std::string& is) {
    if (++lines <= 8) out += "  '" + path + "' should be " + was + "\n    and is " + is + "\n";
  };
  for (const auto& [path, line] : expected) {
    const auto at = actual.find(path);
    if (at == actual.end()) tell(path, line, "absent");
    else if (at->second != line) tell(path, line, at->second);
  }
  for (const auto& [path, line] : actual)
    if (!expected.contains(path)) tell(path, "absent", line);
  if (lines > 8) out += "  and " + std::to_string(lines - 8) + " more\n";
  return out;
}

ChangingTree::ChangingTree(std::string root, std::uint64_t seed) : root_(std::move(root)), random_(seed) { fs::create_directories(root_); }

std::string ChangingTree::content(std::size_t bytes) {
  // Words, so that it compresses as texts do; and each a little different from the next.
  std::string out;
  while (out.size() < bytes) out += "w" + std::to_string(below(700)) + (below(12) == 0 ? "\n" : " ");
  out.resize(bytes);
  return out;
}

std::string ChangingTree::new_name() {
  const std::string folder = "folder-" + std::to_string(below(6));
  const std::string deeper = below(3) == 0 ? "/deeper-" + std::to_string(below(3)) : "";
  return folder + deeper + "/file-" + std::to_string(days_) + "-" + std::to_string(below(1'000'000));
}

void ChangingTree::write(const std::string& at, const std::string& bytes) {
  fs::create_directories(fs::path(at).parent_path());
  std::ofstream(at, std::ios::binary | std::ios::trunc) << bytes;
  const timespec time{static_cast<time_t>(now_ns_ / 1'000'000'000), static_cast<long>(now_ns_ % 1'000'000'000)};
  const timespec times[] = {time, time};
  utimensat(AT_FDCWD, at.c_str(), times, 0);
}

void ChangingTree::append(const std::string& at, const std::string& bytes) { write(at, (fs::exists(at) ? read_all(at) : std::string()) + bytes); }

void ChangingTree::change_in_place(const std::string& at) {
  std::string bytes = read_all(at);
  for (std::size_t n = 1 + below(6); n > 0; --n) {
    const std::string page = content(256);
    std::copy(page.begin(), page.end(), bytes.begin() + static_cast<std::ptrdiff_t>(below(bytes.size() - page.size())));
  }
  write(at, bytes);
}

void ChangingTree::a_day(std::int64_t wall_ns) {
  now_ns_ = wall_ns;
  ++days_;
  if (days_ == 1) {
    std::string noise(kDatabaseBytes, 0);
    for (char& c : noise) c = static_cast<char>(random_());
    write(path("database"), noise);
    for (std::size_t i = 0; i < kFilesAtFirst; ++i) write(path(files_.emplace_back(new_name())), content(1 + below(30'000)));
    fs::create_symlink("database", path("link"));
  }
  change_in_place(path("database"));
  append(path("log"), content(2000 + below(2000)));
  if (days_ % 30 == 0) fs::rename(path("log"), path("log." + std::to_string(days_)));
  if (days_ > 90 && days_ % 30 == 0) fs::remove(path("log." + std::to_string(days_ - 90)));
  for (std::size_t n = below(5); n > 0; --n) append(path(files_[below(files_.size())]), content(1 + below(800)));
  for (std::size_t n = below(3); n > 0; --n) write(path(files_.emplace_back(new_name())), content(below(20'000)));
  for (std::size_t n = below(3); n > 0 && files_.size() > kFilesAtFirst / 2; --n) {
    const std::size_t gone = below(files_.size());
    fs::remove(path(files_[gone]));
    files_.erase(files_.begin() + static_cast<std::ptrdiff_t>(gone));
  }
  if (below(3) == 0) {
    std::string& name = files_[below(files_.size())];
    const std::string renamed = new_name();
    fs::create_directories(fs::path(path(renamed)).parent_path());
    fs::rename(path(name), path(renamed));
    name = renamed;
  }
  if (below(10) == 0) fs::permissions(path(files_[below(files_.size())]), below(2) == 0 ? fs::perms(0600) : fs::perms(0644));
  if (below(20) == 0) {  // a folder gets another name, with all that is in it
    const std::string from = "folder-" + std::to_string(below(6)), to = "moved-" + std::to_string(days_);
    if (fs::exists(path(from))) {
      fs::rename(path(from), path(to));
      for (std::string& name : files_)
        if (name.starts_with(from + "/")) name = to + name.substr(from.size());
    }
  }
}

}  // namespace hf::life
