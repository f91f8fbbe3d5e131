#include "cli/toml.hpp"

#include <gtest/gtest.h>

namespace hf::cli {
namespace {

TomlValue parsed(std::string_view text) {
  auto root = parse_toml(text);
  EXPECT_TRUE(root) << text << "\n" << (root ? "" : root.error().message);
  return root ? *root : TomlValue{};
}
const TomlValue& value_of(const TomlValue& root, const std::string& key) {
  static const TomlValue none;
  const auto found = root.table.find(key);
  return found == root.table.end() ? none : found->second;
}
std::string text_of(std::string_view value) { return value_of(parsed("k = " + std::string(value)), "k").text; }
std::size_t refused_in_line(std::string_view text) {
  const auto root = parse_toml(text);
  EXPECT_FALSE(root) << text;
  return root ? 0 : root.error().line;
}

TEST(Toml, texts_in_all_four_quotings) {
  EXPECT_EQ(text_of(R"("a\tb\"\\\u00fc\U0001F600")"), "a\tb\"\\ü😀");
  EXPECT_EQ(text_of(R"('a\tb')"), "a\\tb");
  EXPECT_EQ(text_of("\"\"\"\na\r\n  b\"\"\""), "a\n  b");
  EXPECT_EQ(text_of("\"\"\"a \\\n   \n  b\"\"\""), "a b");
  EXPECT_EQ(text_of("\"\"\"\"quoted\"\"\"\"\""), "\"quoted\"\"");
  EXPECT_EQ(text_of("'''a\\'b'''"), "a\\'b");
}
TEST(Toml, numbers_and_truth) {
  EXPECT_EQ(value_of(parsed("k = -1_000"), "k").integer, -1000);
  EXPECT_EQ(value_of(parsed("k = 0xFF"), "k").integer, 255);
  EXPECT_TRUE(value_of(parsed("k = true"), "k").boolean);
  for (const char* real : {"1.5", "1e3", "-0.1E-2", "inf"})
    EXPECT_EQ(value_of(parsed(std::string("k = ") + real), "k").type, TomlValue::Type::real) << real;
  for (const char* time : {"1979-05-27", "1979-05-27 07:32:00Z", "07:32:00"})
    EXPECT_EQ(value_of(parsed(std::string("k = ") + time), "k").type, TomlValue::Type::time) << time;
}
TEST(Toml, lists_go_over_lines_with_comments) {
  const TomlValue root = parsed("k = [ # first\n \"a\",\n 'b' , # last\n]\nafter = 1");
  EXPECT_EQ(value_of(root, "k").list.size(), 2u);
  EXPECT_EQ(value_of(root, "after").line, 5u);
}
TEST(Toml, tables_by_header_by_dots_and_inline) {
  for (const char* text : {"[a.b]\nc = 1", "a.b.c = 1", "a = { b = { c = 1 } }", "a = { b.c = 1 }", "[ a . \"b\" ]\nc=1",
                           "[a.b]\nc = 1\n[a]\nd = 2"})
    EXPECT_EQ(value_of(value_of(value_of(parsed(text), "a"), "b"), "c").integer, 1) << text;
}
TEST(Toml, nothing_is_said_twice) {
  for (const char* text : {"a = 1\na = 2", "[a]\n[a]", "a = 1\n[a]", "a.b = 1\n[a]", "a = {}\n[a.b]", "a = {b.c = 1}\na.b.d = 2"})
    EXPECT_EQ(refused_in_line(text), 2u) << text;
}
TEST(Toml, what_it_is_not) {
  for (const char* text : {"a",
                           "a =",
                           "a = b",
                           "= 1",
                           "a = 1 b = 2",
                           "a = [1",
                           "a = [1 2]",
                           "a = \"x",
                           "a = \"\n\"",
                           "a = \"\\x\"",
                           "a = \"\\ud800\"",
                           "a = 01",
                           "a = 1_",
                           "a = 99999999999999999999",
                           "a = {b = 1",
                           "a = {b = 1,}",
                           "[a",
                           "[]",
                           "[[a]]",
                           "a..b = 1",
                           "a = \"\x01\"",
                           "a = 1 # \x01",
                           "\xFF = 1",
                           "a\xC4\x81 = 1",
                           "a = 1\rb = 2",
                           "\"\"\"a\"\"\" = 1"})
    EXPECT_EQ(refused_in_line(text), 1u) << text;
}
TEST(Toml, depth_is_bounded) {
  refused_in_line("a = " + std::string(100'000, '['));
  std::string braces, dots = "a";
  for (int i = 0; i < 50'000; ++i) braces += "{a=", dots += ".a";
  refused_in_line("a = " + braces);
  refused_in_line(dots + " = 1");
  refused_in_line("[" + dots + "]");
}

}  // namespace
}  // namespace hf::cli
