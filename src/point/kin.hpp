#pragma once
// Old names that a new name may stand for: app-1.3 for app-1.4, yesterday's dump for today's.

#include <map>
#include <optional>
#include <span>
#include <string>

#include "format/tree.hpp"

namespace hf {

/// The name with each run of digits as one '#': names that differ in a number or a date alone are kin.
inline std::string kind_of_name(std::string_view name) {
  std::string out;
  bool digits = false;
  for (const char c : name) {
    const bool digit = c >= '0' && c <= '9';
    if (!digit) out += c;
    else if (!digits) out += '#';
    digits = digit;
  }
  return out;
}

/// Finds kin among the entries that an earlier point has in the same stretch of a directory. Only a hint: a wrong one costs
/// a look at chunks that turn out to be of no use. One thread.
class Kin {
 public:
  /// First, every new name that no old entry has.
  void expect(std::string_view name) {
    std::string kind = kind_of_name(name);
    if (kind != name) by_kind_.try_emplace(std::move(kind));
  }
  /// Then the old entries, in order of names. The last of a kind counts: most often the version before.
  void learn(std::span<const Entry> before) {
    if (by_kind_.empty()) return;
    for (const Entry& e : before) {
      if (!e.is_directory() && !e.is_regular()) continue;
      if (const auto at = by_kind_.find(kind_of_name(e.name)); at != by_kind_.end()) at->second = e;
    }
  }
  /// nullptr where a new name has none. Valid until the next call of learn().
  const Entry* of(std::string_view name) const {
    if (by_kind_.empty()) return nullptr;
    const auto at = by_kind_.find(kind_of_name(name));
    return at == by_kind_.end() || !at->second ? nullptr : &*at->second;
  }

 private:
  std::map<std::string, std::optional<Entry>> by_kind_;
};

}  // namespace hf
