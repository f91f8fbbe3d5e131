#include "point/restore_select.hpp"

#include <algorithm>

#include "base/glob.hpp"

namespace hf {
namespace {

std::string_view name_in(std::string_view path) { return path.substr(path.rfind('/') + 1); }

bool about(const std::string& pattern, const std::string& path) {
  if (pattern.find('/') == std::string::npos) return pattern == name_in(path) || glob_match(pattern, name_in(path));
  return pattern == path || glob_match(pattern, path);
}

}  // namespace

bool has_glob(std::string_view text) { return text.find_first_of("*?[") != std::string_view::npos; }

Result<std::string> path_in_point(const RecoveryPoint& point, std::string_view path) {
  const bool absolute = path.starts_with('/');
  const auto tidy = [](std::string_view raw) {
    std::string out;
    while (!raw.empty()) {
      const std::string_view part = raw.substr(0, raw.find('/'));
      raw.remove_prefix(std::min(raw.size(), part.size() + 1));
      if (part.empty() || part == ".") continue;
      if (!out.empty()) out += '/';
      out += part;
    }
    return out;
  };
  std::string inside = tidy(path);
  if (("/" + inside + "/").find("/../") != std::string::npos) return Error(Code::usage, "'" + printable(path) + "' has a '..' in it", "name it without");
  if (!absolute) return inside;
  const std::string base = tidy(point.base_path);
  if (base.empty()) return inside;
  if (inside == base) return std::string();
  if (inside.starts_with(base + "/")) return inside.substr(base.size() + 1);
  return Error(Code::not_found, "the recovery point holds nothing of " + printable(path), "it was made of " + printable(point.base_path));
}

Result<Selection> Selection::make(const RecoveryPoint& point, const std::vector<std::string>& paths, const std::vector<std::string>& include,
                                  const std::vector<std::string>& exclude) {
  Selection s;
  bool all = paths.empty() && include.empty();
  for (const std::string& path : paths) {
    const std::string inside = HF_TRY(path_in_point(point, path));
    if (inside.empty()) all = true;
    else if (has_glob(inside)) s.globs_.push_back(inside);
    else s.literal_.push_back(inside);
  }
  for (const std::string& glob : include) s.globs_.push_back(HF_TRY(path_in_point(point, glob)));
  for (const std::string& glob : exclude) s.exclude_.push_back(HF_TRY(path_in_point(point, glob)));
  if (all) {
    s.literal_.clear();
    s.globs_.clear();
  }
  return s;
}

Selection::Choice Selection::choose(const std::string& path, bool is_directory, Choice parent) const {
  for (const std::string& pattern : exclude_)
    if (about(pattern, path)) return Choice::skip;
  if (parent == Choice::take) return Choice::take;
  bool leads = false;
  for (const std::string& wanted : literal_) {
    if (wanted == path) return Choice::take;
    leads = leads || (is_directory && wanted.size() > path.size() && wanted.starts_with(path) && wanted[path.size()] == '/');
  }
  for (const std::string& pattern : globs_)
    if (about(pattern, path)) return Choice::take;
  return leads || (is_directory && !globs_.empty()) ? Choice::pass : Choice::skip;
}

}  // namespace hf
