#pragma once
// Objects in memory: for tests and for what needs no disk.

#include "store/object_store.hpp"

namespace hf {

std::unique_ptr<ObjectStore> make_memory_store();

}  // namespace hf
