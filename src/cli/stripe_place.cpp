#include "cli/stripe_place.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/progress_view.hpp"
#include "cli/text.hpp"
#include "store/local/local_store.hpp"
#include "vault/vault.hpp"

namespace hf::cli {
namespace {

Result<std::unique_ptr<ObjectStore>> open_place(Invocation& in, const std::string& directory, const std::optional<VaultId>& vault) {
  auto place = HF_TRY(open_local_place(in.env, directory));
  // A note that is missing or damaged is no obstacle: each stripe says whose it is.
  if (vault)
    if (const auto owner = check_owner(*place, *vault); !owner && owner.error().code == Code::already_exists) return owner.error();
  return place;
}

}  // namespace

Result<VaultId> vault_id_of(ObjectStore& store) { return HF_TRY(VaultConfig::decode(HF_TRY(store.get(config_name(), kConfigBytesMax)))).id; }

Status check_owner(ObjectStore& place, const VaultId& vault) {
  const auto note = HF_TRY(stripes_choice(place));
  if (!note) return Error(Code::not_found, "nothing says whose stripes lie in " + printable(place.place()));
  if (note->vault != vault)
    return Error(Code::already_exists, "the stripes in " + printable(place.place()) + " are another vault's (" + note->vault.brief() + ")", "give each vault a directory of its own: holdfast parity stripe --to DIR");
  return {};
}

Result<StripePlace> find_stripes(Invocation& in, ObjectStore& vault, const std::string& given) {
  StripePlace out;
  if (const auto id = vault_id_of(vault)) out.vault = *id;
  const auto choice = stripes_choice(vault);
  if (choice) out.choice = *choice;
  if (!given.empty()) {
    const std::string directory = HF_TRY(in.env.absolute_path(given));
    out.own = HF_TRY(open_place(in, directory, out.vault));
    out.store = out.own.get();
    return out;
  }
  if (!choice) {
    out.problem = Error(Code::corrupt, "where the vault's stripes lie can't be read", "name the place: --stripes DIR, and write the note anew: holdfast parity stripe --to DIR").with_detail(choice.error().message);
  } else if (out.choice && out.choice->place.empty()) {
    out.store = &vault;
  } else if (out.choice) {
    auto place = open_place(in, out.choice->place, out.vault);
    if (place) {
      out.own = std::move(*place);
      out.store = out.own.get();
    } else {
      out.problem = Error(place.error().code, "the place of the vault's stripes, " + printable(out.choice->place) + ", is not there", "connect its disk, or say where it is now: --stripes DIR").with_detail(place.error().message);
    }
  }
  return out;
}

Result<StripeState> state_of_stripes(ObjectStore& vault, const StripePlace& place) {
  StripeState s;
  if (place.store != nullptr) s.list = HF_TRY(list_stripes(*place.store, place.vault));
  s.census = stripe_census(HF_TRY(list_pack_sizes(vault)), s.list);
  return s;
}

nlohmann::ordered_json json_of(const StripeState& state, const StripePlace& place) {
  const StripeCensus& c = state.census;
  Json lacking = Json::array();
  for (const StripeCensus::Lacking& l : c.lacking) {
    Json packs = Json::array();
    for (const PackId& id : l.packs) packs.push_back(id.hex());
    lacking.push_back({{"stripe", l.id.hex()}, {"packs", std::move(packs)}, {"parity_packs", l.rows}, {"beyond", l.beyond}});
  }
  Json out = {{"wanted", place.choice.has_value()}};
  if (place.own) put_name(out, "place", place.own->place());
  else if (place.choice && !place.choice->place.empty()) put_name(out, "place", place.choice->place);
  else out["place"] = nullptr;
  out["reachable"] = place.store != nullptr;
  out["data"] = place.choice ? place.choice->data : 0;
  out["parity"] = place.choice ? place.choice->parity : 0;
  out["stripes"] = c.stripes;
  out["whole"] = c.whole;
  out["objects"] = state.list.objects;
  out["bytes"] = state.list.bytes;
  out["packs_in"] = c.packs_in;
  out["packs_in_bytes"] = c.packs_in_bytes;
  out["packs_without"] = c.packs_without;
  out["packs_without_bytes"] = c.packs_without_bytes;
  out["unreadable"] = state.list.unreadable.size();
  out["lacking"] = std::move(lacking);
  return out;
}

nlohmann::ordered_json json_of(const StripeWork& work) {
  Json failed = Json::array();
  for (const auto& [id, error] : work.failed) failed.push_back({{"pack", id.hex()}, {"message", error.message}});
  return {{"made", work.made}, {"made_bytes", work.made_bytes}, {"mended", work.mended}, {"mended_bytes", work.mended_bytes},
          {"removed", work.removed}, {"removed_bytes", work.removed_bytes}, {"bytes_read", work.bytes_read}, {"failed", std::move(failed)}};
}

Result<StripeWork> fill_stripes(Invocation& in, ObjectStore& vault, ObjectStore& place, const StripesChoice& choice) {
  StripeOptions options;
  options.data = choice.data;
  options.parity = choice.parity;
  options.jobs = in.settings.jobs;
  const ProgressView view(in.out, in.env, in.progress, "stripes");
  return keep_stripes(vault, place, choice.vault, options, in.progress);
}

nlohmann::ordered_json keep_in_stripes(Invocation& in, ObjectStore& vault) {
  const auto work = [&]() -> Result<std::optional<StripeWork>> {
    StripePlace place = HF_TRY(find_stripes(in, vault, ""));
    if (place.problem) return std::move(*place.problem).with_hint("connect its disk, and the next backup does it; if it is elsewhere now: holdfast parity stripe --to DIR");
    if (!place.choice) return std::optional<StripeWork>();
    // Into a place that says itself that it is this vault's, and no other: as `parity stripe` does.
    if (place.own) HF_TRY(check_owner(*place.own, place.choice->vault));
    return std::optional(HF_TRY(fill_stripes(in, vault, *place.store, *place.choice)));
  };
  auto done = work();
  if (!done) {
    Error error = std::move(done.error());
    error.message = "the backup is made, but what it stored is in no stripe yet: " + error.message;
    in.out.warn(error);
    return {{"error", error.message}};
  }
  if (!*done) return nullptr;
  for (const auto& [id, error] : (*done)->failed) in.out.warn(error);
  if ((*done)->made + (*done)->mended > 0) in.out.line("  " + counted((*done)->made + (*done)->mended, "stripe") + " made, so that packs lost whole come back: " + human_bytes((*done)->made_bytes + (*done)->mended_bytes));
  return json_of(**done);
}

int tell_stripes(Invocation& in, const StripeState& state, const StripePlace& place) {
  if (place.problem) {
    in.out.warn(*place.problem);
    return 0;
  }
  if (place.store == nullptr) {
    in.out.detail("No pack is in a stripe: one that is lost whole does not come back. To change that: holdfast parity stripe --to DIR, with a directory on another disk");
    return 0;
  }
  const StripeCensus& c = state.census;
  in.out.line(fmt::format("{} of {} in {}: {}, {:.1f}% of their packs ({}).", counted(c.stripes, "stripe"), counted(c.packs_in, "pack"), place.own ? printable(place.own->place()) : "the vault itself",
                          human_bytes(state.list.bytes), c.packs_in_bytes == 0 ? 0.0 : 100 * static_cast<double>(state.list.bytes) / static_cast<double>(c.packs_in_bytes), human_bytes(c.packs_in_bytes)));
  if (c.packs_without > 0) {
    in.out.line(counted(c.packs_without, "pack") + (c.packs_without == 1 ? " is" : " are") + " in no stripe (" + human_bytes(c.packs_without_bytes) + ").");
    in.out.note("Put them into one: holdfast parity stripe");
  }
  bool lost = false;
  for (const StripeCensus::Lacking& l : c.lacking) {
    if (l.packs.empty()) {
      in.out.warn(Error(Code::corrupt, "stripe " + l.id.brief() + " lacks " + counted(l.rows.size(), "parity pack"), "make what lacks: holdfast parity stripe"));
      continue;
    }
    lost = true;
    std::string which;
    for (const PackId& id : l.packs) which += (which.empty() ? "" : ", ") + id.brief();
    in.out.error(Error(Code::corrupt, "stripe " + l.id.brief() + " lacks " + counted(l.packs.size(), "pack") + " (" + which + ")" + (l.beyond ? ", more than it can bring back" : ""),
                       l.beyond ? "bring them back from a copy of the vault: holdfast verify names their files" : "bring them back: holdfast verify --heal"));
  }
  if (!state.list.unreadable.empty()) in.out.warn(counted(state.list.unreadable.size(), "parity pack") + " of stripes can't be read at all; to make what lacks: holdfast parity stripe");
  return lost ? exit_status(Code::corrupt) : 0;
}

}  // namespace hf::cli
