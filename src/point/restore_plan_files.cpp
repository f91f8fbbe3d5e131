// The planner's second half: what is done with one file.

#include <fcntl.h>

#include <algorithm>

#include "base/units.hpp"
#include "point/restore_frame.hpp"
#include "target/fs/system_calls.hpp"

namespace hf {

using target::uninterrupted;

namespace {

/// What was written of a file of this size is worth keeping when a restore is interrupted.
constexpr std::uint64_t kResumeBytes = 64_MiB;
/// A newer file of up to this size is compared before it is called a conflict: an interrupted run may have left it.
constexpr std::uint64_t kCompareNewerBytes = 256_MiB;
/// A file's chunks are parted between windows only when it has at least so many in one.
constexpr std::size_t kPartedWants = 256;

std::uint64_t content_mark(const Entry& e) {
  Buffer text;
  const auto number = [&](std::uint64_t n) { append(text, ByteView(reinterpret_cast<const std::uint8_t*>(&n), sizeof n)); };
  number(e.stat.size);
  number(static_cast<std::uint64_t>(e.stat.mtime));
  number(static_cast<std::uint64_t>(e.stat.type));
  number(e.stat.rdev_major);
  number(e.stat.rdev_minor);
  append(text, as_bytes(e.target));
  if (!e.content.refs.empty()) {
    append(text, e.content.refs.front().id.view());
    append(text, e.content.refs.back().id.view());
  }
  const Digest d = sha256(text);
  std::uint64_t mark;
  std::copy_n(d.begin(), sizeof mark, reinterpret_cast<std::uint8_t*>(&mark));
  return mark;
}

}  // namespace

Result<std::optional<Stat>> RestorePlanner::look(const Entry& entry) {
  const Frame& frame = *stack_.back();
  if (purpose_ == Purpose::prove || frame.state == Frame::State::absent || frame.directory->made()) return std::optional<Stat>();
  const Handle handle = HF_TRY(tree_->handle(frame.directory));
  Stat stat;
  const int looked = uninterrupted([&] { return env_.sys_stat(handle->get(), entry.name.c_str(), false, &stat); });
  if (looked == -ENOENT) return std::optional<Stat>();
  if (looked < 0) return Error::from_errno(-looked, "looking at " + printable(path_)).with_object(path_);
  return std::optional(stat);
}

bool RestorePlanner::is_newer(const Entry& entry, const Stat& there) const {
  const RestoreOptions::Torn& torn = options_.torn;
  if (there.ctime >= torn.from && there.ctime < torn.until && (torn.anything || there.size < entry.stat.size)) return false;
  return there.mtime > entry.stat.mtime;
}

Action RestorePlanner::judge(const Entry& entry, const Stat& there) const {
  if (options_.overwrite == Overwrite::never) return Action::leave;
  const bool always = options_.overwrite == Overwrite::always, newer = is_newer(entry, there);
  const Action differs = newer && !always ? Action::conflict : Action::replace;
  if (there.type != entry.stat.type) return there.type == FileType::directory && !always ? Action::conflict : differs;
  switch (entry.stat.type) {
    case FileType::regular:
      if (there.size == entry.stat.size && there.mtime == entry.stat.mtime) return options_.compare ? Action::replace : Action::leave;
      if (!newer || always) return Action::replace;
      // A newer time alone does not make a newer file, and an empty one holds nothing: an interrupted run leaves both.
      if (there.size == 0) return Action::replace;
      return there.size == entry.stat.size && entry.stat.size <= kCompareNewerBytes ? Action::replace : Action::conflict;
    case FileType::symlink: {
      const auto handle = tree_->handle(stack_.back()->directory);
      const auto target = handle ? env_.read_link((*handle)->get(), entry.name.c_str()) : Result<std::string>(handle.error());
      return target && *target == entry.target ? Action::leave : differs;
    }
    case FileType::char_device:
    case FileType::block_device:
      return there.rdev_major == entry.stat.rdev_major && there.rdev_minor == entry.stat.rdev_minor ? Action::leave : differs;
    default: return Action::leave;
  }
}

Status RestorePlanner::plan_file(const Entry& entry) {
  HF_TRY(flush_if_full());
  Frame& frame = *stack_.back();
  const auto looked = look(entry);
  if (!looked) return problem(looked.error()), Status();
  const std::optional<Stat>& there = *looked;
  const bool many = entry.stat.nlink > 1 && purpose_ != Purpose::prove;
  if (many && plan_link(entry, there)) return {};
  if (!there) {
    if (purpose_ == Purpose::plan) count(Action::create, entry);
    if (many) remember_link(entry);
    frame.touched = true;
    if (journal_creations_ && purpose_ == Purpose::restore)
      undo_->will_create(*frame.directory, entry.name, entry.stat.type, entry.stat.size, entry.stat.mtime);
    return entry.is_regular() ? plan_content(entry, there) : plan_special(entry, there);
  }
  const Action action = judge(entry, *there);
  if (action == Action::conflict) {
    if (purpose_ == Purpose::plan) count(action, entry);
    else tally_.conflict(*frame.directory, entry.name,
                    there->type == FileType::directory ? "a directory is where the file would be" : "it is newer than the recovery point's");
    return {};
  }
  if (many) {
    remember_link(entry);
    First& first = firsts_.at({entry.stat.dev, entry.stat.ino});
    if (action == Action::leave) {
      first.dev = there->dev;
      first.ino = there->ino;
    }
  }
  if (action == Action::leave) {
    if (entry.is_regular()) progress_.bytes_done += entry.stat.size;
    if (options_.overwrite != Overwrite::never) {
      plan_update(entry, *there);
    } else {
      if (purpose_ == Purpose::plan) count(action, entry);
      else tally_.did(action, *frame.directory, entry.name);
    }
    return {};
  }
  if (purpose_ == Purpose::plan) count(action, entry);
  frame.touched = true;
  return entry.is_regular() ? plan_content(entry, there) : plan_special(entry, there);
}

void RestorePlanner::plan_update(const Entry& entry, const Stat& there) {
  Frame& frame = *stack_.back();
  const auto handle = tree_->handle(frame.directory);
  if (!handle) return problem(handle.error());
  const MetadataWriter::Place place{(*handle)->get(), entry.name.c_str(), *frame.directory, entry.name};
  const bool differs = metadata_->differs(place, Metadata::of(entry), there);
  if (purpose_ == Purpose::plan) return count(differs ? Action::update : Action::leave, entry);
  if (!differs) return tally_.did(Action::leave, *frame.directory, entry.name);
  frame.touched_below = true;
  const std::uint32_t item = add_item(entry);
  window_->items[item].old = std::make_unique<Stat>(there);
  window_->updates.push_back(item);
}

bool RestorePlanner::plan_link(const Entry& entry, const std::optional<Stat>& there) {
  const auto at = firsts_.find({entry.stat.dev, entry.stat.ino});
  if (at == firsts_.end() || at->second.content != content_mark(entry)) return false;
  First& first = at->second;
  Frame& frame = *stack_.back();
  const auto forget = [&] {
    if (--first.left == 0) firsts_.erase(at);
  };
  if (entry.is_regular()) progress_.bytes_done += entry.stat.size;
  Action action = Action::create;
  if (there) {
    const bool linked = first.ino != 0 && first.ino == there->ino && first.dev == there->dev;
    action = linked ? Action::leave : judge(entry, *there);
    if (action == Action::leave && !linked && options_.overwrite != Overwrite::never) action = Action::replace;
  }
  if (purpose_ == Purpose::plan) {
    const std::uint64_t bytes = plan_.bytes;
    count(action, entry);
    plan_.bytes = bytes;  // a link writes nothing
  } else if (action == Action::leave) {
    tally_.did(action, *frame.directory, entry.name);
  } else if (action == Action::conflict) {
    tally_.conflict(*frame.directory, entry.name, "it is newer than the recovery point's");
  } else {
    frame.touched = true;
    if (!there && journal_creations_) undo_->will_create(*frame.directory, entry.name, entry.stat.type, entry.stat.size, entry.stat.mtime);
    window_->links.push_back({frame.directory, entry.name, first.directory, first.name, OwnedMetadata::of(entry), entry.stat.size, there});
  }
  forget();
  return true;
}

void RestorePlanner::remember_link(const Entry& entry) {
  firsts_.insert_or_assign({entry.stat.dev, entry.stat.ino},
                           First{directory_here(), entry.name, 0, 0, entry.stat.nlink - 1, content_mark(entry)});
}

std::uint32_t RestorePlanner::add_item(const Entry& entry) {
  Item& item = window_->items.emplace_back();
  item.directory = directory_here();
  item.name = entry.name;
  item.size = entry.stat.size;
  item.metadata = OwnedMetadata::of(entry);
  item.target = entry.target;
  item.rdev_major = entry.stat.rdev_major;
  item.rdev_minor = entry.stat.rdev_minor;
  item.many_names = entry.stat.nlink > 1;
  return static_cast<std::uint32_t>(window_->items.size() - 1);
}

Status RestorePlanner::plan_special(const Entry& entry, const std::optional<Stat>& there) {
  if (purpose_ == Purpose::plan) return {};
  if (purpose_ == Purpose::prove) {
    ++tally_.files;
    return {};
  }
  const std::uint32_t item = add_item(entry);
  if (there) window_->items[item].old = std::make_unique<Stat>(*there);
  (there ? window_->replaced : window_->simple).push_back(item);
  return {};
}

std::shared_ptr<LargeFile> RestorePlanner::make_large(const Entry& entry) {
  Frame& frame = *stack_.back();
  auto large = std::make_shared<LargeFile>(frame.directory, entry.name, entry.stat.size, OwnedMetadata::of(entry));
  large->many_names = entry.stat.nlink > 1;
  if (purpose_ != Purpose::restore) return large;
  // A name that a later run of the same restore finds again.
  Buffer text(as_bytes(entry.name).begin(), as_bytes(entry.name).end());
  const std::uint64_t mark = content_mark(entry);
  append(text, ByteView(reinterpret_cast<const std::uint8_t*>(&mark), sizeof mark));
  const std::string temporary = std::string(DirectoryTree::kTemporaryPrefix) + to_hex(ByteView(sha256(text)).first(8));
  const auto left = std::find(frame.temporaries.begin(), frame.temporaries.end(), temporary);
  const bool keep = entry.stat.size >= kResumeBytes;
  if (left != frame.temporaries.end() && keep) {
    large->resumed = true;
    frame.temporaries.erase(left);
  }
  large->file = std::make_unique<PendingFile>(*tree_, frame.directory, entry.name, temporary, large->resumed, keep);
  return large;
}

Status RestorePlanner::plan_content(const Entry& entry, const std::optional<Stat>& there) {
  if (purpose_ == Purpose::restore && !there && entry.content.refs.empty()) {
    window_->simple.push_back(add_item(entry));  // empty, or one hole
    return {};
  }
  std::shared_ptr<LargeFile> large;
  if (there && purpose_ == Purpose::restore) {
    large = make_large(entry);
    large->old = there;
    large->newer = is_newer(entry, *there) && options_.overwrite != Overwrite::always && there->size > 0 && there->type == FileType::regular;
    if (large->newer) large->resumed = false;
    large->looks_same = there->size == entry.stat.size && there->mtime == entry.stat.mtime;
  }
  return add_chunks(entry, std::move(large));
}

std::uint64_t RestorePlanner::segment_key(const ChunkPlace& place) {
  const auto [at, is_new] = pack_numbers_.try_emplace(place.pack, static_cast<std::uint32_t>(pack_numbers_.size()));
  if (is_new && purpose_ != Purpose::plan) window_->packs.push_back(place.pack);
  return std::uint64_t{at->second} << 32 | place.offset;
}

Status RestorePlanner::add_chunks(const Entry& entry, std::shared_ptr<LargeFile> large) {
  const bool planning = purpose_ == Purpose::plan;
  std::uint32_t item = 0;
  std::size_t first_want = 0;
  bool one_segment = true, lost = false;
  const auto begin_part = [&] {
    if (planning) return;
    item = add_item(entry);
    window_->items[item].large = large;
    first_want = window_->wants.size();
    if (large && (large->old || large->resumed)) window_->old_large.push_back(large);
  };
  const auto become_large = [&] {
    if (large || planning) return;
    large = make_large(entry);
    window_->items[item].large = large;
    if (large->resumed) window_->old_large.push_back(large);
  };
  begin_part();
  std::uint64_t reached = 0;
  Status walked = for_each_chunk(chunks_, entry, [&](const ChunkRef& ref, std::uint64_t offset) -> Status {
    if (stop_.stopped()) return stop_.status();
    const std::size_t own = window_->wants.size() - first_want;
    const bool full = window_->wants.size() >= limit_ || window_->bytes >= limits_.bytes;
    if (!planning && full && own >= kPartedWants && !(large && large->newer)) {
      become_large();
      large->in_one_window = false;
      large->pending += own;
      HF_TRY(flush());
      begin_part();
    }
    reached = offset + ref.bytes;
    const auto place = places_.find(ref.id);
    if (!place) {
      if (place.error().code != Code::corrupt) return place.error();
      lost = true;
      if (planning) return {};
      become_large();
      large->lose(offset, reached, place.error().message);
      return {};
    }
    const std::uint64_t segment = segment_key(*place);
    if (planning) {
      if (!segments_.insert({static_cast<std::uint32_t>(segment >> 32), place->offset}).second) return {};
      plan_.bytes_fetched += place->stored_bytes;
      // Every so many-th segment, evenly over the whole: when there are too many, every second one is dropped.
      constexpr std::size_t kSampleMax = 64;
      if (segments_.size() % (std::uint64_t{1} << sampled_of_) == 0) sample_.push_back(*place);
      if (sample_.size() > kSampleMax) {
        for (std::size_t i = 0; i * 2 + 1 < sample_.size(); ++i) sample_[i] = sample_[i * 2 + 1];
        sample_.resize(sample_.size() / 2);
        ++sampled_of_;
      }
      return {};
    }
    if (window_->wants.size() > first_want && window_->wants.back().segment != segment) one_segment = false;
    Want& want = window_->wants.emplace_back();
    want.id = ref.id;
    want.segment = segment;
    want.offset = offset;
    want.stored_bytes = place->stored_bytes;
    want.bytes = ref.bytes;
    want.item = item;
    want.chunk = place->chunk;
    window_->bytes += ref.bytes;
    return {};
  });
  if (!walked) {
    if (walked.error().code != Code::corrupt && walked.error().code != Code::unsupported) return walked;
    lost = true;
    if (!planning) {
      become_large();
      large->lose(reached, std::max(reached + 1, entry.stat.size), walked.error().message);
    }
  }
  if (planning) {
    if (lost) ++plan_.unreachable;
    return {};
  }
  const std::size_t own = window_->wants.size() - first_want;
  if (!large && (!one_segment || own == 0)) become_large();
  if (!large) return {};
  // The planner's own part is given up. What has an old file and no chunks is judged when the window compares.
  if (large->pending.fetch_add(own - 1, std::memory_order_acq_rel) + own - 1 == 0) window_->finished.push_back(large);
  return {};
}

Status RestorePlanner::flush_if_full() {
  const std::size_t things = window_->items.size() + window_->links.size() + window_->directories.size();
  if (window_->wants.size() < limit_ && things < limit_ && window_->bytes < limits_.bytes) return {};
  return flush();
}

Status RestorePlanner::flush() {
  if (window_->empty()) return {};
  auto full = std::exchange(window_, std::make_unique<Window>());
  if (purpose_ != Purpose::plan) pack_numbers_.clear();
  limit_ = std::min(limit_ * 2, limits_.most);
  if (full->old_large.empty()) full->sort_wants();
  if (!submit_(std::move(full))) {
    HF_TRY(stop_.status());
    return Error(Code::cancelled, "the restore was stopped");
  }
  return {};
}

}  // namespace hf
