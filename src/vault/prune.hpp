#pragma once
// Prune: gives back the space of what no point needs. Nobody waits for it, and it waits for nobody: what a living session
// may still need is retired now and removed by a later prune.
//
//   fence the dead ─ remove what earlier epochs retired ─ pass sentence on points whose grace has passed
//   ─ mark what the points that are left need ─ copy what is live out of packs with much waste ─ retire (an epoch record)
//   ─ remove, as far as no living session began before
//
// Crash story: at every step what was done is whole and what was not is as before. Copies without an epoch are chunks
// stored twice; an epoch without removals is gone on with by the next prune; packs leave the index before they are removed.

#include <functional>

#include "base/progress.hpp"
#include "vault/deletion.hpp"
#include "vault/folding.hpp"
#include "vault/footing.hpp"
#include "vault/turning.hpp"
#include "vault/write_session.hpp"

namespace hf {

struct PruneOptions {
  static constexpr double kTurnedShare = 0.25;  ///< for favour_newest: rewriting pays for some while
  std::int64_t fence_after_ns = 3LL * 24 * 3600 * 1'000'000'000;  ///< a session this old is taken for dead
  double unused_percent_max = 5;                ///< waste that is left in packs, of all that they hold
  std::optional<std::uint64_t> repack_bytes_max;  ///< of packs that are read to copy what is live in them
  /// Packs that a verify has read back are compressed anew at this level where that saves a thirtieth.
  std::optional<int> recompress_level;
  /// What the newest point of each source has as deltas is stored alone, in its order, and older content against it, where that is
  /// this share of a pack (vault/turning.hpp). Absent: nothing is.
  std::optional<double> favour_newest;
  WriteOptions write;
  unsigned jobs = 1;                            ///< threads; what comes out is the same
  bool keep_stripes = true;                     ///< false: packs go, whatever stripe needs them
  ObjectStore* stripes_elsewhere = nullptr;     ///< where the vault's stripes lie, if not in the vault; a loan
};

struct PruneReport {
  std::uint64_t points_removed = 0;
  std::uint64_t points_waiting = 0;      ///< forgotten, in their grace or under a hold
  std::int64_t clock_doubt_ns = 0;       ///< how far this clock is ahead of what it is trusted for; 0: trusted
  std::uint64_t packs = 0, packs_dead = 0, packs_repacked = 0, packs_recompressed = 0, packs_removed = 0, packs_restored = 0;
  std::uint64_t deltas_folded = 0;       ///< segments stored alone, since what they stood on was kept for them only
  std::uint64_t deltas_turned = 0;       ///< segments of older content stored against that of the newest points
  bool favours_nobody = false;           ///< asked to favour the newest points, and could not: sessions run, or there are several writers or domains
  std::uint64_t packs_waiting = 0, bytes_waiting = 0;  ///< retired, and not removed before sessions end
  std::uint64_t stripes_made = 0, stripes_removed = 0; ///< so that what stays remains protected
  std::uint64_t packs_held = 0;                        ///< of those waiting: a stripe needs them to bring back what is lost
  std::uint64_t bytes_repacked = 0, bytes_written = 0; ///< read from packs with waste; written into new ones
  std::uint64_t bytes_before = 0, bytes_after = 0;     ///< of all objects of the vault
  std::uint64_t bytes_unused = 0;                      ///< waste left in packs, about
  std::uint64_t chunks_live = 0;
  std::uint64_t sessions_fenced = 0;
  std::vector<Lease> waits_for;          ///< sessions that began before, and live
  std::uint64_t leases_unreadable = 0;   ///< count as living
};

/// Who knows what points need. One thread at a time.
class Marker {
 public:
  enum class Scope : std::uint8_t {
    some_points,
    every_point,  ///< these are all that there are: what none of them needs is worth remembering no longer
  };
  virtual ~Marker() = default;
  /// Puts the keys of all chunks that these points need into `live`: contents, nodes, and what deltas build on. Fails where
  /// something can't be read, and so nobody knows what is needed below it.
  /// Segments with a chunk of `alone`, if given, build on nothing.
  virtual Status mark(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, Scope scope, ClaimSet& live, Progress& progress,
                      const ClaimSet* alone = nullptr) = 0;
  /// Adds to `live` what delta segments build on (NeedGraph::mark_bases()). True where some was not in it.
  virtual Result<bool> hold_up(const Vault& vault, const Index& index, const std::function<NeedGraph::Standing(const PackId&)>& standing, ClaimSet& live, const ClaimSet* alone = nullptr) = 0;
  /// What is worth folding of what these points need, which were marked before; by places in packs that `counts` says yes to.
  virtual Result<std::vector<FoldGroup>> fold(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, const std::function<bool(const PackId&)>& counts) = 0;
  /// What is worth turning where these are the newest points, which were marked before; likewise (worth_turning()).
  virtual Result<Turnable> turn(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> newest, const std::function<bool(const PackId&)>& counts,
                                              const MayTurn& may_turn) = 0;
  /// Visits the chunks of all files' content, in order, those that files share as often as they come.
  virtual Status for_each_content(const Vault& vault, const Index& index, std::span<const RecoveryPoint* const> points, const std::function<Status(const ChunkRef&)>& visit) = 0;
  /// Which places can be opened. The marker is a loan.
  virtual Result<Footing> footing(const Vault& vault, const Index& index, const std::function<bool(const PackId&)>& counts) = 0;
};

/// Where packs are in stripes, what stays of a stripe is put into a new one before others of it go (restripe.hpp); NotFound where
/// the stripes' place is not given, before anything is done.
/// Cancelled where progress.stop_requested, with everything whole. Conflict where other prunes keep winning.
Result<PruneReport> prune(Vault& vault, const PruneOptions& options, Marker& marker, Progress& progress);

/// The same over a store that keeps all changes to itself: what prune() would do, to the byte.
Result<PruneReport> rehearse_prune(const Vault& vault, const PruneOptions& options, Marker& marker, Progress& progress);

/// A clock that is more than seven days ahead of the newest event of the vault may be wrong, where events of the last 20
/// hours by it are no witnesses. It is not trusted at all then: the time is that of the newest witness, so that no grace
/// ends, however short, before the vault was used a day longer. Gives the trusted time, at most `now_ns`.
std::int64_t trusted_time(std::int64_t now_ns, std::vector<std::int64_t> events_ns);

}  // namespace hf
