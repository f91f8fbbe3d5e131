#pragma once
// What lies in the vault behind chunks that were found there: for files of which no old version is known by name or place.
//
// Files are stored in the order of the walk. So where a folder was copied or moved, whatever its name is now and whosever
// it was, its unchanged files are found one behind the other, and what lies in the place of a changed one is what it was.

#include <optional>
#include <vector>

#include "vault/chunk_reader.hpp"

namespace hf {

/// Only a hint, as kin.hpp. One thread. Memory: the directory of one pack.
class Beside {
 public:
  explicit Beside(ChunkReader& chunks) : chunks_(chunks), opener_(chunks.vault()) {}
  /// To be told of each chunk that has no old version, in order. Puts into `out` the old chunk in whose place it seems to
  /// have come; none where the vault has the chunk itself, or those before it do not lie there one behind the other.
  void find_near(const ChunkRef& chunk, std::vector<ChunkRef>& out);

 private:
  void found(const ChunkPlace& at);
  /// The directory of the pack in which the last one lies; false where it can't be read, or was read for another one just now.
  bool know_directory();

  ChunkReader& chunks_;
  SegmentOpener opener_;
  std::optional<ChunkPlace> last_;     // found, or taken for what a changed one was
  unsigned in_a_row_ = 0;              // how many were found just behind the last one, less those that were not
  std::uint64_t bytes_since_ = 1u << 20;  // a directory was read
  std::optional<PackId> pack_;         // whose directory it is
  std::vector<SegmentInfo> directory_;
};

}  // namespace hf
