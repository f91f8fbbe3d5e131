#include "base/time_zone.hpp"

#include <algorithm>

#include "base/zone_rule.hpp"

namespace hf {

struct TimeZone::Data {
  std::string name;
  std::vector<std::int64_t> changes;   ///< ascending
  std::vector<std::int32_t> offsets;   ///< offsets[i] holds from changes[i] on
  std::int32_t first_offset = 0;       ///< before the first change
  std::optional<ZoneRule> rule;        ///< after the last change
};

namespace {

// Limits of a zone file: the largest of the database have 240 changes; RFC 9636 allows 256 types.
constexpr std::uint32_t kChangesMax = 10'000, kTypesMax = 256, kCharactersMax = 4096, kLeapsMax = 1000;
constexpr std::int64_t kTimeMost = std::int64_t{1} << 59;  // RFC 9636 lets -2^59 stand for the Big Bang; keeps sums in range
constexpr std::int32_t kOffsetMost = 26 * 3600;            // RFC 9636: -25:59:59 to 25:59:59 at most

Error damaged(const std::string& name, std::string_view what) {
  return Error(Code::corrupt, "the time zone file of " + printable(name) + " is damaged: " + std::string(what), "install the package tzdata again");
}

class Reader {
 public:
  explicit Reader(ByteView bytes) : rest_(bytes) {}
  std::size_t left() const { return rest_.size(); }
  ByteView take(std::size_t n) {  ///< the caller has compared n with left()
    const ByteView front = rest_.first(n);
    rest_ = rest_.subspan(n);
    return front;
  }
  std::uint64_t big_endian(std::size_t n) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : take(n)) value = value << 8 | byte;
    return value;
  }

 private:
  ByteView rest_;
};

struct Header {
  std::uint8_t version = 0;
  std::uint32_t is_utc = 0, is_standard = 0, leaps = 0, changes = 0, types = 0, characters = 0;
  /// Bytes of the block that follows, with times of that many bytes.
  std::size_t block_bytes(std::size_t time) const {
    return changes * (time + 1) + types * std::size_t{6} + characters + leaps * (time + 4) + is_standard + is_utc;
  }
};

std::optional<Header> read_header(Reader& in) {
  if (in.left() < 44 || as_text(in.take(4)) != "TZif") return std::nullopt;
  Header h;
  h.version = static_cast<std::uint8_t>(in.big_endian(1));
  in.take(15);
  for (std::uint32_t* count : {&h.is_utc, &h.is_standard, &h.leaps, &h.changes, &h.types, &h.characters})
    *count = static_cast<std::uint32_t>(in.big_endian(4));
  const bool sane = h.changes <= kChangesMax && h.types <= kTypesMax && h.characters <= kCharactersMax && h.leaps <= kLeapsMax &&
                    h.is_utc <= h.types && h.is_standard <= h.types;
  if (!sane) return std::nullopt;
  return h;
}

}  // namespace

bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > 255 || name.front() == '/' || name.back() == '/' || name.find("//") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '+' || c == '/';
  });
}

TimeZone::TimeZone() {
  static const auto utc = std::make_shared<const Data>(Data{"UTC", {}, {}, 0, std::nullopt});
  data_ = utc;
}

Result<TimeZone> TimeZone::from_rule(std::string name, std::string_view rule) {
  Data data;
  data.rule = HF_TRY(ZoneRule::parse(rule));
  data.first_offset = data.rule->standard_offset;
  data.name = std::move(name);
  return TimeZone(std::make_shared<const Data>(std::move(data)));
}

Result<TimeZone> TimeZone::parse(std::string name, ByteView tzif) {
  Reader in(tzif);
  auto header = read_header(in);
  if (!header) return damaged(name, "no header");
  std::size_t time_bytes = 4;
  if (header->version >= '2') {  // the first block is for old readers
    const std::size_t old_block = header->block_bytes(4);
    if (in.left() < old_block) return damaged(name, "it is cut off");
    in.take(old_block);
    header = read_header(in);
    if (!header) return damaged(name, "no second header");
    time_bytes = 8;
  }
  if (header->types == 0) return damaged(name, "no offset");
  if (in.left() < header->block_bytes(time_bytes)) return damaged(name, "it is cut off");
  if (header->leaps > 0) return Error(Code::unsupported, "the time zone " + printable(name) + " counts leap seconds", "use the zone of the same name without 'right/'");

  Data data;
  data.changes.reserve(header->changes);
  for (std::uint32_t i = 0; i < header->changes; ++i) {
    const std::uint64_t raw = in.big_endian(time_bytes);
    const std::int64_t when = time_bytes == 8 ? static_cast<std::int64_t>(raw) : static_cast<std::int32_t>(raw);
    if (when < -kTimeMost || when > kTimeMost) return damaged(name, "a change out of range");
    if (!data.changes.empty() && when <= data.changes.back()) return damaged(name, "changes out of order");
    data.changes.push_back(when);
  }
  const ByteView types_of_changes = in.take(header->changes);
  std::vector<std::int32_t> offsets;
  for (std::uint32_t i = 0; i < header->types; ++i) {
    const auto offset = static_cast<std::int32_t>(in.big_endian(4));
    if (offset <= -kOffsetMost || offset >= kOffsetMost) return damaged(name, "an offset out of range");
    offsets.push_back(offset);
    in.take(2);  // is it summer time; which abbreviation
  }
  for (const std::uint8_t type : types_of_changes) {
    if (type >= offsets.size()) return damaged(name, "a change to an offset that is not there");
    data.offsets.push_back(offsets[type]);
  }
  data.first_offset = offsets[0];
  in.take(header->characters + header->is_standard + header->is_utc);
  if (time_bytes == 8) {
    const std::string_view footer = as_text(in.take(in.left()));
    const std::size_t end = footer.empty() ? std::string_view::npos : footer.find('\n', 1);
    if (end == std::string_view::npos || footer[0] != '\n') return damaged(name, "no rule at its end");
    if (end > 1) {
      auto rule = ZoneRule::parse(footer.substr(1, end - 1));
      if (!rule) return damaged(name, rule.error().message);
      data.rule = *rule;
    }
  }
  data.name = std::move(name);
  return TimeZone(std::make_shared<const Data>(std::move(data)));
}

const std::string& TimeZone::name() const { return data_->name; }

std::int32_t TimeZone::offset_at(std::int64_t instant) const {
  const Data& d = *data_;
  if (d.rule && (d.changes.empty() || instant >= d.changes.back())) return d.rule->offset_at(instant);
  const auto next = std::upper_bound(d.changes.begin(), d.changes.end(), instant);
  if (next == d.changes.begin()) return d.first_offset;
  return d.offsets[static_cast<std::size_t>(next - d.changes.begin()) - 1];
}

std::optional<std::int64_t> TimeZone::next_change(std::int64_t instant) const {
  const Data& d = *data_;
  const auto next = std::upper_bound(d.changes.begin(), d.changes.end(), instant);
  if (next != d.changes.end()) return *next;
  return d.rule ? d.rule->next_change(instant) : std::nullopt;
}

std::vector<std::int64_t> TimeZone::instants(const CivilTime& civil) const {
  // Offsets are below 26 hours: whatever holds within that distance is a candidate, and is right where it holds then.
  const std::int64_t as_utc = seconds_of(civil);
  std::vector<std::int64_t> out;
  std::optional<std::int64_t> from = as_utc - kOffsetMost;
  while (from && *from <= as_utc + kOffsetMost) {
    const std::int32_t offset = offset_at(*from);
    const std::int64_t instant = as_utc - offset;
    if (offset_at(instant) == offset && std::find(out.begin(), out.end(), instant) == out.end()) out.push_back(instant);
    from = next_change(*from);
  }
  std::sort(out.begin(), out.end());
  return out;
}

std::int64_t TimeZone::begin_of(const CivilTime& civil) const {
  const auto found = instants(civil);
  if (!found.empty()) return found.front();
  // Clocks jump over it: the change before which they show less, and after which they show more.
  const std::int64_t as_utc = seconds_of(civil);
  std::optional<std::int64_t> change = next_change(as_utc - kOffsetMost);
  while (change && *change + offset_at(*change) <= as_utc) change = next_change(*change);
  return change ? *change : as_utc - offset_at(as_utc);
}

}  // namespace hf
