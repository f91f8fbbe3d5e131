#pragma once
// Bytes: views are loans, Buffer owns.

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hf {

using ByteView = std::span<const std::uint8_t>;  ///< a loan: valid as long as what it was made from
using MutableBytes = std::span<std::uint8_t>;
using Buffer = std::vector<std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline void append(Buffer& to, ByteView bytes) { to.insert(to.end(), bytes.begin(), bytes.end()); }

/// Lower-case hexadecimal.
std::string to_hex(ByteView bytes);
/// Reverse of to_hex; refuses odd lengths and other characters.
Result<Buffer> from_hex(std::string_view text);

/// Crockford base32 in upper case, without padding: what a person can read aloud and type.
std::string to_base32(ByteView bytes);
/// Reverse of to_base32; ignores spaces and dashes, takes lower case, O for 0 and I or L for 1.
Result<Buffer> from_base32(std::string_view text);

/// Overwrites secrets so that the compiler may not drop it.
void wipe(MutableBytes secret);

/// Bytes of a name as UTF-8 fit for a terminal or JSON: invalid bytes and control characters become \xNN.
std::string printable(std::string_view raw);

}  // namespace hf
