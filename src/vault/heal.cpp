#include "vault/heal.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "codec/erasure.hpp"

namespace hf {
namespace {

std::string kib(std::uint32_t bytes) { return std::to_string(bytes / 1024) + " KiB"; }  // blocks are powers of two

/// The pack as it is, block by block, and what parity makes of it.
class Mender {
 public:
  Mender(const StoredParity& parity, ObjectReader* pack) : parity_(parity), shape_(parity.shape()), pack_(pack) {}

  /// Reads all, finds what is bad, and computes it.
  Result<Healing> mend();
  /// A block as it should be, as far as its digest tells. Valid until the next call.
  Result<ByteView> block(std::uint64_t index);

 private:
  bool read_good(std::uint64_t index);  // into scratch_
  Status solve(std::uint32_t group, const std::vector<std::uint64_t>& bad);

  const StoredParity& parity_;
  const ParityShape shape_;
  ObjectReader* const pack_;  // null: missing
  std::vector<Buffer> sums_;  // by parity block; empty: it is damaged
  std::map<std::uint64_t, Buffer> rebuilt_;
  Buffer scratch_;
};

bool Mender::read_good(std::uint64_t index) {
  const std::uint64_t at = index << shape_.block_bits, bytes = shape_.bytes_of(index);
  if (pack_ == nullptr || at + bytes > pack_->size()) return false;
  scratch_.resize(bytes);
  // A sector that the disk can't read is one more that is bad.
  return pack_->read(at, scratch_).has_value() && sha256(scratch_) == parity_.table().blocks[index];
}

Result<Healing> Mender::mend() {
  Healing out;
  out.block_bytes = shape_.block_bytes();
  out.was_missing = pack_ == nullptr;
  out.was_cut = pack_ != nullptr && pack_->size() != shape_.pack_bytes;
  sums_.resize(shape_.parity_blocks());
  for (std::uint64_t p = 0; p < sums_.size(); ++p) {
    if (parity_.read_block(p, sums_[p])) ++out.parity_blocks;
    else sums_[p].clear();
  }
  std::vector<std::uint8_t> rows;
  std::vector<std::uint8_t*> to;
  for (std::uint32_t group = 0; group < shape_.groups; ++group) {
    rows.clear();
    to.clear();
    for (std::uint32_t row = 0; row < shape_.rows; ++row) {
      Buffer& sum = sums_[group + std::uint64_t{shape_.groups} * row];
      if (sum.empty()) continue;
      rows.push_back(static_cast<std::uint8_t>(row));
      to.push_back(sum.data());
    }
    std::vector<std::uint64_t> bad;
    for (std::uint64_t index = group; index < shape_.blocks(); index += shape_.groups) {
      if (read_good(index)) erasure::accumulate(rows, static_cast<unsigned>(index / shape_.groups), scratch_, to);
      else bad.push_back(index);
    }
    if (bad.size() > rows.size())
      return Error(Code::corrupt, "more is damaged than its parity can mend: " + counted(bad.size(), "block", "blocks") + " of " + kib(shape_.block_bytes()) + " in one group, and parity for " + human_count(rows.size()));
    HF_TRY(solve(group, bad));
    for (const std::uint64_t index : bad) {
      out.first_offset = out.blocks == 0 ? index << shape_.block_bits : std::min(out.first_offset, index << shape_.block_bits);
      ++out.blocks;
      out.bytes += shape_.bytes_of(index);
    }
  }
  return out;
}

Status Mender::solve(std::uint32_t group, const std::vector<std::uint64_t>& bad) {
  std::vector<std::uint8_t> rows, columns;
  std::vector<Buffer> sums;
  for (const std::uint64_t index : bad) columns.push_back(static_cast<std::uint8_t>(index / shape_.groups));
  for (std::uint32_t row = 0; row < shape_.rows && rows.size() < columns.size(); ++row) {
    Buffer& sum = sums_[group + std::uint64_t{shape_.groups} * row];
    if (sum.empty()) continue;
    rows.push_back(static_cast<std::uint8_t>(row));
    sums.push_back(std::move(sum));
  }
  erasure::solve(rows, columns, sums);
  for (std::size_t i = 0; i < bad.size(); ++i) {
    sums[i].resize(shape_.bytes_of(bad[i]));
    if (sha256(sums[i]) != parity_.table().blocks[bad[i]]) return Error(Code::corrupt, "its parity gives something else than the pack held");
    rebuilt_[bad[i]] = std::move(sums[i]);
  }
  return {};
}

Result<ByteView> Mender::block(std::uint64_t index) {
  if (const auto at = rebuilt_.find(index); at != rebuilt_.end()) return ByteView(at->second);
  if (!read_good(index)) return Error(Code::corrupt, "it changes while it is read: the disk fails");
  return ByteView(scratch_);
}

}  // namespace

std::string Healing::text() const {
  if (blocks == 0) return was_cut ? "cut back to its size" : "every block is what it should be";
  return counted(blocks, "block", "blocks") + " of " + kib(block_bytes) + " rebuilt from parity";
}

Result<Healing> heal_pack(ObjectStore& store, const PackId& pack, bool may_be_missing) {
  const ObjectName name{ObjectKind::pack, pack.hex()};
  const auto parity = StoredParity::open(store, pack);
  if (!parity && parity.error().code == Code::not_found) return Error(Code::not_found, "it has no parity");
  if (!parity) return std::move(Error(parity.error())).in_context("its parity can't be used");
  auto reader = store.open(name);
  const bool missing = !reader && reader.error().code == Code::not_found;
  if (missing && !may_be_missing) return std::move(reader.error());
  Mender mender(*parity, reader ? reader->get() : nullptr);
  const Healing done = HF_TRY(mender.mend());
  const auto upload = HF_TRY(store.create(ObjectKind::pack));
  ContentName whole;
  for (std::uint64_t index = 0; index < parity->shape().blocks(); ++index) {
    const ByteView bytes = HF_TRY(mender.block(index));
    HF_TRY(upload->append(bytes));
    whole.update(bytes);
  }
  if (PackId{whole.finish()} != pack) return Error(Code::corrupt, "its parity is not this pack's");
  if (done.blocks == 0 && !done.was_cut) return done;
  if (missing) {
    HF_TRY(upload->commit(name));
    return done;
  }
  // Removed meanwhile by someone who may: then it does not come back.
  if (const auto still = store.open(name); !still && still.error().code == Code::not_found) return still.error();
  HF_TRY(upload->replace(name));
  return done;
}

}  // namespace hf
