#pragma once
// What a retention leaves over the years: makes the points that would come, lets decide() judge them, and says what
// exists, and about how much it takes. Pure.

#include <array>
#include <span>
#include <vector>

#include "policy/retention.hpp"

namespace hf {

/// What the points of a source stored, and how fast.
struct Growth {
  std::uint64_t base_bytes = 0;  ///< what its newest state takes alone, about
  double bytes_per_day = 0;      ///< stored by later points, on the average over the whole span
  double days = 0;               ///< the span it was measured over
  std::size_t points = 0;
  bool measured() const { return days >= 1 && base_bytes > 0; }  ///< else the rest says nothing
};

/// One point as Growth sees it.
struct StoredPoint {
  std::int64_t time_ns = 0;
  std::uint64_t bytes = 0, bytes_stored = 0;
  bool independent = false;
};
/// `base_bytes`: what the first point stored, scaled to the size of the newest one. `bytes_per_day`: what all others
/// stored, independent ones left out, over the time between the first and the last.
Growth measure_growth(std::vector<StoredPoint> points);

/// What a set of kept points takes, between two bounds that the measured growth allows:
/// `least`: each point changes the same data again, so each kept one needs one day's growth of its own;
/// `most`: all that is new stays, so points that lie d days apart differ by d days' growth, or by everything.
/// Each dedup domain takes `base_bytes`: one, and one more for each independent full that kept points go back to.
struct StorageEstimate {
  std::uint64_t least = 0, most = 0;
};
/// `times`: ascending; `domains`: how many dedup domains they lie in.
StorageEstimate estimate_storage(const Growth& growth, std::span<const std::int64_t> times, std::size_t domains = 1);

struct SimulatedState {
  std::int64_t at_ns = 0;
  std::vector<std::int64_t> times;             ///< of the points that exist, ascending
  std::array<std::size_t, 14> by_rule = {};  ///< how many each Rule keeps (index: Rule); a point may have several
  std::size_t domains = 0;                     ///< dedup domains that these points lie in
};

struct SimulationInput {
  Retention retention;
  KindPolicy kinds;
  std::vector<PointFacts> history;  ///< of the source, as it is now
  std::int64_t start_ns = 0;
  std::int64_t pace_ns = kDayNs;
};

/// The states at these instants (ascending, none before start), when a complete point is made each `pace_ns` after the
/// newest one of the history. Costs about instants × kept points; it is judged every 30 days between, too.
std::vector<SimulatedState> simulate(const SimulationInput& input, const TimeZone& zone, std::span<const std::int64_t> instants);

/// One line a year, a cell a month: how many of the points lie in it ('.' none, '+' more than nine).
///   "        JFMAMJJASOND"
///   "2026    ..........3+"
std::vector<std::string> draw(std::span<const std::int64_t> times, const TimeZone& zone);

}  // namespace hf
