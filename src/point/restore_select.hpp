#pragma once
// Which names of a point a restore is about.

#include "base/result.hpp"
#include "format/point.hpp"

namespace hf {

bool has_glob(std::string_view text);

/// Immutable: any thread.
class Selection {
 public:
  enum class Choice : std::uint8_t {
    skip,
    pass,  ///< a directory that may lead to something
    take,  ///< and everything below
  };
  /// Paths are inside the point or absolute as they were on the source; each, and each `include`, may be a glob, and
  /// one without a slash is about names at any depth.
  static Result<Selection> make(const RecoveryPoint& point, const std::vector<std::string>& paths, const std::vector<std::string>& include,
                                const std::vector<std::string>& exclude);
  /// `parent` is the choice for the directory that it is in; `path` is relative to the point's root.
  Choice choose(const std::string& path, bool is_directory, Choice parent) const;
  bool everything() const { return literal_.empty() && globs_.empty() && exclude_.empty(); }
  bool takes_root() const { return literal_.empty() && globs_.empty(); }
  bool has_excludes() const { return !exclude_.empty(); }
  bool has_globs() const { return !globs_.empty(); }
  /// Paths without a glob: each must be in the point.
  const std::vector<std::string>& literal() const { return literal_; }

 private:
  std::vector<std::string> literal_, globs_, exclude_;
};

/// A path of the source as a path in the point: without the part that the root stands for, and without empty parts.
Result<std::string> path_in_point(const RecoveryPoint& point, std::string_view path);

}  // namespace hf
