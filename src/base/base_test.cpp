#include <gtest/gtest.h>

#include "base/ids.hpp"
#include "base/scratch_buffer.hpp"
#include "base/units.hpp"

namespace hf {
namespace {

TEST(ScratchBuffer, grows_never_shrinks_and_is_empty_when_it_was_moved_from) {
  ScratchBuffer scratch;
  const auto* const large = scratch.of(1000).data();
  EXPECT_EQ(scratch.of(10).data(), large);
  EXPECT_EQ(scratch.of(10).size(), 10u);
  EXPECT_EQ(scratch.size(), 1000u);
  ScratchBuffer other = std::move(scratch);
  EXPECT_EQ(other.data(), large);
  EXPECT_EQ(scratch.size(), 0u);  // NOLINT(bugprone-use-after-move): that is the question
  EXPECT_NE(scratch.of(20).data(), nullptr);
}

TEST(Base32, survives_typing_with_dashes_and_lower_case) {
  const Buffer raw = {0x00, 0xFF, 0x10, 0x80, 0x7A};
  std::string typed = to_base32(raw);
  typed.insert(4, "-");
  for (char& c : typed) c = static_cast<char>(std::tolower(c));
  EXPECT_EQ(*from_base32(typed), raw);
}
TEST(Base32, takes_letters_that_look_like_digits) { EXPECT_EQ(*from_base32("OI"), *from_base32("01")); }
TEST(Base32, refuses_other_characters) { EXPECT_FALSE(from_base32("AB?C")); }

TEST(Hex, refuses_odd_length_and_other_characters) {
  EXPECT_FALSE(from_hex("abc"));
  EXPECT_FALSE(from_hex("zz"));
  EXPECT_EQ(to_hex(*from_hex("00ff7A")), "00ff7a");
}

TEST(Printable, leaves_utf8_and_shows_what_would_drive_a_terminal) {
  EXPECT_EQ(printable("grün €"), "grün €");
  EXPECT_EQ(printable("a\x1b[31m"), "a\\x1b[31m");
  EXPECT_EQ(printable("\xC2\x9B"), "\\xc2\\x9b");
  EXPECT_EQ(printable("\xFF\xC0\xAF"), "\\xff\\xc0\\xaf");
}

TEST(Units, are_readable) {
  EXPECT_EQ(human_bytes(999), "999 B");
  EXPECT_EQ(human_bytes(8'310'000'000), "8.31 GB");
  EXPECT_EQ(human_count(12418), "12,418");
  EXPECT_EQ(human_duration(250), "4 min 10 s");
  EXPECT_EQ(*parse_bytes("1.5GiB"), 1610612736u);
  EXPECT_FALSE(parse_bytes("many"));
}
TEST(Units, time_text_goes_both_ways) {
  EXPECT_EQ(*parse_time("2026-05-02T14:02:31Z"), 1777730551'000000000);
  EXPECT_EQ(utc_time(1777730551'000000001), "2026-05-02T14:02:31.000000001Z");
  EXPECT_EQ(utc_time(-1), "1969-12-31T23:59:59.999999999Z");
  EXPECT_FALSE(parse_time("yesterday-ish"));
}

TEST(Ids, parse_only_their_own_length) {
  EXPECT_TRUE(PointId::parse(std::string(32, 'a')));
  EXPECT_FALSE(PointId::parse(std::string(31, 'a')));
  EXPECT_FALSE(PointId::parse(std::string(64, 'a')));
}

Result<int> half(int n) {
  if (n % 2) return Error(Code::usage, "odd");
  return n / 2;
}
Result<int> quarter(int n) { return HF_TRY(half(HF_TRY(half(n)))); }
TEST(Result, try_gives_the_value_or_returns_the_error) {
  EXPECT_EQ(*quarter(8), 2);
  EXPECT_EQ(quarter(6).error().code, Code::usage);
  EXPECT_EQ(half(3).context([] { return "halving 3"; }).error().message, "halving 3: odd");
}

}  // namespace
}  // namespace hf
