#include "format/index_run.hpp"

#include <algorithm>

#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
constexpr std::string_view kTrailerMagic = "HFIXEND\n";
std::uint64_t big_endian(ByteView in) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < 8; ++i) v = v << 8 | in[i];
  return v;
}
void store_big_endian(std::uint64_t v, MutableBytes out) {
  for (std::size_t i = 0; i < 8; ++i) out[i] = static_cast<std::uint8_t>(v >> (56 - 8 * i));
}
void store_little_endian(std::uint64_t v, MutableBytes out) {
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::uint8_t>(v >> (8 * i));
}
std::uint64_t little_endian(ByteView in) {
  std::uint64_t v = 0;
  for (std::size_t i = 0; i < in.size(); ++i) v |= static_cast<std::uint64_t>(in[i]) << (8 * i);
  return v;
}
constexpr std::uint64_t kFilterFrom = 4 * kIndexPageEntries;
}  // namespace

ChunkKey ChunkKey::of(const ChunkId& id) { return {big_endian(id.view().first(8)), big_endian(id.view().subspan(8, 8))}; }

std::uint64_t filter_block_count(std::uint64_t entries) {
  return entries < kFilterFrom ? 0 : (entries * 12 + 8 * kFilterBlockBytes - 1) / (8 * kFilterBlockBytes);
}
std::uint64_t filter_block_of(const ChunkKey& key, std::uint64_t blocks) {
  return static_cast<std::uint64_t>((static_cast<unsigned __int128>(key.low) * blocks) >> 64);
}
namespace {
template <class F>
bool all_bits(const ChunkKey& key, F&& f) {
  std::uint64_t bits = key.high * 0x9E3779B97F4A7C15u;  // the high word also orders entries; mixed, its bits serve here
  for (int i = 0; i < 6; ++i, bits >>= 9)
    if (!f(static_cast<std::size_t>(bits >> 3 & 63), static_cast<std::uint8_t>(1u << (bits & 7)))) return false;
  return true;
}
}  // namespace
void filter_set(MutableBytes block, const ChunkKey& key) {
  all_bits(key, [&](std::size_t at, std::uint8_t bit) {
    block[at] = static_cast<std::uint8_t>(block[at] | bit);
    return true;
  });
}
bool filter_has(ByteView block, const ChunkKey& key) {
  return all_bits(key, [&](std::size_t at, std::uint8_t bit) { return (block[at] & bit) != 0; });
}

void encode_index_entry(const IndexEntry& e, MutableBytes out) {
  store_big_endian(e.key.high, out.subspan(0, 8));
  store_big_endian(e.key.low, out.subspan(8, 8));
  store_little_endian(e.pack, out.subspan(16, 4));
  store_little_endian(e.offset, out.subspan(20, 4));
  store_little_endian(e.stored_bytes, out.subspan(24, 4));
  store_little_endian(e.chunk, out.subspan(28, 2));
}
IndexEntry decode_index_entry(ByteView in) {
  return {{big_endian(in.first(8)), big_endian(in.subspan(8, 8))},
          static_cast<std::uint32_t>(little_endian(in.subspan(16, 4))),
          static_cast<std::uint32_t>(little_endian(in.subspan(20, 4))),
          static_cast<std::uint32_t>(little_endian(in.subspan(24, 4))),
          static_cast<std::uint16_t>(little_endian(in.subspan(28, 2)))};
}

Buffer IndexTable::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.varint(entry_count);
  w.varint(filter_blocks);
  w.varint(packs.size());
  for (const IndexedPack& p : packs) {
    w.id(p.id);
    w.u8(static_cast<std::uint8_t>(p.pack_class));
    w.varint(p.stored_bytes);
    w.varint(p.plain_bytes);
    w.varint(p.chunk_count);
  }
  w.varint(fences.size());
  for (std::uint64_t f : fences) w.u64(f);
  w.varint(supersedes.size());
  for (const RunId& r : supersedes) w.id(r);
  return b;
}

Result<IndexTable> IndexTable::decode(ByteView in, std::uint64_t object_bytes) {
  wire::Reader r(in);
  IndexTable t;
  t.entry_count = r.count(object_bytes / IndexEntry::kBytes);
  t.filter_blocks = r.count(object_bytes / kFilterBlockBytes);
  const std::uint64_t packs = r.count(r.left() / PackId::kBytes);
  t.packs.reserve(packs);
  for (std::uint64_t i = 0; i < packs; ++i) {
    IndexedPack& p = t.packs.emplace_back();
    p.id = r.id<PackId>();
    p.pack_class = static_cast<PackClass>(r.u8());
    p.stored_bytes = r.varint();
    p.plain_bytes = r.varint();
    p.chunk_count = static_cast<std::uint32_t>(r.count(UINT32_MAX));
    if (p.pack_class != PackClass::data && p.pack_class != PackClass::metadata) r.fail();
  }
  const std::uint64_t pages = r.count(r.left() / 8);
  t.fences.reserve(pages);
  for (std::uint64_t i = 0; i < pages; ++i) t.fences.push_back(r.u64());
  const std::uint64_t supersedes = r.count(r.left() / RunId::kBytes);
  for (std::uint64_t i = 0; i < supersedes; ++i) t.supersedes.push_back(r.id<RunId>());
  const bool pages_fit = t.entry_pages() == (t.entry_count + kIndexPageEntries - 1) / kIndexPageEntries;
  if (!r.at_end() || !pages_fit || !std::is_sorted(t.fences.begin(), t.fences.end())) return Error(Code::corrupt, "the index run's table is damaged");
  return t;
}

Buffer IndexTrailer::encode() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kTrailerMagic));
  w.u64(table_offset);
  w.u32(table_stored_bytes);
  add_check(b);
  return b;
}

Result<IndexTrailer> IndexTrailer::decode(ByteView in) {
  if (in.size() < kBytes) return Error(Code::corrupt, "the index run is cut off");
  in = in.last(kBytes);
  if (as_text(in.first(8)) != kTrailerMagic || !check_holds(in)) return Error(Code::corrupt, "the index run's end is damaged");
  wire::Reader r(in.subspan(8));
  IndexTrailer t;
  t.table_offset = r.u64();
  t.table_stored_bytes = r.u32();
  return t;
}

}  // namespace hf
