#pragma once
// Forgetting, holding and fencing: what must never be decided by a clock, or by two programs at once
// (docs/format/deletion.md, docs/decisions/0008-deletion-without-locks.md; the model is in tests/model/).
//
// INVARIANTS (MUST, at every instant, after any crash):
// (1) A point that exists in points/ is marked by every prune: as long as it is there, all that it needs is.
// (2) A pack is removed only when it was condemned: first retired by an epoch, and then, when no session from before that
//     epoch lived any more, found to be needed by none of the points that had come since. Decisions follow each other.
// (3) Of undelete and prune exactly one decides a tombstone: by creating its verdict.
// (4) Of a session's commit and its fence exactly one exists: both are created under the same name.
// (5) A point under a hold keeps its object.

#include <unordered_map>
#include <unordered_set>

#include "format/deletion.hpp"
#include "vault/vault.hpp"

namespace hf {

// --- sessions ---

/// A lease of this session, put when begun. Whoever may build on what is in the vault needs one: backup, rebuild, prune.
class HeldLease {
 public:
  /// The lease is durable when this returns. Read epochs, points and packs after it, never before.
  static Result<HeldLease> begin(const Vault& vault, const PointId& name);
  HeldLease(HeldLease&& other) noexcept : vault_(other.vault_), lease_(std::move(other.lease_)) { other.vault_ = nullptr; }
  HeldLease& operator=(HeldLease&&) = delete;
  ~HeldLease();  ///< leaves the lease: a program that dies must not seem to have ended well
  Status end();
  const Lease& lease() const { return lease_; }

 private:
  HeldLease(const Vault& vault, Lease lease) : vault_(&vault), lease_(std::move(lease)) {}
  const Vault* vault_;
  Lease lease_;
};

/// Leases in the vault; those that don't open are given as `unreadable` (of a newer program: they count as alive).
struct LeaseList {
  std::vector<Lease> leases;
  std::vector<std::string> unreadable;  ///< names
};
Result<LeaseList> leases(const Vault& vault);

/// True where the session surely ended (its program is gone) or began longer than `age_ns` ago by this clock. May be
/// wrong: fencing a session that lives costs it a new beginning, nothing else.
bool seems_dead(Env& env, const Lease& lease, std::int64_t age_ns);
/// Creates the fence, or finds the session's point; then the lease ends.
Status fence(const Vault& vault, const Lease& lease);

// --- epochs ---

/// The newest record; number 0 where nothing was ever decided. Fails where it can't be read: what it retires must not be
/// relied on.
Result<EpochRecord> newest_epoch(const Vault& vault);
/// Makes `next` the decision that follows `before` (sets its number and time), and removes older records. False where
/// another prune decided something since: read anew, and decide anew.
Result<bool> decide(const Vault& vault, const EpochRecord& before, EpochRecord& next);

// --- forgetting ---

struct ForgetOptions {
  std::uint64_t grace_seconds = 7 * 24 * 3600;
  std::string reason;
  std::int64_t time_ns = 0;  ///< when the grace begins; 0: now by the clock. See grace_begins()
};
/// When the grace of what is forgotten now begins: now by the clock, unless most points of the vault (`points_ns`: when
/// they ended) lie ahead of it. Then the clock is behind, as after a flat battery, and it is the newest of them: else a
/// grace of days would be over as soon as the clock is right again.
std::int64_t grace_begins(std::int64_t now_ns, std::vector<std::int64_t> points_ns);
/// Refused for a point under a hold. Forgotten already: success.
Status forget(const Vault& vault, const PointId& point, const ForgetOptions& options);
/// The same for many: what forbids it is found before any is forgotten. A crash leaves the first ones forgotten.
Status forget(const Vault& vault, const std::vector<std::pair<PointId, ForgetOptions>>& points);
/// NotFound where it was not forgotten; Refused where a prune has decided already.
Status undelete(const Vault& vault, const PointId& point);

/// Tombstones in force, by point: neither undone, nor followed by the end of the point.
struct InForce {
  std::string name;     ///< of the tombstone
  Tombstone tombstone;
  bool reaped = false;  ///< a prune has decided; the point is about to go
};
Result<std::unordered_map<PointId, InForce>> tombstones(const Vault& vault);
/// Points that a prune has decided to remove, or has removed: rebuild must not bring them back.
Result<std::unordered_set<PointId>> reaped_points(const Vault& vault);
/// Passes sentence on a tombstone whose grace has passed, and removes the point. False where it was undone, or is held at
/// `now_ns`, a time that the caller trusts.
Result<bool> reap(const Vault& vault, const InForce& dead, std::int64_t now_ns);
/// Tombstones and verdicts of points that are gone for good.
Status bury(const Vault& vault, const std::vector<PointId>& points);

// --- holds ---

struct StoredHold {
  std::string name;  ///< 32 digits
  Hold hold;
};
/// All, also those whose date has passed. Fails where one can't be read: it may forbid what is about to happen.
Result<std::vector<StoredHold>> holds(const Vault& vault);
/// Gives its name. Refused where one of the points is being removed.
Result<std::string> add_hold(const Vault& vault, Hold hold);
Status release_hold(const Vault& vault, const std::string& name);
/// Points that are held now, and why.
std::unordered_map<PointId, std::string> held_points(const std::vector<StoredHold>& holds, std::int64_t now_ns);

}  // namespace hf
