#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/mark.hpp"
#include "policy/policy.hpp"
#include "vault/prune.hpp"

namespace hf::cli {
namespace {

std::uint64_t freed(const PruneReport& r) { return r.bytes_before > r.bytes_after ? r.bytes_before - r.bytes_after : 0; }

Json json_of(const PruneReport& r, bool dry) {
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

std::string counted(std::uint64_t n, std::string_view noun) { return human_count(n) + " " + std::string(noun) + (n == 1 ? "" : "s"); }

Result<int> run(Invocation& in) {
  PruneOptions options;
  const bool dry = in.flag("dry-run");
  options.unused_percent_max = in.percent("max-unused").value_or(5);
  options.repack_bytes_max = in.bytes("max-repack");
  options.fence_after_ns = HF_TRY(parse_span(in.text("fence-after")).context([] { return std::string("--fence-after"); })).ns;
  options.write.compression_level = static_cast<int>(in.count("compression-level").value_or(3));
  const auto vault = HF_TRY(open_vault(in));
  options.keep_stripes = !in.flag("without-stripes");
  StripePlace stripes;
  if (options.keep_stripes) {
    stripes = HF_TRY(find_stripes(in, vault->store()));
    if (stripes.problem) return std::move(*stripes.problem).with_hint("connect it, so that what stays remains protected; or let the protection go: holdfast prune --without-stripes");
    if (stripes.own) options.stripes_elsewhere = stripes.store;
  }
  ProgressView view(in.out, in.env, in.progress, "prune");
  const auto done = dry ? rehearse_prune(*vault, options, marker(in.settings.jobs), in.progress) : prune(*vault, options, marker(in.settings.jobs), in.progress);
  view.stop();
  if (!done) return done.error();
  const PruneReport& r = *done;
  in.out.json(json_of(r, dry));
  const std::string would = dry ? "would be " : "";
  in.out.line(fmt::format("{} {}given back: {} before, {} after.", human_bytes(freed(r)), would, human_bytes(r.bytes_before), human_bytes(r.bytes_after)));
  in.out.line(fmt::format("  {} removed · {} copied out of packs with waste · {} waste left", counted(r.packs_removed, "pack"), human_bytes(r.bytes_repacked), human_bytes(r.bytes_unused)));
  if (r.points_removed > 0) in.out.line(fmt::format("  {} {}gone for good: their grace has passed", counted(r.points_removed, "forgotten point"), would));
  if (r.points_waiting > 0) in.out.note(fmt::format("{} can still be brought back: holdfast points --forgotten", counted(r.points_waiting, "forgotten point")));
  if (r.stripes_made + r.stripes_removed > 0)
    in.out.line(fmt::format("  {} {}made for packs that stay, {} {}removed", counted(r.stripes_made, "stripe"), would, human_count(r.stripes_removed), would));
  if (r.packs_held > 0)
    in.out.warn(Error(Code::corrupt, counted(r.packs_held, "pack") + " of them must stay: a pack of the same stripe is lost or damaged, and needs them to come back", "bring it back, then prune again: holdfast verify --heal"));
  if (r.packs_waiting > r.packs_held)
    in.out.note(fmt::format("{} ({}) are no longer needed and are removed by a later prune: sessions that began before may still use them.", counted(r.packs_waiting - r.packs_held, "pack"), human_bytes(r.bytes_waiting)));
  for (const Lease& l : r.waits_for) in.out.note("  waiting for the one of " + printable(l.host) + " that began " + local_time(l.time_ns));
  if (r.sessions_fenced > 0) in.out.note(counted(r.sessions_fenced, "session") + " that seemed dead can't commit any more; if one lives, it begins again by itself.");
  if (r.leases_unreadable > 0) in.out.warn(counted(r.leases_unreadable, "lease") + " can't be read and counts as a running session: see holdfast verify");
  if (r.clock_doubt_ns > 0)
    in.out.warn("this machine's clock is " + text_of(Span{r.clock_doubt_ns / kDayNs * kDayNs + kDayNs}) +
                " ahead of what happened in the vault; no grace ends before the vault has been used a day longer. Is the date right?");
  if (dry) in.out.note("Nothing was changed.");
  return 0;
}

}  // namespace

const Verb& prune_verb() {
  static const Verb verb = {
      .name = "prune",
      .section = "Keep",
      .summary = "give back the space of what no recovery point needs",
      .description = {"Looks at what all points need (forgotten ones too, until their grace has passed), copies what is live out of packs with much waste, "
                      "and removes packs that nothing needs. Backups may run meanwhile: what a running one may still use is removed by a later prune.",
                      "A crash at any step loses nothing, and the next prune goes on. --dry-run does all of it but the writing, and is exact to the byte.",
                      "Where packs are in stripes (`holdfast help parity stripe`), those that stay are first put into new ones, so that nothing loses protection; the place of the "
                      "stripes must be there for it.",
                      "JSON: {\"dry_run\", \"points_removed\", \"points_waiting\", \"packs\", \"packs_dead\", \"packs_repacked\", \"packs_removed\", \"packs_restored\", "
                      "\"packs_waiting\", \"bytes_waiting\", \"packs_held\": of those waiting, for a lost pack of their stripe, \"stripes_made\", \"stripes_removed\", \"bytes_repacked\", \"bytes_written\", \"bytes_before\", \"bytes_after\", \"bytes_freed\", \"bytes_unused\", "
                      "\"sessions_fenced\", \"waits_for\": [{\"id\", \"since\", \"host\"}], \"clock_ahead_seconds\"}."},
      .examples = {{"holdfast prune --dry-run", "What would be given back, to the byte."},
                   {"holdfast prune", "Do it."},
                   {"holdfast prune --max-repack 2G", "Copy at most 2 GiB this time; the rest another time."}},
      .options = {{.name = "max-unused", .value = "PERCENT", .kind = Kind::percent, .help = "waste that may stay in packs", .preset = "5%", .config = true},
                  {.name = "max-repack", .value = "SIZE", .kind = Kind::bytes, .help = "read at most so much to copy what is live", .config = true},
                  {.name = "fence-after", .value = "SPAN", .help = "a session older than this is taken for dead", .preset = "3d", .config = true},
                  {.name = "compression-level", .value = "N", .kind = Kind::count, .help = "zstd level of what is compressed anew", .preset = "3", .config = true},
                  {.name = "stripes", .value = "DIR", .help = "where the vault's stripes lie now, if not where it says"},
                  {.name = "without-stripes", .help = "remove packs whatever stripe they are in: others of it are protected less, until the next prune with the stripes there"},
                  {.name = "dry-run", .letter = 'n', .help = "only tell"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
