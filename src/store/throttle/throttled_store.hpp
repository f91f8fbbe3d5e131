#pragma once
// A store that is written to no faster than a limit allows.

#include <memory>

#include "base/rate_limit.hpp"
#include "store/object_store.hpp"

namespace hf {

/// Passes everything on to `base`, and takes from `writes` what is uploaded. Both are loans and must outlive it. Threads,
/// errors and crashes: as `base`.
std::unique_ptr<ObjectStore> make_throttled_store(ObjectStore& base, RateLimit& writes);

}  // namespace hf
