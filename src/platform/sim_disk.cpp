#include "platform/sim_disk.hpp"

#include <algorithm>
#include <unordered_set>

#include "base/assert.hpp"

namespace hf::sim {
namespace {

/// The page for writing: a copy where the durable state shares it.
Page& own(std::shared_ptr<Page>& page) {
  if (page.use_count() > 1) page = std::make_shared<Page>(*page);
  return *page;
}

/// Nothing remains beyond the size, so that growing again shows zeros.
void trim(Content& content) {
  content.pages.erase(content.pages.lower_bound((content.size + kPageBytes - 1) / kPageBytes), content.pages.end());
  const std::uint64_t tail = content.size % kPageBytes;
  if (tail == 0) return;
  const auto last = content.pages.find(content.size / kPageBytes);
  if (last != content.pages.end() && last->second->size() > tail) own(last->second).resize(tail);
}

void copy_page(const Content& from, Content& to, std::uint64_t number) {
  const auto page = from.pages.find(number);
  if (page == from.pages.end()) to.pages.erase(number);
  else to.pages[number] = page->second;
}

}  // namespace

Disk::Disk() {
  root_ = make(FileType::directory, 1, Facts{.mode = 0755});
  root_->names = 1;
  root_->parent = root_;
}

Inode* Disk::make(FileType type, std::uint64_t dev, Facts facts) {
  auto node = std::make_unique<Inode>();
  node->ino = ++inode_last_;  // the root is 2, as on ext4
  node->dev = dev;
  node->type = type;
  node->facts = facts;
  node->durable_facts = std::move(facts);
  Inode* const result = node.get();
  inodes_.emplace(result->ino, std::move(node));
  return result;
}

// --- names ---

void Disk::apply(const EntryChange& change, std::map<std::string, Inode*> Inode::*entries) {
  if (change.from_dir != nullptr) {
    auto& from = change.from_dir->*entries;
    const auto at = from.find(change.from);
    if (at != from.end() && at->second == change.node) from.erase(at);
  }
  if (change.to_dir != nullptr) (change.to_dir->*entries)[change.to] = change.node;
}

/// Applies a change to what programs see and remembers it until it is durable.
void Disk::record(EntryChange change) {
  const auto add_if_pending = [&](std::vector<ChangeId>& to, ChangeId earlier) {
    if (pending_.contains(earlier)) to.push_back(earlier);
  };
  // The rules (a) to (d) at the top of sim_disk.hpp.
  add_if_pending(change.needs, change.node->last_change);
  if (change.replaced != nullptr) add_if_pending(change.needs, change.replaced->last_change);
  if (change.to_dir != nullptr)
    if (const auto at = change.to_dir->entry_changes.find(change.to); at != change.to_dir->entry_changes.end())
      add_if_pending(change.needs, at->second);
  Inode* const removed = change.to_dir == nullptr ? change.node : change.replaced;
  if (removed != nullptr) change.needs.insert(change.needs.end(), removed->changes.begin(), removed->changes.end());
  const bool is_new = change.node->names == 0;
  if (change.to_dir != nullptr && change.to_dir != change.from_dir && !is_new) {
    for (Inode* dir = change.to_dir;; dir = dir->parent) {
      add_if_pending(change.awaits, dir->last_change);
      if (dir == dir->parent) break;
    }
  }

  const ChangeId id = ++change_last_;
  change.node->last_change = id;
  if (change.replaced != nullptr) change.replaced->last_change = id;
  for (Inode* dir : {change.from_dir, change.to_dir})
    if (dir != nullptr) dir->changes.insert(id);
  if (change.from_dir != nullptr) change.from_dir->entry_changes[change.from] = id;
  if (change.to_dir != nullptr) change.to_dir->entry_changes[change.to] = id;

  apply(change, &Inode::entries);
  if (change.node->is_directory()) {
    if (change.from_dir != nullptr) --change.from_dir->subdirectories;
    if (change.to_dir != nullptr) {
      ++change.to_dir->subdirectories;
      change.node->parent = change.to_dir;
    }
  }
  if (change.replaced != nullptr && change.replaced->is_directory()) --change.to_dir->subdirectories;
  if (change.to_dir != nullptr) ++change.node->names;
  Inode* const node = change.node;
  Inode* const replaced = change.replaced;
  const bool lost_one = change.from_dir != nullptr;
  pending_.emplace(id, std::move(change));
  if (lost_one) drop_name(node);
  if (replaced != nullptr) drop_name(replaced);
}

void Disk::link(Inode* dir, const std::string& name, Inode* node) { record({.node = node, .to_dir = dir, .to = name}); }

void Disk::unlink(Inode* dir, const std::string& name) {
  record({.node = dir->entries.at(name), .from_dir = dir, .from = name});
}

void Disk::rename(Inode* from_dir, const std::string& from, Inode* to_dir, const std::string& to) {
  Inode* const node = from_dir->entries.at(from);
  const auto there = to_dir->entries.find(to);
  Inode* const replaced = there == to_dir->entries.end() ? nullptr : there->second;
  if (replaced == node) return;
  record({.node = node, .from_dir = from_dir, .from = from, .to_dir = to_dir, .to = to, .replaced = replaced});
}

void Disk::drop_name(Inode* node) {
  --node->names;
  free_if_unused(node);
}

void Disk::release(Inode* node) {
  --node->handles;
  free_if_unused(node);
}

/// Gives the space back. The inode stays, with what is durable of it, as long as a crash can bring a name of it back.
void Disk::free_if_unused(Inode* node) {
  if (node->names > 0 || node->handles > 0) return;
  pages_used_ -= node->content.pages.size();
  node->dirty.clear();
  node->lost.clear();
  node->content = Content{};
  node->facts_dirty = false;
  if (++freed_ > 4096) sweep();
}

// --- content ---

std::size_t Disk::read(const Inode* file, MutableBytes out, std::uint64_t offset) const {
  const Content& content = file->content;
  if (offset >= content.size) return 0;
  const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), content.size - offset));
  for (std::size_t done = 0; done < n;) {
    const std::uint64_t at = offset + done;
    const std::size_t within = at % kPageBytes;
    const std::size_t part = std::min<std::size_t>(n - done, kPageBytes - within);
    const auto page = content.pages.find(at / kPageBytes);
    std::size_t stored = 0;
    if (page != content.pages.end() && page->second->size() > within) {
      stored = std::min(part, page->second->size() - within);
      std::memcpy(out.data() + done, page->second->data() + within, stored);
    }
    std::memset(out.data() + done + stored, 0, part - stored);
    done += part;
  }
  return n;
}

std::size_t Disk::write(Inode* file, ByteView data, std::uint64_t offset) {
  Content& content = file->content;
  std::size_t done = 0;
  while (done < data.size()) {
    const std::uint64_t at = offset + done;
    const std::size_t within = at % kPageBytes;
    const std::size_t part = std::min<std::size_t>(data.size() - done, kPageBytes - within);
    auto found = content.pages.find(at / kPageBytes);
    if (found == content.pages.end()) {
      if (full()) break;
      found = content.pages.emplace(at / kPageBytes, std::make_shared<Page>()).first;
      ++pages_used_;
    }
    Page& page = own(found->second);
    if (page.size() < within + part) page.resize(within + part);
    std::memcpy(page.data() + within, data.data() + done, part);
    file->dirty.insert(found->first);
    file->lost.erase(found->first);
    done += part;
  }
  if (done > 0) content.size = std::max(content.size, offset + done);
  return done;
}

void Disk::truncate(Inode* file, std::uint64_t size) {
  Content& content = file->content;
  if (size < content.size) {
    for (const auto* pages : {&content.pages, &file->durable_content.pages})
      for (auto page = pages->lower_bound(size / kPageBytes); page != pages->end(); ++page) file->dirty.insert(page->first);
    pages_used_ -= content.pages.size();
    content.size = size;
    trim(content);
    pages_used_ += content.pages.size();
  }
  content.size = size;
}

std::uint64_t Disk::next_data(const Inode* file, std::uint64_t offset) const {
  const auto& pages = file->content.pages;
  const auto page = pages.lower_bound(offset / kPageBytes);
  return page == pages.end() ? file->content.size : std::max(offset, page->first * kPageBytes);
}

std::uint64_t Disk::next_hole(const Inode* file, std::uint64_t offset) const {
  const auto& pages = file->content.pages;
  std::uint64_t number = offset / kPageBytes;
  for (auto page = pages.find(number); page != pages.end() && page->first == number; ++page) ++number;
  if (number == offset / kPageBytes) return offset;
  return std::min(file->content.size, number * kPageBytes);
}

// --- durability ---

std::set<ChangeId> Disk::pending_before(ChangeId id, Through links) const {
  std::set<ChangeId> found;
  std::vector<ChangeId> todo = {id};
  while (!todo.empty()) {
    const auto at = pending_.find(todo.back());
    todo.pop_back();
    if (at == pending_.end() || !found.insert(at->first).second) continue;
    const EntryChange& change = at->second;
    todo.insert(todo.end(), change.needs.begin(), change.needs.end());
    if (links == Through::needs_and_awaits) todo.insert(todo.end(), change.awaits.begin(), change.awaits.end());
  }
  return found;
}

bool Disk::waits(ChangeId id) const {
  const auto is_pending = [&](ChangeId awaited) { return pending_.contains(awaited); };
  for (ChangeId each : pending_before(id, Through::needs)) {
    const auto& awaits = pending_.at(each).awaits;
    if (std::any_of(awaits.begin(), awaits.end(), is_pending)) return true;
  }
  return false;
}

/// With all that it needs and awaits, in order of time.
void Disk::make_durable(ChangeId id) {
  const std::set<ChangeId> closure = pending_before(id, Through::needs_and_awaits);
  for (ChangeId each : closure) {
    const EntryChange change = std::move(pending_.at(each));
    pending_.erase(each);
    synced_.erase(each);
    apply(change, &Inode::durable_entries);
    const auto forget = [&](Inode* dir, const std::string& name) {
      if (dir == nullptr) return;
      dir->changes.erase(each);
      const auto entry = dir->entry_changes.find(name);
      if (entry != dir->entry_changes.end() && entry->second == each) dir->entry_changes.erase(entry);
    };
    forget(change.from_dir, change.from);
    forget(change.to_dir, change.to);
  }
}

void Disk::sync(Inode* node) {
  if (node->is_directory()) {
    for (ChangeId id : node->changes) {
      // What was moved out of here becomes durable with the directory it was moved to: syncing this one is no promise.
      const Inode* const to_dir = pending_.at(id).to_dir;
      if (to_dir != nullptr && to_dir != node) continue;
      for (ChangeId each : pending_before(id, Through::needs)) {
        pending_.at(each).synced = true;
        synced_.insert(each);
      }
    }
    finish_synced();
  }
  for (std::uint64_t page : node->dirty) copy_page(node->content, node->durable_content, page);
  node->dirty.clear();
  node->durable_content.size = node->content.size;
  trim(node->durable_content);
  node->durable_facts = node->facts;
  node->facts_dirty = false;
}

/// Makes durable what is promised and need not wait (any longer).
void Disk::finish_synced() {
  for (bool again = true; again;) {
    again = false;
    for (ChangeId id : std::vector<ChangeId>(synced_.begin(), synced_.end())) {
      if (!synced_.contains(id) || waits(id)) continue;
      make_durable(id);
      again = true;
    }
  }
}

void Disk::sync_name(Inode* node) {
  make_durable(node->last_change);
  finish_synced();
}

void Disk::sync_all() {
  while (!pending_.empty()) make_durable(pending_.begin()->first);
  for (const auto& [ino, node] : inodes_)
    if (node->names > 0 || node->handles > 0) sync(node.get());
}

void Disk::lose_dirty(Inode* file) {
  file->lost.insert(file->dirty.begin(), file->dirty.end());
  file->dirty.clear();
}

void Disk::lose_all_dirty() {
  for (const auto& [ino, node] : inodes_) lose_dirty(node.get());
}

void Disk::crash(const std::function<bool()>& survives) {
  // In order of time: a change survives if its coin says so and all that it needs survived.
  std::unordered_set<ChangeId> gone;
  for (const auto& [id, change] : pending_) {
    const auto is_gone = [&](ChangeId earlier) { return gone.contains(earlier); };
    const bool possible = std::none_of(change.needs.begin(), change.needs.end(), is_gone) &&
                          std::none_of(change.awaits.begin(), change.awaits.end(), is_gone);
    if (possible && (change.synced || survives())) apply(change, &Inode::durable_entries);
    else gone.insert(id);
  }
  pending_.clear();
  synced_.clear();

  for (const auto& [ino, node] : inodes_) {
    std::set<std::uint64_t> unsure = node->dirty;
    unsure.insert(node->lost.begin(), node->lost.end());
    for (std::uint64_t page : unsure)
      if (survives()) copy_page(node->content, node->durable_content, page);
    const bool alive = node->names > 0 || node->handles > 0;
    if (alive && node->content.size != node->durable_content.size && survives()) node->durable_content.size = node->content.size;
    trim(node->durable_content);
    if (node->facts_dirty && survives()) node->durable_facts = node->facts;
  }
  remember_from_durable();
}

/// After a crash: what is durable is all there is.
void Disk::remember_from_durable() {
  for (const auto& [ino, node] : inodes_) {
    node->content = node->durable_content;
    node->facts = node->durable_facts;
    node->entries = node->durable_entries;
    node->facts_dirty = false;
    node->dirty.clear();
    node->lost.clear();
    node->changes.clear();
    node->entry_changes.clear();
    node->parent = nullptr;
    node->subdirectories = node->names = node->handles = 0;
    node->last_change = 0;
  }
  root_->names = 1;
  root_->parent = root_;
  std::vector<Inode*> todo = {root_};
  while (!todo.empty()) {
    Inode* const dir = todo.back();
    todo.pop_back();
    for (const auto& [name, node] : dir->entries) {
      ++node->names;
      if (!node->is_directory()) continue;
      HF_ASSERT(node->names == 1);  // a directory with two names would be no tree
      node->parent = dir;
      ++dir->subdirectories;
      todo.push_back(node);
    }
  }
  sweep();
  pages_used_ = 0;
  for (const auto& [ino, node] : inodes_) pages_used_ += node->content.pages.size();
}

/// Removes inodes that no name, handle or pending change can reach any more.
void Disk::sweep() {
  std::unordered_set<const Inode*> reached;
  std::vector<Inode*> todo;
  const auto reach = [&](Inode* node) {
    if (node != nullptr && reached.insert(node).second) todo.push_back(node);
  };
  reach(root_);
  for (const auto& [id, change] : pending_)
    for (Inode* node : {change.node, change.from_dir, change.to_dir, change.replaced}) reach(node);
  for (const auto& [ino, node] : inodes_)
    if (node->handles > 0) reach(node.get());
  while (!todo.empty()) {
    Inode* const node = todo.back();
    todo.pop_back();
    reach(node->parent);
    for (const auto* entries : {&node->entries, &node->durable_entries})
      for (const auto& [name, child] : *entries) reach(child);
  }
  std::erase_if(inodes_, [&](const auto& item) { return !reached.contains(item.second.get()); });
  freed_ = 0;
}

}  // namespace hf::sim
