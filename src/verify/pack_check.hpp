#pragma once
// One pack read from front to back: the quick way while all is well, the thorough one to say what is not.

#include <memory>

#include "vault/index.hpp"
#include "vault/pack_reader.hpp"
#include "verify/delta_forest.hpp"

namespace hf {

/// What the index should hold of a pack, order aside: the sum over its entries. Two packs with the same sum and count hold
/// the same entries, except by an accident of 1 in 2^64 (nobody who has no key can make entries).
struct EntrySum {
  std::uint64_t sum = 0, count = 0;
  void add(const ChunkKey& key, std::uint32_t offset, std::uint32_t stored_bytes, std::uint16_t chunk);
  bool operator==(const EntrySum&) const = default;
};

/// Bytes of a pack that do not open, or are something else than they should be.
struct PackFault {
  std::uint64_t offset = 0, bytes = 0;  ///< bytes 0: the pack as a whole
  std::uint64_t chunks = 0;             ///< that lie there, as far as the directory tells
  bool base = false;                    ///< a delta whose base can't be read: what is stored here is well
  bool loses_chunks = false;            ///< false: what is hit is no chunk (header, directory, copies of small objects)
  std::string message;
};

struct PackVerdict {
  std::uint64_t stored_bytes = 0, plain_bytes = 0, chunks = 0;
  bool name_holds = false;
  bool read_failed = false;          ///< the store could not read some of it
  EntrySum entries;                  ///< of the segments that are sound
  std::vector<PackFault> faults;     ///< in order of offsets
  bool sound() const { return faults.empty(); }
};

/// For one thread. Memory: a window of 4 MiB (more for larger segments) and what a segment unfolds to; with a forest, also what
/// stands on it, at most kBaseDepthMax of them, each for the one before.
class PackChecker {
 public:
  /// Without a vault only names are checked.
  /// `bases` is for segments that are deltas. With `forest` they are opened where what they stand on is.
  explicit PackChecker(const Vault* vault, ChunkReader* bases = nullptr, DeltaForest* forest = nullptr);
  ~PackChecker();

  /// Everything that can be known of a pack by reading it once; twice where it is damaged. `done` is told of bytes read.
  PackVerdict check(ObjectReader& pack, const PackId& id, const std::function<void(std::uint64_t bytes)>& done);

 private:
  Result<PackVerdict> check_name(ObjectReader& pack, const PackId& id, const std::function<void(std::uint64_t)>& done);
  /// Errors at the first thing that is wrong.
  Result<PackVerdict> check_quickly(ObjectReader& pack, const PackId& id, const std::function<void(std::uint64_t)>& done);
  PackVerdict examine(ObjectReader& pack, const PackId& id);
  /// Opens a segment and compares each chunk with the directory. Bases are identified too where that tells what is wrong.
  Status check_segment(ByteView frame, const SegmentInfo& expected, PackVerdict& verdict, bool identifies_bases);
  static void count(const SegmentInfo& segment, PackVerdict& verdict);
  /// Opens what stands on a segment that is open, and what stands on that. Whatever fails is left for its own pack's turn.
  void open_standing_on(const PackId& pack, std::uint32_t offset, const std::shared_ptr<const OpenedSegment>& segment, const DeltaForest::Chunks& chunks, unsigned depth);
  void identify(const OpenedSegment& segment);

  /// The bases of what stands on one segment.
  class OneBase;
  struct Level;

  const Vault* const vault_;
  ChunkReader* const bases_;
  DeltaForest* const forest_;
  std::unique_ptr<SegmentOpener> opener_;
  const std::shared_ptr<OpenedSegment> segment_ = std::make_shared<OpenedSegment>();
  std::vector<std::unique_ptr<Level>> levels_;
  Buffer window_;
  std::vector<ByteView> views_;
  std::vector<Digest> digests_;  // of identify()
};

}  // namespace hf
