#pragma once
// What a backup compares with: the newest point of its own source, or for a source that is new what other sources have.

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "format/point.hpp"
#include "vault/chunk_reader.hpp"

namespace hf {

/// Before the name of a stream, in RecoveryPoint::paths.
inline constexpr std::string_view kStreamPrefix = "stdin:";

/// All of it but `trusted` is only a hint where old versions are looked for: a wrong one costs a look at chunks of no use.
struct Former {
  std::optional<RecoveryPoint> point;            ///< also searched for what moved (elsewhere.hpp)
  bool trusted = false;                          ///< what looks as in `point` is taken over, and not read
  std::map<std::string, ChunkRef> directories;   ///< by absolute path: old ones that lay there, or that it may have been
  std::vector<Entry> roots;                      ///< where the base has none among these: others, to be judged by what is in them
};

/// The point of the same source: of these paths of that host.
Former former_of_source(RecoveryPoint parent, bool trusted);

/// For a source without a point: from the newest points of up to 32 others, its own host's first. Where it was backed up
/// under another host's name, as a part of more, or in parts; else under a path that differs in digits alone; else several, of
/// which the one counts that has half of the names in it. Memory: an entry for each. `now` tells host, paths and base path.
Former former_of_others(ChunkReader& chunks, const std::vector<RecoveryPoint>& points, const RecoveryPoint& now);

/// Likewise for a stream called `name`: its last version, or that of the name that differs in digits alone; else several, to
/// be judged by what is in them. `points` as in PointList.
std::vector<Entry> former_of_stream(ChunkReader& chunks, const std::vector<RecoveryPoint>& points, const RecoveryPoint& now);

}  // namespace hf
