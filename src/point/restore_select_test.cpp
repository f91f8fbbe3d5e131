#include "point/restore_select.hpp"

#include "base/glob.hpp"

#include <gtest/gtest.h>

namespace hf {
namespace {

TEST(Glob, stars_stay_within_a_name_and_two_cross_them) {
  EXPECT_TRUE(glob_match("*.c", "main.c"));
  EXPECT_FALSE(glob_match("*.c", "src/main.c"));
  EXPECT_TRUE(glob_match("src/*/x?.c", "src/lib/xy.c"));
  EXPECT_TRUE(glob_match("src/**/x.c", "src/a/b/x.c"));
  EXPECT_TRUE(glob_match("src/**/x.c", "src/x.c"));
  EXPECT_TRUE(glob_match("**/x.c", "x.c"));
  EXPECT_TRUE(glob_match("**", "a/b/c"));
  EXPECT_FALSE(glob_match("a?c", "a/c"));
  EXPECT_TRUE(glob_match("[a-c][!x]z", "byz"));
  EXPECT_FALSE(glob_match("[a-c][!x]z", "bxz"));
  EXPECT_TRUE(glob_match("a[", "a["));
  EXPECT_TRUE(glob_match("*a*b*c*", "xxaxxbxxcxx"));
  EXPECT_FALSE(glob_match("", "x"));
  EXPECT_TRUE(glob_match("", ""));
}

TEST(Glob, no_pattern_takes_for_ever) {
  const std::string text(2000, 'a');
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  EXPECT_FALSE(glob_match(pattern + "b", text));
}

TEST(Selection, leads_to_what_is_named_and_takes_all_below) {
  RecoveryPoint p;
  p.base_path = "/home/anna";
  const auto s = *Selection::make(p, {"/home/anna/docs/tax", "pics/*.jpg"}, {}, {"secret"});
  using C = Selection::Choice;
  EXPECT_EQ(s.choose("docs", true, C::pass), C::pass);
  EXPECT_EQ(s.choose("docs/tax", true, C::pass), C::take);
  EXPECT_EQ(s.choose("docs/tax/x", false, C::take), C::take);
  EXPECT_EQ(s.choose("docs/tax/secret", false, C::take), C::skip);
  EXPECT_EQ(s.choose("docs/taxi", false, C::pass), C::skip);
  EXPECT_EQ(s.choose("pics/a.jpg", false, C::pass), C::take);
  EXPECT_EQ(s.choose("pics/a.png", false, C::pass), C::skip);
  EXPECT_FALSE(Selection::make(p, {"/home/bob"}, {}, {}));
  EXPECT_FALSE(Selection::make(p, {"../x"}, {}, {}));
}

}  // namespace
}  // namespace hf
