#pragma once
// What one worker of a restore keeps between tasks.

#include "point/restore_engine.hpp"

namespace hf {

/// Memory: the frames of one unit, one segment and its compressed form.
struct RestoreEngine::Worker {
  explicit Worker(ChunkReader& chunks) : opener(chunks.vault(), &chunks) {}
  SegmentOpener opener;
  Buffer frames;
  OpenedSegment segment;
  std::shared_ptr<const OpenedSegment> kept;  // the chunk reader's, if it is that one which is at hand
  const OpenedSegment& at_hand() const { return kept ? *kept : segment; }
  std::vector<ByteView> views;
  std::vector<Digest> digests;
  std::vector<std::uint32_t> order;
  std::vector<bool> good;  // of the wants of the segment at hand
  std::vector<Extent> extents;
  std::vector<ByteRange> lost;
  std::string shown_directory;
  const Directory* shown = nullptr;
};

}  // namespace hf
