#include <nlohmann/json.hpp>

#include "cli/progress_view.hpp"
#include "cli/prune_job.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/mark.hpp"
#include "policy/policy.hpp"
#include "vault/prune.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  PruneOptions options;
  const bool dry = in.flag("dry-run");
  options.unused_percent_max = in.percent("max-unused").value_or(5);
  options.repack_bytes_max = in.bytes("max-repack");
  options.fence_after_ns = HF_TRY(parse_span(in.text("fence-after")).context([] { return std::string("--fence-after"); })).ns;
  options.write.compression_level = static_cast<int>(in.count("compression-level").value_or(3));
  if (const auto level = in.count("recompress")) {
    if (*level < 1 || *level > 19) return Error(Code::usage, "--recompress takes a zstd level from 1 to 19", "12 is a good one for what stays for years");
    options.recompress_level = static_cast<int>(*level);
  }
  if (in.flag("favour-newest")) options.favour_newest = PruneOptions::kTurnedShare;
  options.jobs = in.settings.jobs;
  const auto vault = HF_TRY(open_vault(in));
  options.keep_stripes = !in.flag("without-stripes");
  StripePlace stripes;
  if (options.keep_stripes) {
    stripes = HF_TRY(find_stripes(in, vault->store(), in.text("stripes")));
    if (stripes.problem) return std::move(*stripes.problem).with_hint("connect it, so that what stays remains protected; or let the protection go: holdfast prune --without-stripes");
    if (stripes.own) options.stripes_elsewhere = stripes.store;
  }
  ProgressView view(in.out, in.env, in.progress, "prune");
  TreeMarker marker(in.settings.jobs);
  const auto done = dry ? rehearse_prune(*vault, options, marker, in.progress) : prune(*vault, options, marker, in.progress);
  view.stop();
  if (!done) return done.error();
  in.out.json(json_of_prune(*done, dry));
  tell_prune(in.out, *done, dry);
  return 0;
}

}  // namespace

const Verb& prune_verb() {
  static const Verb verb = {
      .name = "prune",
      .section = "Keep",
      .summary = "give back the space of what no recovery point needs",
      .description = {"Looks at what all points need (forgotten ones too, until their grace has passed), copies what is live out of packs with much waste, "
                      "and removes packs that nothing needs. What is stored as a difference is stored whole where the older content that it differs from is kept for it alone. Backups may run meanwhile: what a running one may still use is removed by a later prune.",
                      "What trees need is remembered on this machine, in $XDG_CACHE_HOME/holdfast or ~/.cache/holdfast, so that the next prune reads what is new; "
                      "losing that costs time and nothing else.",
                      "A crash at any step loses nothing, and the next prune goes on. --dry-run does all of it but the writing, and is exact to the byte.",
                      "Where packs are in stripes (`holdfast help parity stripe`), those that stay are first put into new ones, so that nothing loses protection; the place of the "
                      "stripes must be there for it.",
                      "JSON: {\"dry_run\", \"points_removed\", \"points_waiting\", \"packs\", \"packs_dead\", \"packs_repacked\", \"packs_recompressed\", \"deltas_folded\", \"deltas_turned\", \"favours_nobody\": asked for, and not possible, \"packs_removed\", \"packs_restored\", "
                      "\"packs_waiting\", \"bytes_waiting\", \"packs_held\": of those waiting, for a lost pack of their stripe, \"stripes_made\", \"stripes_removed\", \"bytes_repacked\", \"bytes_written\", \"bytes_before\", \"bytes_after\", \"bytes_freed\", \"bytes_unused\", "
                      "\"sessions_fenced\", \"waits_for\": [{\"id\", \"since\", \"host\"}], \"clock_ahead_seconds\"}."},
      .examples = {{"holdfast prune --dry-run", "What would be given back, to the byte."},
                   {"holdfast prune", "Do it."},
                   {"holdfast prune --recompress 12 --max-repack 10G", "Make what stays for years smaller, so much at a time."},
                   {"holdfast prune --favour-newest", "Make the newest points as quick to restore as a first backup."},
                   {"holdfast prune --max-repack 2G", "Copy at most 2 GiB this time; the rest another time."}},
      .options = {{.name = "max-unused", .value = "PERCENT", .kind = Kind::percent, .help = "waste that may stay in packs", .preset = "5%", .config = true},
                  {.name = "max-repack", .value = "SIZE", .kind = Kind::bytes, .help = "read at most so much to copy what is live", .config = true},
                  {.name = "fence-after", .value = "SPAN", .help = "a session older than this is taken for dead", .preset = "3d", .config = true},
                  {.name = "compression-level", .value = "N", .kind = Kind::count, .help = "zstd level of what is compressed anew", .preset = "3", .config = true},
                  {.name = "recompress", .value = "LEVEL", .kind = Kind::count, .help = "also compress anew, at this zstd level, packs that verify has read back and that shrink by it; --max-repack bounds it", .config = true},
                  {.name = "favour-newest", .help = "also store what the newest points have as differences whole and in order, and older content as what differs from it, where that is a quarter of a pack; --max-repack bounds it", .config = true},
                  {.name = "stripes", .value = "DIR", .help = "where the vault's stripes lie now, if not where it says"},
                  {.name = "without-stripes", .help = "remove packs whatever stripe they are in: others of it are protected less, until the next prune with the stripes there"},
                  {.name = "dry-run", .letter = 'n', .help = "only tell"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
