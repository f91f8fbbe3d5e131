#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/stripe_place.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "store/local/local_store.hpp"

namespace hf::cli {
namespace {

/// The number that an option gives, within the limits of the format.
Result<unsigned> count_of(Invocation& in, std::string_view option, unsigned otherwise, unsigned most) {
  const std::uint64_t n = in.count(option).value_or(otherwise);
  if (n < 1 || n > most) return Error(Code::usage, "--" + std::string(option) + " takes a whole number from 1 to " + std::to_string(most), "the usual: --data 10 --parity 2");
  return static_cast<unsigned>(n);
}

/// The place that --to names, this vault's from now on.
Result<std::unique_ptr<ObjectStore>> take_place(Invocation& in, const std::string& directory, const StripesChoice& choice) {
  auto place = HF_TRY(create_local_place(in.env, directory));
  const auto owner = check_owner(*place, choice.vault);
  if (!owner && owner.error().code == Code::already_exists) return owner.error();
  if (!owner) {
    StripesChoice note = choice;
    note.place.clear();
    HF_TRY(choose_stripes(*place, note));
  }
  return place;
}

Result<int> run_stripe(Invocation& in) {
  const auto store = HF_TRY(open_store(in));
  const VaultId vault = HF_TRY(vault_id_of(*store).context([] { return std::string("reading the vault's description"); }));
  const std::string to = in.text("to");
  auto before = stripes_choice(*store);
  if (!before && (to.empty() || before.error().code == Code::unsupported)) return std::move(before.error()).with_hint("write the note anew: holdfast parity stripe --to DIR");
  const StripesChoice old = before && *before ? **before : StripesChoice{vault, kStripeData, kStripeParity, ""};
  const bool was_wanted = before && before->has_value();
  StripesChoice choice = old;
  choice.vault = vault;
  choice.data = HF_TRY(count_of(in, "data", old.data, Stripe::kMembersMax));
  choice.parity = HF_TRY(count_of(in, "parity", old.parity, Stripe::kRowsMax));
  if (!to.empty()) choice.place = HF_TRY(in.env.absolute_path(to));
  if (choice.place == store->place()) choice.place.clear();
  if (!choice.valid()) return Error(Code::usage, "the path of the stripes is too long", "choose a shorter one");

  std::unique_ptr<ObjectStore> own;
  if (!choice.place.empty()) {
    auto opened = !to.empty() ? take_place(in, choice.place, choice) : open_local_place(in.env, choice.place);
    if (!opened && to.empty() && opened.error().code == Code::not_found)
      return Error(Code::not_found, "the place of the vault's stripes, " + printable(choice.place) + ", is not there", "connect its disk, or choose another place: holdfast parity stripe --to DIR").with_detail(opened.error().message);
    own = HF_TRY(std::move(opened));
    // A note in the vault alone sends nobody's bytes anywhere: the place must say that it is this vault's.
    HF_TRY(check_owner(*own, vault).context([] { return std::string("looking whose place that is"); }));
  }
  ObjectStore& place = own ? *own : *store;
  if (!was_wanted || !(choice == old)) HF_TRY(choose_stripes(*store, choice));

  const StripeWork work = HF_TRY(fill_stripes(in, *store, place, choice));
  for (const auto& [id, error] : work.failed) in.out.error(error);
  Json answer = Json::object();
  if (own) put_name(answer, "place", own->place());
  else answer["place"] = nullptr;
  answer.update({{"data", choice.data}, {"parity", choice.parity}});
  answer.update(json_of(work));
  in.out.json(std::move(answer));
  const std::string where = own ? printable(own->place()) : "the vault itself";
  if (work.made + work.mended == 0 && work.failed.empty()) {
    in.out.line("Every pack is in a stripe, in " + where + ".");
  } else {
    in.out.line(fmt::format("Made {} of up to {} in {}: {} with {} each.", counted(work.made, "stripe"), counted(choice.data, "pack"), where, human_bytes(work.made_bytes), counted(choice.parity, "parity pack")));
    if (work.mended > 0) in.out.line(counted(work.mended, "stripe") + " lacked parity packs: " + human_bytes(work.mended_bytes) + " made anew.");
    if (work.removed > 0) in.out.line(counted(work.removed, "stripe") + " whose packs are in others now: removed, " + human_bytes(work.removed_bytes) + ".");
  }
  if (!own && !was_wanted) in.out.note("A lost disk takes packs and stripes together. For a place on another one: holdfast parity stripe --to DIR");
  if (!was_wanted) in.out.note("Each `backup` and `run` puts what it stored into stripes from now on.");
  // A place that is not there was moved, and this is it.
  if (was_wanted && old.place != choice.place && (old.place.empty() || open_local_place(in.env, old.place)))
    in.out.note("The stripes in " + (old.place.empty() ? "the vault itself" : printable(old.place)) + " are used no more. To remove them: holdfast parity unstripe --stripes " + (old.place.empty() ? store->place() : old.place));
  return work.failed.empty() ? 0 : exit_status(Code::corrupt);
}

Result<int> run_unstripe(Invocation& in) {
  const auto store = HF_TRY(open_store(in));
  const VaultId vault = HF_TRY(vault_id_of(*store).context([] { return std::string("reading the vault's description"); }));
  const std::string given = in.text("stripes");
  StripePlace place;
  if (!given.empty() && HF_TRY(in.env.absolute_path(given)) == store->place()) {
    place.store = store.get();
    if (const auto choice = stripes_choice(*store)) place.choice = *choice;
  } else {
    place = HF_TRY(find_stripes(in, *store, given));
  }
  if (place.problem) return std::move(*place.problem);
  if (place.store == nullptr) return Error(Code::not_found, "no pack of this vault is in a stripe", "another place: --stripes DIR");
  // The note first: so that a prune that begins now does not look for them.
  const std::string directory = place.own ? place.own->place() : "";
  if (place.choice && place.choice->place == directory) HF_TRY(choose_stripes(*store, std::nullopt));
  ProgressView view(in.out, in.env, in.progress, "stripes");
  auto done = remove_stripes(*place.store, vault, in.progress);
  view.stop();
  const StripeWork work = HF_TRY(std::move(done));
  if (place.own) HF_TRY(choose_stripes(*place.own, std::nullopt));
  in.out.json({{"removed", work.removed}, {"removed_bytes", work.removed_bytes}});
  in.out.line("Removed " + counted(work.removed, "stripe") + " from " + (place.own ? printable(directory) : "the vault itself") + ": " + human_bytes(work.removed_bytes) + ".");
  in.out.note("From now on a pack that is lost whole comes back only from a copy. To have stripes again: holdfast parity stripe --to DIR");
  return 0;
}

constexpr std::string_view kAbout =
    "A stripe is up to 10 packs and 2 parity packs (--data, --parity) that may lie in another directory, best on another disk (--to). Of all of them any two may be lost whole, or "
    "damaged beyond what the parity beside a pack mends: `verify --heal` computes them anew, and proves each by its name. It takes about 20% of what the packs take; a disk that dies with "
    "most of the packs is what a copy is for.";

}  // namespace

const Verb& parity_stripe_verb() {
  static const Verb verb = {
      .name = "parity stripe",
      .section = "Keep",
      .summary = "put packs into stripes, so that some of them may be lost whole",
      .description = {kAbout,
                      "The vault remembers where its stripes lie; where they were moved, --to names the directory in which they are now. Packs that are in none go into one, a stripe that was not full is filled up, and parity packs that are "
                      "missing are made anew; `backup` and `run` do the same at their end. Needs no secret, and reads only the packs that it puts into a stripe. It can be broken off and run again, and backups may run meanwhile. `prune` puts what stays of a "
                      "stripe into a new one before it removes others of it.",
                      "Exit status 5 where a pack is damaged: it is left out, and its old stripe stays.",
                      "JSON: {\"place\": null for the vault itself, \"data\", \"parity\", \"made\": stripes, \"made_bytes\", \"mended\", \"mended_bytes\", \"removed\", \"removed_bytes\", \"bytes_read\", \"failed\": "
                      "[{\"pack\", \"message\"}]}."},
      .examples = {{"holdfast parity stripe --to /media/second/stripes", "The first time: in a new directory on another disk."},
                   {"holdfast parity stripe", "At once: for packs that are in none yet, and parity packs that were lost."},
                   {"holdfast parity stripe --data 20 --parity 2", "Less space: 10% instead of 20%, and two of 22 may be lost instead of two of 12."}},
      .options = {{.name = "to", .value = "DIR", .help = "where stripes lie from now on: a new or empty directory (the first time: in the vault itself)"},
                  {.name = "data", .value = "N", .kind = Kind::count, .help = "packs of a stripe, 1 to 128 (the first time: 10)"},
                  {.name = "parity", .value = "N", .kind = Kind::count, .help = "parity packs of a stripe, 1 to 32 (the first time: 2)"}},
      .run = run_stripe,
  };
  return verb;
}

const Verb& parity_unstripe_verb() {
  static const Verb verb = {
      .name = "parity unstripe",
      .section = "Keep",
      .summary = "remove all stripes, and the note of where they lie",
      .description = {kAbout, "Nothing else in the vault is touched, and no other vault's stripes. Needs no secret.", "JSON: {\"removed\", \"removed_bytes\"}."},
      .examples = {{"holdfast parity unstripe", "To have the space back."}, {"holdfast parity unstripe --stripes /media/old/stripes", "Of a place that is used no more."}},
      .options = {{.name = "stripes", .value = "DIR", .help = "which place, if not the one that the vault remembers"}},
      .run = run_unstripe,
  };
  return verb;
}

}  // namespace hf::cli
