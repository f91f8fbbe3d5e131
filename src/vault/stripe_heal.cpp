#include "vault/stripe_heal.hpp"

#include <algorithm>
#include <set>

#include "base/units.hpp"
#include "codec/erasure.hpp"

namespace hf {
namespace {

/// What a stripe makes of one of its packs.
class StripeMender {
 public:
  StripeMender(ObjectStore& packs, ObjectStore& place, const Stripe& stripe, std::size_t target) : parity_(StripeReader::open(place, stripe)), stripe_(stripe), target_(target) {
    for (const StripeMember& m : stripe.members) {
      auto reader = packs.open({ObjectKind::pack, m.pack.hex()});
      packs_.push_back(reader ? std::move(*reader) : nullptr);
    }
    healing_.block_bytes = Stripe::kBlockBytes;
    healing_.was_missing = packs_[target] == nullptr;
    healing_.was_cut = packs_[target] != nullptr && packs_[target]->size() != stripe.members[target].bytes;
  }
  /// A block as it should be, as far as the stripe knows. Valid until the next call.
  Result<ByteView> block(std::uint64_t block);
  const Healing& healing() const { return healing_; }
  /// Packs that are there, and were bad where it mattered.
  const std::set<PackId>& damaged() const { return damaged_; }

 private:
  bool read(std::size_t member, std::uint64_t block);  // into block_
  Status rebuild(std::uint64_t block);                 // likewise

  StripeReader parity_;
  const Stripe& stripe_;
  const std::size_t target_;
  std::vector<std::unique_ptr<ObjectReader>> packs_;  // null: missing
  std::vector<Digest> digests_;                       // of the blocks at one place; empty: no record is left
  Buffer block_;
  Healing healing_;
  std::set<PackId> damaged_;
};

bool StripeMender::read(std::size_t member, std::uint64_t block) {
  const std::uint64_t at = block * Stripe::kBlockBytes;
  block_.resize(stripe_.bytes_of(member, block));
  if (!packs_[member] || at + block_.size() > packs_[member]->size()) return false;
  return packs_[member]->read(at, block_).has_value() && (digests_.empty() || sha256(block_) == digests_[member]);
}

Result<ByteView> StripeMender::block(std::uint64_t block) {
  digests_.clear();
  for (unsigned row = 0; row < stripe_.rows && digests_.empty(); ++row)
    if (auto record = parity_.record(row, block)) digests_ = std::move(record->digests);
  if (read(target_, block)) return ByteView(block_);
  HF_TRY(rebuild(block));
  if (healing_.blocks++ == 0) healing_.first_offset = block * Stripe::kBlockBytes;
  healing_.bytes += block_.size();
  return ByteView(block_);
}

Status StripeMender::rebuild(std::uint64_t block) {
  if (digests_.empty()) return Error(Code::corrupt, "no parity pack of its stripe is whole in that place");
  std::vector<std::uint8_t> rows, columns;
  std::vector<Buffer> sums;
  std::vector<std::uint8_t*> to;
  // All rows: a block that is bad elsewhere takes one more of them.
  for (unsigned row = 0; row < stripe_.rows; ++row)
    if (auto record = parity_.record(row, block)) {
      rows.push_back(static_cast<std::uint8_t>(row));
      sums.push_back(std::move(record->parity));
    }
  for (Buffer& s : sums) to.push_back(s.data());
  std::size_t target_at = 0;
  std::vector<std::size_t> bad;
  for (std::size_t i = 0; i < stripe_.members_at(block); ++i) {
    if (i != target_ && read(i, block)) {
      erasure::accumulate(rows, static_cast<unsigned>(i), block_, to);
      continue;
    }
    if (i == target_) target_at = bad.size();
    else if (packs_[i]) damaged_.insert(stripe_.members[i].pack);
    bad.push_back(i);
    columns.push_back(static_cast<std::uint8_t>(i));
  }
  if (bad.size() > rows.size())
    return Error(Code::corrupt, "more of its stripe is lost than the stripe can mend: blocks of " + counted(bad.size(), "pack", "packs") + ", and parity for " + human_count(rows.size()));
  rows.resize(bad.size());
  sums.resize(bad.size());
  erasure::solve(rows, columns, sums);
  block_ = std::move(sums[target_at]);
  block_.resize(stripe_.bytes_of(target_, block));
  if (sha256(block_) != digests_[target_]) return Error(Code::corrupt, "its stripe gives something else than the pack held");
  return {};
}

Result<Healing> heal_once(ObjectStore& packs, ObjectStore& place, const Stripe& stripe, std::size_t target, std::set<PackId>& damaged) {
  const PackId& pack = stripe.members[target].pack;
  const ObjectName name{ObjectKind::pack, pack.hex()};
  StripeMender mender(packs, place, stripe, target);
  const auto upload = HF_TRY(packs.create(ObjectKind::pack));
  ContentName whole;
  Status status;
  const std::uint64_t blocks = (stripe.members[target].bytes + Stripe::kBlockBytes - 1) / Stripe::kBlockBytes;
  for (std::uint64_t i = 0; i < blocks && status; ++i) {
    const auto bytes = mender.block(i);
    if (!bytes) {
      status = bytes.error();
      break;
    }
    whole.update(*bytes);
    status = upload->append(*bytes);
  }
  damaged = mender.damaged();
  HF_TRY(status);
  if (PackId{whole.finish()} != pack) return Error(Code::corrupt, "the stripe is not of this pack");
  const Healing& done = mender.healing();
  if (done.blocks == 0 && !done.was_cut) return done;
  const auto still = packs.open(name);
  const bool gone = !still && still.error().code == Code::not_found;
  if (gone && !done.was_missing) return still.error();  // removed meanwhile by someone who may: then it does not come back
  HF_TRY(gone ? upload->commit(name) : upload->replace(name));
  return done;
}

}  // namespace

std::string StripeHealing::text() const {
  const std::string from = " rebuilt from a stripe" + (others > 0 ? " with " + counted(others, "other pack", "other packs") : std::string());
  if (pack.was_missing) return "all of it" + from;
  if (pack.blocks == 0) return pack.text();
  return counted(pack.blocks, "block", "blocks") + " of 64 KiB" + from;
}

Result<StripeHealing> heal_from_stripes(ObjectStore& packs, ObjectStore& place, const PackId& pack, const std::vector<const Stripe*>& stripes) {
  Error why(Code::not_found, "it is in no stripe");
  StripeHealing out;
  for (const Stripe* stripe : stripes) {
    const auto at = std::find_if(stripe->members.begin(), stripe->members.end(), [&](const StripeMember& m) { return m.pack == pack; });
    if (at == stripe->members.end()) continue;
    const auto target = static_cast<std::size_t>(at - stripe->members.begin());
    std::set<PackId> damaged;
    auto done = heal_once(packs, place, *stripe, target, damaged);
    if (!done && done.error().code == Code::corrupt && !damaged.empty()) {
      bool better = false;
      for (const PackId& neighbour : damaged) {
        const auto mended = heal_pack(packs, neighbour);
        if (!mended || (mended->blocks == 0 && !mended->was_cut)) continue;
        out.neighbours.emplace_back(neighbour, *mended);
        better = true;
      }
      if (better) done = heal_once(packs, place, *stripe, target, damaged);
    }
    if (done) {
      out.stripe = stripe->id();
      out.others = stripe->members.size() - 1;
      out.pack = *done;
      return out;
    }
    why = done.error();
  }
  return why;
}

Result<StripeRecovery> recover_missing(ObjectStore& packs, ObjectStore& place, const std::optional<VaultId>& vault, Progress& progress) {
  StripeRecovery out;
  const StripeList list = HF_TRY(list_stripes(place, vault));
  std::map<PackId, std::vector<const Stripe*>> missing;
  std::map<PackId, std::uint64_t> bytes;
  for (const auto& [id, found] : list.stripes)
    for (const StripeMember& m : found.stripe.members) {
      const auto there = packs.open({ObjectKind::pack, m.pack.hex()});
      if (there || there.error().code != Code::not_found) continue;
      missing[m.pack].push_back(&found.stripe);
      bytes[m.pack] = m.bytes;
    }
  // One that came back may be what another stripe lacked.
  for (bool more = true; more;) {
    more = false;
    out.failed.clear();
    for (auto at = missing.begin(); at != missing.end();) {
      if (progress.stop_requested) return Error(Code::cancelled, "stopped; the packs that came back stay", "begin again: holdfast rebuild");
      const auto done = heal_from_stripes(packs, place, at->first, at->second);
      if (!done) {
        out.failed.emplace_back(at->first, done.error());
        ++at;
        continue;
      }
      more = true;
      ++out.packs;
      out.bytes += bytes.at(at->first);
      at = missing.erase(at);
    }
  }
  return out;
}

}  // namespace hf
