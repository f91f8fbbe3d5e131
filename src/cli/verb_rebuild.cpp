#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "vault/rebuild.hpp"
#include "vault/stripe_heal.hpp"

namespace hf::cli {
namespace {

/// Packs that are gone, from stripes: what they hold may be all that is left of something.
Result<StripeRecovery> packs_from_stripes(Invocation& in, ObjectStore& store) {
  const StripePlace stripes = HF_TRY(find_stripes(in, store, in.text("stripes")));
  if (stripes.problem) in.out.warn(*stripes.problem);
  if (stripes.store == nullptr) return StripeRecovery();
  StripeRecovery found = HF_TRY(recover_missing(store, *stripes.store, stripes.vault, in.progress));
  if (found.packs > 0) in.out.note(counted(found.packs, "pack was", "packs were") + " missing and came back from stripes (" + human_bytes(found.bytes) + ").");
  for (const auto& [id, error] : found.failed) in.out.warn("Pack " + id.brief() + " is missing, and does not come back from its stripe: " + error.message);
  return found;
}

Result<int> run(Invocation& in) {
  RebuildReport report;
  StripeRecovery stripes;
  {
    const auto store = HF_TRY(open_store_for_rebuild(in));
    stripes = HF_TRY(packs_from_stripes(in, *store));
    report = HF_TRY(restore_description(*store));
  }
  if (report.config_restored) in.out.note("The vault's description was missing; a copy from a pack took its place.");
  if (report.slots_restored > 0) in.out.note(counted(report.slots_restored, "key slot was", "key slots were") + " brought back from copies in packs.");
  if (report.rotations_restored > 0) in.out.note(counted(report.rotations_restored, "rotation of the keys was", "rotations of the keys were") + " brought back from copies in packs.");
  const auto vault = HF_TRY(open_vault_in(in, open_store_for_rebuild));
  {
    ProgressView view(in.out, in.env, in.progress, "rebuild");
    HF_TRY(rebuild(*vault, report, in.progress));
  }
  Json problems = Json::array();
  for (const std::string& p : report.problems) problems.push_back(printable(p));
  in.out.json({{"packs", report.packs}, {"packs_healed", report.packs_healed}, {"packs_torn", report.packs_torn}, {"packs_lost", report.packs_lost}, {"packs_from_stripes", stripes.packs}, {"packs_missing", stripes.failed.size()}, {"chunks", report.chunks}, {"points_restored", report.points_restored},
               {"slots_restored", report.slots_restored}, {"rotations_restored", report.rotations_restored}, {"description_restored", report.config_restored}, {"problems", std::move(problems)}});
  for (const std::string& p : report.problems) in.out.warn(printable(p));
  in.out.line("Made the index anew: " + counted(report.chunks, "chunk", "chunks") + " in " + counted(report.packs, "pack", "packs") + ".");
  if (report.points_restored > 0) in.out.line("Brought back " + counted(report.points_restored, "recovery point", "recovery points") + ".");
  if (report.packs_healed > 0) in.out.line(counted(report.packs_healed, "pack was", "packs were") + " damaged and mended from parity.");
  if (report.packs_torn > 0) in.out.line(counted(report.packs_torn, "pack was", "packs were") + " damaged and read segment by segment.");
  if (report.packs_lost > 0)
    in.out.error(Error(Code::corrupt, counted(report.packs_lost, "pack does", "packs do") + " not open at all", "bring them back from another copy of the vault, and rebuild again"));
  in.out.note("Now see whether every recovery point is whole: holdfast verify");
  return !stripes.failed.empty() || report.packs_lost > 0 || report.packs_torn > 0 ? exit_status(Code::corrupt) : 0;
}

}  // namespace

const Verb& rebuild_verb() {
  static const Verb verb = {
      .name = "rebuild",
      .section = "Keep",
      .summary = "bring back index, recovery points, keys and description from the packs",
      .description =
          {"Packs describe themselves: from them alone the whole vault comes back. Reads the directory of every pack and writes the index anew; "
           "puts back recovery points, key slots and the vault's description where they are missing. What is there and whole is kept. It can be "
           "broken off and run again.",
           "Packs that are missing come back first, where they are in stripes (`holdfast help parity stripe`) whose place the vault's note or --stripes tells.",
           "A key slot or a recovery point that was removed on purpose comes back only if no key slot is left, or its copy lies in a pack.",
           "JSON: {\"packs\", \"packs_healed\": from their parity, \"packs_torn\": read segment by segment, \"packs_lost\", \"packs_from_stripes\", \"packs_missing\": known from stripes, and not brought back, \"chunks\", \"points_restored\", \"slots_restored\", \"rotations_restored\", \"description_restored\", \"problems\"}. "
           "Exit status 5 where a pack is damaged or missing."},
      .examples = {{"holdfast rebuild", "After `verify` said that the index is damaged."}, {"holdfast rebuild --vault /media/usb/found", "A folder of which only packs/ is left."},
                   {"holdfast rebuild --stripes /media/second/stripes", "Also with some packs gone, from stripes."}},
      .options = {{.name = "stripes", .value = "DIR", .help = "where the vault's stripes lie now, if not where it says"}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
