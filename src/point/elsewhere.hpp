#pragma once
// The large files of an earlier point, wherever they lie: a new name that has nothing beside it that it may stand for may
// have been moved to another directory, or copied from there.

#include <map>
#include <vector>

#include "base/mutex.hpp"
#include "base/progress.hpp"
#include "format/point.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

/// Only a hint, for likeness.hpp to judge. Any thread. Memory: the entries of the 1,024 largest old files, up to 3 MiB.
class Elsewhere {
 public:
  /// `parent`: a loan; nullptr where there is no earlier point. Files above `large_bytes` are large.
  Elsewhere(ChunkReader& chunks, const RecoveryPoint* parent, std::uint64_t large_bytes, const Progress& progress)
      : chunks_(chunks), parent_(parent), large_bytes_(large_bytes), progress_(progress) {}

  /// Old files that a large one of this name and size may have been, those whose name differs at most in digits first, then by size;
  /// at most as many as Likeness compares. The old tree is read for it once, as soon as what was asked about is so large
  /// that this costs little beside reading it; until then there are none.
  std::vector<Entry> candidates(std::string_view name, std::uint64_t size);

 private:
  void walk() HF_REQUIRES(mutex_);

  ChunkReader& chunks_;
  const RecoveryPoint* const parent_;
  const std::uint64_t large_bytes_;
  const Progress& progress_;
  Mutex mutex_;
  std::uint64_t asked_bytes_ HF_GUARDED_BY(mutex_) = 0;
  bool walked_ HF_GUARDED_BY(mutex_) = false;
  std::multimap<std::uint64_t, Entry> by_size_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf
