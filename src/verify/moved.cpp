// Prunes and merges go on while a vault is verified, and nobody waits for anybody: packs go, what was live in them lies in
// others, runs of the index are joined, points whose grace has passed are removed. None of it is damage. So before
// something is called lost, one looks whether the index or the points are others than they were.

#include <algorithm>

#include "verify/survey.hpp"

namespace hf {
namespace {
/// A prune takes longer than a look.
constexpr int kLooks = 5;
}  // namespace

Result<bool> has_moved(const Vault& vault, const Survey& survey) {
  std::vector<std::string> names;
  HF_TRY(vault.store().list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
  std::sort(names.begin(), names.end());
  return names != survey.runs_seen;
}

Result<std::vector<Damage>> take_stock_of(const Vault& vault, Survey& survey) {
  for (int look = 1;; ++look) {
    auto found = HF_TRY(check_index(vault, survey));
    HF_TRY(list_packs(vault.store(), survey));
    const auto is_absent = [&](const auto& indexed) { return !survey.present.contains(indexed.first); };
    const bool all_there = std::none_of(survey.indexed.begin(), survey.indexed.end(), is_absent);
    if ((all_there && found.empty()) || look == kLooks || !HF_TRY(has_moved(vault, survey))) return found;
  }
}

Result<bool> drop_removed_points(const Vault& vault, Survey& survey) {
  std::vector<RecoveryPoint> left;
  for (RecoveryPoint& p : survey.points) {
    const auto there = vault.store().open({ObjectKind::point, p.id.hex()});
    if (!there && there.error().code == Code::not_found) continue;
    left.push_back(std::move(p));
  }
  const bool some_went = left.size() != survey.points.size();
  survey.points = std::move(left);
  return some_went;
}

}  // namespace hf
