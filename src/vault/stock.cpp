#include "vault/stock.hpp"

#include <algorithm>

#include "vault/deletion.hpp"
#include "vault/pack_reader.hpp"

namespace hf {

Result<std::optional<WriterId>> maker_of(const Vault& vault, const PackId& pack) {
  std::optional<WriterId> nobody;
  const auto header = read_pack_header(vault.store(), pack);
  if (header) return std::optional(header->writer());
  const Code code = header.error().code;
  return code == Code::not_found || code == Code::corrupt || code == Code::unsupported ? Result<std::optional<WriterId>>(nobody) : header.error();
}

Result<Stock> list_stock(const Vault& vault) {
  Stock out;
  for (const Vault::StoredProof& p : HF_TRY(vault.proofs())) {  // oldest first: the newest word counts
    for (const PackId& id : p.proof.damaged) out.doubtful.insert(id);
    for (const PackId& id : p.proof.packs) out.doubtful.erase(id);
  }
  HF_TRY(vault.store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) {
    if (const auto id = PackId::parse(name)) out.listed.emplace(*id, bytes);
  }));
  return out;
}

void compare_stock(Stock& stock, const Index& index, const Index& all) {
  std::unordered_set<PackId> known;
  for (const IndexedPack& p : all.packs()) known.insert(p.id);
  for (const auto& [id, bytes] : stock.listed)
    if (!known.contains(id)) stock.orphans.push_back(id);
  for (const auto& run : index.runs())
    for (const IndexedPack& p : run->table().packs) {
      const auto at = stock.listed.find(p.id);
      if (at == stock.listed.end() || at->second != p.stored_bytes) stock.doubtful.insert(p.id);
    }
}

Result<Stock> take_stock(const Vault& vault, const Index& index, const Index& all) {
  Stock stock = HF_TRY(list_stock(vault));
  compare_stock(stock, index, all);
  return stock;
}

Status drop_condemned(const Vault& vault, Index& index, const std::unordered_set<PackId>& retired) {
  for (;;) {  // dropping makes runs, too
    const EpochRecord now = HF_TRY(newest_epoch(vault));
    std::unordered_set<PackId> gone;
    for (const IndexedPack& p : index.packs()) {
      if (std::binary_search(now.condemned.begin(), now.condemned.end(), p.id)) gone.insert(p.id);
      if (!retired.contains(p.id)) continue;
      const auto there = vault.store().open({ObjectKind::pack, p.id.hex()});
      if (!there && there.error().code == Code::not_found) gone.insert(p.id);
    }
    if (gone.empty()) return {};
    HF_TRY(index.drop_packs(gone));
  }
}

}  // namespace hf
