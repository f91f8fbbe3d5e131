#pragma once
// Which paths a backup leaves out.

#include <string>
#include <vector>

#include "base/result.hpp"

namespace hf {

/// Rules as people know them from .gitignore; the last rule that matches decides.
///   "*.o"           any file or directory of that name, at any depth
///   "/home/x/tmp"   that path
///   "src/*.o"       a path that ends so
///   "cache/"        directories only
///   "!keep.o"       takes back what an earlier rule left out
/// '*' and '?' stay within one name, "**" crosses names. Immutable once filled: any thread.
class ExcludeRules {
 public:
  /// Usage where the pattern can't be understood.
  Status add(std::string_view pattern);
  /// Adds the patterns of a file: one a line, '#' begins a comment line.
  Status add_lines(std::string_view text);
  bool empty() const { return rules_.empty(); }
  /// Both without a trailing slash; `path` is absolute.
  bool excludes(std::string_view path, std::string_view name, bool is_directory) const;
  /// The path is needed by some rule (names alone decide otherwise).
  bool needs_path() const { return needs_path_; }

 private:
  struct Rule {
    std::string pattern;
    bool whole_path = false;  ///< else the name alone
    bool directories_only = false;
    bool take_back = false;
  };
  std::vector<Rule> rules_;
  bool needs_path_ = false;
};

}  // namespace hf
