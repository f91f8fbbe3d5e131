#pragma once
// A store that shows another one with changes that are never made: for rehearsals.

#include <memory>

#include "store/object_store.hpp"

namespace hf {

/// Reads go to `base` (a loan that outlives it), writes and removals stay here. Of new packs and their parity only the size is kept: they
/// can be listed and not read. Memory: all other new objects. Any thread.
std::unique_ptr<ObjectStore> make_overlay_store(ObjectStore& base);

}  // namespace hf
