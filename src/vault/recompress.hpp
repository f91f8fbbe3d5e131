#pragma once
// Which packs are worth the work of compressing them anew, once nothing changes in them any more.

#include "vault/repack.hpp"

namespace hf {

/// Says yes to packs that a verify has read back and of which a sample, at `level`, shrinks by a thirtieth or more: so
/// what was done once is not done again. Each question opens and compresses one segment. What it gives refers to
/// both, and serves one thread.
Result<AskRecompress> ask_recompress(const Vault& vault, int level, Progress& progress);

}  // namespace hf
