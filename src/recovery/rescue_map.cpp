#include "recovery/rescue_map.hpp"

#include <charconv>
#include <optional>

namespace hf {
namespace {

constexpr std::string_view kSpace = " \t\r";

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

/// As C writes them: 0x hexadecimal, 0 octal, else decimal.
std::optional<std::uint64_t> number(std::string_view word) {
  int base = 10;
  if (word.starts_with("0x") || word.starts_with("0X")) {
    word.remove_prefix(2);
    base = 16;
  } else if (word.size() > 1 && word[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return value;
}

}  // namespace

Result<std::vector<RescueArea>> parse_rescue_map(std::string_view text) {
  std::vector<RescueArea> areas;
  bool status_seen = false;
  std::uint64_t free_from = 0;
  for (std::size_t number_of_line = 1; !text.empty(); ++number_of_line) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    line = line.substr(0, line.find('#'));
    const std::string_view first = next_word(line);
    if (first.empty()) continue;
    const auto wrong = [&](std::string_view what) {
      return Error(Code::usage, "line " + std::to_string(number_of_line) + " of the map is not what ddrescue writes: " + std::string(what),
                   "give the map file that belongs to the image, or leave --map out");
    };
    const auto offset = number(first);
    if (!offset) return wrong("it does not begin with a position");
    if (!status_seen) {
      if (next_word(line).size() != 1) return wrong("the status line comes first");
      status_seen = true;
      continue;
    }
    const auto bytes = number(next_word(line));
    const std::string_view status = next_word(line);
    if (!bytes || status.size() != 1 || std::string_view("+?*/-").find(status[0]) == std::string_view::npos || !next_word(line).empty())
      return wrong("position, size and one of + ? * / - were expected");
    if (*offset < free_from || *bytes > UINT64_MAX - *offset) return wrong("areas must be in order and apart");
    free_from = *offset + *bytes;
    areas.push_back({*offset, *bytes, status[0]});
  }
  if (!status_seen) return Error(Code::usage, "the map is empty", "give the map file that belongs to the image, or leave --map out");
  return areas;
}

std::vector<ByteGap> gaps_of(const std::vector<RescueArea>& areas) {
  std::vector<ByteGap> gaps;
  for (const RescueArea& a : areas) {
    if (a.status == '+' || a.bytes == 0) continue;
    if (!gaps.empty() && gaps.back().end == a.offset) gaps.back().end += a.bytes;
    else gaps.push_back({a.offset, a.offset + a.bytes});
  }
  return gaps;
}

}  // namespace hf
