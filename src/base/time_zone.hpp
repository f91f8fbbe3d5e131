#pragma once
// A time zone by name, as a value: which offset from UTC holds at an instant, and which instants a wall clock's time
// means. Made from a file of the zone database (TZif, RFC 9636); platform/zone_files.hpp finds that file. Unlike the C
// library's, it reads no environment and shares no state: several zones side by side, on any thread.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/civil_time.hpp"

namespace hf {

/// Copies are cheap and share what is constant. Instants are Unix seconds.
class TimeZone {
 public:
  /// UTC.
  TimeZone();
  /// From the content of a TZif file of version 2 or later (1 too, without the years after its table). Corrupt where it
  /// is not one; Unsupported for a zone that counts leap seconds.
  static Result<TimeZone> parse(std::string name, ByteView tzif);
  /// From a rule as the variable TZ has it: "CET-1CEST,M3.5.0,M10.5.0/3".
  static Result<TimeZone> from_rule(std::string name, std::string_view rule);

  const std::string& name() const;
  /// Seconds east of UTC.
  std::int32_t offset_at(std::int64_t instant) const;
  CivilTime civil_at(std::int64_t instant) const { return civil_of(instant + offset_at(instant)); }
  /// The first instant after this one at which another offset may begin to hold.
  std::optional<std::int64_t> next_change(std::int64_t instant) const;

  /// When a wall clock shows this: one instant; none where clocks jump over it; two, the earlier first, where they are
  /// turned back.
  std::vector<std::int64_t> instants(const CivilTime& civil) const;
  /// The first instant at which a wall clock shows this or, where clocks jump over it, the instant of that jump. So a
  /// day begins when its midnight does, whatever happens to that midnight.
  std::int64_t begin_of(const CivilTime& civil) const;

 private:
  struct Data;
  explicit TimeZone(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;  ///< never null
};

/// Can this be the name of a zone file? Letters, digits and "-_+/", no empty part: never leaves the folder of zones.
bool is_zone_name(std::string_view name);

}  // namespace hf
