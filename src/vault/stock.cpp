#include "vault/stock.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>

#include "vault/deletion.hpp"

namespace hf {

Result<std::optional<WriterId>> maker_of(const Vault& vault, const PackId& pack) {
  std::optional<WriterId> nobody;
  const auto reader = vault.store().open({ObjectKind::pack, pack.hex()});
  if (!reader && reader.error().code == Code::not_found) return nobody;
  if (!reader) return reader.error();
  std::array<std::uint8_t, PackHeader::kBytes> head{};
  if ((*reader)->size() < head.size()) return nobody;
  HF_TRY((*reader)->read(0, head));
  const auto header = PackHeader::decode(head);
  return header ? std::optional(header->writer()) : nobody;
}

Result<Stock> take_stock(const Vault& vault, const Index& index, const Index* all) {
  Stock out;
  std::unordered_set<PackId> known_to_others;
  if (all != nullptr)
    for (const IndexedPack& p : all->packs()) known_to_others.insert(p.id);
  std::unordered_map<PackId, std::uint64_t> sizes;  // of packs that runs tell of
  for (const auto& run : index.runs())
    for (const IndexedPack& p : run->table().packs) sizes[p.id] = p.stored_bytes;
  for (const Vault::StoredProof& p : HF_TRY(vault.proofs())) {  // oldest first: the newest word counts
    for (const PackId& id : p.proof.damaged) out.doubtful.insert(id);
    for (const PackId& id : p.proof.packs) out.doubtful.erase(id);
  }
  HF_TRY(vault.store().list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) {
    const auto id = PackId::parse(name);
    if (!id) return;
    out.listed.emplace(*id, bytes);
    const auto known = sizes.find(*id);
    if (known == sizes.end()) {
      if (!known_to_others.contains(*id)) out.orphans.push_back(*id);
    } else if (known->second != bytes) {
      out.doubtful.insert(*id);
    }
  }));
  for (const auto& [id, bytes] : sizes)
    if (!out.listed.contains(id)) out.doubtful.insert(id);
  return out;
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
