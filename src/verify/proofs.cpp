#include <algorithm>

#include "base/units.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

using StoredProof = Vault::StoredProof;

std::unordered_map<PackId, std::int64_t> newest_of(const std::vector<StoredProof>& proofs) {
  std::unordered_map<PackId, std::int64_t> out;
  for (const StoredProof& p : proofs)
    for (const PackId& id : p.proof.packs) out[id] = p.proof.time_ns;  // later ones overwrite
  return out;
}

/// Where every pack that is there was proven, or found damaged, by this run or earlier ones: the points that no damage hits.
Result<std::vector<PointId>> points_read_back(const Vault& vault, const Survey& survey, const VerifyReport& report, const Proof& now) {
  std::unordered_set<PackId> judged;
  for (const StoredProof& p : HF_TRY(vault.proofs())) {
    for (const PackId& id : p.proof.damaged) judged.erase(id);
    judged.insert(p.proof.packs.begin(), p.proof.packs.end());
  }
  judged.insert(now.packs.begin(), now.packs.end());
  judged.insert(now.damaged.begin(), now.damaged.end());
  std::vector<PointId> out;
  if (!report.trees_checked || std::any_of(survey.present.begin(), survey.present.end(), [&](const auto& pack) { return !judged.contains(pack.first); })) return out;
  std::unordered_set<PointId> hit;
  for (const AffectedPoint& p : report.affected_points) hit.insert(p.id);
  for (const RecoveryPoint& p : survey.points)
    if (!hit.contains(p.id)) out.push_back(p.id);
  std::sort(out.begin(), out.end());
  return out;
}

Result<std::string> put_proof(const Vault& vault, const Proof& proof) {
  const Buffer object = vault.seal(SealedKind::proof, encode_proof(proof));
  std::string name = to_hex(content_name(object));
  HF_TRY(vault.store().put({ObjectKind::proof, name}, object));
  return name;
}

/// Removes proofs that say nothing newer ones do not, and joins the oldest two while there are many.
Status tidy(const Vault& vault, const Survey& survey) {
  constexpr std::size_t kProofsMax = 32;
  auto proofs = HF_TRY(vault.proofs());
  const auto newest = newest_of(proofs);
  std::erase_if(proofs, [&](const StoredProof& p) {
    const bool of_use = !p.proof.damaged.empty() || &p == &proofs.back() || std::any_of(p.proof.packs.begin(), p.proof.packs.end(), [&](const PackId& id) { return newest.at(id) == p.proof.time_ns && survey.present.contains(id); });
    return !of_use && vault.store().remove({ObjectKind::proof, p.name}).has_value();
  });
  while (proofs.size() > kProofsMax) {
    // The younger one's packs pass for verified as long ago as the older one's: rather read again too early.
    Proof joined = proofs[0].proof;
    const Proof& younger = proofs[1].proof;
    std::erase_if(joined.damaged, [&](const PackId& id) { return std::find(younger.packs.begin(), younger.packs.end(), id) != younger.packs.end(); });
    std::erase_if(joined.packs, [&](const PackId& id) { return std::find(younger.damaged.begin(), younger.damaged.end(), id) != younger.damaged.end(); });
    joined.damaged.insert(joined.damaged.end(), younger.damaged.begin(), younger.damaged.end());
    if (!younger.points.empty() || !younger.damaged.empty()) joined.points = younger.points;
    joined.healed.insert(joined.healed.end(), younger.healed.begin(), younger.healed.end());
    for (const PackId& id : proofs[1].proof.packs)
      if (newest.at(id) == proofs[1].proof.time_ns) joined.packs.push_back(id);
    for (auto* list : {&joined.packs, &joined.damaged, &joined.healed}) {
      std::sort(list->begin(), list->end());
      list->erase(std::unique(list->begin(), list->end()), list->end());
    }
    const std::string name = HF_TRY(put_proof(vault, joined));
    for (int i = 0; i < 2; ++i)
      if (proofs[static_cast<std::size_t>(i)].name != name) HF_TRY(vault.store().remove({ObjectKind::proof, proofs[static_cast<std::size_t>(i)].name}));
    proofs.erase(proofs.begin());
    proofs[0] = {name, std::move(joined)};
  }
  return {};
}

}  // namespace

Result<std::unordered_map<PackId, std::int64_t>> proven_packs(const Vault& vault) { return newest_of(HF_TRY(vault.proofs())); }

Result<std::unordered_set<PointId>> proven_points(const Vault& vault) {
  std::unordered_set<PointId> out;
  for (const StoredProof& p : HF_TRY(vault.proofs())) {  // oldest first
    if (p.proof.points.empty() && p.proof.damaged.empty()) continue;
    out = {p.proof.points.begin(), p.proof.points.end()};  // after damage, until all was read again, none
  }
  return out;
}

Result<std::vector<PackId>> choose_sample(const Vault& vault, Survey& survey, double percent) {
  const auto proven = HF_TRY(proven_packs(vault));
  struct Candidate {
    std::int64_t time_ns;
    PackId id;
    std::uint64_t bytes;
  };
  std::vector<Candidate> all;
  std::uint64_t total = 0;
  for (const auto& [id, bytes] : survey.present) {
    const auto at = proven.find(id);
    all.push_back({at == proven.end() ? INT64_MIN : at->second, id, bytes});
    total += bytes;
  }
  std::sort(all.begin(), all.end(), [](const Candidate& a, const Candidate& b) { return std::tie(a.time_ns, a.id) < std::tie(b.time_ns, b.id); });
  std::vector<PackId> out;
  std::uint64_t taken = 0;
  for (const Candidate& c : all) {
    if (static_cast<double>(taken) >= static_cast<double>(total) * percent / 100) break;
    out.push_back(c.id);
    taken += c.bytes;
  }
  std::sort(out.begin(), out.end());
  if (!all.empty()) {
    Lock lock(survey.mutex);
    survey.report.oldest_proof_ns = all[0].time_ns == INT64_MIN ? 0 : all[0].time_ns;
  }
  return out;
}

Status store_proof(const Vault& vault, Survey& survey) {
  Proof proof;
  proof.time_ns = vault.env().wall_ns();
  {
    Lock lock(survey.mutex);
    proof.packs = survey.proven;
    for (const auto& [id, ranges] : survey.bad) proof.damaged.push_back(id);
    proof.damaged.insert(proof.damaged.end(), survey.damaged_orphans.begin(), survey.damaged_orphans.end());
    std::sort(proof.damaged.begin(), proof.damaged.end());
    // Of what was healed, that which was then read back whole.
    for (const PackId& id : survey.healed)
      if (std::binary_search(proof.packs.begin(), proof.packs.end(), id)) proof.healed.push_back(id);
    std::sort(proof.healed.begin(), proof.healed.end());
    proof.points = HF_TRY(points_read_back(vault, survey, survey.report, proof));
  }
  if (proof.packs.empty() && proof.damaged.empty()) return {};
  // A vault that can't be written to can be verified all the same.
  const auto name = put_proof(vault, proof);
  Status tidied;
  if (name) tidied = tidy(vault, survey);
  Lock lock(survey.mutex);
  if (name) survey.report.proof = *name;
  else survey.report.proof_problem = name.error().message;
  if (!tidied) survey.report.notes.push_back("old proofs could not be tidied up: " + tidied.error().message);
  return {};
}

}  // namespace hf
