#pragma once
// Entries of a tree in words.

#include <string>
#include <string_view>

#include "platform/env.hpp"

namespace hf::cli {

/// "file", "directory", …: for JSON.
std::string_view word_of(FileType type);
/// "drwxr-sr-t" as ls(1) has it.
std::string mode_text(const Stat& stat);

}  // namespace hf::cli
