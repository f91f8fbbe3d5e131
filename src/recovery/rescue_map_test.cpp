#include "recovery/rescue_map.hpp"

#include <gtest/gtest.h>

namespace hf {
namespace {

// As ddrescue 1.27 writes it.
constexpr std::string_view kMap = R"(# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue -d /dev/sdb sdb.img sdb.map
# Start time:   2026-05-02 14:02:31
# current_pos  current_status  current_pass
0x00120000     +               1
#      pos        size  status
0x00000000  0x00117000  +
0x00117000  0x00000200  -
0x00117200  0x00000E00  /
0x00118000  0x00010000  +
0x00128000  0x00008000  ?
)";

TEST(RescueMap, says_what_was_never_read_and_joins_neighbours) {
  const auto areas = parse_rescue_map(kMap);
  ASSERT_TRUE(areas) << areas.error().message;
  EXPECT_EQ(areas->size(), 5u);
  EXPECT_EQ(gaps_of(*areas), (std::vector<ByteGap>{{0x117000, 0x118000}, {0x128000, 0x130000}}));
}

TEST(RescueMap, takes_decimal_and_octal_numbers_and_the_old_status_line_without_a_pass) {
  const auto areas = parse_rescue_map("0 +\n0 512 +\n01000 100 *\n");
  ASSERT_TRUE(areas) << areas.error().message;
  EXPECT_EQ(gaps_of(*areas), (std::vector<ByteGap>{{512, 612}}));
}

TEST(RescueMap, refuses_what_is_no_map_and_names_the_line) {
  for (const std::string_view text : {"", "# only words\n", "hello\n", "0 +\n0 512\n", "0 +\n0 512 x\n", "0 +\n0 512 + more\n", "0 +\n512 512 +\n0 512 +\n", "0 +\n0 512 +\n511 1 +\n",
                                      "0 +\n0xFFFFFFFFFFFFFFFF 2 -\n", "0 +\n0x1FFFFFFFFFFFFFFFF 2 -\n", "0 +\n-1 2 -\n", "0 +\n0 09 -\n", "0x 0 +\n"}) {
    const auto areas = parse_rescue_map(text);
    EXPECT_FALSE(areas) << text;
  }
  EXPECT_NE(parse_rescue_map("0 +\n0 512 x\n").error().message.find("line 2"), std::string::npos);
}

}  // namespace
}  // namespace hf
