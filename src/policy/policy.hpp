#pragma once
// What a policy says, as values: which sources are protected, how often, by which kinds of points, and how long those are
// kept. Nothing here decides anything: retention.hpp, kinds.hpp and check.hpp do, and holdfast.toml is read in cli/.

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "format/point.hpp"

namespace hf {

/// A span of time as a policy writes it ("26h", "30d"). Days have 24 hours, months 30 days, years 365.
struct Span {
  std::int64_t ns = 0;
  auto operator<=>(const Span&) const = default;
};
constexpr std::int64_t kSecondNs = 1'000'000'000, kHourNs = 3600 * kSecondNs, kDayNs = 24 * kHourNs;

/// "90s", "10m", "26h", "30d", "2w", "6mo", "1y", or several of them: "1d12h". At least a second, at most a century.
Result<Span> parse_span(std::string_view text);
/// "30 days", "26 hours", "10 minutes": in the largest unit that divides it.
std::string text_of(Span span);

/// The calendar periods that generations are counted in, in the policy's time zone. Weeks are those of ISO 8601.
enum class Period : std::uint8_t { hour, day, week, month, quarter, year };
inline constexpr Period kPeriods[] = {Period::hour, Period::day, Period::week, Period::month, Period::quarter, Period::year};
std::string_view name_of(Period period);  ///< "day"
std::string_view tier_of(Period period);  ///< "daily"

/// How many points are kept. All absent: nothing is ever forgotten.
struct Retention {
  static constexpr std::uint32_t kAll = std::numeric_limits<std::uint32_t>::max();
  static constexpr std::uint32_t kCountMax = 100'000;

  std::uint32_t last = 0;                                                              ///< the newest so many points
  std::uint32_t hourly = 0, daily = 0, weekly = 0, monthly = 0, quarterly = 0, yearly = 0;  ///< one of each of so many periods
  std::optional<Span> within = {};                                                     ///< everything that is no older

  bool operator==(const Retention&) const = default;
  bool keeps_everything() const { return *this == Retention{}; }
  std::uint32_t count(Period period) const;
  void set_count(Period period, std::uint32_t count);
};

/// What `--kind auto` makes. Absent: never for this reason; the first point of a source is a full one whatever it says.
struct KindPolicy {
  std::optional<Period> full_every = {};          ///< a full point in each new period of this length
  std::optional<Period> differential_every = {};  ///< likewise a differential one, where no full one is due
  std::optional<Period> independent = {};         ///< in each new such period a full one that shares no chunk with earlier points
};

/// Commands around a backup, for /bin/sh. A `before` that fails stops the backup.
struct Hooks {
  std::string before = {}, after = {};  ///< empty: none
  Span timeout{600 * kSecondNs};
};

struct Limits {
  std::optional<std::uint64_t> read_bytes_per_second = {};   ///< from the source
  std::optional<std::uint64_t> write_bytes_per_second = {};  ///< to the store
};

/// One `[source.NAME]`, with what `[policy]` says where it is silent.
struct SourcePolicy {
  std::string name = {};
  std::size_t line = 0;            ///< in holdfast.toml, for messages
  std::string host = {};                ///< that points of it carry; filled in with this machine's name where the file has none
  std::vector<std::string> paths = {};  ///< absolute once settings have been read (settings.cpp)

  std::vector<std::string> excludes = {}, exclude_files = {};
  bool exclude_caches = false, one_file_system = false;
  std::vector<std::string> tags = {};  ///< more of them for its points, beside source_tag()

  std::vector<std::string> schedule = {};  ///< OnCalendar texts, as written; empty: only when somebody asks
  std::string time_zone = {};              ///< IANA name; empty: the machine's. Of schedule, periods and retention alike
  Span jitter = {};                        ///< a start is put off by a random part of this

  KindPolicy kinds = {};
  Retention retention = {};
  bool forgets = true;            ///< `run` forgets what the retention does not keep
  Span grace{7 * kDayNs};         ///< in which that can be taken back
  std::optional<Period> prune_every = Period::week;  ///< `run` gives space back in each new such period; absent: never
  std::optional<Span> rpo = {};  ///< the newest complete point must not be older
  std::optional<Span> rto = {};  ///< a restore must not take longer
  Hooks hooks = {};
  Limits limits = {};
};

struct Policy {
  std::vector<SourcePolicy> sources;  ///< in the order of their names
  std::size_t defaults_line = 0;      ///< of [policy]; 0: there is none

  const SourcePolicy* find(std::string_view name) const;
};

/// The tag that ties a point to its source whatever becomes of the list of paths: "source:NAME". `run` gives it to every
/// point that it makes.
std::string source_tag(std::string_view name);

/// The source that a point belongs to: the one whose tag and host it carries; else the one with its host and exactly its
/// paths, in any order; else nullptr, and no policy applies to it. One source at most: the first.
const SourcePolicy* source_of(const Policy& policy, const RecoveryPoint& point);

/// May name a source: letters, digits, '-', '_' and '.', at most 64.
bool is_source_name(std::string_view name);

}  // namespace hf
