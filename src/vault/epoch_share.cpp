#include "vault/epoch_share.hpp"

#include <algorithm>
#include <atomic>

#include "base/work_pool.hpp"
#include "vault/pack_reader.hpp"

namespace hf {

Result<EpochShares> epoch_shares(const Vault& vault, unsigned jobs, Progress& progress) {
  ObjectStore& store = vault.store();
  std::vector<std::pair<std::string, std::uint64_t>> packs;
  HF_TRY(store.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) { packs.emplace_back(name, bytes); }));
  EpochShares out;
  const auto count = [](EpochShare& share, std::uint64_t bytes) {
    ++share.packs;
    share.bytes += bytes;
  };
  if (vault.may_write() && vault.keys().current_epoch() == 1) {
    for (const auto& [name, bytes] : packs) count(out.by_epoch[1], bytes);
    return out;
  }
  progress.items_total = packs.size();
  constexpr std::size_t kBatch = 256;
  std::vector<std::uint32_t> epochs(packs.size());  // 0: unknown
  WorkPool pool(jobs);
  for (std::size_t from = 0; from < packs.size(); from += kBatch)
    pool.push([&, from](unsigned) {
      for (std::size_t i = from; i < std::min(from + kBatch, packs.size()) && !progress.stop_requested; ++i) {
        ++progress.items_done;
        const auto id = PackId::parse(packs[i].first);
        if (const auto header = id ? read_pack_header(store, *id) : Result<PackHeader>(id.error())) epochs[i] = header->epoch;
      }
    });
  pool.run();
  if (progress.stop_requested) return Error(Code::cancelled, "stopped");
  for (std::size_t i = 0; i < packs.size(); ++i) count(epochs[i] == 0 ? out.unknown : out.by_epoch[epochs[i]], packs[i].second);
  return out;
}

}  // namespace hf
