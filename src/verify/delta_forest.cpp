#include "verify/delta_forest.hpp"

#include <algorithm>
#include <numeric>

#include "codec/aead.hpp"
#include "format/wire.hpp"
#include "vault/bases.hpp"
#include "verify/survey.hpp"

namespace hf {
namespace {

constexpr std::size_t kLevelsMax = 4096;

/// Of what was opened: the seal at the end of the frame, which fits this ciphertext alone, and what is in it.
Digest proof_of(ByteView frame, const DeltaForest::Chunks& chunks) {
  Buffer lengths;
  wire::Writer w(lengths);
  Sha256 hash;
  hash.update(frame.last(std::min(frame.size(), Aead::kTagBytes)));
  for (const auto& [id, bytes] : chunks) {
    hash.update(id.bytes);
    w.u32(bytes);
  }
  hash.update(lengths);
  return hash.finish();
}

}  // namespace

DeltaForest::DeltaForest(const Vault& vault, const Index& index, const std::vector<PackId>& which, unsigned jobs, const Progress& progress) : packs_(which) {
  std::sort(packs_.begin(), packs_.end());
  std::vector<std::pair<Place, Delta>> found;
  std::vector<std::unique_ptr<SegmentOpener>> openers(std::max(1u, jobs));
  in_parallel(jobs, packs_.size(), [&](unsigned worker, std::size_t i) {
    if (progress.stop_requested) return;
    auto& opener = openers[worker];
    if (!opener) opener = std::make_unique<SegmentOpener>(vault);
    const auto number = static_cast<std::uint32_t>(i);
    static_cast<void>(for_each_delta(vault, *opener, packs_[i], [&](const SegmentInfo& s) -> Status {
      std::optional<Place> stands_on;
      for (const ChunkId& base : s.bases) {
        const auto at = HF_TRY(index.find(base));
        const auto pack = at ? number_of(at->pack) : std::nullopt;
        if (!pack || (stands_on && *stands_on != place(*pack, at->offset))) return {};
        stands_on = place(*pack, at->offset);
      }
      Lock lock(mutex_);
      if (found.size() < kDeltasMax) found.emplace_back(*stands_on, Delta{number, s.offset, s.stored_bytes});
      return {};
    }));
  });
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return std::tie(a.first, a.second.pack, a.second.offset) < std::tie(b.first, b.second.pack, b.second.offset); });
  for (const auto& [base, delta] : found) {
    bases_.push_back(base);
    deltas_.push_back(delta);
  }
  std::vector<std::pair<std::uint32_t, std::uint32_t>> stands_on;  // by pack
  for (std::size_t i = 0; i < deltas_.size(); ++i)
    if (const auto below = static_cast<std::uint32_t>(bases_[i] >> 32); below != deltas_[i].pack) stands_on.emplace_back(deltas_[i].pack, below);
  std::sort(stands_on.begin(), stands_on.end());
  stands_on.erase(std::unique(stands_on.begin(), stands_on.end()), stands_on.end());
  // Until all hold; packs that stand on each other would go round in a circle.
  levels_.resize(packs_.size());
  bool more = true;
  for (std::size_t round = 0; more && round < kLevelsMax; ++round) {
    more = false;
    for (const auto& [above, below] : stands_on) {
      if (levels_[above] > levels_[below]) continue;
      levels_[above] = levels_[below] + 1;
      more = true;
    }
  }
}

std::vector<PackId> DeltaForest::in_order() const {
  std::vector<std::uint32_t> order(packs_.size());
  std::iota(order.begin(), order.end(), 0u);
  std::stable_sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) { return levels_[a] < levels_[b]; });
  std::vector<PackId> out;
  for (const std::uint32_t number : order) out.push_back(packs_[number]);
  return out;
}

std::optional<std::uint32_t> DeltaForest::number_of(const PackId& pack) const {
  const auto at = std::lower_bound(packs_.begin(), packs_.end(), pack);
  if (at == packs_.end() || *at != pack) return std::nullopt;
  return static_cast<std::uint32_t>(at - packs_.begin());
}

std::span<const DeltaForest::Delta> DeltaForest::standing_on(const PackId& pack, std::uint32_t offset) const {
  const auto number = number_of(pack);
  if (!number) return {};
  const auto [first, last] = std::equal_range(bases_.begin(), bases_.end(), place(*number, offset));
  return std::span(deltas_).subspan(static_cast<std::size_t>(first - bases_.begin()), static_cast<std::size_t>(last - first));
}

void DeltaForest::prove(const PackId& pack, std::uint32_t offset, ByteView frame, const Chunks& chunks) {
  const auto number = number_of(pack);
  if (!number) return;
  Lock lock(mutex_);
  proofs_.insert_or_assign(place(*number, offset), proof_of(frame, chunks));
}

bool DeltaForest::take_proof(const PackId& pack, const SegmentInfo& segment, ByteView frame) {
  const auto number = number_of(pack);
  if (!number) return false;
  Digest known;
  {
    Lock lock(mutex_);
    const auto at = proofs_.find(place(*number, segment.offset));
    if (at == proofs_.end()) return false;
    known = at->second;
    proofs_.erase(at);
  }
  return proof_of(frame, segment.chunks) == known;
}

}  // namespace hf
