// What is there already: old files whose chunks need not be fetched, and what was just written, read again.

#include <fcntl.h>

#include <algorithm>

#include "base/units.hpp"
#include "point/restore_worker.hpp"
#include "target/fs/system_calls.hpp"

namespace hf {
namespace {

/// One task compares about this much.
constexpr std::uint64_t kPieceBytes = 4_MiB;

/// The old file, if it is still the one that was looked at.
Result<Fd> open_old(DirectoryTree& tree, const LargeFile& file) {
  Env& env = tree.env();
  const Handle dir = HF_TRY(tree.handle(file.directory));
  Fd old = HF_TRY(env.open(dir->get(), file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  const Stat stat = HF_TRY(env.stat(old.get(), ""));
  if (stat.type != FileType::regular || stat.ino != file.old->ino || stat.dev != file.old->dev) return Error(Code::changed, "another file is there now");
  return old;
}

}  // namespace

/// Reads wants [first, last), which lie one after the other in the file, and sets `good` for those that are as they
/// should be. Gives how many were read.
std::size_t RestoreEngine::read_wants(Window& window, int file, std::size_t first, std::size_t last, Worker& w) {
  const std::uint64_t begin = window.wants[first].offset;
  std::size_t end = first;
  std::uint64_t bytes = 0;
  while (end < last && window.wants[end].offset == begin + bytes && (end == first || bytes + window.wants[end].bytes <= kPieceBytes)) bytes += window.wants[end++].bytes;
  w.frames.resize(bytes);
  const auto got = env_->read_at(file, w.frames, begin);
  const std::uint64_t there = got ? *got : 0;
  w.views.clear();
  for (std::size_t i = first; i < end; ++i) {
    const std::uint64_t at = window.wants[i].offset - begin;
    w.views.push_back(at + window.wants[i].bytes <= there ? ByteView(w.frames).subspan(at, window.wants[i].bytes) : ByteView());
  }
  w.digests.resize(w.views.size());
  chunks_.vault().keys().chunk_hash().digest_many(w.views, w.digests);
  w.good.assign(end - first, false);
  for (std::size_t i = first; i < end; ++i) w.good[i - first] = !w.views[i - first].empty() && w.digests[i - first] == window.wants[i].id.bytes;
  return end - first;
}

void RestoreEngine::compare_piece(Window& window, const Piece& piece, Worker& w) {
  Fd old;
  Handle resumed;
  int handle = -1;
  if (piece.file->resumed) {
    auto opened = piece.file->file->handle();
    if (!opened) return;
    resumed = std::move(*opened);
    handle = resumed->get();
  } else {
    auto opened = open_old(*tree_, *piece.file);
    if (!opened) return;
    old = std::move(*opened);
    handle = old.get();
  }
  for (std::size_t i = piece.first; i < piece.last && !stop_.stopped();) {
    const std::size_t n = read_wants(window, handle, i, piece.last, w);
    for (std::size_t k = 0; k < n; ++k) window.wants[i + k].have = w.good[k];
    i += n;
  }
}

void RestoreEngine::copy_piece(Window& window, const Piece& piece, Worker& w) {
  LargeFile& file = *piece.file;
  std::uint64_t chunks = 0, bytes = 0;
  const auto old = file.resumed ? Result<Fd>(Fd()) : open_old(*tree_, file);
  for (std::size_t i = piece.first; i < piece.last && !stop_.stopped();) {
    if (!window.wants[i].have) {
      ++i;
      continue;
    }
    if (!old) {
      window.wants[i++].have = false;
      continue;
    }
    if (file.resumed) {
      ++chunks;
      bytes += window.wants[i++].bytes;
      continue;
    }
    std::size_t last = i + 1;
    while (last < piece.last && window.wants[last].have) ++last;
    // Checked again: between the two readings somebody may have written.
    const std::size_t n = read_wants(window, old->get(), i, last, w);
    for (std::size_t k = 0; k < n; ++k) {
      Want& want = window.wants[i + k];
      want.have = w.good[k];
      if (!want.have) continue;
      if (auto written = file.file->write(w.views[k], want.offset); !written && !file.failed.exchange(true)) problem(std::move(written.error()));
      ++chunks;
      bytes += want.bytes;
    }
    i += n;
  }
  tally_.bytes += bytes;
  tally_.bytes_kept += bytes;
  progress_.bytes_done += bytes;
  if (chunks > 0) done(file, chunks);
}

void RestoreEngine::compare(Window& window) {
  // Wants are still in the order of planning: those of one file together, in order of offsets.
  std::vector<Piece> pieces;
  for (std::size_t i = 0; i < window.wants.size();) {
    LargeFile* file = window.items[window.wants[i].item].large.get();
    const std::uint32_t item = window.wants[i].item;
    std::size_t end = i;
    std::uint64_t bytes = 0;
    while (end < window.wants.size() && window.wants[end].item == item && bytes < kPieceBytes) bytes += window.wants[end++].bytes;
    if (file != nullptr && (file->resumed || (file->old && file->old->type == FileType::regular))) pieces.push_back({file, i, end});
    i = end;
  }
  const auto each = [&](auto&& task) {
    auto ran = crew_.run(pieces.size(), [&](unsigned worker, std::size_t i) {
      if (!stop_.stopped() && !pieces[i].file->dropped) task(pieces[i], *workers_[worker]);
    });
    if (!ran) stop_.fail(ran.error());
  };
  each([&](const Piece& p, Worker& w) { compare_piece(window, p, w); });
  if (stop_.stopped()) return;

  // A file whose every chunk is in place needs no writing; a newer one that differs is kept.
  std::vector<std::pair<LargeFile*, bool>> same;
  for (const Piece& p : pieces) {
    if (same.empty() || same.back().first != p.file) same.emplace_back(p.file, true);
    for (std::size_t i = p.first; i < p.last; ++i) same.back().second = same.back().second && window.wants[i].have;
  }
  for (const auto& large : window.old_large)  // files without a single chunk
    if (std::none_of(same.begin(), same.end(), [&](const auto& s) { return s.first == large.get(); })) same.emplace_back(large.get(), true);
  for (auto& [file, identical] : same) {
    if (!file->old || !file->in_one_window) continue;
    identical = identical && file->old->type == FileType::regular && file->old->size == file->size && !file->is_damaged();
    if (identical) {
      file->dropped = true;
      tally_.bytes += file->size;
      tally_.bytes_kept += file->size;
      progress_.bytes_done += file->size;
      Item item;
      item.directory = file->directory;
      item.name = file->name;
      item.size = file->size;
      item.old = std::make_unique<Stat>(*file->old);
      item.metadata = {file->metadata.type, file->metadata.mode, file->metadata.uid, file->metadata.gid, file->metadata.flags, file->metadata.mtime, nullptr};
      if (file->metadata.xattrs) item.metadata.xattrs = std::make_unique<std::vector<Xattr>>(*file->metadata.xattrs);
      item.many_names = file->many_names;
      window.updates.push_back(static_cast<std::uint32_t>(window.items.size()));
      window.items.push_back(std::move(item));
    } else if (file->newer) {
      file->dropped = true;
      tally_.conflict(*file->directory, file->name, "it is newer than the recovery point's");
    }
  }
  each([&](const Piece& p, Worker& w) { copy_piece(window, p, w); });
  for (const Piece& p : pieces)
    if (p.file->dropped)
      for (std::size_t i = p.first; i < p.last; ++i) window.wants[i].have = true;
}

void RestoreEngine::verify(Window& window) {
  std::vector<Want> wants = window.wants;
  std::sort(wants.begin(), wants.end(), [](const Want& a, const Want& b) { return std::tie(a.item, a.offset) < std::tie(b.item, b.offset); });
  window.wants.swap(wants);  // the window is at its end: the order of fetching is not needed again
  std::vector<std::pair<std::size_t, std::size_t>> ranges;
  for (std::size_t i = 0; i < window.wants.size();) {
    std::size_t end = i + 1;
    while (end < window.wants.size() && window.wants[end].item == window.wants[i].item && end - i < 256) ++end;
    ranges.emplace_back(i, end);
    i = end;
  }
  auto ran = crew_.run(ranges.size(), [&](unsigned worker, std::size_t i) {
    if (!stop_.stopped()) verify_range(window, ranges[i].first, ranges[i].second, *workers_[worker]);
  });
  if (!ran) stop_.fail(ran.error());
}

void RestoreEngine::verify_range(Window& window, std::size_t first, std::size_t last, Worker& w) {
  const Item& item = window.items[window.wants[first].item];
  LargeFile* large = item.large.get();
  if (large != nullptr && (large->dropped || large->failed || large->is_damaged())) return;
  const auto dir = tree_->handle(item.directory);
  if (!dir) return problem(dir.error());
  const std::string& name = large != nullptr && !large->published ? large->file->temporary() : item.name;
  auto file = env_->open((*dir)->get(), name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  if (!file && file.error().code == Code::not_found) return;  // it is lost, and that was reported
  if (!file) return problem(std::move(file.error()));
  for (std::size_t i = first; i < last;) {
    const std::size_t n = read_wants(window, file->get(), i, last, w);
    for (std::size_t k = 0; k < n; ++k) {
      if (w.good[k]) continue;
      const Want& want = window.wants[i + k];
      if (large != nullptr) large->failed = true;
      return problem(Error(Code::changed, "'" + printable(item.directory->path_of(item.name)) + "' does not read back as it was written: bytes " + human_count(want.offset) + "-" +
                                              human_count(want.offset + want.bytes - 1) + " differ",
                           "somebody wrote into it meanwhile, or the target's disk is failing: look at it, then restore again")
                         .with_object(item.directory->path_of(item.name)));
    }
    i += n;
  }
}

}  // namespace hf
