#include "policy/retention.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "policy/periods.hpp"

namespace hf {
namespace {

using Instant = std::optional<std::int64_t>;

std::int64_t add(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}

std::string ordinal(std::uint32_t n) {
  const std::uint32_t tens = n % 100;
  const char* ending = tens >= 11 && tens <= 13 ? "th" : n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
  return fmt::format("{}{}", n, ending);
}

/// The points that are assumed to come: first, first + pace, …
class Future {
 public:
  Future(std::int64_t newest_ns, std::int64_t now_ns, std::int64_t pace_ns) : pace_(std::max<std::int64_t>(pace_ns, kSecondNs)) {
    first_ = add(newest_ns, pace_);
    if (first_ <= now_ns) first_ = add(first_, (now_ns - first_) / pace_ * pace_ + pace_);
  }
  std::int64_t first() const { return first_; }
  /// The n-th, from 1; nothing beyond what nanoseconds can tell.
  Instant nth(std::uint64_t n) const {
    std::int64_t ahead = 0, at = 0;
    if (n - 1 > INT64_MAX || __builtin_mul_overflow(static_cast<std::int64_t>(n - 1), pace_, &ahead) || __builtin_add_overflow(first_, ahead, &at)) return {};
    return at;
  }
  /// The first one that is not before `instant`.
  Instant at_or_after(std::int64_t instant) const {
    if (instant <= first_) return first_;
    std::int64_t ahead = 0;
    if (__builtin_sub_overflow(instant, first_, &ahead)) return {};
    return nth(static_cast<std::uint64_t>(ahead / pace_ + (ahead % pace_ != 0 ? 1 : 0)) + 1);
  }

 private:
  std::int64_t pace_, first_ = 0;
};

/// When the periods of one kind that come after `newest` get their first points. Made as far as it is asked for.
class FuturePeriods {
 public:
  FuturePeriods(Period period, std::int64_t newest, const Future& future, const TimeZone& zone) : period_(period), newest_(newest), future_(future), zone_(zone) {}
  /// Of the n-th such period, from 1.
  Instant begin(std::uint64_t n) {
    while (times_.size() < n) {
      const std::int64_t last = times_.empty() ? newest_ : period_of(period_, times_.back(), zone_);
      Instant next = future_.first();
      if (period_of(period_, *next, zone_) <= last) next = future_.at_or_after(period_begin(period_, last + 1, zone_));
      if (!next || *next > kEndNs) return {};
      times_.push_back(*next);
    }
    return times_[n - 1];
  }

 private:
  static constexpr std::int64_t kEndNs = 7'258'118'400 * kSecondNs;  // the year 2200
  Period period_;
  std::int64_t newest_;
  const Future& future_;
  const TimeZone& zone_;
  std::vector<std::int64_t> times_;
};

/// Decides about the points of one source.
class Decider {
 public:
  Decider(std::span<const PointFacts> points, std::vector<std::size_t> order, const Retention& retention, const TimeZone& zone, std::int64_t now_ns, std::int64_t pace_ns,
          std::vector<Decision>& out)
      : points_(points), order_(std::move(order)), retention_(retention), zone_(zone), now_(now_ns), out_(out), future_(begin(now_ns, pace_ns)) {}

  void run() {
    if (retention_.keeps_everything()) {
      for (std::size_t i : order_) keep(i, {.rule = Rule::no_rules});
    } else {
      if (retention_.last > 0) last();
      for (Period period : kPeriods)
        if (retention_.count(period) > 0) tier(period);
      if (retention_.within) within();
    }
    always();
    conclude();
  }

 private:
  const PointFacts& point(std::size_t at) const { return points_[order_[at]]; }
  void keep(std::size_t index, Reason reason) { out_[index].reasons.push_back(std::move(reason)); }

  /// Newest first; those from the future are decided at once and leave the order.
  Future begin(std::int64_t now_ns, std::int64_t pace_ns) {
    std::sort(order_.begin(), order_.end(), [&](std::size_t a, std::size_t b) {
      return std::tie(points_[a].time_ns, points_[a].id) > std::tie(points_[b].time_ns, points_[b].id);
    });
    const auto past = std::find_if(order_.begin(), order_.end(), [&](std::size_t i) { return points_[i].time_ns <= add(now_ns, kClockSkewNs); });
    from_future_.assign(order_.begin(), past);
    order_.erase(order_.begin(), past);
    return Future(order_.empty() ? now_ns : point(0).time_ns, now_ns, pace_ns);
  }

  void last() {
    const std::uint64_t n = retention_.last;
    std::uint32_t complete = 0;
    for (std::size_t at = 0; at < order_.size() && (at < n || complete < n); ++at) {
      const bool counts = point(at).complete;
      if (counts) ++complete;
      else if (at >= n) continue;
      const std::uint64_t rank = counts ? complete : at + 1;
      Reason reason{.rule = Rule::last, .place = counts ? complete : 0, .of = retention_.last};
      if (retention_.last != Retention::kAll) reason.until_ns = future_.nth(n - rank + 1);
      keep(order_[at], std::move(reason));
    }
  }

  void tier(Period period) {
    const std::uint32_t count = retention_.count(period);
    const std::size_t size = order_.size();
    if (size == 0) return;
    struct Group {
      std::int64_t number;
      std::size_t pick;
      bool complete;
    };
    std::vector<Group> groups;  // newest first
    std::uint32_t complete = 0;
    for (std::size_t at = 0; at < size && (complete < count || groups.size() < count);) {
      Group group{period_of(period, point(at).time_ns, zone_), at, false};
      for (; at < size && period_of(period, point(at).time_ns, zone_) == group.number; ++at) {
        if (group.complete || !point(at).complete) continue;
        group.complete = true;
        group.pick = at;
      }
      complete += group.complete ? 1 : 0;
      groups.push_back(group);
    }
    const auto first_complete = std::find_if(groups.begin(), groups.end(), [](const Group& g) { return g.complete; });
    const std::int64_t next_number = period_of(period, future_.first(), zone_);
    FuturePeriods after_any(period, groups[0].number, future_, zone_);
    FuturePeriods after_complete(period, first_complete == groups.end() ? INT64_MIN : first_complete->number, future_, zone_);
    std::uint32_t place = 0;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const Group& group = groups[g];
      if (group.complete) ++place;
      else if (g >= count) continue;
      Reason reason{.rule = rule_of(period), .place = group.complete ? place : 0, .of = count, .detail = period_label(period, group.number, zone_)};
      if (group.number == next_number) reason.until_ns = future_.first();
      else if (count == Retention::kAll) reason.until_ns.reset();
      else if (group.complete) reason.until_ns = after_complete.begin(count - place + 1);
      else reason.until_ns = after_any.begin(count - g);
      keep(order_[group.pick], std::move(reason));
    }
  }

  void within() {
    const std::int64_t span = retention_.within->ns;
    if (order_.empty()) return;
    std::vector<std::int64_t> times;  // of the points that the window is measured by, newest first
    for (std::size_t at = 0; at < order_.size(); ++at)
      if (point(at).complete) times.push_back(point(at).time_ns);
    if (times.empty())
      for (std::size_t at = 0; at < order_.size(); ++at) times.push_back(point(at).time_ns);
    const std::int64_t newest = times[0];
    // A pause longer than the span, not yet half a span ago: [before, after] are the points around it.
    std::int64_t before = INT64_MIN, after = 0;
    for (std::size_t i = 0; i + 1 < times.size() && newest - times[i] < span / 2; ++i) {
      if (times[i] - times[i + 1] <= span) continue;
      before = times[i + 1];
      after = times[i];
      break;
    }
    const bool pause_coming = future_.first() - newest > span;
    for (std::size_t index : order_) {
      const std::int64_t t = points_[index].time_ns;
      const bool paused = t <= before;
      if ((paused ? newest - after + (before - t) : newest - t) > span) continue;
      Reason reason{.rule = Rule::within, .detail = text_of(*retention_.within)};
      const auto leaves_after_pause = [&](std::int64_t from, std::int64_t age_before) {
        return future_.at_or_after(std::min(add(from, span - age_before + 1), add(from, span / 2)));
      };
      if (pause_coming && !paused) reason.until_ns = leaves_after_pause(future_.first(), newest - t);
      else if (pause_coming) reason.until_ns = future_.first();
      else if (paused) reason.until_ns = leaves_after_pause(after, before - t);
      else reason.until_ns = future_.at_or_after(add(add(t, span), 1));
      keep(index, std::move(reason));
    }
  }

  void always() {
    const auto newest = [&](Rule rule, bool PointFacts::*member) {
      const auto found = std::find_if(order_.begin(), order_.end(), [&](std::size_t i) { return member == nullptr || points_[i].*member; });
      if (found == order_.end()) return;
      Reason reason{.rule = rule};
      if (rule != Rule::newest_proven) reason.until_ns = future_.first();
      keep(*found, std::move(reason));
    };
    newest(Rule::newest, nullptr);
    newest(Rule::newest_complete, &PointFacts::complete);
    newest(Rule::newest_proven, &PointFacts::proven);
    for (std::size_t i : from_future_) keep(i, {.rule = Rule::future});
    order_.insert(order_.begin(), from_future_.begin(), from_future_.end());
    for (std::size_t i : order_)
      if (points_[i].held && points_[i].held_until_ns.value_or(INT64_MAX) > now_)
        keep(i, {.rule = Rule::hold, .detail = points_[i].hold_reason, .until_ns = points_[i].held_until_ns});
  }

  void conclude() {
    std::vector<std::size_t> forgotten;
    for (std::size_t i : order_) {
      Decision& d = out_[i];
      d.keep = !d.reasons.empty();
      if (!d.keep) {
        forgotten.push_back(i);
        continue;
      }
      d.until_ns = INT64_MIN;
      for (const Reason& reason : d.reasons) {
        if (!reason.until_ns) d.until_ns.reset();
        else if (d.until_ns) d.until_ns = std::max(d.until_ns, reason.until_ns);
        if (!d.until_ns) break;
      }
    }
    if (!forgotten.empty()) explain(forgotten);
  }

  /// What each rule says about the points that none keeps.
  void explain(const std::vector<std::size_t>& forgotten) {
    const auto say = [&](std::size_t i, std::string text) {
      std::string& why = out_[i].why_not;
      why += (why.empty() ? "" : "; ") + std::move(text);
    };
    for (std::size_t i : forgotten)
      if (retention_.last > 0) say(i, fmt::format("last: beyond {}", retention_.last));
    for (Period period : kPeriods) {
      if (retention_.count(period) == 0) continue;
      // Newest first: a period seen before has a newer point; where it is kept, that one displaces this.
      std::map<std::int64_t, std::size_t> picks;
      for (std::size_t i : order_) {
        const auto [found, added] = picks.try_emplace(period_of(period, points_[i].time_ns, zone_), i);
        if (!added && points_[i].complete && !points_[found->second].complete) found->second = i;
      }
      for (std::size_t i : forgotten) {
        const std::int64_t number = period_of(period, points_[i].time_ns, zone_);
        const std::size_t pick = picks.at(number);
        if (pick == i || !out_[pick].keep) say(i, fmt::format("{}: beyond {}", tier_of(period), retention_.count(period)));
        else say(i, fmt::format("{}: {} has a {} one", tier_of(period), period_label(period, number, zone_), points_[pick].complete && !points_[i].complete ? "complete" : "newer"));
      }
    }
    for (std::size_t i : forgotten)
      if (retention_.within) say(i, "within: older than " + text_of(*retention_.within));
  }

  std::span<const PointFacts> points_;
  std::vector<std::size_t> order_, from_future_;
  const Retention& retention_;
  const TimeZone& zone_;
  std::int64_t now_;
  std::vector<Decision>& out_;
  Future future_;
};

}  // namespace

std::string_view name_of(Rule rule) {
  static constexpr std::string_view kNames[] = {"last",   "hourly", "daily",  "weekly",          "monthly",       "quarterly", "yearly",
                                                "within", "newest", "newest_complete", "newest_proven", "hold",      "future", "no_rules"};
  return kNames[static_cast<std::size_t>(rule)];
}

Rule rule_of(Period period) { return static_cast<Rule>(static_cast<int>(Rule::hourly) + static_cast<int>(period)); }

std::string text_of(const Reason& reason) {
  const std::string in = reason.detail.empty() ? "" : " (" + reason.detail + ")";
  switch (reason.rule) {
    case Rule::within: return "within " + reason.detail;
    case Rule::newest: return "newest";
    case Rule::newest_complete: return "newest complete";
    case Rule::newest_proven: return "newest proven";
    case Rule::hold: return "hold" + (reason.detail.empty() ? "" : ": " + reason.detail);
    case Rule::future: return "from the future: a clock was wrong";
    case Rule::no_rules: return "no keep rule";
    default: break;
  }
  if (reason.place == 0) return fmt::format("{}{}, incomplete, for want of a complete one", name_of(reason.rule), in);
  if (reason.of == Retention::kAll) return fmt::format("{}{}", name_of(reason.rule), in);
  return fmt::format("{} of {} {}{}", ordinal(reason.place), reason.of, name_of(reason.rule), in);
}

std::vector<Decision> decide(std::span<const PointFacts> points, const Retention& retention, const TimeZone& zone, std::int64_t now_ns, std::int64_t pace_ns) {
  std::vector<Decision> out(points.size());
  std::map<std::string_view, std::vector<std::size_t>> sources;
  for (std::size_t i = 0; i < points.size(); ++i) sources[points[i].source].push_back(i);
  for (auto& [source, order] : sources) Decider(points, std::move(order), retention, zone, now_ns, pace_ns, out).run();
  return out;
}

std::int64_t usual_pace(std::span<const PointFacts> points) {
  std::vector<std::int64_t> times;
  for (const PointFacts& p : points) times.push_back(p.time_ns);
  std::sort(times.begin(), times.end(), std::greater<>());
  times.resize(std::min<std::size_t>(times.size(), 31));
  if (times.size() < 3) return kDayNs;
  std::vector<std::int64_t> gaps;
  for (std::size_t i = 0; i + 1 < times.size(); ++i) gaps.push_back(times[i] - times[i + 1]);
  std::nth_element(gaps.begin(), gaps.begin() + static_cast<std::ptrdiff_t>(gaps.size() / 2), gaps.end());
  return std::max(gaps[gaps.size() / 2], kSecondNs);
}

}  // namespace hf
