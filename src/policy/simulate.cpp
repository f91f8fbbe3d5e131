#include "policy/simulate.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "policy/periods.hpp"

namespace hf {

Growth measure_growth(std::vector<StoredPoint> points) {
  Growth growth;
  growth.points = points.size();
  if (points.empty()) return growth;
  std::sort(points.begin(), points.end(), [](const StoredPoint& a, const StoredPoint& b) { return a.time_ns < b.time_ns; });
  const StoredPoint &first = points.front(), &last = points.back();
  const double scale = first.bytes == 0 ? 1 : static_cast<double>(last.bytes) / static_cast<double>(first.bytes);
  growth.base_bytes = static_cast<std::uint64_t>(static_cast<double>(first.bytes_stored) * scale);
  growth.days = static_cast<double>(last.time_ns - first.time_ns) / static_cast<double>(kDayNs);
  double later = 0;
  for (std::size_t i = 1; i < points.size(); ++i)
    if (!points[i].independent) later += static_cast<double>(points[i].bytes_stored);
  if (growth.days > 0) growth.bytes_per_day = later / growth.days;
  return growth;
}

StorageEstimate estimate_storage(const Growth& growth, std::span<const std::int64_t> times, std::size_t domains) {
  if (times.empty()) return {};
  const double base = static_cast<double>(growth.base_bytes);
  double least = base, most = base;
  for (std::size_t i = 0; i + 1 < times.size(); ++i) {
    const double days = static_cast<double>(times[i + 1] - times[i]) / static_cast<double>(kDayNs);
    least += std::min(base, growth.bytes_per_day * std::min(days, 1.0));
    most += std::min(base, growth.bytes_per_day * days);
  }
  const double apart = base * static_cast<double>(domains - std::min<std::size_t>(domains, 1));
  return {static_cast<std::uint64_t>(least + apart), static_cast<std::uint64_t>(most + apart)};
}

namespace {

/// The points that exist, and those to come.
class Simulator {
 public:
  Simulator(const SimulationInput& input, const TimeZone& zone) : input_(input), zone_(zone), existing_(input.history) {
    for (PointFacts& p : existing_) p.source.clear();  // all of one source
    std::int64_t newest = INT64_MIN;
    for (const PointFacts& p : existing_)
      if (p.time_ns <= input.start_ns) newest = std::max(newest, p.time_ns);
    next_ = newest == INT64_MIN ? input.start_ns : newest + input.pace_ns;
    if (next_ < input.start_ns) next_ = input.start_ns;
  }

  SimulatedState state_at(std::int64_t instant) {
    while (next_ <= instant) {
      const std::int64_t pause = std::min(instant, next_ + 30 * kDayNs);
      while (next_ <= pause) make();
      judge(pause);
    }
    const std::vector<Decision> decisions = judge(instant);
    SimulatedState state;
    state.at_ns = instant;
    for (std::size_t i = 0; i < existing_.size(); ++i) {
      state.times.push_back(existing_[i].time_ns);
      for (const Reason& reason : decisions[i].reasons) ++state.by_rule[static_cast<std::size_t>(reason.rule)];
    }
    std::sort(state.times.begin(), state.times.end());
    state.domains = domains_of(state.times);
    return state;
  }

 private:
  void make() {
    PointFacts point;
    // Ids only break ties in time.
    ++made_;
    for (std::size_t i = 0; i < 8; ++i) point.id.bytes[i] = static_cast<std::uint8_t>(made_ >> (8 * i));
    point.time_ns = next_;
    existing_.push_back(std::move(point));
    next_ += input_.pace_ns;
  }
  /// Each period of `independent` begins one; what was there at the start counts as one.
  std::size_t domains_of(const std::vector<std::int64_t>& times) const {
    std::set<std::int64_t> domains;
    for (std::int64_t t : times) domains.insert(!input_.kinds.independent || t < input_.start_ns ? INT64_MIN : period_of(*input_.kinds.independent, t, zone_));
    return domains.size();
  }

  /// Forgets what is not kept; gives what was decided of the rest.
  std::vector<Decision> judge(std::int64_t now) {
    std::vector<Decision> decisions = decide(existing_, input_.retention, zone_, now, input_.pace_ns), kept_decisions;
    std::vector<PointFacts> kept;
    for (std::size_t i = 0; i < existing_.size(); ++i) {
      if (!decisions[i].keep) continue;
      kept.push_back(std::move(existing_[i]));
      kept_decisions.push_back(std::move(decisions[i]));
    }
    existing_ = std::move(kept);
    return kept_decisions;
  }

  const SimulationInput& input_;
  const TimeZone& zone_;
  std::vector<PointFacts> existing_;
  std::int64_t next_ = 0;
  std::uint64_t made_ = 0;
};

}  // namespace

std::vector<SimulatedState> simulate(const SimulationInput& input, const TimeZone& zone, std::span<const std::int64_t> instants) {
  Simulator simulator(input, zone);
  std::vector<SimulatedState> out;
  for (std::int64_t instant : instants) out.push_back(simulator.state_at(instant));
  return out;
}

std::vector<std::string> draw(std::span<const std::int64_t> times, const TimeZone& zone) {
  std::map<std::int64_t, std::array<std::size_t, 12>> years;
  for (std::int64_t t : times) {
    const std::int64_t month = period_of(Period::month, t, zone), year = period_of(Period::year, t, zone);
    ++years[year][static_cast<std::size_t>(month - year * 12)];
  }
  std::vector<std::string> out = {"      JFMAMJJASOND"};
  if (years.empty()) return out;
  for (std::int64_t year = years.begin()->first; year <= years.rbegin()->first; ++year) {
    std::string line = fmt::format("{:04}  ", year);
    for (std::size_t n : years[year]) line += n == 0 ? '.' : n > 9 ? '+' : static_cast<char>('0' + n);
    out.push_back(std::move(line));
  }
  return out;
}

}  // namespace hf
