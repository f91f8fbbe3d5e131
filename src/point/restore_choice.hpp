#pragma once
// Which point, and which paths in it, a command's words mean.

#include "point/restore_select.hpp"
#include "vault/vault.hpp"

namespace hf {

/// The first word is a point where it is "latest" or the beginning of an id that exists; all others are paths. Without a
/// point: the newest, or the newest at or before `as_of`.
Result<RecoveryPoint> choose_point(const Vault& vault, const std::vector<std::string>& words, std::optional<std::int64_t> as_of, std::vector<std::string>& paths);

}  // namespace hf
