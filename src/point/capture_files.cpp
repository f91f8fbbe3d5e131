// Reading files into chunks: small ones whole, hashed two at a time.

#include <fcntl.h>

#include <algorithm>
#include <optional>

#include "base/assert.hpp"
#include "point/capture_engine.hpp"

namespace hf::capturing {
namespace {
/// Of tiny files no more than this wait at once: each takes about 700 bytes.
constexpr std::size_t kGatherFiles = 1024;
bool same_state(const Stat& a, const Stat& b) { return a.size == b.size && a.mtime == b.mtime && a.ctime == b.ctime; }
}  // namespace

std::shared_ptr<Ancestor> Engine::ancestor_in(const Entry* before) {
  if (before == nullptr || !before->is_regular() || before->content.refs.empty() || !session_.stores_deltas()) return nullptr;
  return std::make_shared<Ancestor>(chunks_, before->content);
}

std::shared_ptr<Ancestor> Engine::ancestor_by_content(const Origins& origins, const Entry& entry, int file, const std::vector<DataExtent>& extents) {
  if (extents.empty() || !session_.stores_deltas()) return nullptr;
  std::optional<Buffer> sample;
  const auto likest = [&](std::span<const Entry> old) -> std::shared_ptr<Ancestor> {
    if (old.empty()) return nullptr;
    if (!sample) {  // it is read again in a moment, from the page cache
      sample.emplace(std::min<std::uint64_t>(Likeness::kSampleBytes, extents[0].bytes));
      sample->resize(env_.read_at(file, *sample, extents[0].offset).value_or(0));
    }
    return ancestor_in(likeness_.likest_file(old, entry.stat.size, *sample));
  };
  if (origins.files)
    if (auto beside = likest(*origins.files)) return beside;
  return origins.by_name() == nullptr ? likest(elsewhere_.candidates(entry.name, entry.stat.size)) : nullptr;
}

Status Engine::read_file(const std::shared_ptr<Batch>& batch, std::size_t slot, Entry entry, const Origins& origins, Worker& worker) {
  DirectoryJob& job = *batch->directory;
  if (entry.stat.nlink > 1 && linked_elsewhere(batch, slot, entry)) return {};
  const auto leave_out = [&](Error error) -> Status {
    file_failed(batch, entry, std::move(error));
    return {};
  };
  // O_NONBLOCK: a FIFO that took the file's place must not hang us.
  auto file = env_.open(job.handle.get(), entry.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file) return leave_out(std::move(file.error()));
  std::shared_ptr<Ancestor> ancestor = ancestor_in(origins.by_name());
  for (int attempt = 1;; ++attempt) {
    const auto before = env_.stat(file->get(), "");
    if (!before) return leave_out(std::move(before.error()));
    if (before->type != FileType::regular) return leave_out(Error(Code::changed, "it became something else while the backup ran"));
    entry.stat = *before;
    auto xattrs = read_xattrs(env_, file->get(), "");
    if (!xattrs) return leave_out(std::move(xattrs.error()));
    entry.xattrs = std::move(*xattrs);
    entry.flags = read_inode_flags(env_, file->get());
    auto extents = data_extents(env_, file->get(), entry.stat);
    if (!extents) return leave_out(std::move(extents.error()));
    if (entry.stat.size > kSliceBytes) {
      if (!ancestor) ancestor = ancestor_by_content(origins, entry, file->get(), *extents);
      start_large(batch, slot, std::move(entry), std::move(*extents), std::move(*file), std::move(ancestor), attempt);
      return {};
    }
    if (worker.buffer.empty()) worker.buffer.resize(kSliceBytes + kGatherBytes);
    if (worker.used + entry.stat.size > worker.buffer.size() || worker.used >= kGatherBytes || worker.gathered.size() >= kGatherFiles) HF_TRY(flush(worker));
    const std::size_t start = worker.used;
    const auto whole = read_extents(worker, file->get(), *extents, entry.stat.size);
    if (!whole) {
      worker.used = start;
      return leave_out(std::move(whole.error()));
    }
    const auto after = env_.stat(file->get(), "");
    const bool calm = *whole && after && same_state(*before, *after);
    bytes_read += worker.used - start;
    if (!calm && attempt < kAttempts) {
      worker.used = start;
      continue;
    }
    entry.inconsistent = !calm;
    entry.content.holes = holes_between(*extents, entry.stat.size);
    GatheredFile gathered{batch, slot, std::move(entry), std::move(ancestor), worker.views.size()};
    std::size_t at = start;
    for (const DataExtent& e : *extents) {
      for (ByteView rest = ByteView(worker.buffer).subspan(at, e.bytes); !rest.empty();) {
        const std::size_t n = chunker_.next_cut(rest);
        worker.views.push_back(rest.first(n));
        worker.origins.push_back({gathered.ancestor.get(), e.offset + (e.bytes - rest.size())});
        rest = rest.subspan(n);
      }
      at += e.bytes;
    }
    gathered.chunks = worker.views.size() - gathered.chunks;
    ++batch->parts_left;  // a gathered file keeps its batch open
    worker.gathered.push_back(std::move(gathered));
    return {};
  }
}

Result<bool> Engine::read_extents(Worker& worker, int file, std::vector<DataExtent>& extents, std::uint64_t& size) {
  for (std::size_t i = 0; i < extents.size(); ++i) {
    DataExtent& e = extents[i];
    const std::size_t n = HF_TRY(env_.read_at(file, MutableBytes(worker.buffer).subspan(worker.used, e.bytes), e.offset));
    worker.used += n;
    pace(n);
    if (n == e.bytes) continue;
    size = e.offset + n;  // it shrank: what is there now is what we have
    e.bytes = n;
    extents.resize(n > 0 ? i + 1 : i);
    return false;
  }
  return true;
}

Status Engine::flush(Worker& worker) {
  if (worker.gathered.empty()) {
    worker.used = 0;
    return {};
  }
  std::vector<ChunkRef> refs(worker.views.size());
  HF_TRY(hash_and_store(worker, worker.views, worker.origins, refs));
  auto at = refs.begin();
  for (GatheredFile& g : worker.gathered) {
    const auto end = at + static_cast<std::ptrdiff_t>(g.chunks);
    g.entry.content.refs.assign(at, end);
    at = end;
    file_done(g.batch, g.slot, std::move(g.entry));
    part_done(std::move(g.batch));
  }
  worker.gathered.clear();
  worker.views.clear();
  worker.origins.clear();
  worker.used = 0;
  return {};
}

void Engine::file_done(const std::shared_ptr<Batch>& batch, std::size_t slot, Entry entry) {
  ++files_read;
  progress_.bytes_done += entry.stat.size;
  if (entry.inconsistent) {
    ++inconsistent;
    ++progress_.errors;
    problems_.problem(Error(Code::changed, "changed each time it was read; what was saved may mix old and new",
                            "stop what writes to it while it is backed up, or back up a snapshot of its volume")
                          .with_object(path_of(*batch->directory, entry.name)));
  }
  if (entry.stat.nlink > 1) end_linked(entry, nullptr);
  batch->slots[slot] = std::move(entry);
}

void Engine::file_failed(const std::shared_ptr<Batch>& batch, const Entry& entry, Error error) {
  if (entry.stat.nlink > 1) end_linked(entry, &error);
  problem(path_of(*batch->directory, entry.name), std::move(error));
}

bool Engine::linked_elsewhere(const std::shared_ptr<Batch>& batch, std::size_t slot, const Entry& entry) {
  Lock lock(mutex_);
  const auto [at, is_new] = linked_.try_emplace({entry.stat.dev, entry.stat.ino});
  Linked& linked = at->second;
  if (is_new) {
    linked.names_left = entry.stat.nlink - 1;
    return false;
  }
  if (linked.entry && !same_state(linked.entry->stat, entry.stat)) return false;  // it changed between its names: read again
  if (linked.names_left > 0) --linked.names_left;
  if (!linked.entry) {
    ++batch->parts_left;
    linked.waiting.push_back({batch, slot, entry.name});
    return true;
  }
  Entry other = *linked.entry;
  other.name = entry.name;
  progress_.bytes_done += other.stat.size;
  batch->slots[slot] = std::move(other);
  if (linked.names_left == 0) linked_.erase(at);
  return true;
}

void Engine::end_linked(const Entry& read, const Error* failed) {
  std::vector<OtherName> waiting;
  {
    Lock lock(mutex_);
    const auto at = linked_.find({read.stat.dev, read.stat.ino});
    if (at == linked_.end()) return;
    waiting = std::move(at->second.waiting);
    at->second.waiting.clear();
    if (failed == nullptr) at->second.entry = read;
    if (failed != nullptr || at->second.names_left == 0) linked_.erase(at);
  }
  for (OtherName& other : waiting) {
    if (failed != nullptr) {
      problem(path_of(*other.batch->directory, other.name), *failed);
    } else {
      Entry entry = read;
      entry.name = other.name;
      progress_.bytes_done += entry.stat.size;
      other.batch->slots[other.slot] = std::move(entry);
    }
    part_done(std::move(other.batch));
  }
}

Status Engine::hash_and_store(Worker& worker, std::span<const ByteView> chunks, std::span<const ChunkOrigin> origins, std::span<ChunkRef> out) {
  HF_ASSERT(chunks.size() == out.size() && chunks.size() == origins.size());
  if (!worker.writer) {
    worker.writer = session_.data_writer();
    if (session_.stores_deltas()) worker.beside = std::make_unique<Beside>(chunks_);
  }
  std::vector<ByteView> to_hash;
  std::vector<std::size_t> place;
  to_hash.reserve(chunks.size());
  place.reserve(chunks.size());
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    out[i].bytes = static_cast<std::uint32_t>(chunks[i].size());
    if (chunks[i].size() == chunker_.zero_run_cut() && chunks[i][0] == 0 && is_zero(chunks[i])) {
      out[i].id = zero_chunk_;
      continue;
    }
    to_hash.push_back(chunks[i]);
    place.push_back(i);
  }
  worker.digests.resize(to_hash.size());
  chunk_hash_.digest_many(to_hash, worker.digests);
  for (std::size_t i = 0; i < place.size(); ++i) out[place[i]].id = ChunkId{worker.digests[i]};
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    worker.near.clear();
    if (origins[i].ancestor != nullptr) origins[i].ancestor->find_near(origins[i].offset, out[i], worker.near);
    else if (worker.beside && out[i].id != zero_chunk_) worker.beside->find_near(out[i], worker.near);
    HF_TRY(worker.writer->add(out[i].id, chunks[i], worker.near));
  }
  return {};
}

}  // namespace hf::capturing
