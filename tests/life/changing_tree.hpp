#pragma once
// A home directory that somebody works in, on the real disk: each day a few of its files change, come, go or get another
// name; a log grows and is rotated; a database changes in place.

#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

namespace hf::life {

/// What is at each path, as one line: type, mode, time of change, size, hash of content. The root is "".
using Description = std::map<std::string, std::string>;

/// The tree at `root` as it is now, read with the standard library and not with what is tested.
Description describe(const std::string& root);
/// The first few differences, a line each; empty where there are none.
std::string difference(const Description& expected, const Description& actual);

class ChangingTree {
 public:
  ChangingTree(std::string root, std::uint64_t seed);
  /// A day's work; files that change get this time.
  void a_day(std::int64_t wall_ns);

 private:
  std::string content(std::size_t bytes);
  std::string new_name();
  void write(const std::string& path, const std::string& content);
  void append(const std::string& path, const std::string& content);
  void change_in_place(const std::string& path);
  std::string path(const std::string& name) const { return root_ + "/" + name; }
  std::size_t below(std::size_t n) { return random_() % n; }

  const std::string root_;
  std::mt19937_64 random_;
  std::int64_t now_ns_ = 0;
  int days_ = 0;
  std::vector<std::string> files_;  // that come and go, relative to the root
};

}  // namespace hf::life
