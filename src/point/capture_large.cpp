// Large files: read in slices, by all workers at once, with the same cuts as by one.
//
// Cuts depend only on the bytes near them, so a slice can look for its cuts before it knows where its first chunk
// begins: it starts at its own edge, and when the slice before tells where its last chunk ended, a few cuts from there
// lead to one that was found already; from then on both agree. A slice reads size_max bytes past its end, since its last
// chunk may end there.

#include <algorithm>

#include "base/assert.hpp"
#include "point/capture_engine.hpp"
#include "point/kin.hpp"

namespace hf::capturing {

struct LargeFile {
  struct Slice {
    std::uint64_t from = 0, to = 0;  // what it covers
    std::uint64_t extent_from = 0, extent_to = 0;
  };
  LargeFile(WriteSession& session) : content(session) {}

  // Constant after construction:
  std::shared_ptr<Batch> batch;
  std::size_t slot = 0;
  Entry entry;
  std::vector<DataExtent> extents;
  Fd file;
  std::shared_ptr<Ancestor> ancestor;
  int attempt = 1;
  std::uint64_t slice_count = 0;

  Mutex mutex;
  Condition cut_known;
  std::size_t extent_at HF_GUARDED_BY(mutex) = 0;       // where the next slice is taken
  std::uint64_t offset_at HF_GUARDED_BY(mutex) = 0;
  std::uint64_t next_slice HF_GUARDED_BY(mutex) = 0;
  std::map<std::uint64_t, std::uint64_t> cuts HF_GUARDED_BY(mutex);  // slice → where its last chunk ends
  std::map<std::uint64_t, std::vector<ChunkRef>> ready HF_GUARDED_BY(mutex);
  std::uint64_t consumed HF_GUARDED_BY(mutex) = 0;
  bool broken HF_GUARDED_BY(mutex) = false;  // no more cuts will come
  bool shrank HF_GUARDED_BY(mutex) = false;
  std::optional<Error> unreadable HF_GUARDED_BY(mutex);
  ContentBuilder content HF_GUARDED_BY(mutex);

  void break_off() {
    Lock lock(mutex);
    broken = true;
    cut_known.notify_all();
  }
};

void Engine::start_large(const std::shared_ptr<Batch>& batch, std::size_t slot, Entry entry, std::vector<DataExtent> extents, Fd file, std::shared_ptr<Ancestor> ancestor,
                         int attempt) {
  auto large = std::make_shared<LargeFile>(session_);
  large->batch = batch;
  large->slot = slot;
  large->entry = std::move(entry);
  large->extents = std::move(extents);
  large->file = std::move(file);
  large->ancestor = std::move(ancestor);
  large->attempt = attempt;
  for (const DataExtent& e : large->extents) large->slice_count += (e.bytes + kSliceBytes - 1) / kSliceBytes;
  ++batch->parts_left;
  env_.will_read_in_order(large->file.get());
  progress_.now_at(path_of(*batch->directory, large->entry.name));
  if (large->slice_count == 0) return finish_large(large);  // one hole
  push([this, large](Worker& w) { run_slice(large, w); });
}

void Engine::run_slice(const std::shared_ptr<LargeFile>& large, Worker& worker) {
  LargeFile& f = *large;
  if (stopping()) return f.break_off();
  LargeFile::Slice slice;
  std::uint64_t number;
  {
    Lock lock(f.mutex);
    number = f.next_slice++;
    const DataExtent& e = f.extents[f.extent_at];
    slice = {e.offset + f.offset_at, 0, e.offset, e.offset + e.bytes};
    slice.to = std::min(slice.from + kSliceBytes, slice.extent_to);
    f.offset_at += slice.to - slice.from;
    if (f.offset_at == e.bytes) {
      ++f.extent_at;
      f.offset_at = 0;
    }
  }
  // The next slice goes on top of the stack: another worker may take it while this one works.
  if (number + 1 < f.slice_count) push([this, large](Worker& w) { run_slice(large, w); });
  const auto give_up = [&](Error error) {
    fail(std::move(error));
    f.break_off();
  };
  if (auto s = flush(worker); !s) return give_up(std::move(s.error()));
  if (worker.buffer.empty()) worker.buffer.resize(kSliceBytes + kGatherBytes);

  const std::size_t wanted = std::min<std::uint64_t>(slice.to + chunker_.params().size_max, slice.extent_to) - slice.from;
  const auto got = env_.read_at(f.file.get(), MutableBytes(worker.buffer).first(wanted), slice.from);
  bytes_read += slice.to - slice.from;
  pace(slice.to - slice.from);
  if (!got || *got < wanted) {
    // Unreadable, or shorter than a moment ago: the rest of the slice is taken as zeros and the file read again, or in
    // the end left out or recorded as inconsistent.
    std::fill(worker.buffer.begin() + static_cast<std::ptrdiff_t>(got ? *got : 0), worker.buffer.begin() + static_cast<std::ptrdiff_t>(wanted), std::uint8_t{0});
    Lock lock(f.mutex);
    if (!got && !f.unreadable) f.unreadable = got.error();
    f.shrank = true;
  }
  const ByteView data = ByteView(worker.buffer).first(wanted);
  const std::size_t length = slice.to - slice.from;

  // Where does the first chunk begin? At once where an extent begins or the slice before is ahead of us.
  std::optional<std::size_t> begin;
  if (slice.from == slice.extent_from) begin = 0;
  const auto ask = [&](bool wait) {
    Lock lock(f.mutex);
    while (wait && !f.broken && !f.cuts.contains(number - 1)) f.cut_known.wait(f.mutex);
    const auto known = f.cuts.find(number - 1);
    if (known == f.cuts.end()) return false;
    begin = known->second - slice.from;
    f.cuts.erase(known);
    return true;
  };
  std::vector<std::size_t> guessed;
  if (!begin && !ask(false)) {
    for (std::size_t at = 0; at < length;) guessed.push_back(at += chunker_.next_cut(data.subspan(at)));
    if (!ask(true)) return;  // the capture is ending
  }
  std::vector<ByteView> views;
  std::size_t at = *begin;
  while (at < length) {
    const auto joined = std::lower_bound(guessed.begin(), guessed.end(), at);
    if (joined != guessed.end() && *joined == at) {
      for (auto cut = joined + 1; cut != guessed.end(); ++cut) {
        views.push_back(data.subspan(at, *cut - at));
        at = *cut;
      }
      if (at >= length) break;
    }
    const std::size_t n = chunker_.next_cut(data.subspan(at));
    views.push_back(data.subspan(at, n));
    at += n;
  }
  {
    Lock lock(f.mutex);
    if (slice.to < slice.extent_to) f.cuts[number] = slice.from + at;
    f.cut_known.notify_all();
  }

  std::vector<ChunkRef> refs(views.size());
  std::vector<ChunkOrigin> origins;
  for (const ByteView v : views) origins.push_back({f.ancestor.get(), slice.from + static_cast<std::uint64_t>(v.data() - data.data())});
  auto stored = hash_and_store(worker, views, origins, refs);
  if (stored && f.ancestor) stored = worker.writer->part_ends();
  if (!stored) return give_up(std::move(stored.error()));
  progress_.bytes_done += length;
  bool last = false;
  {
    Lock lock(f.mutex);
    f.ready[number] = std::move(refs);
    while (!f.ready.empty() && f.ready.begin()->first == f.consumed) {
      for (const ChunkRef& ref : f.ready.begin()->second) {
        if (auto s = f.content.add(ref); !s) {
          fail(std::move(s.error()));
          f.broken = true;
          f.cut_known.notify_all();
          return;
        }
      }
      f.ready.erase(f.ready.begin());
      ++f.consumed;
    }
    last = f.consumed == f.slice_count;
  }
  if (last) finish_large(large);
}

void Engine::finish_large(const std::shared_ptr<LargeFile>& large) {
  LargeFile& f = *large;
  std::optional<Content> content;
  std::optional<Error> unreadable;
  bool calm = true;
  {
    Lock lock(f.mutex);
    auto finished = f.content.finish();
    if (!finished) return fail(std::move(finished.error()));
    content = std::move(*finished);
    unreadable = std::move(f.unreadable);
    calm = !f.shrank;
  }
  if (unreadable) {
    file_failed(f.batch, f.entry, std::move(*unreadable));
    return part_done(f.batch);
  }
  const auto after = env_.stat(f.file.get(), "");
  calm = calm && after && after->size == f.entry.stat.size && after->mtime == f.entry.stat.mtime && after->ctime == f.entry.stat.ctime;
  progress_.bytes_done -= f.entry.stat.size - [&] {
    std::uint64_t in_holes = 0;
    for (const Hole& h : holes_between(f.extents, f.entry.stat.size)) in_holes += h.bytes;
    return in_holes;
  }();  // file_done() counts the whole
  if (!calm && f.attempt < kAttempts && after && after->type == FileType::regular) {
    Entry again = std::move(f.entry);
    again.stat = *after;
    auto extents = data_extents(env_, f.file.get(), again.stat);
    if (extents) start_large(f.batch, f.slot, std::move(again), std::move(*extents), std::move(f.file), std::move(f.ancestor), f.attempt + 1);
    else file_failed(f.batch, again, std::move(extents.error()));
    return part_done(f.batch);
  }
  f.entry.inconsistent = !calm;
  f.entry.content = std::move(*content);
  f.entry.content.holes = holes_between(f.extents, f.entry.stat.size);
  file_done(f.batch, f.slot, std::move(f.entry));
  part_done(f.batch);
}

Result<Entry> Engine::run_stream(int input, const std::string& name, std::span<const Entry> before) {
  // One worker reads and cuts; hashing, compressing and sealing happen in the same thread: a pipe is rarely faster.
  Worker& w = worker(0);
  Entry file;
  file.name = name;
  file.stat.type = FileType::regular;
  file.stat.mode = 0600;
  file.stat.mtime = file.stat.ctime = env_.wall_ns();
  file.stat.uid = env_.user_id();
  file.stat.nlink = 1;
  progress_.now_at(name);
  ContentBuilder content(session_);
  const bool follows = !before.empty() && kind_of_name(before[0].name) == kind_of_name(name);
  std::shared_ptr<Ancestor> ancestor = follows ? ancestor_in(before.data()) : nullptr;
  w.buffer.resize(kSliceBytes + kGatherBytes);
  const std::size_t chunk_max = chunker_.params().size_max;
  for (bool at_end = false; !at_end;) {
    if (stopping()) {
      Lock lock(mutex_);
      return *failure_;
    }
    while (w.used < w.buffer.size() && !at_end) {
      const std::size_t n = HF_TRY(env_.read_some(input, MutableBytes(w.buffer).subspan(w.used)));
      at_end = n == 0;
      w.used += n;
      pace(n);
    }
    if (file.stat.size == 0 && !ancestor) ancestor = ancestor_in(likeness_.likest_file(before, std::nullopt, ByteView(w.buffer).first(std::min(w.used, Likeness::kSampleBytes))));
    std::vector<ByteView> views;
    std::size_t at = 0;
    while (at < w.used && (at_end || w.used - at >= chunk_max)) {
      const std::size_t n = chunker_.next_cut(ByteView(w.buffer).subspan(at, w.used - at));
      views.push_back(ByteView(w.buffer).subspan(at, n));
      at += n;
    }
    std::vector<ChunkRef> refs(views.size());
    std::vector<ChunkOrigin> origins;
    for (const ByteView v : views) origins.push_back({ancestor.get(), file.stat.size + static_cast<std::uint64_t>(v.data() - w.buffer.data())});
    HF_TRY(hash_and_store(w, views, origins, refs));
    if (ancestor) HF_TRY(w.writer->part_ends());
    for (const ChunkRef& ref : refs) HF_TRY(content.add(ref));
    std::copy(w.buffer.begin() + static_cast<std::ptrdiff_t>(at), w.buffer.begin() + static_cast<std::ptrdiff_t>(w.used), w.buffer.begin());
    w.used -= at;
    file.stat.size += at;
    bytes_read += at;
    progress_.bytes_done += at;
  }
  if (w.writer) HF_TRY(w.writer->finish());
  file.content = HF_TRY(content.finish());
  ++files_read;
  Entry root;
  root.name = "root";
  root.stat.type = FileType::directory;
  root.stat.mode = 0700;
  root.stat.uid = file.stat.uid;
  root.stat.mtime = root.stat.ctime = file.stat.mtime;
  DirectoryBuilder directory(session_);
  HF_TRY(directory.add(std::move(file)));
  root.directory = HF_TRY(directory.finish());
  root.below_files = directory.files();
  root.below_bytes = directory.bytes();
  return root;
}

}  // namespace hf::capturing
