#include "point/restore_engine.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "base/units.hpp"
#include "point/restore_worker.hpp"

namespace hf {
namespace {

/// One read takes neighbouring segments up to this size: few calls, and yet many units for the workers to share.
constexpr std::uint64_t kUnitBytes = 2_MiB;
/// And up to this size as they are needed: of segments that hold only what differs from others there are many in few bytes.
/// Small, so that the workers stay near one another in the file: what their segments stand on is then opened once for all.
constexpr std::uint64_t kUnitPlainBytes = 4_MiB;
/// And as they lie in the files: of those that hold what little has changed neighbours in a pack may be far apart.
constexpr std::uint64_t kUnitApart = 8_MiB;
/// What lies between two needed segments is read with them rather than with a second call.
constexpr std::uint64_t kGapBytes = 64_KiB;
/// Things without content, a task at a time.
constexpr std::size_t kSimplePerTask = 64;

/// Joins what touches; in order.
std::vector<ByteRange> joined(std::vector<ByteRange> ranges) {
  std::sort(ranges.begin(), ranges.end(), [](const ByteRange& a, const ByteRange& b) { return a.begin < b.begin; });
  std::vector<ByteRange> out;
  for (const ByteRange& r : ranges)
    if (!out.empty() && r.begin <= out.back().end) out.back().end = std::max(out.back().end, r.end);
    else out.push_back(r);
  return out;
}

}  // namespace

void StopReason::fail(Error error) {
  Lock lock(mutex_);
  if (!error_) error_ = std::move(error);
  failed_ = true;
}

Status StopReason::status() {
  {
    Lock lock(mutex_);
    if (error_) return *error_;
  }
  if (progress_.stop_requested) return Error(Code::cancelled, "the restore was stopped", "run the same command again to go on: what is there already is left as it is");
  return {};
}

void RestoreTally::did(Action action, const Directory& directory, std::string_view name) {
  ++counts_[static_cast<std::size_t>(action)];
  if (!options_.on_action) return;
  Lock lock(mutex_);
  options_.on_action(action, directory.path_of(name));
}

void RestoreTally::conflict(const Directory& directory, std::string_view name, std::string reason) {
  did(Action::conflict, directory, name);
  Lock lock(mutex_);
  if (report_.conflicts_listed.size() < RestoreReport::kListedMax) report_.conflicts_listed.push_back({directory.path_of(name), std::move(reason)});
}

void RestoreTally::failed(Error error) {
  ++failed_;
  ++progress_.errors;
  problems_.problem(error);
}

void RestoreTally::damaged(DamagedFile file) {
  ++progress_.errors;
  file.lost = joined(std::move(file.lost));
  std::string ranges;
  for (std::size_t i = 0; i < file.lost.size() && i < 8; ++i)
    ranges += (i == 0 ? "bytes " : ", ") + human_count(file.lost[i].begin) + "-" + human_count(file.lost[i].end - 1);
  if (file.lost.size() > 8) ranges += ", …";
  if (file.lost.empty()) ranges = "names in this directory are lost";
  else ranges += " of " + human_count(file.size) + " are lost";
  Error error(Code::corrupt, "'" + printable(file.path) + "' is damaged in the vault: " + ranges);
  error.detail = file.reason;
  error.hint = file.lost.empty() ? "find what is affected: holdfast verify" : file.partial.empty() ? "nothing of it could be saved" : "what is left was saved as '" + printable(file.partial) + "', with zeros where bytes are lost";
  error.object = file.path;
  problems_.problem(error);
  Lock lock(mutex_);
  ++report_.damaged_count;
  if (report_.damaged.size() < RestoreReport::kListedMax) report_.damaged.push_back(std::move(file));
}

RestoreReport RestoreTally::take_report() {
  Lock lock(mutex_);
  RestoreReport r = std::move(report_);
  const auto count = [&](Action a) { return counts_[static_cast<std::size_t>(a)].load(); };
  r.created = count(Action::create);
  r.replaced = count(Action::replace);
  r.updated = count(Action::update);
  r.left = count(Action::leave);
  r.conflicts = count(Action::conflict);
  r.deleted = count(Action::remove);
  r.directories_made = directories_made;
  r.failed = failed_;
  r.bytes = bytes;
  r.bytes_kept = bytes_kept;
  r.bytes_fetched = bytes_fetched;
  r.files = files;
  std::sort(r.damaged.begin(), r.damaged.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  std::sort(r.conflicts_listed.begin(), r.conflicts_listed.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return r;
}

void Window::sort_wants() {
  const auto before = [](const Want& a, const Want& b) {
    return std::tie(a.have, a.segment, a.chunk, a.item, a.offset) < std::tie(b.have, b.segment, b.chunk, b.item, b.offset);
  };
  if (!std::is_sorted(wants.begin(), wants.end(), before)) std::sort(wants.begin(), wants.end(), before);
  sorted = true;
}

RestoreEngine::RestoreEngine(ChunkReader& chunks, DirectoryTree* tree, MetadataWriter* metadata, UndoArea* undo, const RestoreOptions& options,
                             RestoreTally& tally, Progress& progress, StopReason& stop)
    : chunks_(chunks),
      tree_(tree),
      metadata_(metadata),
      undo_(undo),
      options_(options),
      tally_(tally),
      progress_(progress),
      stop_(stop),
      env_(tree != nullptr ? &tree->env() : nullptr),
      crew_(std::max(1u, options.jobs)) {
  for (unsigned i = 0; i < crew_.jobs(); ++i) workers_.push_back(std::make_unique<Worker>());
}
RestoreEngine::~RestoreEngine() = default;

bool RestoreEngine::is_fatal(const Error& error) {
  return error.code == Code::no_space || error.code == Code::cancelled || error.code == Code::unreachable || error.code == Code::internal ||
         error.code == Code::too_many || error.code == Code::io || error.os_error == EROFS;
}

void RestoreEngine::problem(Error error) {
  if (!is_fatal(error)) return tally_.failed(std::move(error));
  if (error.hint.empty())
    error.hint = error.code == Code::no_space ? "make room, then run the same command again: what is there already is left as it is"
                                              : "run the same command again to go on: what is there already is left as it is";
  stop_.fail(std::move(error));
}

void RestoreEngine::execute(Window& window) {
  if (stop_.stopped()) return;
  if (undo_ != nullptr)
    if (auto flushed = undo_->flush(); !flushed) return stop_.fail(flushed.error());
  if (!window.old_large.empty()) compare(window);
  if (!window.sorted) window.sort_wants();
  fetch(window);
  if (auto done = crew_.run(window.finished.size(), [&](unsigned, std::size_t i) { finish_file(*window.finished[i]); }); !done) stop_.fail(done.error());
  if (stop_.stopped()) return;
  if (options_.verify && !proving()) verify(window);
  if (!proving()) commit(window);
}

void RestoreEngine::fetch(Window& window) {
  // Wants to segments, segments to units.
  segments_.clear();
  units_.clear();
  std::size_t needed = 0;
  while (needed < window.wants.size() && !window.wants[needed].have) ++needed;
  for (std::size_t i = 0; i < needed;) {
    std::size_t end = i + 1;
    while (end < needed && window.wants[end].segment == window.wants[i].segment) ++end;
    segments_.push_back({i, end});
    i = end;
  }
  const auto begin_of = [&](std::size_t s) { return window.wants[segments_[s].first].segment & UINT32_MAX; };
  const auto end_of = [&](std::size_t s) { return begin_of(s) + window.wants[segments_[s].first].stored_bytes; };
  const auto pack_of = [&](std::size_t s) { return window.wants[segments_[s].first].segment >> 32; };
  const auto plain_of = [&](std::size_t s) {
    std::uint64_t bytes = 0;
    for (std::size_t i = segments_[s].first; i < segments_[s].last; ++i) bytes += window.wants[i].bytes;
    return bytes;
  };
  std::vector<std::uint64_t> item_at;  // where each item begins, if they were one file after the other
  std::uint64_t items_bytes = 0;
  for (const Item& item : window.items) {
    item_at.push_back(items_bytes);
    items_bytes += item.size;
  }
  const auto target_of = [&](std::size_t s) {
    const Want& first = window.wants[segments_[s].first];
    return item_at[first.item] + first.offset;
  };
  const auto apart = [](std::uint64_t a, std::uint64_t b) { return a > b ? a - b : b - a; };
  for (std::size_t s = 0; s < segments_.size();) {
    std::size_t end = s + 1;
    std::uint64_t plain = plain_of(s);
    while (end < segments_.size() && pack_of(end) == pack_of(s) && begin_of(end) >= end_of(end - 1) && begin_of(end) - end_of(end - 1) <= kGapBytes &&
           end_of(end) - begin_of(s) <= kUnitBytes && plain < kUnitPlainBytes && apart(target_of(end), target_of(s)) <= kUnitApart)
      plain += plain_of(end++);
    units_.push_back({s, end});
    s = end;
  }
  // In the order of what is written, not of packs: those who stored a file side by side have each made a pack of it, whose
  // deltas stand on the same bases, and who comes soon after another finds them open.
  std::stable_sort(units_.begin(), units_.end(), [&](const Unit& a, const Unit& b) { return target_of(a.first) < target_of(b.first); });
  const std::size_t simple_tasks = (window.simple.size() + kSimplePerTask - 1) / kSimplePerTask;
  auto done = crew_.run(units_.size() + simple_tasks, [&](unsigned worker, std::size_t i) {
    if (stop_.stopped()) return;
    if (i < units_.size()) return fetch_unit(window, units_[i], *workers_[worker]);
    const std::size_t first = (i - units_.size()) * kSimplePerTask;
    for (std::size_t s = first; s < std::min(first + kSimplePerTask, window.simple.size()) && !stop_.stopped(); ++s) make_simple(window, window.simple[s]);
  });
  if (!done) stop_.fail(done.error());
}

void RestoreEngine::fetch_unit(Window& window, const Unit& unit, Worker& w) {
  const auto want_of = [&](std::size_t s) -> const Want& { return window.wants[segments_[s].first]; };
  const PackId& pack = window.packs[want_of(unit.first).segment >> 32];
  const std::uint64_t begin = want_of(unit.first).segment & UINT32_MAX;
  const std::uint64_t end = (want_of(unit.last - 1).segment & UINT32_MAX) + want_of(unit.last - 1).stored_bytes;
  const auto reader = chunks_.pack(pack);
  const Item& first_item = window.items[want_of(unit.first).item];
  if (w.shown != first_item.directory.get()) {
    w.shown = first_item.directory.get();
    progress_.now_at(first_item.directory->path());
  }
  bool whole = false;
  if (reader && (unit.last - unit.first > 1 || end - begin <= kSegmentStoredMax)) {
    if (w.frames.size() < end - begin) w.frames.resize(end - begin);  // to shrink it would have it filled with zeros later
    whole = static_cast<bool>((*reader)->read(begin, MutableBytes(w.frames).first(end - begin)));
    if (whole) tally_.bytes_fetched += end - begin;
  }
  for (std::size_t s = unit.first; s < unit.last; ++s) {
    const Want& want = want_of(s);
    const std::uint64_t at = want.segment & UINT32_MAX;
    std::size_t distinct = 0;  // they are in order of chunks
    for (std::size_t i = segments_[s].first; i < segments_[s].last; ++i) distinct += i == segments_[s].first || window.wants[i].chunk != window.wants[i - 1].chunk;
    w.segment.reset();
    auto opened = chunks_.open({.pack = pack, .offset = static_cast<std::uint32_t>(at), .stored_bytes = want.stored_bytes},
                               whole ? ByteView(w.frames).subspan(at - begin, want.stored_bytes) : ByteView(), distinct);
    if (opened && !whole) tally_.bytes_fetched += want.stored_bytes;
    if (opened) {
      w.segment = std::move(*opened);
      place_segment(window, segments_[s], w);
      continue;
    }
    Error why = std::move(opened.error());
    if (why.code == Code::unreachable || why.code == Code::cancelled) return stop_.fail(std::move(why));
    if (find_elsewhere(window, segments_[s], w)) {
      place_segment(window, segments_[s], w);
      continue;
    }
    if (whole) why.message = "pack " + pack.brief() + ", bytes " + human_count(at) + "-" + human_count(at + want.stored_bytes - 1) + ": " + why.message;
    lose(window, segments_[s], why);
  }
}

bool RestoreEngine::find_elsewhere(const Window& window, const Segment& segment, Worker& w) {
  OpenedSegment found;  // as the damaged one would be, with nothing where a chunk is nowhere else
  Buffer bytes;
  for (std::size_t i = segment.first; i < segment.last; ++i) {
    const Want& want = window.wants[i];
    if (i > segment.first && want.chunk == window.wants[i - 1].chunk) continue;
    found.offsets.resize(want.chunk + 1u, static_cast<std::uint32_t>(bytes.size()));
    const auto loaded = chunks_.read(want.id);
    if (!loaded) continue;
    append(bytes, loaded->bytes);
  }
  if (bytes.empty()) return false;
  found.offsets.push_back(static_cast<std::uint32_t>(bytes.size()));
  std::copy(bytes.begin(), bytes.end(), found.plain_of(bytes.size()).begin());
  w.segment = std::make_shared<const OpenedSegment>(std::move(found));
  return true;
}

void RestoreEngine::place_segment(Window& window, const Segment& segment, Worker& w) {
  const std::size_t count = segment.last - segment.first;
  const auto want = [&](std::size_t i) -> const Want& { return window.wants[segment.first + i]; };
  // Identify each chunk once: wants are in order of chunks.
  w.views.clear();
  for (std::size_t i = 0; i < count; ++i)
    if (i == 0 || want(i).chunk != want(i - 1).chunk) w.views.push_back(w.segment->chunk(want(i).chunk));
  w.digests.resize(w.views.size());
  chunks_.vault().keys().chunk_hash().digest_many(w.views, w.digests);
  w.good.assign(count, false);
  for (std::size_t i = 0, distinct = 0; i < count; ++i) {
    if (i > 0 && want(i).chunk != want(i - 1).chunk) ++distinct;
    w.good[i] = w.views[distinct].size() == want(i).bytes && w.digests[distinct] == want(i).id.bytes;
  }
  // Perhaps one of its bases was something else than it should be: they are identified then.
  if (!w.segment->bases_identified && std::find(w.good.begin(), w.good.end(), false) != w.good.end() && find_elsewhere(window, segment, w)) return place_segment(window, segment, w);
  // Place file by file.
  w.order.resize(count);
  for (std::size_t i = 0; i < count; ++i) w.order[i] = static_cast<std::uint32_t>(i);
  const auto before = [&](std::uint32_t a, std::uint32_t b) { return std::tie(want(a).item, want(a).offset) < std::tie(want(b).item, want(b).offset); };
  if (!std::is_sorted(w.order.begin(), w.order.end(), before)) std::sort(w.order.begin(), w.order.end(), before);
  for (std::size_t i = 0; i < count && !stop_.stopped();) {
    const Want& first = want(w.order[i]);
    const Item& item = window.items[first.item];
    w.extents.clear();
    w.lost.clear();
    std::uint64_t bytes = 0, chunks = 0;
    for (; i < count && want(w.order[i]).item == first.item; ++i, ++chunks) {
      const Want& at = want(w.order[i]);
      if (!w.good[w.order[i]]) {
        w.lost.push_back({at.offset, at.offset + at.bytes});
        continue;
      }
      const ByteView content = w.segment->chunk(at.chunk);
      bytes += content.size();
      Extent* last = w.extents.empty() ? nullptr : &w.extents.back();
      if (last != nullptr && last->offset + last->bytes.size() == at.offset && last->bytes.data() + last->bytes.size() == content.data())
        last->bytes = {last->bytes.data(), last->bytes.size() + content.size()};
      else w.extents.push_back({at.offset, content});
    }
    tally_.bytes.fetch_add(bytes, std::memory_order_relaxed);
    progress_.bytes_done.fetch_add(bytes, std::memory_order_relaxed);
    const auto why = [&] { return "pack " + window.packs[first.segment >> 32].brief() + " holds something else where its directory says these bytes are"; };
    if (LargeFile* large = item.large.get()) {
      for (const ByteRange& r : w.lost) large->lose(r.begin, r.end, why());
      write(*large, {w.segment, w.extents, chunks});
      continue;
    }
    if (proving()) {
      if (w.lost.empty()) ++tally_.files;
      else tally_.damaged({item.directory->path_of(item.name), item.size, w.lost, "", why()});
      continue;
    }
    std::string name = item.name, partial;
    if (!w.lost.empty()) {
      partial = item.name.substr(0, 255 - kPartialSuffix.size()) + std::string(kPartialSuffix);
      name = partial;
    }
    if (w.lost.empty() || !w.extents.empty()) {
      auto made = create_file(*tree_, *metadata_, item.directory, name, item.size, w.extents, item.metadata.view(), !item.many_names);
      if (made && partial.empty()) {
        tally_.did(Action::create, *item.directory, item.name);
        ++tally_.files;
        if (item.many_names && (item.metadata.flags & kFlagsSealing) != 0) {
          Lock lock(mutex_);
          seals_.push_back({item.directory, item.name, item.metadata.flags});
        }
      } else if (!made && partial.empty()) {
        if (made.error().code == Code::already_exists) tally_.conflict(*item.directory, item.name, "it appeared while we restored");
        else problem(std::move(made.error()));
      } else if (!made) {
        partial.clear();
      }
    }
    if (!w.lost.empty())
      tally_.damaged({item.directory->path_of(item.name), item.size, w.lost, w.extents.empty() || partial.empty() ? "" : item.directory->path_of(partial), why()});
  }
}

void RestoreEngine::write(LargeFile& file, LargeFile::Part part) {
  constexpr std::size_t kWaitingMax = 2;
  const auto write_now = [&](const LargeFile::Part& p) {
    for (const Extent& e : p.extents) {
      if (proving() || file.failed) break;
      if (auto written = file.file->write(e.bytes, e.offset); !written && !file.failed.exchange(true)) problem(std::move(written.error()));
    }
    done(file, p.chunks);
  };
  // The kernel lets one at a time write into a file: who would wait for that opens the next segment instead.
  bool mine = false;
  {
    Lock lock(file.mutex);
    if (file.is_written && file.waiting.size() < kWaitingMax) return file.waiting.push_back(std::move(part));
    mine = !file.is_written;
    file.is_written = true;
  }
  write_now(part);
  while (mine) {
    {
      Lock lock(file.mutex);
      if (file.waiting.empty()) {
        file.is_written = false;
        return;
      }
      part = std::move(file.waiting.front());
      file.waiting.erase(file.waiting.begin());
    }
    write_now(part);
  }
}

void RestoreEngine::lose(Window& window, const Segment& segment, const Error& why) {
  std::vector<std::size_t> order;
  for (std::size_t i = segment.first; i < segment.last; ++i) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tie(window.wants[a].item, window.wants[a].offset) < std::tie(window.wants[b].item, window.wants[b].offset);
  });
  for (std::size_t i = 0; i < order.size();) {
    const Item& item = window.items[window.wants[order[i]].item];
    std::vector<ByteRange> lost;
    const std::uint32_t number = window.wants[order[i]].item;
    for (; i < order.size() && window.wants[order[i]].item == number; ++i) {
      const Want& want = window.wants[order[i]];
      lost.push_back({want.offset, want.offset + want.bytes});
    }
    if (LargeFile* large = item.large.get()) {
      for (const ByteRange& r : lost) large->lose(r.begin, r.end, why.message);
      done(*large, lost.size());
    } else {
      tally_.damaged({item.directory->path_of(item.name), item.size, std::move(lost), "", why.message});
    }
  }
}

void RestoreEngine::make_simple(Window& window, std::uint32_t number) {
  const Item& item = window.items[number];
  const Metadata m = item.metadata.view();
  bool made = true;
  Status status;
  if (m.type == FileType::regular) {
    status = create_file(*tree_, *metadata_, item.directory, item.name, item.size, {}, m, !item.many_names);
  } else {
    auto special = create_special(*tree_, *metadata_, item.directory, item.name, item.target, item.rdev_major, item.rdev_minor, m);
    if (special) made = *special;
    else status = std::move(special.error());
  }
  if (!status && status.error().code == Code::already_exists) return tally_.conflict(*item.directory, item.name, "it appeared while we restored");
  if (!status) return problem(std::move(status.error()));
  if (!made) return;
  if (item.many_names && m.type == FileType::regular && (m.flags & kFlagsSealing) != 0) {
    Lock lock(mutex_);
    seals_.push_back({item.directory, item.name, m.flags});
  }
  ++tally_.files;
  tally_.did(Action::create, *item.directory, item.name);
}

void RestoreEngine::done(LargeFile& file, std::uint64_t chunks) {
  if (file.pending.fetch_sub(chunks, std::memory_order_acq_rel) == chunks) finish_file(file);
}

void RestoreEngine::finish_file(LargeFile& file) {
  if (file.dropped || stop_.stopped()) return;
  std::vector<ByteRange> lost;
  std::string reason;
  {
    Lock lock(file.mutex);
    lost = joined(file.lost);
    reason = file.reason;
  }
  if (proving()) {
    if (lost.empty()) ++tally_.files;
    else tally_.damaged({file.directory->path_of(file.name), file.size, std::move(lost), "", reason});
    return;
  }
  if (file.failed) return file.file->discard();
  if (!lost.empty()) {
    std::string partial;
    if (!publish_partial(file, partial)) file.file->discard();
    return tally_.damaged({file.directory->path_of(file.name), file.size, std::move(lost), partial.empty() ? "" : file.directory->path_of(partial), reason});
  }
  const Metadata m = file.metadata.view();
  if (auto completed = file.file->complete(file.size, m, *metadata_); !completed) {
    file.failed = true;
    file.file->discard();
    return problem(std::move(completed.error()));
  }
  ++tally_.files;
  if (file.old) {
    Lock lock(mutex_);
    to_commit_.push_back(&file);
    return;
  }
  if (auto published = file.file->publish(file.name, false); !published) {
    file.file->discard();
    if (published.error().code == Code::already_exists) tally_.conflict(*file.directory, file.name, "it appeared while we restored");
    else problem(std::move(published.error()));
    return;
  }
  file.published = true;
  tally_.did(Action::create, *file.directory, file.name);
  if ((m.flags & kFlagsSealing) != 0) {
    Lock lock(mutex_);
    seals_.push_back({file.directory, file.name, m.flags});
  }
}

bool RestoreEngine::publish_partial(LargeFile& file, std::string& as) {
  {
    // Where nothing but holes would be left, there is nothing to save.
    Lock lock(file.mutex);
    const auto ranges = joined(file.lost);
    if (ranges.size() == 1 && ranges[0].begin == 0 && ranges[0].end >= file.size) return false;
  }
  if (!file.file->complete(file.size, file.metadata.view(), *metadata_)) return false;
  const std::string partial = file.name.substr(0, 255 - kPartialSuffix.size()) + std::string(kPartialSuffix);
  if (!file.file->publish(partial, true)) return false;
  file.published = true;
  as = partial;
  return true;
}

}  // namespace hf
