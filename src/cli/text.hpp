#pragma once
// Words on a screen: widths, wrapping, cutting, and guessing what was meant. Pure functions of bytes.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace hf::cli {

/// Well-formed UTF-8 (RFC 3629)?
bool is_utf8(std::string_view bytes);
/// Terminal columns of printable UTF-8 text; wide East Asian characters and emoji count two, combining marks none.
std::size_t columns_of(std::string_view text);
/// The longest front part of `text` that fits `columns`; ends in "…" (or "..." without UTF-8) when something was cut.
std::string cut_to(std::string_view text, std::size_t columns, bool utf8 = true);
/// Lines of at most `columns`, broken at spaces. The first starts with `first`, the others with `rest`. A word that is
/// too long stands alone. No line ends in a space.
std::string wrap(std::string_view text, std::size_t columns, std::string_view first = "", std::string_view rest = "");

/// Insertions, deletions, replacements and swaps of neighbours between two words (optimal string alignment).
std::size_t edit_distance(std::string_view a, std::string_view b);
/// The candidate that a mistyped word most likely meant, or none that is near enough.
std::optional<std::string> nearest(std::string_view typed, const std::vector<std::string>& candidates);

/// Quoted so that a POSIX shell reads exactly these bytes; plain words stay as they are.
std::string shell_quoted(std::string_view word);
/// "a, b and c"
std::string listed(const std::vector<std::string>& words, std::string_view last_joint = " and ");

}  // namespace hf::cli
