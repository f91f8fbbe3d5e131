#include "base/bytes.hpp"

#include <array>

namespace hf {
namespace {
constexpr char kHex[] = "0123456789abcdef";
constexpr char kBase32[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}
int base32_value(char c) {
  if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  if (c == 'O') c = '0';
  if (c == 'I' || c == 'L') c = '1';
  for (int i = 0; i < 32; ++i)
    if (kBase32[i] == c) return i;
  return -1;
}
/// Length of the valid UTF-8 sequence at the front of `s`, or 0 (RFC 3629: no overlong forms, no surrogates).
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  const auto tail = [&](std::size_t i) { return i < s.size() && (byte(i) & 0xC0) == 0x80; };
  const unsigned char c = byte(0);
  if (c < 0x80) return 1;
  if (c >= 0xC2 && c <= 0xDF) return tail(1) ? 2 : 0;
  if (c >= 0xE0 && c <= 0xEF) {
    if (!tail(1) || !tail(2)) return 0;
    if (c == 0xE0 && byte(1) < 0xA0) return 0;
    if (c == 0xED && byte(1) > 0x9F) return 0;
    return 3;
  }
  if (c >= 0xF0 && c <= 0xF4) {
    if (!tail(1) || !tail(2) || !tail(3)) return 0;
    if (c == 0xF0 && byte(1) < 0x90) return 0;
    if (c == 0xF4 && byte(1) > 0x8F) return 0;
    return 4;
  }
  return 0;
}
}  // namespace

std::string to_hex(ByteView bytes) {
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out += kHex[b >> 4];
    out += kHex[b & 15];
  }
  return out;
}

Result<Buffer> from_hex(std::string_view text) {
  if (text.size() % 2 != 0) return Error(Code::usage, "a hexadecimal text has an odd number of digits");
  Buffer out;
  out.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_value(text[i]), low = hex_value(text[i + 1]);
    if (high < 0 || low < 0) return Error(Code::usage, "a hexadecimal text has another character");
    out.push_back(static_cast<std::uint8_t>(high << 4 | low));
  }
  return out;
}

std::string to_base32(ByteView bytes) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (std::uint8_t b : bytes) {
    bits = bits << 8 | b;
    count += 8;
    while (count >= 5) {
      out += kBase32[(bits >> (count - 5)) & 31];
      count -= 5;
    }
  }
  if (count > 0) out += kBase32[(bits << (5 - count)) & 31];
  return out;
}

Result<Buffer> from_base32(std::string_view text) {
  Buffer out;
  std::uint32_t bits = 0;
  int count = 0;
  for (char c : text) {
    if (c == ' ' || c == '-' || c == '\n' || c == '\r' || c == '\t') continue;
    const int value = base32_value(c);
    if (value < 0) return Error(Code::usage, std::string("the character '") + printable(std::string_view(&c, 1)) + "' is not in a printed key");
    bits = bits << 5 | static_cast<std::uint32_t>(value);
    count += 5;
    if (count >= 8) {
      out.push_back(static_cast<std::uint8_t>(bits >> (count - 8)));
      count -= 8;
    }
  }
  return out;
}

void wipe(MutableBytes secret) {
  volatile std::uint8_t* p = secret.data();
  for (std::size_t i = 0; i < secret.size(); ++i) p[i] = 0;
}

std::string printable(std::string_view raw) {
  std::string out;
  out.reserve(raw.size());
  while (!raw.empty()) {
    const std::size_t n = utf8_length(raw);
    const auto c = static_cast<unsigned char>(raw[0]);
    // C1 control characters (U+0080 to U+009F) drive terminals as well as C0 does.
    const bool c1 = n == 2 && c == 0xC2 && static_cast<unsigned char>(raw[1]) < 0xA0;
    if (n == 0 || c < 0x20 || c == 0x7F || c1) {
      for (std::size_t i = 0; i < (n == 0 ? 1 : n); ++i) {
        const auto b = static_cast<unsigned char>(raw[i]);
        out += "\\x";
        out += kHex[b >> 4];
        out += kHex[b & 15];
      }
      raw.remove_prefix(n == 0 ? 1 : n);
    } else {
      out.append(raw.substr(0, n));
      raw.remove_prefix(n);
    }
  }
  return out;
}

}  // namespace hf
