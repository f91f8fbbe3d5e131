#pragma once
// What a prune did, or would do: the same words wherever one is run.

#include "cli/output.hpp"
#include "vault/prune.hpp"

namespace hf::cli {

Json json_of_prune(const PruneReport& report, bool dry);
void show_prune(Output& out, const PruneReport& report, bool dry);

}  // namespace hf::cli
