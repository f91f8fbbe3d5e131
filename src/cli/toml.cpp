#include "cli/toml.hpp"

#include <charconv>

#include "base/bytes.hpp"
#include "cli/text.hpp"

namespace hf::cli {
namespace {

constexpr int kDepthMax = 32;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_bare(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-'; }
bool is_control(char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F; }

using Key = std::vector<std::string>;

/// Digits with single underscores between them; gives them without.
bool take_digits(std::string_view& from, std::string& to, bool (*is)(char)) {
  if (from.empty() || !is(from[0])) return false;
  while (!from.empty()) {
    if (is(from[0])) {
      to += from[0];
      from.remove_prefix(1);
    } else if (from[0] == '_' && from.size() > 1 && is(from[1])) {
      from.remove_prefix(1);
    } else {
      break;
    }
  }
  return true;
}

class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  /// False: failed_ says why.
  bool document(TomlValue& root) {
    if (!is_utf8(rest_)) return fail("it is not UTF-8");
    if (rest_.starts_with("\xEF\xBB\xBF")) rest_.remove_prefix(3);  // a byte order mark
    root.made = TomlValue::Made::header;
    TomlValue* table = &root;
    while (true) {
      skip_blank();
      if (rest_.empty()) return true;
      if (at('\n')) {
        next();
        continue;
      }
      if (rest_.starts_with("[[")) return fail("lists of tables ([[name]]) are not used here");
      if (at('[')) {
        next();
        Key key;
        skip_blank_in_line();
        if (!take_key(key)) return false;
        if (!at(']')) return fail("']' is missing after the table's name");
        next();
        table = open_table(root, key);
        if (table == nullptr) return false;
      } else if (!key_and_value(*table, 0)) {
        return false;
      }
      skip_blank();
      if (!rest_.empty() && !at('\n')) return fail("'" + shown() + "' is not expected here: one key in a line");
    }
  }

  TomlError failed() const { return failed_; }

 private:
  bool fail(std::string message) {
    failed_ = {line_, std::move(message)};
    return false;
  }
  bool at(char c) const { return !rest_.empty() && rest_[0] == c; }
  void next(std::size_t n = 1) {
    for (std::size_t i = 0; i < n; ++i)
      if (rest_[i] == '\n') ++line_;
    rest_.remove_prefix(n);
  }
  /// The word that is in the way, for messages.
  std::string shown() const {
    std::size_t n = rest_.find_first_of(" \t\r\n,]}=#");
    if (n == 0) n = 1;
    return printable(cut_to(rest_.substr(0, n), 24));
  }
  void skip_blank_in_line() {
    while (at(' ') || at('\t')) next();
  }
  /// Spaces, a comment, and the '\r' of a line end. A control character in a comment stops it and is refused by the caller.
  void skip_blank() {
    skip_blank_in_line();
    if (at('#'))
      while (!rest_.empty() && !is_control(rest_[0])) next();
    if (rest_.starts_with("\r\n")) next();
  }
  /// The same over any number of lines: inside a list.
  void skip_blank_lines() {
    skip_blank();
    while (at('\n')) {
      next();
      skip_blank();
    }
  }

  bool take_key(Key& key) {
    while (true) {
      skip_blank_in_line();
      std::string part;
      if (at('"') || at('\'')) {
        if (rest_.starts_with("\"\"\"") || rest_.starts_with("'''")) return fail("a key cannot have several lines");
        if (!take_text(part)) return false;
      } else {
        std::size_t n = 0;
        while (n < rest_.size() && is_bare(rest_[n])) ++n;
        if (n == 0)
          return fail(rest_.empty() || at('\n') || at('\r') ? "a key is missing"
                                                            : "'" + shown() + "' is not a key; put it in quotes");
        part = rest_.substr(0, n);
        next(n);
      }
      key.push_back(std::move(part));
      if (key.size() > kDepthMax) return fail("tables are nested too deeply");
      skip_blank_in_line();
      if (!at('.')) return true;
      next();
    }
  }

  TomlValue* open_table(TomlValue& root, const Key& key) {
    TomlValue* table = &root;
    for (std::size_t i = 0; i < key.size(); ++i) {
      const bool last = i + 1 == key.size();
      auto [found, added] = table->table.try_emplace(key[i]);
      TomlValue& child = found->second;
      if (added) child.line = line_;
      const bool open = child.type == TomlValue::Type::table && child.made != TomlValue::Made::complete;
      if (!added && (!open || (last && child.made != TomlValue::Made::passing))) {
        fail("'" + printable(key[i]) + "' is there already, in line " + std::to_string(child.line));
        return nullptr;
      }
      if (last) {
        child.made = TomlValue::Made::header;
        child.line = line_;
      }
      table = &child;
    }
    return table;
  }

  bool key_and_value(TomlValue& into, int depth) {
    Key key;
    const std::size_t line = line_;
    if (!take_key(key)) return false;
    if (!at('=')) return fail("'=' is missing after the key '" + printable(key.back()) + "'");
    next();
    TomlValue* table = &into;
    for (std::size_t i = 0; i + 1 < key.size(); ++i) {
      auto [found, added] = table->table.try_emplace(key[i]);
      TomlValue& child = found->second;
      if (added) {
        child.made = TomlValue::Made::dotted;
        child.line = line;
      } else if (child.type != TomlValue::Type::table || child.made != TomlValue::Made::dotted) {
        return fail("'" + printable(key[i]) + "' is there already, in line " + std::to_string(child.line));
      }
      table = &child;
    }
    if (const auto found = table->table.find(key.back()); found != table->table.end())
      return fail("'" + printable(key.back()) + "' is there already, in line " + std::to_string(found->second.line));
    TomlValue value;
    skip_blank_in_line();
    if (!take_value(value, depth)) return false;
    value.line = line;
    table->table.emplace(key.back(), std::move(value));
    return true;
  }

  bool take_value(TomlValue& value, int depth) {
    if (depth > kDepthMax) return fail("lists are nested too deeply");
    value.line = line_;
    if (rest_.empty() || at('\n') || at('\r') || at('#')) return fail("a value is missing");
    if (at('"') || at('\'')) {
      value.type = TomlValue::Type::text;
      return take_text(value.text);
    }
    if (at('[')) return take_list(value, depth);
    if (at('{')) return take_inline_table(value, depth);
    return take_word(value);
  }

  bool take_list(TomlValue& value, int depth) {
    value.type = TomlValue::Type::list;
    next();
    while (true) {
      skip_blank_lines();
      if (at(']')) break;
      if (rest_.empty()) return fail("']' is missing at the end of the list");
      if (!take_value(value.list.emplace_back(), depth + 1)) return false;
      skip_blank_lines();
      if (at(',')) {
        next();
        continue;
      }
      if (!at(']')) return fail("',' or ']' is missing in the list");
    }
    next();
    return true;
  }

  bool take_inline_table(TomlValue& value, int depth) {
    value.type = TomlValue::Type::table;
    value.made = TomlValue::Made::dotted;
    next();
    skip_blank_in_line();
    while (!at('}')) {
      if (!key_and_value(value, depth + 1)) return false;
      skip_blank_in_line();
      if (at('}')) break;
      if (!at(',')) return fail("',' or '}' is missing; a table in braces stays in one line");
      next();
      skip_blank_in_line();
      if (at('}')) return fail("a key is missing after ','");
    }
    next();
    complete(value);
    return true;
  }
  /// Nothing may be added to a table in braces, nor to what its dotted keys made.
  static void complete(TomlValue& value) {
    value.made = TomlValue::Made::complete;
    for (auto& [key, child] : value.table)
      if (child.type == TomlValue::Type::table) complete(child);
  }

  bool take_text(std::string& text) {
    const char quote = rest_[0];
    const std::string three(3, quote);
    const bool lines = rest_.starts_with(three);
    const bool escapes = quote == '"';
    next(lines ? 3 : 1);
    if (lines && rest_.starts_with("\r\n"))
      next(2);
    else if (lines && at('\n'))
      next();
    while (true) {
      if (rest_.empty()) return fail("the closing quote is missing");
      if (lines && rest_.starts_with(three)) {
        next(3);
        for (int extra = 0; extra < 2 && at(quote); ++extra) {  // """a""""" ends in two quotes of the text
          text += quote;
          next();
        }
        return true;
      }
      const char c = rest_[0];
      if (!lines && c == quote) {
        next();
        return true;
      }
      if (escapes && c == '\\') {
        if (!take_escape(text, lines)) return false;
        continue;
      }
      const bool line_end = c == '\n' || rest_.starts_with("\r\n");
      if (line_end && !lines) return fail("the closing quote is missing in this line");
      if (is_control(c) && !line_end)
        return fail("a control character is in a text; write it as \\u00" + to_hex(as_bytes(rest_.substr(0, 1))));
      if (c == '\r') next();  // line ends are "\n" whatever the file has
      text += rest_[0];
      next();
    }
  }

  bool take_escape(std::string& text, bool lines) {
    next();
    if (rest_.empty()) return fail("the closing quote is missing");
    if (lines) {  // a backslash before a line end: the line end and all blanks after it are left out
      std::size_t blanks = rest_.find_first_not_of(" \t");
      if (blanks != std::string_view::npos && (rest_[blanks] == '\n' || rest_.substr(blanks).starts_with("\r\n"))) {
        while (at(' ') || at('\t') || at('\n') || rest_.starts_with("\r\n")) next();
        return true;
      }
    }
    const char c = rest_[0];
    constexpr std::string_view kNames = "btnfr\"\\", kMeanings = "\b\t\n\f\r\"\\";
    if (const std::size_t i = kNames.find(c); i != std::string_view::npos) {
      text += kMeanings[i];
      next();
      return true;
    }
    const std::size_t digits = c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0) return fail("\\" + shown().substr(0, 1) + " is no escape; in 'single quotes' a backslash is only itself");
    next();
    const std::string_view hex = rest_.substr(0, digits);
    std::uint32_t point = 0;
    const auto [end, problem] = std::from_chars(hex.data(), hex.data() + hex.size(), point, 16);
    if (hex.size() != digits || problem != std::errc() || end != hex.data() + hex.size() || point > 0x10FFFF ||
        (point >= 0xD800 && point <= 0xDFFF))
      return fail("\\" + std::string(1, c) + " needs " + std::to_string(digits) + " hexadecimal digits of a character");
    next(digits);
    if (point < 0x80) {
      text += static_cast<char>(point);
    } else if (point < 0x800) {
      text += static_cast<char>(0xC0 | point >> 6);
      text += static_cast<char>(0x80 | (point & 0x3F));
    } else if (point < 0x10000) {
      text += static_cast<char>(0xE0 | point >> 12);
      text += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      text += static_cast<char>(0xF0 | point >> 18);
      text += static_cast<char>(0x80 | (point >> 12 & 0x3F));
      text += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (point & 0x3F));
    }
    return true;
  }

  /// true, 12, 0x1F, 1.5e3, 1979-05-27 07:32:00Z
  bool take_word(TomlValue& value) {
    std::size_t n = 0;
    while (n < rest_.size() && (is_bare(rest_[n]) || rest_[n] == '+' || rest_[n] == '.' || rest_[n] == ':')) ++n;
    const auto two_digits_follow = [&] {
      return n + 2 < rest_.size() && rest_[n] == ' ' && is_digit(rest_[n + 1]) && is_digit(rest_[n + 2]);
    };
    if (n == 10 && rest_[4] == '-' && rest_[7] == '-' && two_digits_follow()) {  // a space between date and time
      ++n;
      while (n < rest_.size() && (is_bare(rest_[n]) || rest_[n] == '+' || rest_[n] == '.' || rest_[n] == ':')) ++n;
    }
    const std::string word(rest_.substr(0, n));
    if (word.empty()) return fail("'" + shown() + "' is not a value; a text needs quotes");
    if (word == "true" || word == "false") {
      value.type = TomlValue::Type::boolean;
      value.boolean = word == "true";
    } else if (integer(word, value.integer)) {
      value.type = TomlValue::Type::integer;
    } else if (is_real(word)) {
      value.type = TomlValue::Type::real;
    } else if (looks_like_time(word)) {
      value.type = TomlValue::Type::time;
    } else {
      return fail("'" + shown() + "' is not a value; a text needs quotes");
    }
    value.text = word;
    next(n);
    return true;
  }

  /// No key of ours takes a date or time: it is told from other words, so that the message is right, and not read.
  static bool looks_like_time(std::string_view word) {
    if (word.find_first_not_of("0123456789-:.+TtZz ") != std::string_view::npos) return false;
    const bool time = word.size() >= 8 && is_digit(word[0]) && is_digit(word[1]) && word[2] == ':';
    return time || (word.size() >= 10 && is_digit(word[0]) && is_digit(word[3]) && word[4] == '-' && word[7] == '-');
  }

  static bool integer(std::string_view word, std::int64_t& out) {
    int base = 10;
    std::string digits;
    bool (*is)(char) = is_digit;
    if (word.starts_with("0x")) {
      base = 16;
      is = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); };
    } else if (word.starts_with("0o")) {
      base = 8;
      is = [](char c) { return c >= '0' && c <= '7'; };
    } else if (word.starts_with("0b")) {
      base = 2;
      is = [](char c) { return c == '0' || c == '1'; };
    }
    if (base != 10) {
      word.remove_prefix(2);
    } else {
      if (word.starts_with('-')) digits = "-";
      if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
      if (word.size() > 1 && word[0] == '0') return false;
    }
    if (!take_digits(word, digits, is) || !word.empty()) return false;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), out, base);
    return problem == std::errc() && end == digits.data() + digits.size();
  }

  static bool is_real(std::string_view word) {
    if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
    if (word == "inf" || word == "nan") return true;
    std::string digits;
    if (word.size() > 1 && word[0] == '0' && (is_digit(word[1]) || word[1] == '_')) return false;
    if (!take_digits(word, digits, is_digit)) return false;
    bool real = false;
    if (word.starts_with('.')) {
      word.remove_prefix(1);
      real = true;
      if (!take_digits(word, digits, is_digit)) return false;
    }
    if (word.starts_with('e') || word.starts_with('E')) {
      word.remove_prefix(1);
      if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
      real = true;
      if (!take_digits(word, digits, is_digit)) return false;
    }
    return real && word.empty();
  }

  std::string_view rest_;
  std::size_t line_ = 1;
  TomlError failed_;
};

}  // namespace

tl::expected<TomlValue, TomlError> parse_toml(std::string_view text) {
  Parser parser(text);
  TomlValue root;
  if (!parser.document(root)) return tl::unexpected(parser.failed());
  return root;
}

}  // namespace hf::cli
