#include "source/fs/exclude.hpp"

#include "base/glob.hpp"

namespace hf {

Status ExcludeRules::add(std::string_view pattern) {
  Rule rule;
  if (pattern.starts_with('!')) {
    rule.take_back = true;
    pattern.remove_prefix(1);
  }
  if (pattern.ends_with('/')) {
    rule.directories_only = true;
    while (pattern.ends_with('/')) pattern.remove_suffix(1);
  }
  if (pattern.empty()) return Error(Code::usage, "an exclude pattern is empty");
  rule.whole_path = pattern.find('/') != std::string_view::npos;
  rule.pattern = rule.whole_path && !pattern.starts_with('/') ? "**/" + std::string(pattern) : std::string(pattern);
  needs_path_ = needs_path_ || rule.whole_path;
  rules_.push_back(std::move(rule));
  return {};
}

Status ExcludeRules::add_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.empty() || line.starts_with('#')) continue;
    HF_TRY(add(line));
  }
  return {};
}

bool ExcludeRules::excludes(std::string_view path, std::string_view name, bool is_directory) const {
  for (auto rule = rules_.rbegin(); rule != rules_.rend(); ++rule) {
    if (rule->directories_only && !is_directory) continue;
    if (glob_match(rule->pattern, rule->whole_path ? path : name)) return !rule->take_back;
  }
  return false;
}

}  // namespace hf
