#pragma once
// What recovery points need: the chunks of their contents and of their trees, and what deltas among them build on.

#include "base/progress.hpp"
#include "vault/prune.hpp"

namespace hf {

/// Adds the keys of all chunks that the points need to `live`. Each distinct node is read once, by `jobs` threads. Fails at the first node that can't be read.
Status mark_points(const Vault& vault, const Index& index, const std::vector<RecoveryPoint>& points, ClaimSet& live, Progress& progress, unsigned jobs);

/// mark_points as prune() wants it.
MarkPoints marker(unsigned jobs);

}  // namespace hf
