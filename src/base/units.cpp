#include "base/units.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <ctime>

namespace hf {

std::string human_bytes(std::uint64_t bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  static constexpr const char* kUnits[] = {"kB", "MB", "GB", "TB", "PB", "EB"};
  double value = static_cast<double>(bytes) / 1000;
  int unit = 0;
  while (value >= 999.5 && unit < 5) {
    value /= 1000;
    ++unit;
  }
  return value < 9.995 ? fmt::format("{:.2f} {}", value, kUnits[unit])
         : value < 99.95 ? fmt::format("{:.1f} {}", value, kUnits[unit])
                         : fmt::format("{:.0f} {}", value, kUnits[unit]);
}

std::string human_count(std::uint64_t count) {
  std::string digits = std::to_string(count);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) digits.insert(static_cast<std::size_t>(at), ",");
  return digits;
}

std::string human_duration(double seconds) {
  if (!(seconds >= 0)) seconds = 0;
  if (seconds < 9.95) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<std::uint64_t>(std::llround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  if (whole < 172800) return fmt::format("{} h {} min", whole / 3600, whole / 60 % 60);
  return fmt::format("{} days", whole / 86400);
}

namespace {
std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }
}  // namespace

std::string local_time(std::int64_t ns) {
  const std::time_t seconds = floor_div(ns, 1'000'000'000);
  std::tm tm{};
  localtime_r(&seconds, &tm);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
  return text;
}

std::string utc_time(std::int64_t ns) {
  const std::time_t seconds = floor_div(ns, 1'000'000'000);
  const auto rest = ns - seconds * 1'000'000'000;
  std::tm tm{};
  gmtime_r(&seconds, &tm);
  char text[64];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
  return fmt::format("{}.{:09}Z", text, rest);
}

Result<std::int64_t> parse_time(std::string_view text) {
  const std::string copy(text);
  for (const char* form : {"%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm tm{};
    tm.tm_isdst = -1;
    const char* rest = strptime(copy.c_str(), form, &tm);
    if (rest == nullptr) continue;
    std::int64_t fraction = 0;
    if (*rest == '.') {
      std::int64_t unit = 100'000'000;
      for (++rest; *rest >= '0' && *rest <= '9'; ++rest, unit /= 10) fraction += (*rest - '0') * unit;
    }
    const bool utc = *rest == 'Z' && rest[1] == 0;
    if (*rest != 0 && !utc) continue;
    const std::int64_t seconds = utc ? timegm(&tm) : std::mktime(&tm);
    std::int64_t ns;
    if (__builtin_mul_overflow(seconds, std::int64_t{1'000'000'000}, &ns) || __builtin_add_overflow(ns, fraction, &ns))
      return Error(Code::usage, "'" + copy + "' is beyond the years 1678 to 2261 that nanoseconds can tell");
    return ns;
  }
  return Error(Code::usage, "'" + copy + "' is not a time", "write it as 2026-05-02 or \"2026-05-02 14:02:31\"");
}

Result<std::uint64_t> parse_bytes(std::string_view text) {
  const std::string copy(text);
  char* rest = nullptr;
  const double value = std::strtod(copy.c_str(), &rest);
  const std::string_view unit(rest);
  double factor = 0;
  if (unit.empty() || unit == "B") factor = 1;
  else if (unit == "K" || unit == "KiB" || unit == "k") factor = 1024;
  else if (unit == "M" || unit == "MiB") factor = 1048576;
  else if (unit == "G" || unit == "GiB") factor = 1073741824;
  else if (unit == "T" || unit == "TiB") factor = 1099511627776.0;
  else if (unit == "kB" || unit == "KB") factor = 1e3;
  else if (unit == "MB") factor = 1e6;
  else if (unit == "GB") factor = 1e9;
  else if (unit == "TB") factor = 1e12;
  if (rest == copy.c_str() || factor == 0 || !(value >= 0) || value * factor > 9e18)
    return Error(Code::usage, "'" + copy + "' is not a size", "write it as 500M, 2G or 1.5GiB");
  return static_cast<std::uint64_t>(value * factor);
}

std::string counted(std::uint64_t n, std::string_view noun) { return human_count(n) + " " + std::string(noun) + (n == 1 ? "" : "s"); }
std::string counted(std::uint64_t n, std::string_view one, std::string_view many) { return human_count(n) + " " + std::string(n == 1 ? one : many); }

}  // namespace hf
