#include "cli/prune_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/text.hpp"
#include "policy/policy.hpp"

namespace hf::cli {
namespace {

std::uint64_t freed(const PruneReport& r) { return r.bytes_before > r.bytes_after ? r.bytes_before - r.bytes_after : 0; }

std::string counted(std::uint64_t n, std::string_view noun) { return human_count(n) + " " + std::string(noun) + (n == 1 ? "" : "s"); }

}  // namespace

Json json_of_prune(const PruneReport& r, bool dry) {
  Json waits = Json::array();
  for (const Lease& l : r.waits_for) {
    Json item = {{"id", l.point.hex()}, {"since", utc_time(l.time_ns)}};
    put_name(item, "host", l.host);
    waits.push_back(std::move(item));
  }
  return {{"dry_run", dry},
          {"points_removed", r.points_removed},
          {"points_waiting", r.points_waiting},
          {"packs", r.packs},
          {"packs_dead", r.packs_dead},
          {"packs_repacked", r.packs_repacked},
          {"packs_removed", r.packs_removed},
          {"packs_restored", r.packs_restored},
          {"packs_waiting", r.packs_waiting},
          {"bytes_waiting", r.bytes_waiting},
          {"bytes_repacked", r.bytes_repacked},
          {"bytes_written", r.bytes_written},
          {"bytes_before", r.bytes_before},
          {"bytes_after", r.bytes_after},
          {"bytes_freed", freed(r)},
          {"bytes_unused", r.bytes_unused},
          {"sessions_fenced", r.sessions_fenced},
          {"waits_for", std::move(waits)},
          {"clock_ahead_seconds", r.clock_doubt_ns / kSecondNs}};
}

void show_prune(Output& out, const PruneReport& r, bool dry) {
  const std::string would = dry ? "would be " : "";
  out.line(fmt::format("{} {}given back: {} before, {} after.", human_bytes(freed(r)), would, human_bytes(r.bytes_before), human_bytes(r.bytes_after)));
  out.line(fmt::format("  {} removed · {} copied out of packs with waste · {} waste left", counted(r.packs_removed, "pack"), human_bytes(r.bytes_repacked), human_bytes(r.bytes_unused)));
  if (r.points_removed > 0) out.line(fmt::format("  {} {}gone for good: their grace has passed", counted(r.points_removed, "forgotten point"), would));
  if (r.points_waiting > 0) out.note(fmt::format("{} can still be brought back: holdfast points --forgotten", counted(r.points_waiting, "forgotten point")));
  if (r.packs_waiting > 0)
    out.note(fmt::format("{} ({}) are no longer needed and are removed by a later prune: sessions that began before may still use them.", counted(r.packs_waiting, "pack"), human_bytes(r.bytes_waiting)));
  for (const Lease& l : r.waits_for) out.note("  waiting for the one of " + printable(l.host) + " that began " + local_time(l.time_ns));
  if (r.sessions_fenced > 0) out.note(counted(r.sessions_fenced, "session") + " that seemed dead can't commit any more; if one lives, it begins again by itself.");
  if (r.leases_unreadable > 0) out.warn(counted(r.leases_unreadable, "lease") + " can't be read and counts as a running session: see holdfast verify");
  if (r.clock_doubt_ns > 0)
    out.warn("this machine's clock is " + text_of(Span{r.clock_doubt_ns / kDayNs * kDayNs + kDayNs}) +
                " ahead of what happened in the vault; no grace ends before the vault has been used a day longer. Is the date right?");
}

}  // namespace hf::cli
