#pragma once
// One file's bytes in order, to whoever takes them.

#include <functional>

#include "base/progress.hpp"
#include "point/tree_reader.hpp"

namespace hf {

/// Calls `take` with the file's bytes from the beginning to the end, on this thread; holes come as zeros. With several
/// jobs the segments ahead are fetched and opened meanwhile. Every chunk is checked before it is handed over; at the
/// first one that is damaged it ends with Corrupt. Memory: about 2 MiB for each job and what they work on.
Status dump_file(ChunkReader& chunks, const Entry& file, unsigned jobs, Progress& progress, const std::function<Status(ByteView)>& take);

}  // namespace hf
