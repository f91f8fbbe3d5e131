#pragma once
// What of an earlier point a new name may stand for, judged by what is in it: for what was renamed, moved, or written
// under a name of its own each day.
//
// Only a hint, as kin.hpp, which knows by the name alone and is asked first: a wrong one costs a look at chunks that turn
// out to be of no use. Nothing is kept of it from one backup to the next: what is compared is read from the vault.

#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/mutex.hpp"
#include "codec/chunker.hpp"
#include "format/tree.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

/// Any thread. Memory: about 300 bytes for each old file that was compared, of the last 1,024.
class Likeness {
 public:
  /// How much of the beginning of a file is compared.
  static constexpr std::size_t kSampleBytes = 1u << 20;
  /// More old entries than this are not worth comparing with.
  static constexpr std::size_t kCandidatesMax = 8;

  Likeness(ChunkReader& chunks, const Chunker& chunker) : chunks_(chunks), chunker_(chunker) {}

  /// Of old regular files the one that begins most like `sample`, the first bytes of a new file of `size` (nullopt: not
  /// known yet); nullptr where none is like it. Cuts depend on the content alone, so what follows a cut is compared: a change here and there leaves
  /// most of these places as they were, and moves none of them out of sight.
  const Entry* likest_file(std::span<const Entry> before, std::optional<std::uint64_t> size, ByteView sample);
  /// Of old directories the one of which most names are among these, sorted; nullptr where less than half of them are.
  const Entry* likest_directory(std::span<const Entry> before, std::span<const std::string_view> names);

 private:
  /// Hashes of the bytes behind each cut.
  using Edges = std::vector<std::uint64_t>;
  Edges edges_of(std::span<const ByteView> chunks) const;
  std::shared_ptr<const Edges> edges_of(const Entry& file);

  ChunkReader& chunks_;
  const Chunker& chunker_;
  Mutex mutex_;
  std::unordered_map<ChunkId, std::shared_ptr<const Edges>> known_ HF_GUARDED_BY(mutex_);  // by the first chunk, or list of chunks
};

}  // namespace hf
