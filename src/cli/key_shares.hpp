#pragma once
// A recovery key in shares: n sheets for n people, any m of whom open the vault together (codec/shamir.hpp).
//
//   020G-A0G4-7QK2-M9D0-XH      three lines of sixteen characters and two that check them, as on a recovery sheet:
//   4T1V-8NZA-0B6E-RR3W-58      version, threshold, count, index, six bytes that all shares of a set have in common,
//   JCGP-YS4K-7QK2-M9D0-T1      and the twenty bytes of the share

#include <array>

#include "cli/recovery_key.hpp"

namespace hf::cli {

struct KeyShare {
  std::uint8_t threshold = 0, count = 0, index = 0;  ///< index: 1 to count
  std::array<std::uint8_t, 6> set{};                 ///< from a hash of the key: tells sets apart, and proves the key
  Secret value;
};

/// "3/5": any three of five. 2 <= m <= n <= 255.
struct ShareRule {
  unsigned threshold = 0, count = 0;
};
Result<ShareRule> parse_share_rule(std::string_view text);

std::vector<KeyShare> split_recovery_key(Env& env, const Secret& key, const ShareRule& rule);
/// The three lines, with a newline after each.
Secret share_text(const KeyShare& share);
/// All shares in a text: bare lines, whole sheets, several one after another. Empty where there is none; Usage where one
/// is there and was mistyped (says in which line).
Result<std::vector<KeyShare>> find_shares(std::string_view text);
/// The recovery key. Usage, saying exactly what is wrong, for too few shares and for shares of different sets.
Result<Secret> combine_shares(const std::vector<KeyShare>& shares);

/// What the QR code on its sheet gives: the share, in a text that goes into a key file as it is.
Secret scanned_share(const SheetFacts& facts, const KeyShare& share);
/// The sheet of one share.
Secret share_sheet(const SheetFacts& facts, const KeyShare& share);

}  // namespace hf::cli
