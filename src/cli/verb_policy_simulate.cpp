// policy simulate: what would exist on any day of the years to come, and about how much it would take.

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/policy_facts.hpp"
#include "cli/table.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "policy/periods.hpp"
#include "policy/simulate.hpp"
#include "verify/verify.hpp"

namespace hf::cli {
namespace {

constexpr std::uint64_t kYearsMax = 100;
constexpr Rule kCounting[] = {Rule::last, Rule::hourly, Rule::daily, Rule::weekly, Rule::monthly, Rule::quarterly, Rule::yearly, Rule::within, Rule::hold};

std::size_t count_of(const SimulatedState& state, Rule rule) { return state.by_rule[static_cast<std::size_t>(rule)]; }

/// Now, the last second of each year, and the end.
std::vector<std::int64_t> report_days(std::int64_t now, std::uint64_t years, const TimeZone& zone) {
  const std::int64_t end = now + static_cast<std::int64_t>(years) * 365 * kDayNs + static_cast<std::int64_t>(years) * kDayNs / 4;
  std::vector<std::int64_t> out = {now};
  for (std::int64_t year = period_of(Period::year, now, zone) + 1;; ++year) {
    const std::int64_t last_second = period_begin(Period::year, year, zone) - kSecondNs;
    if (last_second >= end) break;
    if (last_second > now) out.push_back(last_second);
  }
  out.push_back(end);
  return out;
}

std::string range(const StorageEstimate& e) {
  const std::string least = human_bytes(e.least), most = human_bytes(e.most);
  return least == most ? least : least + " - " + most;
}

struct Simulated {
  SimulationInput input;
  Growth growth;
  std::vector<SimulatedState> states;
  TimeZone zone;
};

Json json_of(const Simulated& s, const SimulatedState& state, bool with_points) {
  Json rules = Json::object();
  for (Rule rule : kCounting)
    if (count_of(state, rule) > 0) rules[std::string(name_of(rule))] = count_of(state, rule);
  Json out = {{"at", utc_time(state.at_ns)}, {"points", state.times.size()}, {"rules", std::move(rules)}};
  out["oldest"] = state.times.empty() ? Json(nullptr) : Json(utc_time(state.times.front()));
  const StorageEstimate e = estimate_storage(s.growth, state.times, state.domains);
  out["bytes_least"] = s.growth.measured() ? Json(e.least) : Json(nullptr);
  out["bytes_most"] = s.growth.measured() ? Json(e.most) : Json(nullptr);
  if (with_points) {
    out["times"] = Json::array();
    for (std::int64_t t : state.times) out["times"].push_back(utc_time(t));
  }
  return out;
}

void show(Output& out, const SourcePolicy& source, const Simulated& s) {
  const std::int64_t pace = s.input.pace_ns;
  out.line(fmt::format("{}: a point each {}, beginning with the {} that exist", source.name, pace % kDayNs == 0 && pace > kDayNs ? text_of(Span{pace}) : pace == kDayNs ? "day" : human_duration(static_cast<double>(pace) / 1e9),
                       s.input.history.size()));
  std::vector<Rule> used;
  for (Rule rule : kCounting)
    if (std::any_of(s.states.begin(), s.states.end(), [&](const SimulatedState& state) { return count_of(state, rule) > 0; })) used.push_back(rule);
  using A = Table::Align;
  std::vector<std::string> headings;
  for (Rule rule : used) {
    headings.emplace_back(name_of(rule));
    for (char& c : headings.back()) c = static_cast<char>(c - 'a' + 'A');
  }
  std::vector<Table::Column> columns = {{"ON"}, {"POINTS", A::right}};
  for (const std::string& h : headings) columns.push_back({h, A::right});
  columns.push_back({"OLDEST"});
  if (s.growth.measured()) columns.push_back({"STORED", A::right});
  Table table(columns);
  for (const SimulatedState& state : s.states) {
    std::vector<std::string> cells = {day_label(state.at_ns, s.zone), human_count(state.times.size())};
    for (Rule rule : used) cells.push_back(human_count(count_of(state, rule)));
    cells.push_back(state.times.empty() ? "-" : day_label(state.times.front(), s.zone));
    if (s.growth.measured()) cells.push_back(range(estimate_storage(s.growth, state.times, state.domains)));
    table.row(std::move(cells));
  }
  table.print(out);
  const SimulatedState& last = s.states.back();
  out.line("");
  out.line("What exists on " + day_label(last.at_ns, s.zone) + ", points in each month:");
  for (const std::string& line : draw(last.times, s.zone)) out.line("  " + line);
  if (s.growth.measured())
    out.note(fmt::format("STORED is an estimate from {} points over {:.0f} days: the newest state takes about {} alone, and a day adds {}. From: each point changes the same data "
                         "again, to: all that is new stays.",
                         s.growth.points, s.growth.days, human_bytes(s.growth.base_bytes), human_bytes(static_cast<std::uint64_t>(s.growth.bytes_per_day))));
  else out.note("No estimate of storage: it takes points that lie at least a day apart.");
}

Result<int> run(Invocation& in) {
  const auto sources = HF_TRY(chosen_sources(in));
  const std::uint64_t years = in.count("years").value_or(10);
  if (years < 1 || years > kYearsMax) return Error(Code::usage, fmt::format("--years must be between 1 and {}", kYearsMax), "--years 10");
  std::optional<Span> every;
  if (in.given("every")) every = HF_TRY(parse_span(in.text("every")).context([] { return "--every"; }));
  if (every && every->ns < 60 * kSecondNs) return Error(Code::usage, "--every must be at least a minute", "--every 1h");
  const std::int64_t now = in.env.wall_ns();

  std::unique_ptr<Vault> vault;
  PointList list;
  std::unordered_set<PointId> proven;
  if (!in.flag("fresh")) {
    vault = HF_TRY(open_vault(in));
    list = HF_TRY(vault->points());
    proven = HF_TRY(proven_points(*vault));
  }
  const auto judged = HF_TRY(judged_sources(in.env, in.settings.policy, sources, list, proven, vault ? HF_TRY(holds(*vault)) : std::vector<StoredHold>()));
  Json answer = Json::array();
  bool first = true;
  for (const JudgedSource& source : judged) {
    if (source.policy == nullptr) continue;
    Simulated s{.input = {.retention = source.policy->retention, .kinds = source.policy->kinds, .history = source.facts, .start_ns = now, .pace_ns = every ? every->ns : source.pace_ns},
                .growth = {},
                .states = {},
                .zone = source.zone};
    std::vector<StoredPoint> stored;
    for (const RecoveryPoint* p : source.points) stored.push_back({p->started_ns, p->bytes, p->bytes_stored, false});
    s.growth = measure_growth(std::move(stored));
    if (s.input.retention.keeps_everything() && static_cast<double>(years) * 366 * static_cast<double>(kDayNs) / static_cast<double>(s.input.pace_ns) > 1e5)
      return Error(Code::usage, "source '" + source.policy->name + "' keeps everything, too much to simulate", "fewer points: --every 1d, or fewer --years");
    std::vector<std::int64_t> days = report_days(now, years, s.zone);
    if (const auto on = in.time("on")) {
      if (*on < now) return Error(Code::usage, "--on must be a day to come", "what exists now: holdfast policy explain");
      days = {*on};
    }
    s.states = simulate(s.input, s.zone, days);

    Json states = Json::array();
    for (const SimulatedState& state : s.states) states.push_back(json_of(s, state, &state == &s.states.back()));
    answer.push_back({{"source", source.policy->name},
                      {"every", static_cast<double>(s.input.pace_ns) / 1e9},
                      {"growth", s.growth.measured() ? Json({{"bytes_base", s.growth.base_bytes}, {"bytes_per_day", s.growth.bytes_per_day}, {"days", s.growth.days}, {"points", s.growth.points}})
                                                     : Json(nullptr)},
                      {"states", std::move(states)}});
    if (!first) in.out.line("");
    first = false;
    show(in.out, *source.policy, s);
  }
  in.out.json(std::move(answer));
  return 0;
}

}  // namespace

const Verb& policy_simulate_verb() {
  static const Verb verb = {
      .name = "policy simulate",
      .section = "Keep",
      .summary = "draw which points would exist over the years, and what they would take",
      .description = {"Makes the points that would come, lets the policy judge them as it judges real ones, and shows what is left at the end of each year: how many points each rule "
                      "keeps, the oldest, and a drawing of the last day with a cell for each month ('.' none, '+' more than nine). Changes nothing.",
                      "Begins with the points of the vault. Storage is estimated from what they stored: the first, scaled to the newest one's size, and the average of a day since. "
                      "The lower figure assumes that each point changes the same data again, the upper one that all that is new stays.",
                      "JSON: an array of {\"source\", \"every\", \"growth\": null or {\"bytes_base\", \"bytes_per_day\", \"days\", \"points\"}, \"states\": [{\"at\", \"points\", \"rules\", "
                      "\"oldest\", \"bytes_least\", \"bytes_most\"}]}; the last state has \"times\", one for each point."},
      .examples = {{"holdfast policy simulate", "Ten years of each source, at its usual pace."},
                   {"holdfast policy simulate --years 3 --every 1h --source mail", "Three years of a point an hour."},
                   {"holdfast policy simulate --fresh --on 2031-05-02", "What a new vault would hold on that day."}},
      .options = {{.name = "years", .value = "N", .kind = Kind::count, .help = "how far to go", .preset = "10"},
                  {.name = "every", .value = "SPAN", .help = "time between points: 1h, 1d, 1w (default: as up to now, or by the schedule)"},
                  {.name = "on", .value = "DAY", .kind = Kind::time, .help = "only what exists on this day"},
                  {.name = "fresh", .help = "begin without any point; needs no vault"},
                  {.name = "source", .value = "NAME", .help = "only the source of this name"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
