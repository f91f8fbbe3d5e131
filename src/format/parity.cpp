#include "format/parity.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "codec/erasure.hpp"
#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {

constexpr std::string_view kHeadMagic = "HFPARITY";
constexpr std::string_view kChoiceMagic = "HFPARSET";
constexpr std::uint8_t kCauchy = 1;  // the code: erasure.hpp
/// Blocks of a group, so many that 4 % are eight rows and a burst is shared; few enough that 25 % still fit.
constexpr std::uint64_t kColumnsGood = 192;
/// A pack of fewer blocks gets smaller ones.
constexpr std::uint64_t kBlocksGood = 64;
constexpr std::uint64_t kWholeBlocksFrom = kBlocksGood << ParityShape::kBlockBitsMax;  // 4 MiB

Error damaged(std::string_view what) { return Error(Code::corrupt, std::string(what) + " is damaged"); }
Error newer() { return Error(Code::unsupported, "the parity was written by a newer version of Holdfast", "use that version or a later one"); }

std::uint32_t rows_for(std::uint64_t blocks, std::uint32_t groups, unsigned percent) {
  if (blocks == 1) return 1;
  const std::uint64_t per_group = 100ull * groups;
  return static_cast<std::uint32_t>(std::max<std::uint64_t>(2, (blocks * percent + per_group - 1) / per_group));
}

}  // namespace

// --- shape ---

ParityShape ParityShape::suited(std::uint64_t pack_bytes, unsigned percent) {
  ParityShape s;
  s.pack_bytes = pack_bytes;
  while (s.block_bits > kBlockBitsMin && s.blocks() < kBlocksGood) --s.block_bits;
  s.groups = static_cast<std::uint32_t>(std::max<std::uint64_t>(1, (s.blocks() + kColumnsGood - 1) / kColumnsGood));
  s.rows = rows_for(s.blocks(), s.groups, percent);
  return s;
}

bool ParityShape::valid() const {
  if (block_bits < kBlockBitsMin || block_bits > kBlockBitsMax || pack_bytes == 0 || pack_bytes > kBlocksMax << block_bits) return false;
  if (groups == 0 || groups > blocks() || rows == 0 || rows >= erasure::kBlocksMax) return false;
  return columns_of(0) + rows <= erasure::kBlocksMax && parity_blocks() <= blocks();
}

std::uint32_t ParityShape::bytes_of(std::uint64_t block) const {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(block_bytes(), pack_bytes - (block << block_bits)));
}

std::uint64_t ParityShape::parity_offset(std::uint64_t parity_block) const {
  return ParityHead::kBytes + table_bytes() + parity_block * parity_block_bytes();
}

std::uint64_t ParityShape::object_bytes() const { return parity_offset(parity_blocks()) + table_bytes() + ParityHead::kBytes; }

// --- head and table ---

Buffer ParityHead::encode() const {
  HF_ASSERT(shape.valid());
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kHeadMagic));
  w.u16(kFormatVersion);
  w.u8(kCauchy);
  w.u8(static_cast<std::uint8_t>(shape.block_bits));
  w.u32(shape.groups);
  w.u32(shape.rows);
  w.u64(shape.pack_bytes);
  w.id(pack);
  w.raw(table);
  add_check(b);
  return b;
}

Result<ParityHead> ParityHead::decode(ByteView in) {
  if (in.size() < kBytes) return damaged("the head of a parity object");
  in = in.first(kBytes);
  if (as_text(in.first(8)) != kHeadMagic || !check_holds(in)) return damaged("the head of a parity object");
  wire::Reader r(in.subspan(8));
  const std::uint16_t version = r.u16();
  if (version == 0) return damaged("the head of a parity object");
  const std::uint8_t code = r.u8();
  if (version > kFormatVersion || code != kCauchy) return newer();
  ParityHead h;
  h.shape.block_bits = r.u8();
  h.shape.groups = r.u32();
  h.shape.rows = r.u32();
  h.shape.pack_bytes = r.u64();
  h.pack = r.id<PackId>();
  r.into(h.table);
  if (!h.shape.valid()) return damaged("the head of a parity object");
  return h;
}

Buffer ParityTable::encode() const {
  Buffer b;
  b.reserve(sizeof(Digest) * (blocks.size() + parity.size()));
  for (const auto* list : {&blocks, &parity})
    for (const Digest& d : *list) append(b, d);
  return b;
}

Result<ParityTable> ParityTable::decode(const ParityHead& head, ByteView in) {
  const ParityShape& s = head.shape;
  if (in.size() != s.table_bytes() || sha256(in) != head.table) return damaged("the table of a parity object");
  ParityTable t;
  t.blocks.resize(s.blocks());
  t.parity.resize(s.parity_blocks());
  for (auto* list : {&t.blocks, &t.parity})
    for (Digest& d : *list) {
      std::copy_n(in.begin(), d.size(), d.begin());
      in = in.subspan(d.size());
    }
  if (s.block_bytes() == ContentName::kBlockBytes && content_name_of(s.pack_bytes, t.blocks) != head.pack.bytes)
    return Error(Code::corrupt, "the table of a parity object is another pack's");
  return t;
}

// --- making it ---

ParityBuilder::ParityBuilder(std::uint64_t expected_bytes, unsigned percent) : percent_(percent), shape_(ParityShape::suited(std::max(expected_bytes, kWholeBlocksFrom + 1), percent)) {
  shape_.pack_bytes = 0;
}

void ParityBuilder::update(ByteView bytes) {
  const std::uint64_t at = shape_.pack_bytes;
  shape_.pack_bytes += bytes.size();
  if (too_much_) return;
  if (shape_.pack_bytes <= kWholeBlocksFrom) {
    append(first_, bytes);
    return;
  }
  // Another pack than expected, and longer than its groups can be: whoever wants its parity reads it again.
  too_much_ = shape_.columns_of(0) + shape_.rows > erasure::kBlocksMax || shape_.blocks() > ParityShape::kBlocksMax;
  if (too_much_) return;
  if (parity_.empty()) {
    parity_.resize(shape_.parity_blocks() << shape_.block_bits);
    add(0, first_);
    first_ = {};
  }
  add(at, bytes);
}

void ParityBuilder::add(std::uint64_t offset, ByteView bytes) {
  std::vector<std::uint8_t> rows(shape_.rows);
  std::vector<std::uint8_t*> to(shape_.rows);
  for (std::size_t r = 0; r < rows.size(); ++r) rows[r] = static_cast<std::uint8_t>(r);
  const std::uint64_t parity_bytes = shape_.parity_block_bytes();
  while (!bytes.empty()) {
    const std::uint64_t block = offset >> shape_.block_bits, within = offset & (shape_.block_bytes() - 1);
    const std::size_t n = std::min<std::uint64_t>(bytes.size(), shape_.block_bytes() - within);
    for (std::size_t r = 0; r < rows.size(); ++r) to[r] = parity_.data() + (block % shape_.groups + shape_.groups * r) * parity_bytes + within;
    erasure::accumulate(rows, static_cast<unsigned>(block / shape_.groups), bytes.first(n), to);
    offset += n;
    bytes = bytes.subspan(n);
  }
}

Result<bool> ParityBuilder::finish(const PackId& pack, std::span<const Digest> name_blocks, const std::function<Status(ByteView)>& write) {
  if (too_much_ || shape_.pack_bytes == 0) return false;
  ParityHead head;
  ParityTable table;
  if (parity_.empty()) {
    shape_ = ParityShape::suited(shape_.pack_bytes, percent_);
    parity_.resize(shape_.parity_blocks() * shape_.parity_block_bytes());
    add(0, first_);
  } else {
    // Rows that a pack of this size does not get are dropped: they are the last ones.
    shape_.rows = std::min(shape_.rows, rows_for(shape_.blocks(), shape_.groups, percent_));
  }
  const ParityShape& s = shape_;
  if (s.block_bytes() == ContentName::kBlockBytes) {
    table.blocks.assign(name_blocks.begin(), name_blocks.end());
  } else {
    for (std::uint64_t b = 0; b < s.blocks(); ++b) table.blocks.push_back(sha256(ByteView(first_).subspan(b << s.block_bits, s.bytes_of(b))));
  }
  HF_ASSERT(table.blocks.size() == s.blocks());
  const ByteView parity = ByteView(parity_).first(s.parity_blocks() * s.parity_block_bytes());
  for (std::uint64_t p = 0; p < s.parity_blocks(); ++p) table.parity.push_back(sha256(parity.subspan(p * s.parity_block_bytes(), s.parity_block_bytes())));
  const Buffer table_bytes = table.encode();
  head.shape = s;
  head.pack = pack;
  head.table = sha256(table_bytes);
  const Buffer head_bytes = head.encode();
  for (const ByteView piece : {ByteView(head_bytes), ByteView(table_bytes), parity, ByteView(table_bytes), ByteView(head_bytes)}) HF_TRY(write(piece));
  return true;
}

// --- the vault's choice ---

Buffer ParityChoice::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kChoiceMagic));
  w.u16(kFormatVersion);
  w.u8(static_cast<std::uint8_t>(percent));
  add_check(b);
  return b;
}

Result<ParityChoice> ParityChoice::decode(ByteView in) {
  if (in.size() < 14 || as_text(in.first(8)) != kChoiceMagic || !check_holds(in)) return damaged("the vault's choice of parity");
  wire::Reader r(in.subspan(8, in.size() - 12));
  const std::uint16_t version = r.u16();
  if (version == 0) return damaged("the vault's choice of parity");
  if (version > kFormatVersion) return newer();
  ParityChoice c;
  c.percent = r.u8();
  if (!r.at_end() || c.percent == 0 || c.percent > kParityPercentMax) return damaged("the vault's choice of parity");
  return c;
}

}  // namespace hf
