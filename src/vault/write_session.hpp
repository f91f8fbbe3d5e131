#pragma once
// One backup's way into the vault: every chunk is claimed once, stored once, and named by a point at the end.

#include <array>
#include <atomic>
#include <memory>
#include <unordered_set>

#include "base/units.hpp"
#include "vault/claim_set.hpp"
#include "vault/deletion.hpp"
#include "vault/delta.hpp"
#include "vault/index.hpp"
#include "vault/pack_writer.hpp"
#include "vault/run_builder.hpp"

namespace hf {

struct WriteOptions {
  int compression_level = 3;
  std::uint64_t pack_bytes = 0;  ///< 0: what suits the store
  DeltaPolicy delta = DeltaPolicy::automatic;
};

class WriteSession;

/// One worker's end: gathers new chunks into segments of about 2 MiB and segments into packs. One thread at a time.
/// Memory: one segment, its compressed form, and the directory of one pack; once something changed was stored, 4 MiB more
/// for a delta segment and its bases.
class ChunkWriter {
 public:
  static constexpr std::size_t kSegmentBytes = 2u << 20;  ///< zstd at level 3 looks back 2 MiB; 1 MiB costs 0.3 to 2.3 % in size
  explicit ChunkWriter(WriteSession& session, PackClass pack_class);
  ~ChunkWriter();
  /// Stores the chunk unless the vault has it or another worker is storing it; gives true if it was new.
  /// `near`: chunks that the vault has, which may be much like it; it is stored as what differs from them where that pays.
  Result<bool> add(const ChunkId& id, ByteView chunk, std::span<const ChunkRef> near = {});
  /// What comes next lies elsewhere, so that it and what came since the last call will rarely be read together. Where that
  /// was little, it becomes segments of its own, so that what changed in one place over time stands on few segments.
  Status part_ends();
  /// Seals what is gathered and finishes the pack.
  Status finish();
  /// A copy of a small object into the pack being written (or a new one).
  Status add_replica(const ObjectName& name, ByteView object);

 private:
  /// True where it went into the delta segment.
  Result<bool> add_delta(const ChunkId& id, ByteView chunk, std::span<const ChunkRef> near);
  Status seal_segment();
  Status seal_delta();
  Status finish_pack();
  Status ensure_pack();

  WriteSession& session_;
  const PackClass class_;
  const std::size_t segment_bytes_;
  Compressor compressor_;
  std::vector<NewChunk> chunks_;
  Buffer plain_;
  std::size_t part_bytes_ = 0;  // of what is no delta, since the last part ended
  std::unique_ptr<DeltaSegment> delta_;  // made when first needed
  std::unique_ptr<PackWriter> pack_;
  ScratchBuffer scratch_;  // of the last pack
};

/// Crash story: packs become durable one by one; every half a million chunks an index run makes them known; the point
/// comes last. A session that dies leaves a lease, whose sight makes the next session look for packs that no run lists,
/// and make them durable before it builds on them. A lease goes when its session ends, or is found with its point there;
/// of a session that died before its point the lease stays until a prune fences it.
/// A prune may run beside it (vault/deletion.hpp): packs that were retired when it begins count as absent, and what is
/// retired later stays until the lease has ended and the point was looked at.
class WriteSession {
 public:
  /// Announces the session (a lease), loads the index, takes over packs of sessions that died, and stops relying on
  /// packs that are missing, of another size than they had, retired, or that verify found damaged: their chunks are
  /// stored again. A point to build on must be chosen after this.
  static Result<std::unique_ptr<WriteSession>> begin(Vault& vault, const WriteOptions& options = {});
  ~WriteSession();

  Vault& vault() { return vault_; }
  const Index& index() const { return *index_; }
  const PointId& point_id() const { return point_id_; }

  /// From now on nothing that is in the vault counts as stored, and nothing is built on it. Before the first claim.
  void store_all_anew();
  /// True if the caller must store the chunk now; false if it is stored or being stored. A caller that can't store what
  /// it claimed must fail the session.
  Result<bool> claim(const ChunkId& id);
  std::unique_ptr<ChunkWriter> data_writer() { return std::make_unique<ChunkWriter>(*this, PackClass::data); }
  /// Stores a chunk of metadata. Any thread.
  Result<ChunkRef> add_metadata(ByteView node, std::span<const ChunkRef> near = {});
  /// False where `near` is never looked at: the policy or the store speaks against it.
  bool stores_deltas() const { return delta_ != nullptr; }
  /// What deltas did so far; nullptr without them.
  const DeltaTally* delta_tally() const { return delta_ ? &delta_->tally : nullptr; }

  /// After all data writers have finished: metadata pack with copies of what packs alone need, index run, then the
  /// point: the commit. Fills in id, vault and bytes_stored. Fails where a writer failed or was not finished. Conflict
  /// where the session was taken for dead and fenced: begin a new one; what was stored is found, unless a prune took it.
  Status commit(RecoveryPoint& point);
  /// Ends without a point; makes what was stored known to the next session. After the data writers have finished.
  Status suspend();

  std::atomic<std::uint64_t> chunks_new{0}, bytes_new{0}, bytes_stored{0};

 private:
  friend class ChunkWriter;
  WriteSession(Vault& vault, const WriteOptions& options) : vault_(vault), options_(options) {}
  /// Distrusts packs that are missing, damaged or retired, and takes over what no run tells of. `all`: also the runs of
  /// other writers.
  Status adopt(const Index& all);
  Status pack_finished(const FinishedPack& pack);
  Status write_run() HF_REQUIRES(finished_mutex_);

  Vault& vault_;
  WriteOptions options_;
  PointId point_id_;
  std::optional<HeldLease> lease_;
  std::unique_ptr<Index> index_;  // what the same keys wrote, and nothing else (vault/index.hpp)
  std::unique_ptr<DeltaBases> delta_;
  ClaimSet claimed_;

  Mutex finished_mutex_;
  RunBuilder finished_ HF_GUARDED_BY(finished_mutex_);

  Mutex metadata_mutex_;
  std::unique_ptr<ChunkWriter> metadata_ HF_GUARDED_BY(metadata_mutex_);
};

/// What the directory of a durable pack tells, as finish() gave it when the pack was written.
FinishedPack described_by(const PackId& id, PackClass pack_class, std::uint64_t stored_bytes, const PackDirectory& directory);

}  // namespace hf
