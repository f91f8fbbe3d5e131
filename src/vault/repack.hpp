#pragma once
// Which packs a prune gives up, and the copying of what is live in them.

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "base/progress.hpp"
#include "vault/footing.hpp"
#include "vault/stock.hpp"
#include "vault/turning.hpp"
#include "vault/write_session.hpp"

namespace hf {

/// Is a pack that needs no copying worth to be compressed anew?
using AskRecompress = std::function<Result<bool>(const IndexedPack&)>;

struct RepackLimits {
  double unused_percent_max = 5;
  std::optional<std::uint64_t> bytes_max;  ///< of packs chosen for copying
  std::uint64_t pack_bytes = 32u << 20;    ///< packs below a quarter of it are joined when there are many
  AskRecompress recompress;                ///< absent: none is
  std::span<const PackId> first;           ///< chosen before all others, in this order; a loan
};

/// Chunks that points need, by dedup domain (RecoveryPoint::domain). What two domains need is kept in two packs, where it
/// lies in two: that is what an independent full point was made for.
class Needed {
 public:
  /// The set of a domain, made when first asked for; nullopt: of the points before the first independent one.
  ClaimSet& of(const std::optional<PointId>& domain) {
    auto& set = domains_[domain];
    if (!set) set = std::make_unique<ClaimSet>();
    return *set;
  }
  /// The set of some domain, always the same.
  ClaimSet& last() { return domains_.empty() ? of(std::nullopt) : *domains_.rbegin()->second; }
  void clear() { domains_.clear(); }
  /// How many packs it should lie in; 0: nobody needs it.
  std::size_t places(const ChunkKey& key) const {
    std::size_t n = 0;
    for (const auto& [domain, set] : domains_) n += set->contains(key) ? 1U : 0U;
    return n;
  }
  std::size_t size() const {
    std::size_t n = 0;
    for (const auto& [domain, set] : domains_) n += set->size();
    return n;
  }

 private:
  std::map<std::optional<PointId>, std::unique_ptr<ClaimSet>> domains_;
};

struct RepackPlan {
  std::vector<PackId> dead;            ///< no chunk in them is needed from there
  std::vector<PackId> repack;          ///< what is live in them is copied; both classes, data first
  std::set<PackId> recompress;         ///< of those: segments that are no deltas are compressed anew
  std::vector<PackId> without_chunks;  ///< they hold only copies of small objects
  std::vector<PackId> orphans;         ///< in no run; none where something needed lies nowhere
  std::vector<PackId> vanished;        ///< in the index, not there, and not needed; likewise
  std::unique_ptr<ClaimSet> to_copy = std::make_unique<ClaimSet>();  ///< chunks whose only place is in a pack of `repack`
  std::unique_ptr<ClaimSet> alone = std::make_unique<ClaimSet>();    ///< chunks of deltas that are folded: not copied as a part of one
  std::uint64_t deltas_folded = 0;
  /// What is turned (vault/turning.hpp): chunks stored against others of `turns`, by position in it, which come first and alone.
  std::unordered_map<ChunkKey, std::uint32_t> turned;
  std::vector<TurnGroup::Turn> turns;
  std::unordered_set<ChunkKey> not_laid;  ///< of the newest points: Turnable::left
  struct CopyFrom {
    ChunkKey key;
    std::uint32_t pack = 0;  ///< position in `repack`
    bool copied = false;
  };
  std::vector<CopyFrom> to_copy_from;  ///< of those with several places the ones that are kept, each into a pack of its own; in order of keys
  std::uint64_t repack_bytes = 0;      ///< of the packs in `repack`
  std::uint64_t live_placed = 0;       ///< of Needed::size(): those that some pack which is there holds
  std::uint64_t bytes_unused = 0;      ///< waste, estimated by the share of chunks
  std::uint64_t bytes_unused_left = 0; ///< and what of it stays
  std::uint64_t bytes_unused_max = 0;  ///< what may stay
};

/// Of a chunk that lies in several packs as many places count as domains need it, in sound packs if there are, those first that
/// stand on least: so what is kept can be opened. `footing` is of the sound packs.
/// `only_with`: packs count as dead only where one of these chunks is in them (nullptr: all that nobody needs).
Result<RepackPlan> plan_repack(const Index& index, const Stock& stock, const std::unordered_set<PackId>& retired, const Needed& needed, const ClaimSet* only_with,
                               const Footing& footing, const RepackLimits& limits);

struct RepackResult {
  std::uint64_t bytes_read = 0, bytes_written = 0, deltas_turned = 0;
};
/// Visits the content of the newest points, in order.
using WalkNewest = std::function<Status(const std::function<Status(const ChunkRef&)>& visit)>;
/// Copies, and writes an index run of the copies: everything is durable when it returns. Segments that are live as a whole
/// are sealed anew as they are, others are compressed anew: what is left of a delta against what it stood on, what is to be
/// folded alone. Where something is turned, `walk_newest` tells the order in which their content comes, before all else. With
/// `copies_for`, also copies of the description, the key slots and these points. Crash: chunks stored twice, nothing else; what
/// is turned after what it stands on. `jobs` threads read and compress, the caller's writes: the same plan gives the same packs,
/// with however many. Memory: for each about 20 MiB and what the compression level wants, and 24 MiB of opened segments.
Result<RepackResult> repack(Vault& vault, const Index& index, RepackPlan& plan, const WriteOptions& options, unsigned jobs, const std::vector<PointId>* copies_for, const WalkNewest& walk_newest,
                            Progress& progress);

}  // namespace hf
