#pragma once
// Chunks by their identity.

#include <list>
#include <map>
#include <memory>
#include <thread>

#include "vault/index.hpp"
#include "vault/pack_reader.hpp"

namespace hf {

/// Finds, fetches, opens and identifies chunks, keeping recent segments and open packs. Any thread.
/// Delta segments are opened with their bases, which it finds in the same way. A segment that one thread is opening is not
/// opened by another at the same time, which waits for it: neighbouring deltas stand on the same bases.
///
/// Nobody who reads holds up a prune, so a pack may go while it is needed: its live chunks lie in another one then, which
/// the index of that hour tells. Where a pack is gone the index is loaded anew, and read() looks there too.
class ChunkReader final : public BaseSource {
 public:
  static constexpr std::size_t kDirectoryBytes = 10u << 20;  ///< two of the largest
  ChunkReader(const Vault& vault, const Index& index, std::size_t cache_bytes = 32u << 20) : vault_(vault), index_(index), cache_bytes_max_(cache_bytes) {}

  /// Tries every place that the index knows, and where a pack is gone, every place that the index of now knows. Corrupt
  /// names the pack where the chunk is missing or damaged.
  Result<LoadedChunk> read(const ChunkId& id);
  /// From this place and no other, its bases identified.
  Result<LoadedChunk> read_from(const ChunkId& id, const ChunkPlace& place);
  Result<LoadedChunk> load_base(const ChunkId& id, Unfolding& unfolding) override { return read(id, unfolding); }
  void open_ahead(std::span<const ChunkId> bases, Unfolding& unfolding) override;
  Result<ChunkPlace> locate(const ChunkId& id) const;
  Result<std::shared_ptr<ObjectReader>> pack(const PackId& id);
  /// The segment at this place, for who wants so many of its chunks: unless that is all of it, it is kept for a while, since
  /// others may be bases of what comes next. `frame`: it, where it was read already; else empty. Its own bases are not
  /// identified: identify what comes out.
  Result<std::shared_ptr<const OpenedSegment>> open(const ChunkPlace& place, ByteView frame, std::size_t chunks_wanted);
  /// What lies in a pack; kept for a while. Corrupt names the pack where that can't be told.
  Result<std::shared_ptr<const PackDirectory>> directory(const PackId& id);
  /// Fetches and opens one segment past the cache (its bases come through it); the opener's source of
  /// bases should be this reader.
  Status fetch(const ChunkPlace& place, SegmentOpener& opener, OpenedSegment& out);

  const Vault& vault() const { return vault_; }
  /// The one that it was made with; locate() may know a newer one.
  const Index& index() const { return index_; }

 private:
  using SegmentKey = std::pair<PackId, std::uint32_t>;
  struct CachedSegment {
    SegmentKey key;
    std::shared_ptr<const OpenedSegment> segment;
  };
  Result<LoadedChunk> read(const ChunkId& id, Unfolding& unfolding);
  Result<LoadedChunk> read_by(const Index& index, const ChunkId& id, Unfolding& unfolding);
  struct Asked {
    bool wait = true;  ///< where another thread is opening it; else nullptr is what comes out then
    ByteView frame;    ///< it, where it was read already
    std::size_t chunks_wanted = 0;
  };
  Result<std::shared_ptr<const OpenedSegment>> segment(const ChunkPlace& place, Unfolding& unfolding, const Asked& asked);
  /// The segment, if it is kept and good for this purpose.
  std::shared_ptr<const OpenedSegment> kept(const SegmentKey& key, const Unfolding& unfolding) HF_REQUIRES(mutex_);
  void keep(const SegmentKey& key, const std::shared_ptr<const OpenedSegment>& loaded) HF_REQUIRES(mutex_);
  /// Does whoever opens it wait for this thread, perhaps by way of others? So it is where bases go round in a circle.
  bool waits_for_me(const SegmentKey& key) const HF_REQUIRES(mutex_);
  Result<LoadedChunk> read_at(const ChunkId& id, const ChunkPlace& place, Unfolding& unfolding);
  Status fetch(const ChunkPlace& place, SegmentOpener& opener, OpenedSegment& out, Unfolding& unfolding);
  /// Into the opener's memory.
  static Result<ByteView> read_frame(ObjectReader& pack, const ChunkPlace& place, SegmentOpener& opener);
  /// nullptr: the one that we were made with.
  std::shared_ptr<const Index> newer() const {
    Lock lock(newer_mutex_);
    return newer_;
  }
  /// Something was not where `read_with` says (nullptr: where index_ says). Gives the index as it is now, or nullptr where
  /// it can tell nothing new, or can't be read.
  std::shared_ptr<const Index> look_again(const std::shared_ptr<const Index>& read_with);

  std::unique_ptr<SegmentOpener> take_opener();
  /// An entry of opening_, which goes whatever happens: others wait for that.
  class Opening {
   public:
    Opening(ChunkReader& reader, const SegmentKey& key) : reader_(reader), key_(key) {}
    Opening(const Opening&) = delete;
    Opening& operator=(const Opening&) = delete;
    ~Opening();

   private:
    ChunkReader& reader_;
    const SegmentKey key_;
  };
  /// Memory of segments that nobody holds any more: new memory costs the kernel a fault for each page of it.
  class Spares {
   public:
    ScratchBuffer take();
    void give(ScratchBuffer buffer);

   private:
    static bool smaller(const ScratchBuffer& a, const ScratchBuffer& b) { return a.size() < b.size(); }
    Mutex mutex_;
    std::vector<ScratchBuffer> buffers_ HF_GUARDED_BY(mutex_);
  };

  const Vault& vault_;
  const Index& index_;
  const std::size_t cache_bytes_max_;
  Mutex mutex_;
  std::list<CachedSegment> recent_ HF_GUARDED_BY(mutex_);  // newest first
  std::map<SegmentKey, std::list<CachedSegment>::iterator> by_key_ HF_GUARDED_BY(mutex_);
  std::size_t cached_bytes_ HF_GUARDED_BY(mutex_) = 0;
  std::map<SegmentKey, std::thread::id> opening_ HF_GUARDED_BY(mutex_);
  std::map<std::thread::id, SegmentKey> waiting_ HF_GUARDED_BY(mutex_);
  Condition opened_;  // something left opening_
  struct OpenPack {
    PackId pack;
    std::shared_ptr<ObjectReader> object;
  };
  std::list<OpenPack> packs_ HF_GUARDED_BY(mutex_);  // newest first, at most 32
  struct KnownDirectory {
    PackId pack;
    std::shared_ptr<const PackDirectory> directory;
    std::size_t bytes = 0;
  };
  std::list<KnownDirectory> directories_ HF_GUARDED_BY(mutex_);  // newest first, kDirectoryBytes of them
  std::size_t directory_bytes_ HF_GUARDED_BY(mutex_) = 0;
  std::vector<std::unique_ptr<SegmentOpener>> idle_openers_ HF_GUARDED_BY(mutex_);
  const std::shared_ptr<Spares> spares_ = std::make_shared<Spares>();  // segments may outlive the reader

  mutable Mutex newer_mutex_;  // held while an index is loaded: whoever else misses a pack waits for the same one
  std::shared_ptr<const Index> newer_ HF_GUARDED_BY(newer_mutex_);
  std::vector<std::string> runs_seen_ HF_GUARDED_BY(newer_mutex_);  // names in the vault when it was loaded
};

}  // namespace hf
