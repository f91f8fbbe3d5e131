#include "base/glob.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <random>
#include <string>

namespace hf {
namespace {

TEST(Glob, star_and_question_stay_within_a_component) {
  EXPECT_TRUE(glob_match("*.pdf", "tax.pdf"));
  EXPECT_TRUE(glob_match("*.pdf", ".pdf"));
  EXPECT_FALSE(glob_match("*.pdf", "a/tax.pdf"));
  EXPECT_FALSE(glob_match("*.pdf", "tax.pdf.old"));
  EXPECT_TRUE(glob_match("a/*/c", "a/b/c"));
  EXPECT_FALSE(glob_match("a/*/c", "a/b/b/c"));
  EXPECT_TRUE(glob_match("?bc", "abc"));
  EXPECT_FALSE(glob_match("a?c", "a/c"));
  EXPECT_TRUE(glob_match("*a*b*c*", "xxaxxbxxcxx"));
  EXPECT_TRUE(glob_match("*", ""));
  EXPECT_FALSE(glob_match("?", ""));
  EXPECT_TRUE(glob_match("", ""));
  EXPECT_FALSE(glob_match("", "a"));
}
TEST(Glob, two_stars_cross_components_and_may_stand_for_none) {
  EXPECT_TRUE(glob_match("**/c", "c"));
  EXPECT_TRUE(glob_match("**/c", "a/b/c"));
  EXPECT_FALSE(glob_match("**/c", "a/bc"));
  EXPECT_TRUE(glob_match("a/**/b", "a/b"));
  EXPECT_TRUE(glob_match("a/**/b", "a/x/y/b"));
  EXPECT_FALSE(glob_match("a/**/b", "ab"));
  EXPECT_TRUE(glob_match("a/**", "a/x/y"));
  EXPECT_FALSE(glob_match("a/**", "a"));
  EXPECT_TRUE(glob_match("**", "a/b/c"));
  EXPECT_TRUE(glob_match("**.pdf", "a/b.pdf"));
  EXPECT_TRUE(glob_match("**/*.c", "src/lib/x.c"));
  EXPECT_TRUE(glob_match("**/a/*/b/**/c*", "x/a/y/a/z/b/c1"));
}
TEST(Glob, classes) {
  EXPECT_TRUE(glob_match("[a-c]x", "bx"));
  EXPECT_FALSE(glob_match("[a-c]x", "dx"));
  EXPECT_TRUE(glob_match("[!a-c]x", "dx"));
  EXPECT_FALSE(glob_match("[^a-c]x", "ax"));
  EXPECT_TRUE(glob_match("[]]", "]"));
  EXPECT_TRUE(glob_match("[a-]", "-"));
  EXPECT_TRUE(glob_match("[\\]]", "]"));
  EXPECT_FALSE(glob_match("[!a]", "/"));
  EXPECT_FALSE(glob_match("[.-0]", "/"));
  EXPECT_TRUE(glob_match("*[0-9]", "photo7"));
}
TEST(Glob, what_is_incomplete_stands_for_itself) {
  EXPECT_TRUE(glob_match("[ab", "[ab"));
  EXPECT_TRUE(glob_match("a\\", "a\\"));
  EXPECT_TRUE(glob_match("\\*", "*"));
  EXPECT_FALSE(glob_match("\\*", "a"));
}
TEST(Glob, is_about_bytes_and_letters_may_be_taken_alike) {
  EXPECT_TRUE(glob_match("\xFF*", "\xFF\xFE"));
  EXPECT_TRUE(glob_match("??", "\xC3\xBC"));
  EXPECT_FALSE(glob_match("Tax*", "tax.pdf"));
  EXPECT_TRUE(glob_match("Tax*", "tAX.pdf", GlobCase::ignore));
  EXPECT_TRUE(glob_match("[A-C]*", "berlin", GlobCase::ignore));
}
TEST(Glob, magic) {
  EXPECT_FALSE(glob_has_magic("tax.pdf"));
  EXPECT_TRUE(glob_has_magic("tax?.pdf"));
  EXPECT_TRUE(glob_has_magic("\\*"));
}

/// The definition, without any cleverness.
bool by_definition(std::string_view p, std::string_view t, bool component_start = true) {
  if (p.empty()) return t.empty();
  if (p.starts_with("**")) {
    std::string_view rest = p;
    while (rest.starts_with('*')) rest.remove_prefix(1);
    if (component_start && rest.starts_with('/')) {
      if (by_definition(rest.substr(1), t)) return true;
      for (std::size_t i = 0; i < t.size(); ++i)
        if (t[i] == '/' && by_definition(rest.substr(1), t.substr(i + 1))) return true;
      return false;
    }
    for (std::size_t i = 0; i <= t.size(); ++i)
      if (by_definition(rest, t.substr(i), false)) return true;
    return false;
  }
  if (p[0] == '*') {
    for (std::size_t i = 0; i <= t.size(); ++i) {
      if (by_definition(p.substr(1), t.substr(i), false)) return true;
      if (i < t.size() && t[i] == '/') return false;
    }
    return false;
  }
  if (t.empty() || !(p[0] == '?' ? t[0] != '/' : p[0] == t[0])) return false;
  return by_definition(p.substr(1), t.substr(1), p[0] == '/');
}
TEST(Glob, agrees_with_its_definition) {
  std::mt19937 random(7);
  const auto pick = [&](std::string_view from, int most) {
    std::string s;
    for (int n = static_cast<int>(random() % static_cast<unsigned>(most + 1)); n > 0; --n) s += from[random() % from.size()];
    return s;
  };
  for (int i = 0; i < 200'000; ++i) {
    const std::string p = pick("ab/**?", 8), t = pick("aab/", 8);
    ASSERT_EQ(glob_match(p, t), by_definition(p, t)) << p << "  " << t;
  }
}
TEST(Glob, never_blows_up) {
  std::string pattern, text(4000, 'a');
  for (int i = 0; i < 60; ++i) pattern += "*a";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern + "b", text));
  EXPECT_FALSE(glob_match("**" + pattern.substr(0, 20) + "b", text));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
}

}  // namespace
}  // namespace hf
