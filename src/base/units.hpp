#pragma once
// Numbers as people read them.

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.hpp"

namespace hf {

constexpr std::uint64_t operator""_KiB(unsigned long long n) { return n << 10; }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return n << 20; }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return n << 30; }

/// "8.31 GB" (decimal units, three digits).
std::string human_bytes(std::uint64_t bytes);
/// "12,418"
std::string human_count(std::uint64_t count);
/// "1 pack", "3,000 packs".
std::string counted(std::uint64_t n, std::string_view noun);
/// "1 entry", "2 entries".
std::string counted(std::uint64_t n, std::string_view one, std::string_view many);
/// "7 s", "4 min 10 s", "3 h 5 min", "0.4 s"
std::string human_duration(double seconds);
/// "2026-05-02 14:02:31" in the local time zone.
std::string local_time(std::int64_t unix_nanoseconds);
/// "2026-05-02T14:02:31.123456789Z" (RFC 3339, UTC).
std::string utc_time(std::int64_t unix_nanoseconds);
/// Reads "2026-05-02", "2026-05-02 14:02[:31]" (local time) or RFC 3339 with Z; gives Unix nanoseconds.
Result<std::int64_t> parse_time(std::string_view text);
/// Reads "500", "64K", "10M", "2G", "1.5GiB", "3GB" (K, M, G alone are binary).
Result<std::uint64_t> parse_bytes(std::string_view text);

}  // namespace hf
