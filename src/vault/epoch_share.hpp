#pragma once
// How much of a vault lies under each key epoch: for `key list`, and to know when an old key protects nothing any more.

#include <map>

#include "base/progress.hpp"
#include "vault/vault.hpp"

namespace hf {

struct EpochShare {
  std::uint64_t packs = 0, bytes = 0;
};
struct EpochShares {
  std::map<std::uint32_t, EpochShare> by_epoch;
  EpochShare unknown;  ///< packs whose header can't be read
};

/// Reads the clear header of each pack, 64 bytes, `jobs` at a time; before the first rotation it only lists them.
/// Headers are not authenticated: the figures are for people.
Result<EpochShares> epoch_shares(const Vault& vault, unsigned jobs, Progress& progress);

}  // namespace hf
