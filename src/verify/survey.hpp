#pragma once
// What verify gathers while it works: the report in the making, and the facts that later steps need of earlier ones.

#include <map>
#include <set>
#include <unordered_map>

#include "base/mutex.hpp"
#include "vault/chunk_reader.hpp"
#include "vault/stripe.hpp"
#include "verify/pack_check.hpp"
#include "verify/verify.hpp"

namespace hf {

/// The chunks that the index knows, as the first 64 bits of their keys: two unlike chunks meet once in 10^19 / n tries.
class KnownChunks {
 public:
  explicit KnownChunks(std::uint64_t count);
  void insert(const ChunkKey& key);
  bool contains(const ChunkKey& key) const;

 private:
  std::vector<std::uint64_t> slots_;  // 0: free
  bool has_zero_ = false;
};

/// A range of a pack that is hit; `damage` is its position in the report's list, or kUnlisted.
struct BadRange {
  std::uint64_t offset = 0, end = 0;
  std::size_t damage = 0;
};

/// A segment that does not open, as what it stands on does not: told of only where nothing else that is told explains it.
struct BaseFault {
  PackId pack;
  PackFault fault;
};

struct Survey {
  static constexpr std::size_t kUnlisted = SIZE_MAX;

  Survey(const VerifyOptions& o, Progress& p, const DamageSink& f) : options(o), progress(p), found(f) {}

  const VerifyOptions& options;
  Progress& progress;
  const DamageSink& found;

  Mutex mutex;
  VerifyReport report HF_GUARDED_BY(mutex);

  std::map<PackId, std::uint64_t> present;                    ///< packs in the store and their sizes
  std::map<PackId, IndexedPack> indexed;                      ///< packs that runs list
  std::map<PackId, std::vector<EntrySum>> expected;           ///< by each run that lists the pack
  std::unique_ptr<Index> index;
  std::vector<std::string> runs_seen;                         ///< names of its runs when it was loaded
  bool index_damaged = false;
  std::unique_ptr<KnownChunks> known;                         ///< nullptr: too many, ask the index
  std::map<PackId, std::vector<BadRange>> bad HF_GUARDED_BY(mutex);  ///< what can't be read; an end of UINT64_MAX: all
  std::vector<BaseFault> base_faults HF_GUARDED_BY(mutex);    ///< until locate_bad_chunks()
  std::vector<PackId> to_compare HF_GUARDED_BY(mutex);        ///< sound, and yet not as the index has them
  std::vector<PackId> proven HF_GUARDED_BY(mutex);
  std::vector<PackId> damaged_orphans HF_GUARDED_BY(mutex);   ///< in no run: no damage, and yet nothing to rely on
  std::vector<PackId> gone HF_GUARDED_BY(mutex);              ///< that were listed, and can't be found when they are read
  std::uint64_t unknown_packs = 0;                            ///< names among the packs that Holdfast does not give
  std::map<PackId, std::uint64_t> parity;                     ///< packs that have it, and its bytes
  StripeList stripes;                                         ///< constant after list_stripes_of()
  std::map<PackId, std::vector<const Stripe*>> stripes_of;    ///< by pack; likewise
  std::vector<PackId> healed HF_GUARDED_BY(mutex);
  std::map<PackId, std::string> beyond HF_GUARDED_BY(mutex);  ///< packs that could not be healed, and why
  std::unordered_map<ChunkId, std::size_t> bad_chunks;        ///< by key (second half zero) → damage; after locate_bad_chunks()
  std::vector<RecoveryPoint> points;

  /// Adds to the report; gives the position in its list.
  std::size_t add(Damage damage);
  void note(std::string text);
  void add_healed(HealedObject healed);
  /// How a hint about a damaged pack begins: whether its parity can help.
  std::string help_of_parity(const PackId& id);
  bool stopped() const { return progress.stop_requested; }
};

/// The pack as a file of the vault.
inline std::string file_of(const PackId& pack) { return "packs/" + pack.hex().substr(0, 2) + "/" + pack.hex(); }
/// An id with this key and nothing behind it: what Index::find() and maps by key need.
ChunkId id_of(const ChunkKey& key);

// The steps, in order; each in the file named behind it.
Status check_objects(const Vault& vault, Survey& survey);           ///< objects.cpp: description, key slots, leases, proofs, points
Status list_packs(ObjectStore& store, Survey& survey);              ///< packs.cpp
/// index_check.cpp: every run; fills index, indexed, expected and known anew, and gives what is damaged.
Result<std::vector<Damage>> check_index(const Vault& vault, Survey& survey);
/// moved.cpp: the index and the packs of one instant, as far as prunes let us see one.
Result<std::vector<Damage>> take_stock_of(const Vault& vault, Survey& survey);
Status list_parity_of(ObjectStore& store, Survey& survey);          ///< parity_check.cpp
Status heal_absent(ObjectStore& store, Survey& survey);             ///< parity_check.cpp: packs cut off, or so small that parity is all of them
Status check_presence(Survey& survey);                              ///< packs.cpp: indexed packs are there, of the right size
Status check_packs(ObjectStore& store, const Vault* vault, const std::vector<PackId>& which, Survey& survey);  ///< packs.cpp
/// Mends a pack that was found damaged; true if it should be judged anew. Any thread.
bool heal_damaged(ObjectStore& store, const PackId& id, Survey& survey);  ///< parity_check.cpp
Status list_stripes_of(ObjectStore* place, const std::optional<VaultId>& vault, Survey& survey);  ///< stripe_check.cpp
/// Mends a pack from its stripes, and tells of it; an error where that could not be done. Any thread.
Status heal_from_stripe(ObjectStore& store, const PackId& id, Survey& survey);   ///< stripe_check.cpp
/// Without a key: packs that stripes name and that are gone.
Status check_presence_by_stripes(ObjectStore& store, Survey& survey);            ///< stripe_check.cpp
/// Reads the parity packs of stripes that hold one of these packs; with healing, makes anew what is damaged or lacking.
Status check_stripes(ObjectStore& store, const std::vector<PackId>& which, Survey& survey);  ///< stripe_check.cpp
void tell_stripes(Survey& survey);                                  ///< stripe_check.cpp: which are not whole, and what is in none
/// Reads the parity of these packs; with healing, makes anew what is damaged or lacking.
Status check_parity(ObjectStore& store, const std::vector<PackId>& which, Survey& survey);  ///< parity_check.cpp
Status compare_with_index(const Vault& vault, Survey& survey);      ///< index_check.cpp: to_compare, entry by entry
/// packs.cpp: tells what is wrong with a pack; neighbours become one range.
void tell_faults(const PackId& id, const std::vector<PackFault>& faults, Survey& survey);
/// bad_chunks.cpp: which chunks are lost, and what stands on them; tells what no other damage explains.
void locate_bad_chunks(const Vault& vault, Survey& survey);
Status check_trees(const Vault& vault, Survey& survey);             ///< trees.cpp, and what damage costs
Status store_proof(const Vault& vault, Survey& survey);             ///< proofs.cpp
/// The packs of a sample: those proven longest ago, until their bytes are `percent` of all.
Result<std::vector<PackId>> choose_sample(const Vault& vault, Survey& survey, double percent);  ///< proofs.cpp

/// moved.cpp: did index runs come or go since the index was loaded? Then it is worth while to look again before something
/// is called lost.
Result<bool> has_moved(const Vault& vault, const Survey& survey);
/// moved.cpp: leaves out points that were removed since they were listed. True if there were such.
Result<bool> drop_removed_points(const Vault& vault, Survey& survey);

/// Does an object that is named by its content have this name?
Result<bool> content_name_holds(ObjectStore& store, const ObjectName& name);
/// Runs work(i) for i below `count` on `jobs` threads; with one job in this thread, in order.
void in_parallel(unsigned jobs, std::size_t count, const std::function<void(unsigned worker, std::size_t i)>& work);

}  // namespace hf
