#include "cli/key_shares.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

#include "platform/sim_env.hpp"

namespace hf::cli {
namespace {

struct KeyShares : testing::Test {
  SimEnv env;
  Secret key = make_recovery_key(env);
  std::string text(const std::vector<KeyShare>& shares, std::initializer_list<std::size_t> which) {
    std::string out;
    for (std::size_t i : which) out += share_text(shares[i]).text();
    return out;
  }
  Result<Secret> combined(std::string_view typed) { return combine_shares(HF_TRY(find_shares(typed))); }
};

TEST_F(KeyShares, any_three_of_five_give_the_key) {
  const auto shares = split_recovery_key(env, key, {3, 5});
  for (std::size_t a = 0; a < 5; ++a)
    for (std::size_t b = 0; b < 5; ++b)
      for (std::size_t c = 0; c < 5; ++c) {
        if (a == b || b == c || a == c) continue;
        const auto got = combined(text(shares, {a, b, c}));
        ASSERT_TRUE(got) << got.error().message;
        ASSERT_TRUE(got->same_as(key));
      }
  EXPECT_TRUE(combined(text(shares, {0, 1, 2, 3, 4}))->same_as(key));
  EXPECT_TRUE(combined(text(shares, {0, 1, 1, 2}))->same_as(key));  // one twice
}
TEST_F(KeyShares, whole_sheets_and_what_a_person_types_are_read) {
  const auto shares = split_recovery_key(env, key, {2, 3});
  std::string sheets;
  for (std::size_t i : {std::size_t{2}, std::size_t{0}}) sheets += share_sheet({"/srv/my vault", VaultId{}, 0, "host"}, shares[i]).text();
  EXPECT_TRUE(combined(sheets)->same_as(key));
  std::string typed;
  for (char c : text(shares, {1, 2})) typed += c == '-' ? ' ' : c == '0' ? 'o' : c == '1' ? 'l' : static_cast<char>(std::tolower(c));
  EXPECT_TRUE(combined("\n" + typed)->same_as(key));
  EXPECT_TRUE(combined(std::string(scanned_share({}, shares[0]).text()) + std::string(scanned_share({}, shares[1]).text()))->same_as(key));
}
TEST_F(KeyShares, says_exactly_what_is_wrong) {
  const auto shares = split_recovery_key(env, key, {3, 5});
  EXPECT_NE(combined(text(shares, {0, 4})).error().message.find("2 shares of set"), std::string::npos);
  EXPECT_NE(combined(text(shares, {0, 4})).error().message.find("3 are needed"), std::string::npos);
  EXPECT_NE(combined(text(shares, {0})).error().message.find("1 share of set"), std::string::npos);
  const auto others = split_recovery_key(env, make_recovery_key(env), {3, 5});
  EXPECT_NE(combined(text(shares, {0, 1}) + text(others, {2})).error().message.find("different sets"), std::string::npos);
  // The same key split anew is another polynomial: the sum of the sets' names is the same, and the key does not come out.
  const auto anew = split_recovery_key(env, key, {3, 5});
  EXPECT_NE(combined(text(shares, {0, 1}) + text(anew, {2})).error().message.find("do not give their key"), std::string::npos);
  EXPECT_NE(combined(text(shares, {0, 1}) + text(anew, {1})).error().message.find("share 2 is given twice"), std::string::npos);
}
TEST_F(KeyShares, every_mistyped_character_is_found_and_placed) {
  const auto shares = split_recovery_key(env, key, {2, 2});
  const std::string good = text(shares, {0});
  int missed = 0;
  for (std::size_t at = 0; at < good.size(); ++at) {
    if (good[at] == '-' || good[at] == '\n') continue;
    std::string bad = good;
    bad[at] = bad[at] == 'Z' ? 'Y' : 'Z';
    const auto found = find_shares(bad);
    const std::string line = "line " + std::to_string(1 + std::count(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(at), '\n'));
    if (found) ++missed;  // ten bits of check: one in a thousand
    else EXPECT_NE(found.error().message.find(line), std::string::npos) << found.error().message;
  }
  EXPECT_LE(missed, 1);
}
TEST_F(KeyShares, other_texts_hold_no_share) {
  for (const char* other : {"", "correct horse battery staple", "7QK2-M9D0-XH4T-1V8N-ZA\n0B6E-RR3W-58JC-GPYS-4K\n"}) EXPECT_TRUE(find_shares(other)->empty()) << other;
  EXPECT_TRUE(find_shares(recovery_key_text(key).text())->empty());
  EXPECT_TRUE(find_shares(recovery_sheet({"/v", VaultId{}, 0, "h"}, key, {}).text())->empty());
}
TEST_F(KeyShares, two_shares_are_pinned) {  // made by the rules of docs/format/keys.md, with the independent reader
  const auto key_of_both = combined("0410-60A6-8D0C-A95K-8E\n"
                                   "CHJ6-8S3C-DHP6-RS34-1S\n"
                                   "CHJ7-RZ3W-FHJ6-8S34-8T\n"
                                   "0410-60J6-8D0C-A95K-B7\n"
                                   "S35W-XKEM-TZ9D-3M6K-PA\n"
                                   "TVAY-SVZA-X7WF-QZQX-7J\n");
  ASSERT_TRUE(key_of_both) << key_of_both.error().message;
  EXPECT_EQ(to_hex(key_of_both->view()), "000102030405060708090a0b0c0d0e0f10111213");
}
TEST_F(KeyShares, a_rule_is_m_of_n) {
  EXPECT_EQ(parse_share_rule("3/5")->threshold, 3u);
  EXPECT_EQ(parse_share_rule("255/255")->count, 255u);
  for (const char* bad : {"", "3", "1/5", "6/5", "2/256", "a/b", "3/5/7", "-1/3"}) EXPECT_FALSE(parse_share_rule(bad)) << bad;
}

}  // namespace
}  // namespace hf::cli
