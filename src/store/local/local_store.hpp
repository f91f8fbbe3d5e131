#pragma once
// Objects as files below one directory.

#include "platform/env.hpp"
#include "store/object_store.hpp"

namespace hf {

/// Prepares `directory` (absent or empty) for a new vault. AlreadyExists where something is in it.
Result<std::unique_ptr<ObjectStore>> create_local_store(Env& env, const std::string& directory);

/// NotFound where the directory is absent, NotAVault where it holds no vault.
Result<std::unique_ptr<ObjectStore>> open_local_store(Env& env, const std::string& directory);

/// For `rebuild`: opens whatever is left of a vault, also without its description, and makes the folders that are
/// missing. NotFound where the directory is absent, NotAVault where it has neither description nor packs.
Result<std::unique_ptr<ObjectStore>> adopt_local_store(Env& env, const std::string& directory);

/// A directory beside a vault where some of its objects rest: the parity packs of its stripes. Makes it (absent or empty), or
/// opens one that was made. AlreadyExists where something else is in it.
Result<std::unique_ptr<ObjectStore>> create_local_place(Env& env, const std::string& directory);
/// NotFound where there is none.
Result<std::unique_ptr<ObjectStore>> open_local_place(Env& env, const std::string& directory);

}  // namespace hf
