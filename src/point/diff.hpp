#pragma once
// What differs between two trees.

#include <functional>
#include <string>

#include "vault/chunk_reader.hpp"

namespace hf {

enum class Change : std::uint8_t {
  added,
  removed,
  modified,      ///< other content
  metadata,      ///< same content; other mode, owner, time, xattrs or flags
  type_changed,  ///< a file became a directory, and so on
};
std::string_view name_of(Change change);

struct Difference {
  Change change = Change::added;
  const Entry* before = nullptr;  ///< nullptr where added
  const Entry* after = nullptr;   ///< nullptr where removed
};
/// False: enough. `path` is relative to both roots.
using DiffVisit = std::function<Result<bool>(const std::string& path, const Difference& difference)>;

/// Visits all differences below two directories in order of names, a directory before what is in it. What is below a
/// directory that came or went is visited too. Directories with the same node are not read at all. The time of a directory
/// is not compared: it follows from what came or went in it. `failed` is told of directories that can't be read, and the
/// rest goes on.
Status diff_trees(ChunkReader& chunks, const Entry& before, const Entry& after, const DiffVisit& visit,
                  const std::function<Status(const std::string& path, const Error&)>& failed);

}  // namespace hf
