#pragma once
// A vault: keys, packs, index and points on one store.
//
// INVARIANTS of a vault, at every instant, after any crash (MUST: else data loss; SHOULD: repairable):
// (1) A recovery point MUST name only chunks that lie in durable packs.
// (2) An index run MUST name only durable packs.
// (3) Every chunk that a point names SHOULD be in an index run.
// Hence the order of every write: packs, then index run, then point; and of reading: the point first.
// Whatever was written before the point is garbage if the run dies, never damage; the next run finds and uses it.
//
//   starts ↓ while runs →   backup                                   verify, restore, ls      index merge
//   backup                  both store a chunk twice at worst         reads immutable objects   a run that vanished is listed anew
//   verify, restore, ls     sees the points that exist at its start   independent               a run that vanished is listed anew

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "format/deletion.hpp"
#include "format/point.hpp"
#include "format/vault_config.hpp"
#include "platform/env.hpp"
#include "store/object_store.hpp"
#include "vault/keys.hpp"

namespace hf {

/// A secret that opens a key slot. The bytes are a loan.
struct Secret {
  SlotKind kind = SlotKind::passphrase;
  ByteView bytes;
};

struct InitOptions {
  VaultParams params;
  Argon2Params argon2;
  std::string label;  ///< of the first key slot
};

struct SlotInfo {
  SlotId id;
  SlotKind kind;
  SlotLabel label;
  bool opened_this_vault = false;
  std::uint16_t version = kSlotVersion;
  std::uint32_t epoch = 1;  ///< the newest root key that it opens
  bool in_force = true;     ///< it opens all; false: a rotation left it out
};

/// A recovery point that cannot be read, as found by points().
struct DamagedPoint {
  std::string name;
  Error error;
};
/// A point that was forgotten and can still be brought back.
struct ForgottenPoint {
  RecoveryPoint point;
  Tombstone tombstone;
};
struct PointList {
  std::vector<RecoveryPoint> points;      ///< oldest first
  std::vector<ForgottenPoint> forgotten;  ///< likewise
  std::vector<DamagedPoint> damaged;
};

/// The newest of points in order of time that began no later: of those that `writer` made, where there are any, else of
/// all. So nobody's clock or lie puts a write-only key's point before what the vault's own keys made.
std::vector<RecoveryPoint>::iterator newest_of(std::vector<RecoveryPoint>& points, const WriterId& writer, std::int64_t until_ns = INT64_MAX);

/// An open vault. Any method, any thread.
class Vault {
 public:
  /// Writes the description and the first key slot of a new vault. The store must be empty.
  static Result<std::unique_ptr<Vault>> create(Env& env, std::unique_ptr<ObjectStore> store, const InitOptions& options, const Secret& secret);
  /// WrongSecret where no slot opens. Deriving a key from a passphrase takes about 0.2 s for each slot tried.
  static Result<std::unique_ptr<Vault>> open(Env& env, std::unique_ptr<ObjectStore> store, const Secret& secret);

  Env& env() const { return env_; }
  ObjectStore& store() const { return *store_; }
  const VaultId& id() const { return id_; }
  const VaultParams& params() const { return params_; }
  const VaultKeys& keys() const { return *keys_; }
  std::int64_t created_ns() const { return created_ns_; }

  /// The directory in which this machine keeps what can be worked out again (vault/local_cache.hpp); empty: none, as from
  /// the start. Set before other threads use the vault.
  void keep_cache_in(std::string directory) { cache_directory_ = std::move(directory); }
  const std::string& cache_directory() const { return cache_directory_; }

  // --- sealed small objects ---
  Buffer seal(SealedKind kind, ByteView plain) const;
  /// Refused where its kind is none that the one who sealed it may make: a write-only key makes points, and what is
  /// needed to make them. What all must believe (epochs of deletions, proofs) is signed by who holds the vault's own keys.
  Result<Buffer> open_sealed(SealedKind kind, ByteView object) const;
  /// The signature is not checked again with `looked_at`: the same bytes passed before.
  Result<RecoveryPoint> open_point(ByteView object, bool looked_at = false) const;
  /// A frame header for a new object: fresh salt, current epoch, this CPU's cipher, sealed as writer().
  FrameHeader new_frame(SealedKind kind) const;

  // --- recovery points ---
  /// All of them; several at once where there are many.
  Result<PointList> points() const;
  /// The same of a book that may know most of them: the listing is new, what was read before is not read again.
  Result<PointList> points(class PointBook& book) const;
  /// NotFound also where a fence stands in its place. A forgotten point is read like any other.
  Result<RecoveryPoint> point(const std::string& name) const;
  /// "latest" (the newest, of any source: newest_of()), or any unique prefix of an id. Forgotten ones are not found.
  Result<RecoveryPoint> find_point(std::string_view reference) const;

  // --- proofs: what earlier runs of verify read back ---
  struct StoredProof {
    std::string name;
    Proof proof;
  };
  /// Those that open, oldest first.
  Result<std::vector<StoredProof>> proofs() const;

  // --- key slots ---
  /// Refused where the slot that opened this vault was left out of a rotation: what it would seal, the others could read,
  /// but so could who holds the old root keys.
  Status may_write() const;
  /// A write-only key opened it: it makes points, and opens those alone.
  bool is_write_only() const { return !keys_->writer().is_zero(); }
  /// Refused for a write-only key, naming what can't be done: "a prune".
  Status opens_all(std::string_view for_what) const;
  /// As whom it seals packs, index runs and points; zero: with the vault's own keys.
  const WriterId& writer() const { return writer_; }
  /// The same vault, to seal as this writer: for who rewrites what a write-only key wrote.
  std::unique_ptr<Vault> writing_as(const WriterId& writer) const;
  const SlotId& opened_by() const { return opened_by_; }
  /// A rotation that names the slot that opened the vault, and does not open; empty: none.
  const std::string& keys_problem() const { return keys_problem_; }
  Result<std::vector<SlotInfo>> key_slots() const;
  /// Refused where the keys were rotated meanwhile: open the vault anew.
  Result<SlotId> add_key(const Secret& secret, const std::string& label, const Argon2Params& argon2 = {}) const;
  /// A write-only key: with it one makes points and sees those that were made with it, and nothing else of the vault.
  Result<SlotId> add_writer(const Secret& secret, const std::string& label) const;
  /// Refused for the last slot that opens all.
  Status remove_key(const SlotId& id) const;
  /// Success where the secret opens a slot of this vault; gives which.
  Result<SlotId> test_key(const Secret& secret) const;

  /// The same vault over another store (a wrapper of this one's).
  std::unique_ptr<Vault> over(std::unique_ptr<ObjectStore> store) const;

  /// The vault's description and key slots as stored: copies of them go into packs, so that packs alone suffice.
  Result<std::vector<std::pair<ObjectName, Buffer>>> replicas() const;

 private:
  Vault(Env& env, std::shared_ptr<ObjectStore> store) : env_(env), store_(std::move(store)) {}
  std::unique_ptr<Vault> twin(std::shared_ptr<ObjectStore> store) const;
  /// Puts a slot for the secret, wrapping in it what `wrap` puts there.
  Result<SlotId> put_slot(SlotKind kind, ByteView secret, const std::string& label, const Argon2Params& argon2, const std::function<void(KeySlot&, const Digest& wrapping)>& wrap) const;

  Env& env_;
  const std::shared_ptr<ObjectStore> store_;
  // Constant after construction:
  VaultId id_;
  VaultParams params_;
  std::int64_t created_ns_ = 0;
  std::shared_ptr<const VaultKeys> keys_;
  SlotId opened_by_;
  WriterId writer_{};
  std::uint32_t newest_epoch_ = 1;  // of any rotation that was there
  std::string keys_problem_;
  std::string cache_directory_;
};

/// Limits for reading small objects.
constexpr std::uint64_t kConfigBytesMax = 1u << 20, kSlotBytesMax = 1u << 20, kPointBytesMax = 64u << 20, kProofBytesMax = 1u << 30;

}  // namespace hf
