#pragma once
// The alphabet of every layout: little-endian integers, LEB128 varints, length-prefixed bytes (docs/format/encoding.md).
// There is one encoding of each value: a longer varint than needed is refused, so that what decodes encodes to itself.

#include <algorithm>
#include <array>
#include <string>

#include "base/bytes.hpp"
#include "base/ids.hpp"

namespace hf::wire {

/// Appends to a buffer. Never fails.
class Writer {
 public:
  explicit Writer(Buffer& out) : out_(out) {}
  void u8(std::uint8_t v) { out_.push_back(v); }
  void u16(std::uint16_t v) { fixed(v, 2); }
  void u32(std::uint32_t v) { fixed(v, 4); }
  void u64(std::uint64_t v) { fixed(v, 8); }
  void varint(std::uint64_t v) {
    for (; v >= 0x80; v >>= 7) out_.push_back(static_cast<std::uint8_t>(v | 0x80));
    out_.push_back(static_cast<std::uint8_t>(v));
  }
  /// Zigzag: small magnitudes of either sign are short.
  void signed_varint(std::int64_t v) { varint((static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63)); }
  void raw(ByteView v) { append(out_, v); }
  void bytes(ByteView v) {
    varint(v.size());
    raw(v);
  }
  void text(std::string_view v) { bytes(as_bytes(v)); }
  template <class Tag, std::size_t N>
  void id(const Id<Tag, N>& v) { raw(v.view()); }
  std::size_t size() const { return out_.size(); }

 private:
  void fixed(std::uint64_t v, int n) {
    for (int i = 0; i < n; ++i) out_.push_back(static_cast<std::uint8_t>(v >> (8 * i)));
  }
  Buffer& out_;
};

/// Reads from a view that it does not own. The first failure sticks: every later read gives zeros, and ok() is false;
/// check it once at the end, and before trusting a count. Never reads outside the view.
class Reader {
 public:
  explicit Reader(ByteView in) : in_(in) {}
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && in_.empty(); }
  std::size_t left() const { return in_.size(); }
  void fail() {
    ok_ = false;
    in_ = {};
  }
  std::uint8_t u8() { return static_cast<std::uint8_t>(fixed(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(fixed(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(fixed(4)); }
  std::uint64_t u64() { return fixed(8); }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (in_.empty()) break;
      const std::uint8_t b = in_[0];
      in_ = in_.subspan(1);
      if (shift == 63 && b > 1) break;       // beyond 64 bits
      if (shift > 0 && b == 0) break;        // longer than needed
      v |= static_cast<std::uint64_t>(b & 0x7F) << shift;
      if ((b & 0x80) == 0) return v;
    }
    fail();
    return 0;
  }
  std::int64_t signed_varint() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>(v >> 1) ^ -static_cast<std::int64_t>(v & 1);
  }
  /// A varint that must not exceed `most`: for counts and lengths.
  std::uint64_t count(std::uint64_t most) {
    const std::uint64_t v = varint();
    if (v > most) {
      fail();
      return 0;
    }
    return v;
  }
  ByteView raw(std::uint64_t n) {
    if (n > in_.size()) {
      fail();
      return {};
    }
    const ByteView v = in_.first(static_cast<std::size_t>(n));
    in_ = in_.subspan(static_cast<std::size_t>(n));
    return v;
  }
  /// Fills `out`; leaves it as it is where the reading fails.
  template <std::size_t N>
  void into(std::array<std::uint8_t, N>& out) {
    const ByteView in = raw(N);
    std::copy(in.begin(), in.end(), out.begin());
  }
  ByteView bytes() { return raw(varint()); }
  std::string text() { return std::string(as_text(bytes())); }
  template <class T>
  T id() { return T::from(raw_or_zeros(T::kBytes)); }

 private:
  std::uint64_t fixed(std::size_t n) {
    const ByteView v = raw(n);
    std::uint64_t out = 0;
    for (std::size_t i = 0; i < v.size(); ++i) out |= static_cast<std::uint64_t>(v[i]) << (8 * i);
    return out;
  }
  ByteView raw_or_zeros(std::size_t n) {
    static constexpr std::array<std::uint8_t, 64> kZeros{};
    const ByteView v = raw(n);
    return v.size() == n ? v : ByteView(kZeros).first(n);
  }
  ByteView in_;
  bool ok_ = true;
};

}  // namespace hf::wire
