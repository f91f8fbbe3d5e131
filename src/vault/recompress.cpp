#include "vault/recompress.hpp"

#include <unordered_map>

#include "codec/compress.hpp"

namespace hf {
namespace {

class Judge {
 public:
  Judge(const Vault& vault, int level, std::unordered_set<PackId> proven, Progress& progress)
      : vault_(vault), opener_(vault), compressor_(level), proven_(std::move(proven)), progress_(progress) {}

  /// A plan is made more than once; each pack is looked at once.
  Result<bool> worth_it(const IndexedPack& pack) {
    const auto known = answers_.find(pack.id);
    if (known != answers_.end()) return known->second;
    return answers_[pack.id] = HF_TRY(look(pack));
  }

 private:
  Result<bool> look(const IndexedPack& pack) {
    if (!proven_.contains(pack.id) || progress_.stop_requested) return false;
    const auto reader = HF_TRY(vault_.store().open({ObjectKind::pack, pack.id.hex()}));
    const PackDirectory directory = HF_TRY(read_pack_directory(vault_, *reader, opener_));
    // The one in the middle of those that stand alone.
    std::vector<const SegmentInfo*> alone;
    for (const SegmentInfo& s : directory.segments)
      if (s.bases.empty()) alone.push_back(&s);
    if (alone.empty()) return false;
    const SegmentInfo& sample = *alone[alone.size() / 2];
    frame_.resize(sample.stored_bytes);
    HF_TRY(reader->read(sample.offset, frame_));
    HF_TRY(opener_.open(frame_, opened_));
    const auto packed = compressor_.compress(opened_.plain);
    return packed && packed->size() < sample.stored_bytes - sample.stored_bytes / 30;
  }

  const Vault& vault_;
  SegmentOpener opener_;
  Compressor compressor_;
  const std::unordered_set<PackId> proven_;
  Progress& progress_;
  std::unordered_map<PackId, bool> answers_;
  OpenedSegment opened_;
  Buffer frame_;
};

}  // namespace

Result<AskRecompress> ask_recompress(const Vault& vault, int level, Progress& progress) {
  std::unordered_set<PackId> proven;
  for (const Vault::StoredProof& p : HF_TRY(vault.proofs())) {  // oldest first
    for (const PackId& id : p.proof.damaged) proven.erase(id);
    proven.insert(p.proof.packs.begin(), p.proof.packs.end());
  }
  const auto judge = std::make_shared<Judge>(vault, level, std::move(proven), progress);
  return AskRecompress([judge](const IndexedPack& pack) { return judge->worth_it(pack); });
}

}  // namespace hf
