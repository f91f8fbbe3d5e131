#pragma once
// What lies in the vault behind chunks that were found there: for files of which no old version is known by name or place.
//
// Files are stored in the order of the walk. So where a folder was copied or moved, whatever its name is now and whosever
// it was, its unchanged files are found one behind the other, and what lies in the place of a changed one is what it was.

#include <array>
#include <optional>
#include <vector>

#include "vault/chunk_reader.hpp"

namespace hf {

/// Only a hint, as kin.hpp. One thread. Memory: the directory of one pack.
class Beside {
 public:
  explicit Beside(ChunkReader& chunks) : chunks_(chunks) {}
  /// To be told of each chunk that has no old version, in order. Puts into `out` the old chunk in whose place it seems to
  /// have come; none where the vault has the chunk itself, or those before it do not lie there one behind the other.
  void find_near(const ChunkRef& chunk, std::vector<ChunkRef>& out);

 private:
  /// Chunks that were found one behind the other.
  struct Trail {
    ChunkPlace last;         // found, or taken for what a changed one was
    unsigned in_a_row = 0;   // found just behind the last one, less those that were not
    unsigned elsewhere = 0;  // found since then, and not on this trail
  };
  void found(const ChunkPlace& at);
  /// nullptr where it can't be read, or others were read so often that it would take as long as storing the chunks.
  const PackDirectory* directory_of(const PackId& pack);

  ChunkReader& chunks_;
  std::array<std::optional<Trail>, 4> trails_;  // what many folders have in common lies where the first of them is
  std::uint64_t earned_ = 4u << 20;    // bytes of chunks that no directory was read for yet
  std::optional<PackId> pack_;         // whose directory was asked for last
  std::shared_ptr<const PackDirectory> directory_;
};

}  // namespace hf
