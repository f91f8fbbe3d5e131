#include "vault/index.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <queue>
#include <set>

#include "base/assert.hpp"

namespace hf {
namespace {

std::atomic<std::uint64_t> next_serial{1};

/// A page's associated data: that of the table's frame without the size, which is not known when pages are sealed.
Buffer page_associated(const VaultId& vault, const FrameHeader& frame) {
  Buffer b;
  append(b, vault.view());
  append(b, frame.salt);
  append(b, as_bytes("index page"));
  return b;
}

Aead& thread_aead() {
  thread_local Aead aead;
  return aead;
}

}  // namespace

/// Direct-mapped: a page has one place. 2,048 places of 4 KiB.
class PageCache {
 public:
  std::shared_ptr<const Buffer> get(std::uint64_t run, std::uint64_t page) {
    Lock lock(mutex_);
    const Slot& s = slots_[place(run, page)];
    return s.run == run && s.page == page ? s.content : nullptr;
  }
  void put(std::uint64_t run, std::uint64_t page, std::shared_ptr<const Buffer> content) {
    Lock lock(mutex_);
    slots_[place(run, page)] = {run, page, std::move(content)};
  }

 private:
  struct Slot {
    std::uint64_t run = 0, page = 0;
    std::shared_ptr<const Buffer> content;
  };
  static constexpr std::size_t kSlots = 2048;
  static std::size_t place(std::uint64_t run, std::uint64_t page) { return (page + run * 977) % kSlots; }
  Mutex mutex_;
  std::vector<Slot> slots_ HF_GUARDED_BY(mutex_) = std::vector<Slot>(kSlots);
};

IndexRun::~IndexRun() {
  for (auto& p : filter_pages_) delete p.load();
  wipe(key_);
}

Result<std::shared_ptr<IndexRun>> IndexRun::open(const Vault& vault, const std::string& name) {
  const auto doing = [&] { return "reading index run " + name.substr(0, 8); };
  auto run = std::shared_ptr<IndexRun>(new IndexRun());
  run->name_ = name;
  run->vault_ = vault.id();
  run->serial_ = next_serial++;
  run->object_ = HF_TRY(vault.store().open({ObjectKind::index, name}));
  const std::uint64_t size = run->object_->size();
  const Error damaged(Code::corrupt, "index run " + name.substr(0, 8) + " is damaged", "make the index anew: holdfast rebuild");
  if (size < IndexTrailer::kBytes) return damaged;
  Buffer end(IndexTrailer::kBytes);
  HF_TRY(run->object_->read(size - end.size(), end));
  const IndexTrailer trailer = HF_TRY(IndexTrailer::decode(end).context(doing));
  if (trailer.table_offset > size || trailer.table_stored_bytes != size - IndexTrailer::kBytes - trailer.table_offset) return damaged;
  Buffer table(trailer.table_stored_bytes);
  HF_TRY(run->object_->read(trailer.table_offset, table));
  run->frame_ = HF_TRY(peek_object(table, SealedKind::index).context(doing));
  run->key_ = HF_TRY(vault.keys().object_key(run->frame_).context(doing));
  const Buffer plain = HF_TRY(open_object(table, SealedKind::index, run->vault_, run->key_).context(doing));
  run->table_ = HF_TRY(IndexTable::decode(plain, size).context(doing));
  run->associated_ = page_associated(run->vault_, run->frame_);
  run->filter_blocks_ = run->table_.filter_blocks;
  const std::uint64_t entries = run->table_.entry_count, pages = run->table_.entry_pages();
  run->filter_offset_ = entries * IndexEntry::kBytes + pages * Aead::kTagBytes;
  const std::uint64_t filter_pages = (run->filter_blocks_ + kFilterPageBlocks - 1) / kFilterPageBlocks;
  if (run->filter_offset_ + run->filter_blocks_ * kFilterBlockBytes + filter_pages * Aead::kTagBytes != trailer.table_offset) return damaged;
  run->filter_pages_ = std::vector<std::atomic<const Buffer*>>(filter_pages);
  return run;
}

Result<Buffer> IndexRun::read_page(std::uint64_t page_nonce, std::uint64_t offset, std::size_t stored_bytes) const {
  Buffer stored(stored_bytes), plain(stored_bytes - Aead::kTagBytes);
  HF_TRY(object_->read(offset, stored));
  Aead& aead = thread_aead();
  aead.set_key(frame_.cipher, key_);
  HF_TRY(aead.open(page_nonce, associated_, stored, plain).context([&] { return "index run " + name_.substr(0, 8) + ", page " + std::to_string(page_nonce); }));
  return plain;
}

Result<std::shared_ptr<const Buffer>> IndexRun::entry_page(std::uint64_t page, PageCache& cache) const {
  if (auto known = cache.get(serial_, page)) return known;
  const std::uint64_t first = page * kIndexPageEntries;
  const std::uint64_t count = std::min<std::uint64_t>(kIndexPageEntries, table_.entry_count - first);
  auto plain = std::make_shared<const Buffer>(HF_TRY(read_page(page + 1, page * kIndexPageBytes, count * IndexEntry::kBytes + Aead::kTagBytes)));
  cache.put(serial_, page, plain);
  return plain;
}

Result<std::vector<IndexEntry>> IndexRun::page_entries(std::uint64_t page) const {
  const std::uint64_t first = page * kIndexPageEntries;
  const std::uint64_t count = std::min<std::uint64_t>(kIndexPageEntries, table_.entry_count - first);
  const Buffer plain = HF_TRY(read_page(page + 1, page * kIndexPageBytes, count * IndexEntry::kBytes + Aead::kTagBytes));
  std::vector<IndexEntry> out;
  for (std::uint64_t i = 0; i < count; ++i) {
    out.push_back(decode_index_entry(ByteView(plain).subspan(i * IndexEntry::kBytes, IndexEntry::kBytes)));
    if (out.back().pack >= table_.packs.size()) return Error(Code::corrupt, "index run " + name_.substr(0, 8) + " is damaged", "make the index anew: holdfast rebuild");
  }
  return out;
}

Result<bool> IndexRun::may_hold(const ChunkKey& key) const {
  if (filter_blocks_ == 0) return true;
  const std::uint64_t block = filter_block_of(key, filter_blocks_), page = block / kFilterPageBlocks;
  const Buffer* bits = filter_pages_[page].load(std::memory_order_acquire);
  if (bits == nullptr) {
    const std::uint64_t blocks = std::min<std::uint64_t>(kFilterPageBlocks, filter_blocks_ - page * kFilterPageBlocks);
    auto fresh = std::make_unique<const Buffer>(HF_TRY(read_page(table_.entry_pages() + page + 1, filter_offset_ + page * (kFilterPageBlocks * kFilterBlockBytes + Aead::kTagBytes),
                                                                 blocks * kFilterBlockBytes + Aead::kTagBytes)));
    const Buffer* expected = nullptr;
    if (filter_pages_[page].compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) bits = fresh.release();
    else bits = expected;
  }
  return filter_has(ByteView(*bits).subspan(block % kFilterPageBlocks * kFilterBlockBytes, kFilterBlockBytes), key);
}

Status IndexRun::find(const ChunkKey& key, PageCache& cache, const std::function<bool(const ChunkPlace&)>& visit) const {
  if (!HF_TRY(may_hold(key))) return {};
  const auto& fences = table_.fences;
  auto page = static_cast<std::size_t>(std::lower_bound(fences.begin(), fences.end(), key.high) - fences.begin());
  if (page > 0) --page;
  for (; page < fences.size() && fences[page] <= key.high; ++page) {
    const auto plain = HF_TRY(entry_page(page, cache));
    const auto entry = [&](std::size_t i) { return decode_index_entry(ByteView(*plain).subspan(i * IndexEntry::kBytes, IndexEntry::kBytes)); };
    const std::size_t count = plain->size() / IndexEntry::kBytes;
    std::size_t low = 0, high = count;  // to the first that is not less
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (entry(middle).key < key) low = middle + 1;
      else high = middle;
    }
    for (; low < count; ++low) {
      const IndexEntry e = entry(low);
      if (e.key != key) return {};
      if (e.pack >= table_.packs.size()) return Error(Code::corrupt, "index run " + name_.substr(0, 8) + " is damaged", "make the index anew: holdfast rebuild");
      const IndexedPack& p = table_.packs[e.pack];
      if (visit(ChunkPlace{p.id, p.pack_class, e.offset, e.stored_bytes, e.chunk})) return {};
    }
  }
  return {};
}

Status IndexRun::for_each(const std::function<Status(const IndexEntry&)>& visit) const {
  for (std::uint64_t page = 0; page < table_.entry_pages(); ++page)
    for (const IndexEntry& e : HF_TRY(page_entries(page))) HF_TRY(visit(e));
  return {};
}

std::uint64_t IndexRun::resident_bytes() const {
  std::uint64_t bytes = table_.fences.capacity() * 8 + table_.packs.capacity() * sizeof(IndexedPack) + filter_pages_.size() * 8;
  for (const auto& p : filter_pages_)
    if (const Buffer* b = p.load()) bytes += b->capacity();
  return bytes;
}

Index::Index(const Vault& vault) : vault_(vault), cache_(std::make_shared<PageCache>()), runs_(std::make_shared<std::vector<std::shared_ptr<IndexRun>>>()) {}
Index::~Index() = default;

Result<std::unique_ptr<Index>> Index::load(const Vault& vault) {
  auto index = std::unique_ptr<Index>(new Index(vault));
  HF_TRY(index->reload());
  return index;
}

Result<std::unique_ptr<Index>> Index::load_what_opens(const Vault& vault, std::vector<std::pair<std::string, Error>>& unreadable) {
  auto index = std::unique_ptr<Index>(new Index(vault));
  HF_TRY(index->reload(&unreadable));
  return index;
}

Status Index::reload(std::vector<std::pair<std::string, Error>>* unreadable) {
  // A merge may remove runs between the listing and the opening; then the merged one is in the next listing.
  for (int attempt = 0;; ++attempt) {
    std::vector<std::string> names;
    HF_TRY(vault_.store().list(ObjectKind::index, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
    std::sort(names.begin(), names.end());
    auto found = std::make_shared<std::vector<std::shared_ptr<IndexRun>>>();
    bool vanished = false;
    if (unreadable != nullptr) unreadable->clear();
    for (const std::string& name : names) {
      auto run = IndexRun::open(vault_, name);
      if (!run && run.error().code == Code::not_found && attempt < 5) {
        vanished = true;
        break;
      }
      if (!run && run.error().code == Code::refused && vault_.is_write_only()) continue;  // not of our write-only key
      if (!run && unreadable != nullptr) {
        unreadable->emplace_back(name, std::move(run.error()));
        continue;
      }
      if (!run) return std::move(run.error()).with_hint("make the index anew from the packs: holdfast rebuild");
      if (!only_ || (*run)->writer() == *only_) found->push_back(std::move(*run));
    }
    if (vanished) continue;
    std::set<std::pair<WriterId, std::string>> superseded;  // none by another writer's
    for (const auto& run : *found)
      for (const RunId& id : run->table().supersedes) superseded.emplace(run->writer(), id.hex());
    std::vector<std::pair<WriterId, std::string>> left_over;
    std::erase_if(*found, [&](const auto& run) {
      if (!superseded.contains({run->writer(), run->name()})) return false;
      left_over.emplace_back(run->writer(), run->name());
      return true;
    });
    // Looked into from the end: what the vault's own keys made comes first.
    std::stable_partition(found->begin(), found->end(), [](const auto& run) { return !run->writer().is_zero(); });
    Lock lock(mutex_);
    runs_ = std::move(found);
    superseded_ = std::move(left_over);
    return {};
  }
}

std::unique_ptr<Index> Index::only(const WriterId& writer) const {
  auto index = std::unique_ptr<Index>(new Index(vault_));
  index->only_ = writer;
  index->cache_ = cache_;
  auto own = std::make_shared<std::vector<std::shared_ptr<IndexRun>>>();
  for (const auto& run : runs())
    if (run->writer() == writer) own->push_back(run);
  std::vector<std::pair<WriterId, std::string>> left_over;
  {
    Lock lock(mutex_);
    left_over = superseded_;
  }
  std::erase_if(left_over, [&](const auto& left) { return left.first != writer; });
  Lock lock(index->mutex_);
  index->superseded_ = std::move(left_over);
  index->runs_ = std::move(own);
  return index;
}

std::vector<WriterId> Index::writers() const {
  std::set<WriterId> out;
  for (const auto& run : runs()) out.insert(run->writer());
  return {out.begin(), out.end()};
}

std::vector<std::shared_ptr<IndexRun>> Index::runs() const {
  Lock lock(mutex_);
  return *runs_;
}

Result<std::optional<ChunkPlace>> Index::find(const ChunkId& id) const {
  std::shared_ptr<const std::vector<std::shared_ptr<IndexRun>>> runs;
  {
    Lock lock(mutex_);
    runs = runs_;
  }
  const ChunkKey key = ChunkKey::of(id);
  std::optional<ChunkPlace> found;
  const auto take = [&](const ChunkPlace& place) {
    if (!distrusted_.empty() && distrusted_.contains(place.pack)) return false;
    found = place;
    return true;
  };
  for (auto run = runs->rbegin(); run != runs->rend() && !found; ++run) HF_TRY((*run)->find(key, *cache_, take));
  return found;
}

Result<std::vector<ChunkPlace>> Index::find_all(const ChunkId& id) const {
  const ChunkKey key = ChunkKey::of(id);
  std::vector<ChunkPlace> out;
  for (const auto& run : runs())
    HF_TRY(run->find(key, *cache_, [&](const ChunkPlace& place) {
      out.push_back(place);
      return false;
    }));
  std::stable_partition(out.begin(), out.end(), [&](const ChunkPlace& p) { return !distrusted_.contains(p.pack); });
  return out;
}

void Index::distrust(std::unordered_set<PackId> packs) { distrusted_ = std::move(packs); }

Status Index::add_run(const std::string& name) {
  auto run = HF_TRY(IndexRun::open(vault_, name));
  Lock lock(mutex_);
  auto longer = std::make_shared<std::vector<std::shared_ptr<IndexRun>>>(*runs_);
  longer->push_back(std::move(run));
  runs_ = std::move(longer);
  return {};
}

std::vector<IndexedPack> Index::packs() const {
  std::map<PackId, IndexedPack> all;
  for (const auto& run : runs())
    for (const IndexedPack& p : run->table().packs) all.emplace(p.id, p);
  std::vector<IndexedPack> out;
  for (auto& [id, p] : all) out.push_back(p);
  return out;
}

std::uint64_t Index::resident_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& run : runs()) bytes += run->resident_bytes();
  return bytes;
}

Status Index::finish_merges() {
  std::vector<std::pair<WriterId, std::string>> left_over;
  {
    Lock lock(mutex_);
    left_over.swap(superseded_);
  }
  if (left_over.empty()) return {};
  std::vector<ObjectName> names;
  for (const auto& run : runs()) names.push_back({ObjectKind::index, run->name()});
  HF_TRY(vault_.store().settle(names));
  for (const auto& [writer, name] : left_over) HF_TRY(remove_joined(name));
  return {};
}

Status Index::merge_if_many() {
  HF_TRY(finish_merges());
  auto all = runs();
  std::map<WriterId, std::vector<std::shared_ptr<IndexRun>>> by_writer;
  for (auto& run : all) by_writer[run->writer()].push_back(std::move(run));
  for (auto& [writer, runs] : by_writer) HF_TRY(merge_if_many(std::move(runs)));
  return {};
}

Status Index::merge_if_many(std::vector<std::shared_ptr<IndexRun>> all) {
  constexpr std::size_t kRunsMax = 16, kMergeAtOnce = 12;
  if (all.size() <= kRunsMax) return {};
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a->table().entry_count < b->table().entry_count; });
  // The smallest ones: a chunk is rewritten once each time its run grows twelvefold.
  const std::vector<std::shared_ptr<IndexRun>> small(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(std::max(kMergeAtOnce, all.size() - kRunsMax + kMergeAtOnce / 2)));

  return join(small, retired_);
}

Status Index::remove_joined(const std::string& name) {
  auto removed = vault_.store().remove({ObjectKind::index, name});
  if (!removed && removed.error().code == Code::permission && vault_.is_write_only()) return {};
  return removed;
}

Status Index::drop_packs(const std::unordered_set<PackId>& packs) {
  HF_TRY(finish_merges());
  std::map<WriterId, std::vector<std::shared_ptr<IndexRun>>> concerned;
  for (auto& run : runs()) {
    const auto& listed = run->table().packs;
    if (std::any_of(listed.begin(), listed.end(), [&](const IndexedPack& p) { return packs.contains(p.id); })) concerned[run->writer()].push_back(run);
  }
  for (auto& [writer, of_writer] : concerned) HF_TRY(join(std::move(of_writer), packs));
  return {};
}

// Of a chunk that is stored more than once every place is kept: one of the packs may be about to be retired, by a prune that
// has copied what is live in it, and then the other place is the only one. In a run a chunk has one place; so the second
// ones get a run of their own, and the third. They come before the joined run, whose sight makes the old ones count no more.
Status Index::join(std::vector<std::shared_ptr<IndexRun>> runs, const std::unordered_set<PackId>& without) {
  const auto as_maker = vault_.writing_as(runs[0]->writer());
  auto entries = HF_TRY(MergedEntries::over(std::move(runs)));
  const std::vector<RunId> supersedes = HF_TRY(entries.run_ids());
  std::vector<IndexedPack> kept;
  constexpr std::uint32_t kLeftOut = UINT32_MAX;
  std::vector<std::uint32_t> place;  // in `kept`, by position in entries.packs()
  for (const IndexedPack& p : entries.packs()) {
    place.push_back(without.contains(p.id) ? kLeftOut : static_cast<std::uint32_t>(kept.size()));
    if (place.back() != kLeftOut) kept.push_back(p);
  }
  // A chunk that lies in several packs keeps all its places: one of them may be lost, and an independent point has its own.
  std::optional<ChunkKey> last;
  std::vector<std::uint32_t> told;  // packs of that key
  const EntrySource next = [&]() -> Result<std::optional<IndexEntry>> {
    for (;;) {
      auto e = HF_TRY(entries.next());
      if (!e) return e;
      e->pack = place[e->pack];
      if (e->pack == kLeftOut) continue;
      if (last != e->key) told.clear();
      last = e->key;
      if (std::find(told.begin(), told.end(), e->pack) != told.end()) continue;  // two runs tell of it
      told.push_back(e->pack);
      return e;
    }
  };
  const ObjectName joined{ObjectKind::index, HF_TRY(write_index_run(*as_maker, kept, entries.total(), next, supersedes))};
  for (const RunId& id : supersedes) HF_TRY(remove_joined(id.hex()));
  // For good: a run that a power loss brings back after the joined one was joined in its turn would tell of packs that
  // were removed since.
  HF_TRY(vault_.store().settle({&joined, 1}));
  return reload();
}

// --- MergedEntries ---

Result<MergedEntries> MergedEntries::over(std::vector<std::shared_ptr<IndexRun>> runs) {
  MergedEntries m;
  std::unordered_map<PackId, std::uint32_t> pack_at;
  for (auto& run : runs) {
    Cursor c;
    for (const IndexedPack& p : run->table().packs) {
      const auto [at, is_new] = pack_at.try_emplace(p.id, static_cast<std::uint32_t>(m.packs_.size()));
      if (is_new) m.packs_.push_back(p);
      c.pack_of.push_back(at->second);
    }
    m.total_ += run->table().entry_count;
    c.run = std::move(run);
    m.cursors_.push_back(std::move(c));
  }
  for (std::size_t i = 0; i < m.cursors_.size(); ++i)
    if (HF_TRY(m.advance(m.cursors_[i]))) m.heap_.push_back(i);
  std::make_heap(m.heap_.begin(), m.heap_.end(), [&](std::size_t a, std::size_t b) { return m.later(a, b); });
  return m;
}

Result<bool> MergedEntries::advance(Cursor& c) {
  if (++c.at < c.page.size()) return true;
  if (c.next_page == c.run->table().entry_pages()) return false;
  c.page = HF_TRY(c.run->page_entries(c.next_page++));
  c.at = 0;
  return true;
}

Result<std::optional<IndexEntry>> MergedEntries::next() {
  if (heap_.empty()) return std::optional<IndexEntry>();
  const auto order = [this](std::size_t a, std::size_t b) { return later(a, b); };
  std::pop_heap(heap_.begin(), heap_.end(), order);
  Cursor& c = cursors_[heap_.back()];
  IndexEntry e = c.page[c.at];
  e.pack = c.pack_of[e.pack];
  if (HF_TRY(advance(c))) std::push_heap(heap_.begin(), heap_.end(), order);
  else heap_.pop_back();
  return std::optional(e);
}

Result<std::optional<IndexEntry>> MergedEntries::next_place() {
  for (;;) {
    const auto e = HF_TRY(next());
    if (!e) return e;
    if (e->key != told_key_) told_.clear();
    told_key_ = e->key;
    const std::pair place{e->pack, e->offset};
    if (std::find(told_.begin(), told_.end(), place) != told_.end()) continue;
    told_.push_back(place);
    return e;
  }
}

Result<std::vector<RunId>> MergedEntries::run_ids() const {
  std::vector<RunId> out;
  for (const Cursor& c : cursors_) out.push_back(HF_TRY(RunId::parse(c.run->name())));
  return out;
}

Result<std::string> write_index_run(const Vault& vault, const std::vector<IndexedPack>& packs, std::uint64_t entries_max, const EntrySource& next,
                                    const std::vector<RunId>& supersedes) {
  const FrameHeader frame = vault.new_frame(SealedKind::index);
  const Digest key = HF_TRY(vault.keys().object_key(frame));
  const Buffer associated = page_associated(vault.id(), frame);
  Aead aead;
  aead.set_key(frame.cipher, key);
  const auto upload = HF_TRY(vault.store().create(ObjectKind::index));
  ContentName name;
  IndexTable table;
  table.packs = packs;
  table.supersedes = supersedes;
  std::uint64_t offset = 0, nonce = 1;
  Buffer stored;
  const auto append_page = [&](ByteView plain) -> Status {
    stored.resize(plain.size() + Aead::kTagBytes);
    aead.seal(nonce++, associated, plain, stored);
    HF_TRY(upload->append(stored));
    name.update(stored);
    offset += stored.size();
    return {};
  };

  table.filter_blocks = filter_block_count(entries_max);
  Buffer filter(table.filter_blocks * kFilterBlockBytes);
  std::optional<ChunkKey> last;
  std::array<std::uint8_t, kIndexPageBytes> page;
  std::size_t in_page = 0;
  const auto flush = [&]() -> Status {
    if (in_page == 0) return {};
    HF_TRY(append_page(ByteView(page).first(in_page * IndexEntry::kBytes)));
    in_page = 0;
    return {};
  };
  for (;;) {
    const std::optional<IndexEntry> e = HF_TRY(next());
    if (!e) break;
    HF_ASSERT(!last || *last <= e->key);
    last = e->key;
    ++table.entry_count;
    if (in_page == 0) table.fences.push_back(e->key.high);
    encode_index_entry(*e, MutableBytes(page).subspan(in_page * IndexEntry::kBytes, IndexEntry::kBytes));
    if (!filter.empty()) filter_set(MutableBytes(filter).subspan(filter_block_of(e->key, table.filter_blocks) * kFilterBlockBytes, kFilterBlockBytes), e->key);
    if (++in_page == kIndexPageEntries) HF_TRY(flush());
  }
  HF_TRY(flush());
  constexpr std::size_t kFilterPlain = kFilterPageBlocks * kFilterBlockBytes;
  for (std::size_t at = 0; at < filter.size(); at += kFilterPlain) HF_TRY(append_page(ByteView(filter).subspan(at, std::min(kFilterPlain, filter.size() - at))));

  const Buffer sealed = seal_object(frame, vault.id(), key, table.encode());
  IndexTrailer trailer;
  trailer.table_offset = offset;
  trailer.table_stored_bytes = static_cast<std::uint32_t>(sealed.size());
  for (const Buffer& part : {sealed, trailer.encode()}) {
    HF_TRY(upload->append(part));
    name.update(part);
  }
  const std::string run = to_hex(name.finish());
  HF_TRY(upload->commit({ObjectKind::index, run}));
  return run;
}

}  // namespace hf
