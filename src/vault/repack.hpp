#pragma once
// Which packs a prune gives up, and the copying of what is live in them.

#include <map>

#include "base/progress.hpp"
#include "vault/stock.hpp"
#include "vault/write_session.hpp"

namespace hf {

struct RepackLimits {
  double unused_percent_max = 5;
  std::optional<std::uint64_t> bytes_max;  ///< of packs chosen for copying
  std::uint64_t pack_bytes = 32u << 20;    ///< packs below a quarter of it are joined when there are many
};

struct RepackPlan {
  std::vector<PackId> dead;            ///< no chunk in them is needed from there
  std::vector<PackId> repack;          ///< what is live in them is copied; both classes, data first
  std::vector<PackId> without_chunks;  ///< they hold only copies of small objects
  std::vector<PackId> orphans;         ///< in no run
  std::vector<PackId> vanished;        ///< in the index, not there, and not needed
  std::unique_ptr<ClaimSet> to_copy = std::make_unique<ClaimSet>();  ///< chunks whose live place is in a pack of `repack`
  std::uint64_t bytes_unused_left = 0; ///< waste that stays, estimated by the share of chunks
};

/// `live`: what points need. Of a chunk that lies in several packs one place counts, in a sound pack if there is one.
/// `only_with`: packs count as dead only where one of these chunks is in them (nullptr: all that nobody needs).
Result<RepackPlan> plan_repack(const Index& index, const Stock& stock, const std::unordered_set<PackId>& retired, const ClaimSet& live, const ClaimSet* only_with,
                               const RepackLimits& limits);

struct RepackResult {
  std::uint64_t bytes_read = 0, bytes_written = 0;
};
/// Copies, and writes an index run of the copies: everything is durable when it returns. Segments that are live as a whole
/// are sealed anew as they are, others are compressed anew. With `copies_for`, also copies of the description, the key
/// slots and these points. Crash: chunks stored twice, nothing else. One thread: the same plan gives the same sizes.
Result<RepackResult> repack(Vault& vault, const Index& index, const RepackPlan& plan, const WriteOptions& options, const std::vector<PointId>* copies_for, Progress& progress);

}  // namespace hf
