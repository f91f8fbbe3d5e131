#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/stripe_place.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "vault/parity.hpp"

namespace hf::cli {
namespace {

double share(std::uint64_t part, std::uint64_t whole) { return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole); }

struct Census {
  bool wanted = false;
  std::uint64_t packs = 0, pack_bytes = 0;
  std::uint64_t with = 0, without = 0, without_bytes = 0;
  std::uint64_t parity_bytes = 0;
  std::uint64_t leftovers = 0;  ///< parity of packs that are gone
};

Result<Census> take_census(ObjectStore& store) {
  Census c;
  // Parity first: a pack is there before its parity, and so none looks like a leftover while a backup runs.
  ParityList parity = HF_TRY(list_parity(store));
  c.wanted = HF_TRY(parity_choice(store)).has_value();
  c.parity_bytes = parity.bytes;
  HF_TRY(store.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) {
    const auto id = PackId::parse(name);
    if (!id) return;
    ++c.packs;
    c.pack_bytes += bytes;
    if (parity.objects.erase(*id) > 0) {
      ++c.with;
    } else {
      ++c.without;
      c.without_bytes += bytes;
    }
  }));
  c.leftovers = parity.objects.size();
  return c;
}

Result<int> run_status(Invocation& in) {
  const auto store = HF_TRY(open_store(in));
  const Census c = HF_TRY(take_census(*store));
  const StripePlace place = HF_TRY(find_stripes(in, *store, in.text("stripes")));
  const StripeState stripes = HF_TRY(state_of_stripes(*store, place));
  in.out.json({{"stripes", json_of(stripes, place)}, {"wanted", c.wanted}, {"packs", c.packs}, {"pack_bytes", c.pack_bytes}, {"packs_with", c.with}, {"packs_without", c.without}, {"packs_without_bytes", c.without_bytes},
               {"parity_bytes", c.parity_bytes}, {"ratio", share(c.parity_bytes, c.pack_bytes)}, {"leftovers", c.leftovers}});
  in.out.line(std::string(c.wanted ? "New packs get parity." : "New packs get no parity.") + " " + counted(c.with, "pack has", "packs have") + " it" +
              (c.with > 0 ? fmt::format(": {}, {:.1f}% of what the packs take ({})", human_bytes(c.parity_bytes), 100 * share(c.parity_bytes, c.pack_bytes), human_bytes(c.pack_bytes)) : "") + ".");
  if (c.without > 0) in.out.line(counted(c.without, "pack has", "packs have") + " none (" + human_bytes(c.without_bytes) + "): damage there can't be healed.");
  if (c.without > 0) in.out.note("Make it: holdfast parity add");
  if (c.leftovers > 0) in.out.note(counted(c.leftovers, "parity object belongs", "parity objects belong") + " to packs that are gone. Were they removed on purpose? If not: holdfast verify");
  return tell_stripes(in, stripes, place);
}

Result<int> run_add(Invocation& in) {
  const auto store = HF_TRY(open_store(in));
  // The choice first: a backup that begins now makes its own.
  auto choice = HF_TRY(parity_choice(*store));
  const bool was_wanted = choice.has_value();
  if (const auto percent = in.percent("overhead")) {
    if (*percent < 1 || *percent > kParityPercentMax || *percent != static_cast<unsigned>(*percent))
      return Error(Code::usage, "--overhead takes a whole number from 1% to " + std::to_string(kParityPercentMax) + "%", "for example: --overhead 10%");
    choice = ParityChoice{static_cast<unsigned>(*percent)};
  }
  if (!choice) choice = ParityChoice();
  HF_TRY(choose_parity(*store, choice));
  ProgressView view(in.out, in.env, in.progress, "parity");
  const ParityWork work = HF_TRY(add_parity(*store, choice->percent, in.settings.jobs, in.progress));
  view.stop();
  Json failed = Json::array();
  for (const auto& [id, error] : work.failed) {
    in.out.error(error);
    failed.push_back({{"pack", id.hex()}, {"message", error.message}});
  }
  in.out.json({{"packs", work.packs}, {"pack_bytes", work.pack_bytes}, {"made", work.made}, {"made_bytes", work.made_bytes}, {"failed", std::move(failed)}});
  in.out.line(work.made == 0 && work.failed.empty() ? "Every pack has parity (" + human_count(work.packs) + ")."
                                                    : "Made parity for " + counted(work.made, "pack", "packs") + ": " + human_bytes(work.made_bytes) + ".");
  if (!was_wanted) in.out.note("From now on every backup makes it.");
  return work.failed.empty() ? 0 : exit_status(Code::corrupt);
}

Result<int> run_remove(Invocation& in) {
  const auto store = HF_TRY(open_store(in));
  HF_TRY(choose_parity(*store, std::nullopt));  // first: so that no backup that begins now makes more
  ProgressView view(in.out, in.env, in.progress, "parity");
  const ParityWork work = HF_TRY(remove_parity(*store, in.progress));
  view.stop();
  in.out.json({{"removed", work.removed}, {"removed_bytes", work.removed_bytes}});
  in.out.line("Removed the parity of " + counted(work.removed, "pack", "packs") + ": " + human_bytes(work.removed_bytes) + ". New packs get none.");
  in.out.note("From now on damage can be found and not healed. To have it again: holdfast parity add");
  return 0;
}

constexpr std::string_view kAbout =
    "Parity lies beside the packs, in the folder parity/ of the vault: Reed-Solomon code over blocks of 64 KiB (smaller ones in packs below 4 MiB), "
    "about 4% of what the packs take, more in small packs. With it `verify --heal` mends flipped bits, lost sectors, holes and cut ends. It is no copy: a pack that "
    "is gone comes back only from a stripe: holdfast parity stripe.";

}  // namespace

const Verb& parity_status_verb() {
  static const Verb verb = {
      .name = "parity status",
      .section = "Keep",
      .summary = "show which packs can be healed, and what that takes",
      .description = {kAbout, "Also tells of stripes: how many packs are in one, and which stripes are no longer whole. "
                      "Needs no secret. Only names and sizes are read; `verify --full` and `verify --ciphertext` read parity back. Exit status 5 where a stripe lacks a pack.",
                      "JSON: {\"stripes\": {\"wanted\", \"place\": null for the vault itself, \"reachable\", \"data\", \"parity\", \"stripes\", \"whole\", \"objects\", \"bytes\", \"packs_in\", "
                      "\"packs_in_bytes\", \"packs_without\", \"packs_without_bytes\", \"unreadable\", \"lacking\": [{\"stripe\", \"packs\", \"parity_packs\", \"beyond\": more is gone than comes back}]}, \"wanted\": do new packs get it, \"packs\", \"pack_bytes\", \"packs_with\", \"packs_without\", \"packs_without_bytes\", \"parity_bytes\", \"ratio\": of parity to "
                      "packs, \"leftovers\": parity of packs that are gone}."},
      .examples = {{"holdfast parity status", "Whether packs lack parity."}, {"holdfast parity status --vault /media/copy --json", "The same for programs, of another vault."}},
      .options = {{.name = "stripes", .value = "DIR", .help = "where the vault's stripes lie now, if not where it says"}},
      .run = run_status,
  };
  return verb;
}

const Verb& parity_add_verb() {
  static const Verb verb = {
      .name = "parity add",
      .section = "Keep",
      .summary = "make parity for the packs that have none, now and from now on",
      .description = {kAbout,
                      "Reads each pack that has no parity, compares it with its name, and stores its parity. Needs no secret. It can be broken off and run again, and backups may run "
                      "meanwhile. Packs that have parity keep it as it is.",
                      "Exit status 5 where a pack is damaged: parity is made of what is whole.",
                      "JSON: {\"packs\", \"pack_bytes\", \"made\", \"made_bytes\", \"failed\": [{\"pack\", \"message\"}]}."},
      .examples = {{"holdfast parity add", "For a vault that was made without, or a backup that could not write it."},
                   {"holdfast parity add --overhead 10%", "More of it, for a disk that is not trusted."}},
      .options = {{.name = "overhead", .value = "PERCENT", .kind = Kind::percent, .help = "parity for each pack, 1% to 25% of it (the first time: 4%)"}},
      .run = run_add,
  };
  return verb;
}

const Verb& parity_remove_verb() {
  static const Verb verb = {
      .name = "parity remove",
      .section = "Keep",
      .summary = "remove all parity, and make none from now on",
      .description = {kAbout, "Nothing else in the vault is touched. It can be made again at any time, as long as the packs are whole.", "JSON: {\"removed\", \"removed_bytes\"}."},
      .examples = {{"holdfast parity remove", "To have the space back."}, {"holdfast parity remove --vault /media/copy", "In a vault on storage that mends itself."}},
      .run = run_remove,
  };
  return verb;
}

}  // namespace hf::cli
