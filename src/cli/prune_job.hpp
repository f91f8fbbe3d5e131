#pragma once
// Telling what a prune did: what `prune` and `run` share.

#include "cli/verb.hpp"
#include "vault/prune.hpp"

namespace hf::cli {

/// The lines that tell it; `dry`: it was a rehearsal.
void tell_prune(Output& out, const PruneReport& report, bool dry);
/// The members that `prune --json` documents.
Json json_of_prune(const PruneReport& report, bool dry);

/// Is there something for a prune to give back: a forgotten point whose grace has passed, or packs that an earlier one
/// could not remove yet? Costs a look at tombstones and the newest epoch. `last_ns`: when a prune last decided something.
struct PruneDue {
  bool due = false;
  std::int64_t last_ns = 0;
};
Result<PruneDue> prune_due(const Vault& vault);

}  // namespace hf::cli
