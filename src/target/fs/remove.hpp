#pragma once
// Taking away what is in the way, for good.

#include "target/fs/directory_tree.hpp"

namespace hf {

/// Removes `name` in `parent` with everything below it; follows no symlink; absent is success. Paths of any length.
Status remove_all(DirectoryTree& tree, const DirectoryRef& parent, const std::string& name);

}  // namespace hf
