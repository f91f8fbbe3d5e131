#pragma once
// What a tree of files is, kept by the test itself: taken from the simulated machine, or from a recovery point, and
// compared by their text. Written without the rooms that it checks, except for reading chunks.

#include <map>
#include <random>
#include <string>
#include <vector>

#include "platform/sim_env.hpp"
#include "point/tree_reader.hpp"

namespace hf::simulation {

struct Item {
  FileType type = FileType::unknown;
  std::uint32_t mode = 0, uid = 0, gid = 0, rdev_major = 0, rdev_minor = 0, flags = 0;
  std::int64_t mtime = 0;
  std::string content = {};    ///< of a regular file, with zeros for holes
  std::string target = {};     ///< of a symlink
  std::string same_file = {};  ///< the first path of a file with several
  std::map<std::string, std::string> xattrs = {};
  bool operator==(const Item&) const = default;
};
/// By path relative to the root; the root is "".
using Tree = std::map<std::string, Item>;

/// The tree at `root` as programs see it now. Call while no fault is set.
Tree tree_on_disk(SimEnv& env, const std::string& root);
/// The tree of a recovery point, read chunk by chunk.
Result<Tree> tree_in_vault(ChunkReader& chunks, const Entry& root);

/// The first few differences, a line each; empty where there are none. Paths in `excused`, and what lies below them, are
/// not looked at.
std::string difference(const Tree& expected, const Tree& actual, const std::vector<std::string>& excused = {});

using Random = std::mt19937_64;
inline std::size_t below(Random& random, std::size_t n) { return random() % n; }

/// A program that changes files: some names, contents and attributes below `root`, made durable.
void change_tree(SimEnv& env, Random& random, const std::string& root, unsigned changes);
/// A text that compresses a little and repeats parts of others.
std::string some_content(Random& random, std::size_t bytes);

}  // namespace hf::simulation
