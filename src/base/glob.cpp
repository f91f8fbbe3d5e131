#include "base/glob.hpp"

#include <cstddef>

namespace hf {
namespace {

unsigned char fold(char c, GlobCase letters) {
  const auto u = static_cast<unsigned char>(c);
  return letters == GlobCase::ignore && u >= 'A' && u <= 'Z' ? static_cast<unsigned char>(u - 'A' + 'a') : u;
}

/// What one element of the pattern, which is no star, says of one byte.
struct Step {
  bool matches = false;
  std::size_t pattern_bytes = 1;  // that the element takes
};

Step match_class(std::string_view pattern, char text, GlobCase letters) {
  std::size_t at = 1;
  const bool negated = at < pattern.size() && (pattern[at] == '!' || pattern[at] == '^');
  if (negated) ++at;
  const unsigned char t = fold(text, letters);
  bool in = false;
  for (bool first = true; at < pattern.size(); first = false) {
    if (pattern[at] == ']' && !first) return {in != negated && text != '/', at + 1};
    const auto literal = [&]() -> char {
      if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
      return pattern[at++];
    };
    const char from = literal();
    char to = from;
    if (at + 1 < pattern.size() && pattern[at] == '-' && pattern[at + 1] != ']') {
      ++at;
      to = literal();
    }
    const auto within = [&](char c) { return static_cast<unsigned char>(from) <= static_cast<unsigned char>(c) && static_cast<unsigned char>(c) <= static_cast<unsigned char>(to); };
    in = in || within(text);
    if (letters == GlobCase::ignore && t >= 'a' && t <= 'z') in = in || within(static_cast<char>(t)) || within(static_cast<char>(t - 'a' + 'A'));
  }
  return {text == '[', 1};  // never closed: the bracket itself
}

Step match_one(std::string_view pattern, char text, GlobCase letters) {
  switch (pattern[0]) {
    case '?': return {text != '/', 1};
    case '[': return match_class(pattern, text, letters);
    case '\\':
      if (pattern.size() > 1) return {fold(pattern[1], letters) == fold(text, letters), 2};
      [[fallthrough]];
    default: return {fold(pattern[0], letters) == fold(text, letters), 1};
  }
}

}  // namespace

// Only the last star of each kind need be remembered. What came before a "**" matched as early as it could, and a later
// beginning gives the "**" nothing that it could not take itself; the same holds for "*" within one component, and a '/'
// between two "*" lies where it lies.
bool glob_match(std::string_view pattern, std::string_view text, GlobCase letters) {
  constexpr std::size_t kNone = std::string_view::npos;
  std::size_t p = 0, t = 0;
  std::size_t star_p = kNone, star_t = 0;      // after the last "*", and where it ends now
  std::size_t stars_p = kNone, stars_t = 0;    // the same for "**"
  bool stars_are_components = false;           // it is "**/": ends only where a component begins
  for (;;) {
    if (p < pattern.size() && pattern[p] == '*') {
      if (p + 1 < pattern.size() && pattern[p + 1] == '*') {
        const bool component = p == 0 || pattern[p - 1] == '/';
        while (p < pattern.size() && pattern[p] == '*') ++p;
        stars_are_components = component && p < pattern.size() && pattern[p] == '/';
        if (stars_are_components) ++p;
        stars_p = p;
        stars_t = t;
        star_p = kNone;
        if (p == pattern.size() && !stars_are_components) return true;
      } else {
        star_p = ++p;
        star_t = t;
      }
      continue;
    }
    if (t == text.size() && p == pattern.size()) return true;
    if (t < text.size() && p < pattern.size()) {
      const Step step = match_one(pattern.substr(p), text[t], letters);
      if (step.matches) {
        p += step.pattern_bytes;
        ++t;
        continue;
      }
    }
    if (star_p != kNone && star_t < text.size() && text[star_t] != '/') {
      p = star_p;
      t = ++star_t;
      continue;
    }
    star_p = kNone;
    if (stars_p == kNone) return false;
    do ++stars_t;
    while (stars_are_components && stars_t <= text.size() && text[stars_t - 1] != '/');
    if (stars_t > text.size()) return false;
    p = stars_p;
    t = stars_t;
  }
}

bool glob_has_magic(std::string_view pattern) { return pattern.find_first_of("*?[\\") != std::string_view::npos; }

}  // namespace hf
