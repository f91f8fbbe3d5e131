#pragma once
// Files and directories of the local file system, with everything that they are.

#include <string>
#include <vector>

#include "format/tree.hpp"
#include "platform/env.hpp"

namespace hf {

/// Names of one directory in order of bytes, in one block of memory: a million names cost little more than themselves.
class NameList {
 public:
  void add(std::string_view name);
  void sort();
  std::size_t size() const { return starts_.size(); }
  const char* operator[](std::size_t i) const { return text_.data() + starts_[i]; }  ///< NUL-terminated

 private:
  std::string text_;
  std::vector<std::uint32_t> starts_;
};

/// All names in an open directory.
Result<NameList> list_directory(Env& env, int directory);

/// A stretch of a file that holds data (not a hole).
struct DataExtent {
  std::uint64_t offset = 0, bytes = 0;
};
/// The data of a file of `stat.size` bytes; holes are what is left out. Where the file system can't tell, all is data.
Result<std::vector<DataExtent>> data_extents(Env& env, int file, const Stat& stat);
/// The holes between extents.
std::vector<Hole> holes_between(const std::vector<DataExtent>& extents, std::uint64_t size);

/// Extended attributes, by name, ACLs and capabilities among them. `name` "" means the handle itself.
Result<std::vector<Xattr>> read_xattrs(Env& env, int directory, const char* name);

/// Inode flags worth keeping (FS_IOC_GETFLAGS); 0 where there are none or they can't be read.
std::uint32_t read_inode_flags(Env& env, int file);

/// True for a directory with a valid CACHEDIR.TAG (https://bford.info/cachedir/).
bool is_cache_directory(Env& env, int directory);

}  // namespace hf
