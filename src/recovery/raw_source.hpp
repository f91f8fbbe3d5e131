#pragma once
// What salvage reads: images, devices and files of any names, as plain bytes. Nothing here ever writes.

#include <list>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.hpp"
#include "platform/env.hpp"
#include "recovery/rescue_map.hpp"
#include "store/object_store.hpp"

namespace hf {

/// A run of bytes in one of the sources.
struct Extent {
  std::uint32_t source = 0;
  std::uint64_t offset = 0, bytes = 0;
};

/// Sources by number. add() first, then read_some() and add_gap() by one thread, then read() by any.
/// Memory: a path each, and a descriptor for each of the 32 read last.
class RawSources {
 public:
  explicit RawSources(Env& env) : env_(env) {}

  /// A file, a block device, or all regular files below a directory (in order of names; symlinks are not followed).
  /// `gaps` of a single file or device: bytes that are known not to be what was on the medium.
  Status add(const std::string& path, std::vector<ByteGap> gaps = {});

  std::size_t count() const { return sources_.size(); }
  const std::string& path(std::size_t source) const { return sources_[source].path; }
  std::uint64_t bytes(std::size_t source) const { return sources_[source].bytes; }
  std::uint64_t bytes_total() const;
  const std::vector<ByteGap>& gaps(std::size_t source) const { return sources_[source].gaps; }

  /// What can be read from `offset` on without touching a gap, at most `out`; where a gap (or a hole of the file) begins
  /// at `offset`, its length in `skip`. Both 0: the end. What the system cannot read becomes a gap, to the 4 KiB.
  struct Piece {
    std::size_t bytes = 0;
    std::uint64_t skip = 0;
    bool hole = false;  ///< what is skipped is a hole: zeros, and nothing is missing
  };
  Result<Piece> read_some(std::size_t source, std::uint64_t offset, MutableBytes out);

  /// Fills `out`, or fails: Corrupt where some of it lies in a gap or past the end.
  Status read(const Extent& from, MutableBytes out) const;

 private:
  struct Source {
    std::string path;
    std::uint64_t bytes = 0;
    std::vector<ByteGap> gaps;  ///< in order, apart
  };
  Status add_one(const std::string& path, std::vector<ByteGap> gaps);
  Status add_below(const std::string& directory, int depth);
  void add_gap(std::size_t source, ByteGap gap);
  Result<std::shared_ptr<Fd>> file(std::size_t source) const;

  Env& env_;
  std::vector<Source> sources_;
  mutable Mutex mutex_;
  mutable std::list<std::pair<std::size_t, std::shared_ptr<Fd>>> open_ HF_GUARDED_BY(mutex_);  // newest first
};

/// An extent as an object.
class ExtentReader final : public ObjectReader {
 public:
  ExtentReader(const RawSources& sources, const Extent& extent) : sources_(sources), extent_(extent) {}
  std::uint64_t size() const override { return extent_.bytes; }
  Status read(std::uint64_t offset, MutableBytes out) override;

 private:
  const RawSources& sources_;
  const Extent extent_;
};

}  // namespace hf
