#include "point/restore_choice.hpp"

#include <algorithm>

#include "base/units.hpp"

namespace hf {
namespace {
bool may_be_id(const std::string& word) { return !word.empty() && word.size() <= 32 && word.find_first_not_of("0123456789abcdef") == std::string::npos; }
}  // namespace

Result<RecoveryPoint> choose_point(const Vault& vault, const std::vector<std::string>& words, std::optional<std::int64_t> as_of, std::vector<std::string>& paths) {
  paths = words;
  if (!words.empty() && (words[0] == "latest" || may_be_id(words[0]))) {
    auto found = vault.find_point(words[0]);
    // One character is a point where it names just one, else more likely a file called so.
    const bool alone = words[0] != "latest" && !found && (words[0].size() == 1 || (found.error().code == Code::not_found && words.size() > 1));
    if (found && as_of) return Error(Code::usage, "a point and --as-of can't both be given", "leave one of them away");
    if (found || !alone) {
      paths.erase(paths.begin());
      if (found || found.error().code != Code::not_found || words[0] == "latest") return found;
      return std::move(found.error());
    }
  }
  if (!as_of) return vault.find_point("latest");
  PointList list = HF_TRY(vault.points());
  const auto newest = newest_of(list.points, vault.writer(), *as_of);
  if (newest == list.points.end())
    return Error(Code::not_found, "no recovery point is as old as " + local_time(*as_of), list.points.empty() ? "" : "the oldest is of " + local_time(list.points.front().started_ns));
  return std::move(*newest);
}

}  // namespace hf
