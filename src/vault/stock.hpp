#pragma once
// What the store lists, compared with what the index tells.

#include <map>
#include <unordered_set>

#include "vault/index.hpp"

namespace hf {

struct Stock {
  std::map<PackId, std::uint64_t> listed;   ///< packs that are there, and their sizes
  std::unordered_set<PackId> doubtful;      ///< the index tells of them; missing, of another size, or found damaged
  std::vector<PackId> orphans;              ///< there, and in no run: their session died, or is not done yet
};
/// Costs a listing of the packs, and the reading of all proofs. `all`: the runs in none of which an orphan is.
Result<Stock> take_stock(const Vault& vault, const Index& index, const Index& all);
/// The same in two steps, for several indexes: what the store and its proofs tell, then what an index tells beside.
Result<Stock> list_stock(const Vault& vault);
void compare_stock(Stock& listed, const Index& index, const Index& all);
/// Who made the pack, as its header says: the pack's name covers it, so that no run can tell otherwise. Nullopt where the pack
/// is not there or its header is damaged; an error where it can't be read now.
Result<std::optional<WriterId>> maker_of(const Vault& vault, const PackId& pack);

/// For who has made a run out of what older runs, or packs, tell: a prune that condemned packs meanwhile dropped them from
/// the runs that it saw, perhaps before ours was there. Drops them now. `retired`: those that were retired when our lease
/// was there; what is retired later waits for us. Between the two, and after a crash there, the index may name a pack that
/// is gone: who relies on packs asks the store which are there, and the next prune drops the rest.
Status drop_condemned(const Vault& vault, Index& index, const std::unordered_set<PackId>& retired);

}  // namespace hf
