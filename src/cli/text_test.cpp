#include "cli/text.hpp"

#include <gtest/gtest.h>

namespace hf::cli {
namespace {

TEST(Text, knows_utf8_from_other_bytes) {
  EXPECT_TRUE(is_utf8("grün € 😀"));
  for (const char* bad : {"\xFF", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82"}) EXPECT_FALSE(is_utf8(bad));
}
TEST(Text, counts_columns_of_wide_and_combining_characters) {
  EXPECT_EQ(columns_of("grün"), 4u);
  EXPECT_EQ(columns_of("日本"), 4u);
  EXPECT_EQ(columns_of("e\xCC\x81"), 1u);
}
TEST(Text, cut_never_splits_a_character_and_never_exceeds) {
  const std::string text = "日本 grün e\xCC\x81 😀 end";
  for (std::size_t columns = 0; columns < 30; ++columns) {
    const std::string cut = cut_to(text, columns);
    EXPECT_LE(columns_of(cut), columns);
    EXPECT_TRUE(is_utf8(cut));
  }
  EXPECT_EQ(cut_to("abcdef", 4), "abc…");
  EXPECT_EQ(cut_to("abcdef", 4, false), "a...");
  EXPECT_EQ(cut_to("abc", 3), "abc");
}
TEST(Text, wraps_at_spaces_and_leaves_long_words_whole) {
  EXPECT_EQ(wrap("one two three", 8), "one two\nthree");
  EXPECT_EQ(wrap("one two", 9, "  - ", "    "), "  - one\n    two");
  EXPECT_EQ(wrap("a /a/very/long/path b", 6), "a\n/a/very/long/path\nb");
  EXPECT_EQ(wrap("", 10, "x  "), "x");
}
TEST(Text, edit_distance_counts_a_swap_as_one) {
  EXPECT_EQ(edit_distance("pionts", "points"), 1u);
  EXPECT_EQ(edit_distance("", "abc"), 3u);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3u);
}
TEST(Text, nearest_takes_slips_and_beginnings_but_no_strangers) {
  const std::vector<std::string> verbs = {"backup", "points", "restore", "verify", "ls"};
  EXPECT_EQ(nearest("pionts", verbs), "points");
  EXPECT_EQ(nearest("rest", verbs), "restore");
  EXPECT_EQ(nearest("vrefy", verbs), "verify");
  EXPECT_EQ(nearest("du", verbs), std::nullopt);
  EXPECT_EQ(nearest("frobnicate", verbs), std::nullopt);
}
TEST(Text, quotes_for_a_shell) {
  EXPECT_EQ(shell_quoted("/a/b-c.txt"), "/a/b-c.txt");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

}  // namespace
}  // namespace hf::cli
