#pragma once
// The index: chunk → pack, segment, position. Immutable runs in the vault, opened by their tables alone; a lookup reads
// one sealed page of 4 KiB, and a filter keeps lookups of unknown chunks from reading any.
//
// Resident memory: about 1.6 bytes a chunk (filter 1.5, fences 0.06) once every filter page was needed, 50 bytes a
// pack, and the page cache of 8 MiB.

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <unordered_set>

#include "base/mutex.hpp"
#include "format/index_run.hpp"
#include "vault/vault.hpp"

namespace hf {

/// Where a chunk lies.
struct ChunkPlace {
  PackId pack;
  PackClass pack_class = PackClass::data;
  std::uint32_t offset = 0;        ///< of the segment's frame
  std::uint32_t stored_bytes = 0;  ///< of the frame
  std::uint16_t chunk = 0;         ///< position in the segment
};

class PageCache;

/// One immutable run. Any thread.
class IndexRun {
 public:
  static Result<std::shared_ptr<IndexRun>> open(const Vault& vault, const std::string& name);
  ~IndexRun();
  const std::string& name() const { return name_; }
  const IndexTable& table() const { return table_; }
  /// Who made it, and so the packs that it may tell of; zero: who holds the vault's own keys.
  WriterId writer() const { return frame_.writer(); }
  /// Calls `visit` with the places of the chunk, one after the other, until it gives true.
  Status find(const ChunkKey& key, PageCache& cache, const std::function<bool(const ChunkPlace&)>& visit) const;
  /// All entries in order; IndexEntry::pack points into table().packs. Stops where `visit` gives an error.
  Status for_each(const std::function<Status(const IndexEntry&)>& visit) const;
  /// The entries of one page.
  Result<std::vector<IndexEntry>> page_entries(std::uint64_t page) const;
  /// Bytes of memory that it holds now.
  std::uint64_t resident_bytes() const;

 private:
  IndexRun() = default;
  Result<Buffer> read_page(std::uint64_t page_nonce, std::uint64_t offset, std::size_t stored_bytes) const;
  Result<std::shared_ptr<const Buffer>> entry_page(std::uint64_t page, PageCache& cache) const;
  Result<bool> may_hold(const ChunkKey& key) const;

  // Constant after open():
  std::string name_;
  std::unique_ptr<ObjectReader> object_;
  IndexTable table_;
  VaultId vault_;
  FrameHeader frame_;
  Buffer associated_;
  Digest key_{};
  std::uint64_t filter_blocks_ = 0, filter_offset_ = 0;
  std::uint64_t serial_ = 0;  // distinguishes runs in the page cache
  // Filter pages, read when first needed. Own synchronisation: a pointer is set once.
  mutable std::vector<std::atomic<const Buffer*>> filter_pages_;
};

/// The entries of several runs in order of keys, those with one key after each other; memory: one page a run. One thread.
class MergedEntries {
 public:
  static Result<MergedEntries> over(std::vector<std::shared_ptr<IndexRun>> runs);
  /// Every pack that some of the runs lists, once; IndexEntry::pack of next() points into it.
  const std::vector<IndexedPack>& packs() const { return packs_; }
  std::uint64_t total() const { return total_; }
  Result<std::optional<IndexEntry>> next();
  /// The same without places of a chunk that were given before: two runs may tell of one.
  Result<std::optional<IndexEntry>> next_place();
  /// The names of the runs.
  Result<std::vector<RunId>> run_ids() const;

 private:
  struct Cursor {
    std::shared_ptr<IndexRun> run;
    std::vector<std::uint32_t> pack_of;  // position in packs_
    std::vector<IndexEntry> page;
    std::size_t at = 0;
    std::uint64_t next_page = 0;
  };
  Result<bool> advance(Cursor& cursor);
  bool later(std::size_t a, std::size_t b) const { return cursors_[a].page[cursors_[a].at].key > cursors_[b].page[cursors_[b].at].key; }

  std::vector<IndexedPack> packs_;
  std::vector<Cursor> cursors_;
  std::vector<std::size_t> heap_;  // cursors that have an entry, the first in order on top
  ChunkKey told_key_;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> told_;  // pack and offset, of that key
  std::uint64_t total_ = 0;
};

/// All runs of a vault that its keys open. Any thread.
///
/// What a write-only key's run tells may be a lie, made to have something counted as stored that is not, or as needed by
/// nobody. A reader finds out, since it compares what it reads with its identity; so it looks into all runs, the vault's own
/// first. Who builds on what is stored, or deletes, looks at each writer's packs by that writer's runs: only().
class Index {
 public:
  static Result<std::unique_ptr<Index>> load(const Vault& vault);
  /// The same, of the runs that one writer made; the vault is a loan of the given one. Distrusts nothing.
  std::unique_ptr<Index> only(const WriterId& writer) const;
  /// Who made some run.
  std::vector<WriterId> writers() const;
  /// For `verify` and other looks at a damaged vault: leaves out the runs that don't open, and tells of them.
  static Result<std::unique_ptr<Index>> load_what_opens(const Vault& vault, std::vector<std::pair<std::string, Error>>& unreadable);
  ~Index();
  /// A place of the chunk in a pack that is not distrusted.
  Result<std::optional<ChunkPlace>> find(const ChunkId& id) const;
  /// Every place that some run tells of, those in distrusted packs last: a chunk may be stored again after damage.
  Result<std::vector<ChunkPlace>> find_all(const ChunkId& id) const;
  /// From now on find() passes over these packs: they are missing, known to be damaged, or retired.
  void distrust(std::unordered_set<PackId> packs);
  /// Merges leave out entries of these packs: a prune condemned them, and may remove them at any time. Never those that are
  /// only retired: a session from before may rely on them, and its point brings them back, and must find them in the index.
  void leave_out(std::unordered_set<PackId> packs) { retired_ = std::move(packs); }
  bool distrusts_any() const { return !distrusted_.empty(); }
  Status add_run(const std::string& name);
  std::vector<std::shared_ptr<IndexRun>> runs() const;
  /// Every pack that some run lists, once.
  std::vector<IndexedPack> packs() const;
  /// Merges small runs when there are many; lookups stay as quick. Old runs are removed once the merged one is durable.
  Status merge_if_many();
  /// Rewrites the runs that list one of these packs without them. Crash: old or new runs, or both.
  Status drop_packs(const std::unordered_set<PackId>& packs);
  std::uint64_t resident_bytes() const;

 private:
  explicit Index(const Vault& vault);
  /// Fails for a run that does not open, or adds it to `unreadable`.
  Status reload(std::vector<std::pair<std::string, Error>>* unreadable = nullptr);
  Status merge_if_many(std::vector<std::shared_ptr<IndexRun>> of_one_writer);
  /// Removes what merges have joined that died before they did: of what supersedes it, too, a later one may be the only trace.
  Status finish_merges();
  /// Who has a write-only key may add objects and not remove any: what was joined stays then, and nobody looks at it.
  Status remove_joined(const std::string& name);
  /// Joins runs of one writer into one without these packs, removes them, and reloads.
  Status join(std::vector<std::shared_ptr<IndexRun>> runs, const std::unordered_set<PackId>& without);

  const Vault& vault_;
  std::optional<WriterId> only_;
  std::shared_ptr<PageCache> cache_;
  std::unordered_set<PackId> distrusted_, retired_;  // set before other threads use the index
  mutable Mutex mutex_;
  std::shared_ptr<const std::vector<std::shared_ptr<IndexRun>>> runs_ HF_GUARDED_BY(mutex_);
  std::vector<std::pair<WriterId, std::string>> superseded_ HF_GUARDED_BY(mutex_);  // runs that a merge has joined and not removed yet
};

/// Gives entries in order of keys; nothing at the end.
using EntrySource = std::function<Result<std::optional<IndexEntry>>()>;

/// Writes a run, streaming; memory: 1.5 bytes an entry. `entries_max` bounds how many `next` gives. Gives its name.
Result<std::string> write_index_run(const Vault& vault, const std::vector<IndexedPack>& packs, std::uint64_t entries_max, const EntrySource& next,
                                    const std::vector<RunId>& supersedes = {});

}  // namespace hf
