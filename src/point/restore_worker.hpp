#pragma once
// What one worker of a restore keeps between tasks.

#include "point/restore_engine.hpp"

namespace hf {

/// Memory: the frames of one unit and one segment; two more segments may wait for another worker that writes into a file.
struct RestoreEngine::Worker {
  Buffer frames;
  std::shared_ptr<const OpenedSegment> segment;
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
