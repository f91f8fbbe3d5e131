#include "point/dump.hpp"

#include <algorithm>

#include "base/units.hpp"
#include "point/restore_crew.hpp"
#include "point/restore_places.hpp"

namespace hf {
namespace {

/// Chunks [first, last) of the batch lie in one segment.
struct Part {
  ChunkPlace place;
  std::size_t first, last;
  OpenedSegment segment;
  std::vector<LoadedChunk> elsewhere;  // where the segment is damaged or gone: each chunk from where it can be had
  Status status;
};
struct Wanted {
  ChunkRef ref;
  std::uint64_t offset;
  ChunkPlace place;
};

class Dumper {
 public:
  Dumper(ChunkReader& chunks, unsigned jobs, Progress& progress, const std::function<Status(ByteView)>& take)
      : chunks_(chunks), places_(chunks), crew_(std::max(1u, jobs)), progress_(progress), take_(take) {
    for (unsigned i = 0; i < crew_.jobs(); ++i) openers_.push_back(std::make_unique<SegmentOpener>(chunks.vault(), &chunks));
  }

  Status add(const ChunkRef& ref, std::uint64_t offset) {
    if (progress_.stop_requested) return Error(Code::cancelled, "stopped");
    batch_.push_back({ref, offset, HF_TRY(places_.find(ref.id))});
    batch_bytes_ += ref.bytes;
    if (batch_bytes_ >= 4_MiB * crew_.jobs()) return flush();
    return {};
  }

  Status flush() {
    std::vector<Part> parts;
    for (std::size_t i = 0; i < batch_.size(); ++i) {
      const ChunkPlace& p = batch_[i].place;
      if (!parts.empty() && parts.back().place.pack == p.pack && parts.back().place.offset == p.offset) parts.back().last = i + 1;
      else parts.push_back({p, i, i + 1, {}, {}, {}});
    }
    HF_TRY(crew_.run(parts.size(), [&](unsigned worker, std::size_t i) { open(parts[i], worker); }));
    for (Part& part : parts) {
      HF_TRY(std::move(part.status));
      for (std::size_t i = part.first; i < part.last; ++i) {
        HF_TRY(fill_to(batch_[i].offset));
        HF_TRY(take_(part.elsewhere.empty() ? part.segment.chunk(batch_[i].place.chunk) : part.elsewhere[i - part.first].bytes));
        at_ += batch_[i].ref.bytes;
        progress_.bytes_done += batch_[i].ref.bytes;
      }
    }
    batch_.clear();
    batch_bytes_ = 0;
    return {};
  }

  /// Zeros for a hole that ends at `offset`.
  Status fill_to(std::uint64_t offset) {
    if (at_ >= offset) return {};
    const Buffer zeros(std::min<std::uint64_t>(offset - at_, 1_MiB));
    while (at_ < offset) {
      if (progress_.stop_requested) return Error(Code::cancelled, "stopped");
      const std::uint64_t n = std::min<std::uint64_t>(offset - at_, zeros.size());
      HF_TRY(take_(ByteView(zeros).first(n)));
      at_ += n;
    }
    return {};
  }

 private:
  void open(Part& part, unsigned worker) {
    open_segment(part, worker);
    if (part.status || part.status.error().code == Code::unreachable) return;
    for (std::size_t i = part.first; i < part.last; ++i) {
      auto loaded = chunks_.read(batch_[i].ref.id);
      if (!loaded || loaded->bytes.size() != batch_[i].ref.bytes) return part.elsewhere.clear();
      part.elsewhere.push_back(std::move(*loaded));
    }
    part.status = Status();
  }

  void open_segment(Part& part, unsigned worker) {
    part.status = chunks_.fetch(part.place, *openers_[worker], part.segment);
    if (!part.status) return;
    std::vector<ByteView> views;
    for (std::size_t i = part.first; i < part.last; ++i) views.push_back(part.segment.chunk(batch_[i].place.chunk));
    std::vector<Digest> digests(views.size());
    chunks_.vault().keys().chunk_hash().digest_many(views, digests);
    for (std::size_t i = part.first; i < part.last; ++i)
      if (views[i - part.first].size() != batch_[i].ref.bytes || digests[i - part.first] != batch_[i].ref.id.bytes) {
        part.status = Error(Code::corrupt, "pack " + part.place.pack.brief() + " holds something else than its directory says", "find what is affected: holdfast verify");
        return;
      }
  }

  ChunkReader& chunks_;
  PlaceFinder places_;
  Crew crew_;
  Progress& progress_;
  const std::function<Status(ByteView)>& take_;
  std::vector<std::unique_ptr<SegmentOpener>> openers_;
  std::vector<Wanted> batch_;
  std::uint64_t batch_bytes_ = 0, at_ = 0;
};

}  // namespace

Status dump_file(ChunkReader& chunks, const Entry& file, unsigned jobs, Progress& progress, const std::function<Status(ByteView)>& take) {
  progress.bytes_total = file.stat.size;
  Dumper dumper(chunks, jobs, progress, take);
  HF_TRY(for_each_chunk(chunks, file, [&](const ChunkRef& ref, std::uint64_t offset) { return dumper.add(ref, offset); }));
  HF_TRY(dumper.flush());
  return dumper.fill_to(file.stat.size);
}

}  // namespace hf
