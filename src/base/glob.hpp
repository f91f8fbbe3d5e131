#pragma once
// Patterns for names and paths, as shells and .gitignore have them. Bytes, no locale.
//
//   *      any bytes but '/'             ?    one byte but '/'
//   [a-z]  one of these, never '/'       [!a] or [^a]: one that is not
//   **     any bytes, '/' too; "**/" at the start of a component also stands for nothing: "a/**/b" matches "a/b"
//   \x     x itself
//
// What is no complete class ('[' alone) or escape ('\' at the end) stands for itself: every pattern has a meaning.

#include <cstdint>
#include <string_view>

namespace hf {

enum class GlobCase : std::uint8_t { exact, ignore };  ///< ignore: ASCII letters only

/// Does the whole of `text` match? No recursion, no memory; time at most pattern x text, times text where "**" is used.
bool glob_match(std::string_view pattern, std::string_view text, GlobCase letters = GlobCase::exact);

/// Does it contain anything but literal bytes (an escape counts)? A pattern without is compared more quickly.
bool glob_has_magic(std::string_view pattern);

}  // namespace hf
