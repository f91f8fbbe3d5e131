#pragma once
// A reader of TOML 1.0 (toml.io), for holdfast.toml: everything but lists of tables ([[name]]), which no key of ours is.
// Our own 250 lines because a configuration may be any bytes: Debian 12's toml++ 3.3.0 aborts on a bare key that holds
// "\b" and runs into undefined behaviour on "ā" outside a string (found by fuzzing, seconds in).

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hf::cli {

struct TomlValue {
  enum class Type : std::uint8_t { text, integer, real, boolean, time, list, table } type = Type::table;
  std::size_t line = 1;   ///< where it, or its key, begins
  std::string text = {};  ///< of text; as written, of real and time
  std::int64_t integer = 0;
  bool boolean = false;
  std::vector<TomlValue> list = {};
  std::map<std::string, TomlValue, std::less<>> table = {};
  /// How a table came to be, which decides what may still be added to it: passed through by a [header], named by one,
  /// made by a dotted key, or written inline.
  enum class Made : std::uint8_t { passing, header, dotted, complete } made = Made::passing;
};

struct TomlError {
  std::size_t line = 0;
  std::string message;
};

/// Pure. Nesting is bounded, so are time and memory by the length of `text`.
tl::expected<TomlValue, TomlError> parse_toml(std::string_view text);

}  // namespace hf::cli
