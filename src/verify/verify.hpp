#pragma once
// Reading a vault back: what is there, whether it is whole, and what is affected where it is not.
//
//   depth        reads                         proves
//   structure    all but data packs' content   every reference of every point leads to a chunk in a pack of the right size
//   ciphertext   every stored byte, no key     stored objects are what was stored (names are hashes of content)
//   full         every stored byte             every chunk opens, decompresses and has its identity; structure
//   sample       a share of the packs          the same for that share, those verified longest ago first; structure
//
// No damage makes it crash or stop: it goes on to the end and tells all of it, up to the stated limits of each list.
// Memory: 16 bytes a chunk of the index (up to 128 MiB of them, then lookups go to the index), 30 a directory node, and
// about 8 MiB a worker.

#include <functional>
#include <optional>

#include "base/progress.hpp"
#include "vault/index.hpp"

namespace hf {

enum class VerifyDepth : std::uint8_t { structure, ciphertext, full };

struct VerifyOptions {
  VerifyDepth depth = VerifyDepth::full;
  double sample_percent = 100;  ///< of the packs' bytes, with depth full
  unsigned jobs = 1;            ///< 1: everything in the calling thread, in one order
  bool store_proof = true;      ///< write down which packs were proven
  bool heal = false;            ///< mend damaged packs from their parity, and make parity anew that is damaged or lacking
  ObjectStore* stripes = nullptr;  ///< where stripes lie; a loan. With them packs that are gone come back too
};

enum class DamageKind : std::uint8_t {
  missing_pack,   ///< a pack that the index lists is gone
  damaged_pack,   ///< bytes of a pack are not what was stored
  damaged_index,  ///< an index run; the packs can make it anew
  damaged_point,
  damaged_key_slot,
  damaged_description,  ///< `holdfast-vault`
  damaged_lease,  ///< harmless: a note of a backup under way
  damaged_proof,  ///< harmless: a note of an earlier verify
  damaged_parity,  ///< harmless while the pack is whole: what would heal it
  missing_chunk,  ///< a point names a chunk that no index run knows
  wrong_tree,     ///< a node of a tree that has its identity, and yet is no tree
};
std::string_view name_of(DamageKind kind);

struct Damage {
  DamageKind kind = DamageKind::damaged_pack;
  std::string object;  ///< "packs/91af…"
  std::uint64_t offset = 0, bytes = 0;  ///< stored bytes of the object that are hit; bytes 0: not known more exactly
  std::uint64_t chunks = 0;             ///< hit, of those that the index or the pack's directory tell of
  std::string message, hint;
  bool healed = false;                  ///< every chunk that is hit lies in another pack too: nothing is lost
  // What it costs, found at the end:
  std::uint64_t files = 0;              ///< distinct paths that lose something
  std::vector<std::string> first_files; ///< at most three of them
  std::uint64_t points = 0;             ///< recovery points with such a file
};

/// A file or directory that cannot be restored whole.
struct AffectedPath {
  std::string path;      ///< absolute, as it was backed up
  std::string source;    ///< of the newest point that holds it
  bool directory = false;  ///< names below it are lost
  std::string lost_from;   ///< directory: only names from this one on (large directories are several nodes)
  std::uint64_t bytes_lost = 0;  ///< of content, in the newest such point
  std::uint64_t points = 0;
  PointId newest;
};
struct AffectedPoint {
  PointId id;
  std::int64_t time_ns = 0;
  std::string source;
  std::uint64_t paths = 0;  ///< of its files and directories
};

/// A pack or its parity that was damaged, and is whole again.
struct HealedObject {
  std::string object;  ///< "packs/91af…" or "parity/91af…"
  std::uint64_t offset = 0, blocks = 0, bytes = 0;  ///< of the first rebuilt block; how many; bytes in them
  std::string message;
};

/// Parity of the vault's packs.
struct ParityReport {
  bool wanted = false;               ///< new packs get it
  std::uint64_t objects = 0, bytes = 0;
  std::uint64_t read = 0;            ///< objects that were read back
  std::uint64_t damaged = 0;         ///< and are not what was stored; not those made anew
  std::uint64_t packs_without = 0;   ///< what is damaged there can't be healed
  std::uint64_t made = 0;            ///< anew, or for packs that had none
};

/// Parity across packs, where it was given.
struct StripeReport {
  bool looked = false;               ///< the rest is of somewhere
  std::uint64_t stripes = 0, objects = 0, bytes = 0;
  std::uint64_t read = 0;            ///< parity packs that were read back
  std::uint64_t damaged = 0;         ///< are not what was stored, or missing; not those made anew
  std::uint64_t lacking = 0;         ///< stripes with a pack that is gone
  std::uint64_t packs_without = 0;   ///< of the vault, in no stripe
  std::uint64_t made = 0;            ///< parity packs made anew
};

struct VerifyReport {
  static constexpr std::size_t kListed = 1000;  ///< of each list below

  VerifyDepth depth = VerifyDepth::full;
  std::uint64_t packs = 0, packs_read = 0, pack_bytes = 0, pack_bytes_read = 0, plain_bytes_read = 0, chunks_read = 0;
  std::uint64_t index_runs = 0, index_entries = 0, points = 0, nodes = 0, references = 0, key_slots = 0;
  std::uint64_t orphan_packs = 0, orphan_bytes = 0;  ///< in no index run: of a backup under way or broken off; harmless
  std::uint64_t unknown_objects = 0;                 ///< names that Holdfast does not give
  std::int64_t oldest_proof_ns = 0;                  ///< of a sample: when the pack verified longest ago was; 0: never
  bool trees_checked = false;                        ///< false without a key
  std::string proof;                                 ///< name of the proof that was stored
  std::string proof_problem;                         ///< why none was

  ParityReport parity;
  StripeReport stripes;
  std::vector<HealedObject> healed;
  std::uint64_t healed_count = 0;  ///< also those beyond kListed

  std::vector<Damage> damage;
  std::uint64_t damage_count = 0;  ///< also those beyond kListed
  std::vector<AffectedPath> affected;
  std::uint64_t affected_count = 0;
  std::vector<AffectedPoint> affected_points;
  std::vector<std::string> notes;  ///< harmless findings, each with what to do

  /// Data or the way to it is hit. Damaged leases, proofs and parity are not counted, nor what is healed.
  bool sound() const { return serious == 0; }
  std::uint64_t serious = 0;
};

/// Told of damage when it is found, before it is known what it costs. By one thread at a time.
using DamageSink = std::function<void(const Damage&)>;

/// Errors only where the work itself can't go on (the store is gone; cancelled): damage is in the report.
Result<VerifyReport> verify(const Vault& vault, const VerifyOptions& options, Progress& progress, const DamageSink& found = nullptr);

/// Costs nobody anything, and so is no reason to call a vault unsound.
inline bool harmless(DamageKind kind) { return kind == DamageKind::damaged_lease || kind == DamageKind::damaged_proof || kind == DamageKind::damaged_parity; }

/// Depth ciphertext for a store whose secret nobody gave. A pack that is gone is known from its stripe.
Result<VerifyReport> verify_ciphertext(ObjectStore& store, unsigned jobs, Progress& progress, const DamageSink& found = nullptr, bool heal = false,
                                       ObjectStore* stripes = nullptr);

/// Points of which every chunk was read back, as the proofs stored in the vault have it: those that the newest verify which
/// left no pack unread found whole. None after a later one that found damage and left packs unread.
Result<std::unordered_set<PointId>> proven_points(const Vault& vault);

/// When each pack was last proven, from the proofs stored in the vault; unreadable ones count for nothing.
Result<std::unordered_map<PackId, std::int64_t>> proven_packs(const Vault& vault);

}  // namespace hf
