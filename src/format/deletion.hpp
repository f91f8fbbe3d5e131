#pragma once
// What deletion writes down: leases, tombstones, verdicts, fences, epochs, holds (docs/format/deletion.md).

#include <string>
#include <unordered_set>
#include <vector>

#include "base/ids.hpp"

namespace hf {

/// A session under way: nothing that it may build on is removed before it ends or is fenced.
struct Lease {
  PointId point;             ///< the name that its point will have; also the lease's own
  std::string host;
  std::int64_t time_ns = 0;  ///< for people, and to guess who is dead; never decides what is safe
  std::uint64_t epoch = 0;   ///< the newest deletion epoch that it had seen before the lease was there
  std::string process;       ///< Env::process_identity(); empty where unknown
};
Buffer encode_lease(const Lease& lease);
Result<Lease> decode_lease(ByteView in);

/// A point was forgotten. It stays restorable until its grace has passed and a prune has passed sentence.
struct Tombstone {
  PointId point;
  std::int64_t time_ns = 0;
  std::uint64_t grace_seconds = 0;
  std::string reason;  ///< which rule, or who
};
Buffer encode_tombstone(const Tombstone& tombstone);
Result<Tombstone> decode_tombstone(ByteView in);

/// What became of a tombstone: of undelete and prune exactly one creates this, under the tombstone's own name.
enum class Verdict : std::uint8_t { undone = 1, reaped = 2 };
Buffer encode_verdict(Verdict verdict);
Result<Verdict> decode_verdict(ByteView in);

/// Stands where a point would: the session of this name was taken for dead, and can't commit any more.
struct Fence {
  PointId point;
  std::int64_t time_ns = 0;
  std::string host;  ///< who fenced
};
Buffer encode_fence(const Fence& fence);
Result<Fence> decode_fence(ByteView in);

/// Packs that one prune found not to be needed. They count as absent for every session that begins later.
struct Retirement {
  std::uint64_t epoch = 0;         ///< the record that retired them
  std::vector<PackId> packs;       ///< in order, at least one
  std::vector<PointId> marked;     ///< in order: the points whose needs were looked at
};

/// All that prunes have decided and not done yet. Records follow each other: a decision is made by creating the next
/// number, and counts only if that was free, so that it is based on all decisions before it. The newest record tells
/// everything; older ones are removed.
struct EpochRecord {
  std::uint64_t number = 0;         ///< from 1; also the name
  std::int64_t time_ns = 0;
  std::vector<Retirement> retired;  ///< in order of epochs
  std::vector<PackId> condemned;    ///< in order: no session and no point needs them; anybody may remove them at any time

  bool is_absent(const PackId& id) const;       ///< retired or condemned
  std::unordered_set<PackId> absent() const;
};
Buffer encode_epoch(const EpochRecord& record);
Result<EpochRecord> decode_epoch(ByteView in);
/// Sixteen digits, so that names are in order of numbers.
std::string epoch_name(std::uint64_t number);

/// Points under a hold are never forgotten or pruned.
struct Hold {
  std::vector<PointId> points;  ///< in order, at least one
  std::int64_t time_ns = 0;
  std::int64_t until_ns = 0;    ///< 0: until it is released
  std::string reason, by;
};
Buffer encode_hold(const Hold& hold);
Result<Hold> decode_hold(ByteView in);

}  // namespace hf
