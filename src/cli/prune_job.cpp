#include "cli/prune_job.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "policy/policy.hpp"

namespace hf::cli {
namespace {

std::uint64_t freed(const PruneReport& r) { return r.bytes_before > r.bytes_after ? r.bytes_before - r.bytes_after : 0; }

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
          {"packs_recompressed", r.packs_recompressed},
          {"deltas_folded", r.deltas_folded},
          {"deltas_turned", r.deltas_turned},
          {"favours_nobody", r.favours_nobody},
          {"packs_removed", r.packs_removed},
          {"packs_restored", r.packs_restored},
          {"packs_waiting", r.packs_waiting},
          {"bytes_waiting", r.bytes_waiting},
          {"packs_held", r.packs_held},
          {"stripes_made", r.stripes_made},
          {"stripes_removed", r.stripes_removed},
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

void tell_prune(Output& out, const PruneReport& r, bool dry) {
  const std::string would = dry ? "would be " : "";
  out.line(fmt::format("{} {}given back: {} before, {} after.", human_bytes(freed(r)), would, human_bytes(r.bytes_before), human_bytes(r.bytes_after)));
  out.line(fmt::format("  {} removed · {} copied out of packs with waste · {} waste left", counted(r.packs_removed, "pack"), human_bytes(r.bytes_repacked), human_bytes(r.bytes_unused)));
  if (r.packs_recompressed > 0) out.line(fmt::format("  {} {}compressed anew", counted(r.packs_recompressed, "pack"), would));
  if (r.deltas_folded > 0) out.line(fmt::format("  {} {}stored alone: older content was kept for nothing else", counted(r.deltas_folded, "delta"), would));
  if (r.deltas_turned > 0) out.line(fmt::format("  {} of older content {}stored against that of the newest points, which lies alone and in order", counted(r.deltas_turned, "segment"), would));
  if (r.favours_nobody) out.note("The newest points stay as they are: another session runs, keys that only write or independent points have a part in this vault, a pack can't be looked into, or --max-repack is too little.");
  if (r.points_removed > 0) out.line(fmt::format("  {} {}gone for good: their grace has passed", counted(r.points_removed, "forgotten point"), would));
  if (r.points_waiting > 0) out.note(fmt::format("{} can still be brought back: holdfast points --forgotten", counted(r.points_waiting, "forgotten point")));
  if (r.stripes_made + r.stripes_removed > 0)
    out.line(fmt::format("  {} {}made for packs that stay, {} {}removed", counted(r.stripes_made, "stripe"), would, human_count(r.stripes_removed), would));
  if (r.packs_held > 0)
    out.warn(Error(Code::corrupt, counted(r.packs_held, "pack") + " of them must stay: a pack of the same stripe is lost or damaged, and needs them to come back", "bring it back, then prune again: holdfast verify --heal"));
  if (r.packs_waiting > r.packs_held)
    out.note(fmt::format("{} ({}) are no longer needed and are removed by a later prune: sessions that began before may still use them.", counted(r.packs_waiting - r.packs_held, "pack"), human_bytes(r.bytes_waiting)));
  for (const Lease& l : r.waits_for) out.note("  waiting for the one of " + printable(l.host) + " that began " + local_time(l.time_ns));
  if (r.sessions_fenced > 0) out.note(counted(r.sessions_fenced, "session") + " that seemed dead can't commit any more; if one lives, it begins again by itself.");
  if (r.leases_unreadable > 0) out.warn(counted(r.leases_unreadable, "lease") + " can't be read and counts as a running session: see holdfast verify");
  if (r.clock_doubt_ns > 0)
    out.warn("this machine's clock is " + text_of(Span{r.clock_doubt_ns / kDayNs * kDayNs + kDayNs}) +
                " ahead of what happened in the vault; no grace ends before the vault has been used a day longer. Is the date right?");
  if (dry) out.note("Nothing was changed.");
}

Result<PruneDue> prune_due(const Vault& vault) {
  PruneDue out;
  const EpochRecord epoch = HF_TRY(newest_epoch(vault));
  out.last_ns = epoch.number > 0 ? epoch.time_ns : 0;
  const std::int64_t now = vault.env().wall_ns();
  const auto dead = HF_TRY(tombstones(vault));
  out.due = !epoch.retired.empty() || !epoch.condemned.empty() || std::any_of(dead.begin(), dead.end(), [&](const auto& found) {
    const Tombstone& t = found.second.tombstone;
    return found.second.reaped || now - t.time_ns >= static_cast<std::int64_t>(std::min<std::uint64_t>(t.grace_seconds, 1'000'000'000)) * kSecondNs;
  });
  return out;
}

}  // namespace hf::cli
