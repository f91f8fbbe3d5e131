#include <algorithm>
#include <unordered_set>

#include "base/units.hpp"
#include "vault/restripe.hpp"
#include "vault/stripe_heal.hpp"
#include "verify/survey.hpp"

namespace hf {

Status list_stripes_of(ObjectStore* place, const std::optional<VaultId>& vault, Survey& survey) {
  if (place == nullptr) return {};
  survey.stripes = HF_TRY(list_stripes(*place, vault));
  for (const auto& [id, found] : survey.stripes.stripes)
    for (const StripeMember& m : found.stripe.members) survey.stripes_of[m.pack].push_back(&found.stripe);
  Lock lock(survey.mutex);
  StripeReport& r = survey.report.stripes;
  r.looked = true;
  r.stripes = survey.stripes.stripes.size();
  r.objects = survey.stripes.objects;
  r.bytes = survey.stripes.bytes;
  return {};
}

Status heal_from_stripe(ObjectStore& store, const PackId& id, Survey& survey) {
  const auto stripes = survey.stripes_of.find(id);
  if (stripes == survey.stripes_of.end()) return Error(Code::not_found, "it is in no stripe");
  const auto done = heal_from_stripes(store, *survey.options.stripes, id, stripes->second);
  if (!done) {
    Lock lock(survey.mutex);
    survey.beyond[id] = done.error().message;
    return done.error();
  }
  const auto tell = [&](const PackId& pack, const Healing& h, const std::string& how) {
    if (h.blocks == 0 && !h.was_cut) return;  // it reads well now
    survey.add_healed({"packs/" + pack.hex(), h.first_offset, h.blocks, h.bytes,
                       "pack " + pack.brief() + (h.was_missing ? " was missing: " : h.was_cut ? " had another size: " : " was damaged: ") + how + ", and the whole has its name again"});
    Lock lock(survey.mutex);
    survey.healed.push_back(pack);
  };
  for (const auto& [pack, healing] : done->neighbours) tell(pack, healing, healing.text());
  tell(id, done->pack, done->text());
  return {};
}

Status check_presence_by_stripes(ObjectStore& store, Survey& survey) {
  for (const auto& [id, stripes] : survey.stripes_of) {
    if (survey.present.contains(id)) continue;
    const auto member = std::find_if(stripes[0]->members.begin(), stripes[0]->members.end(), [&lost = id](const StripeMember& m) { return m.pack == lost; });
    if (survey.options.heal && heal_from_stripe(store, id, survey)) {
      survey.present[id] = member->bytes;
      continue;
    }
    Damage d;
    d.kind = DamageKind::missing_pack;
    d.object = "packs/" + id.hex();
    d.message = "pack " + id.brief() + " is missing (" + human_bytes(member->bytes) + "): its stripe names it";
    d.hint = survey.help_of_parity(id) + "bring the file " + file_of(id) + " back from a copy of the vault";
    survey.add(std::move(d));
  }
  Lock lock(survey.mutex);
  survey.report.packs = survey.present.size();
  survey.report.pack_bytes = 0;
  for (const auto& [id, bytes] : survey.present) survey.report.pack_bytes += bytes;
  return {};
}

Status check_stripes(ObjectStore& store, const std::vector<PackId>& which, Survey& survey) {
  ObjectStore* const place = survey.options.stripes;
  if (place == nullptr) return {};
  // Of a sample: each stripe with its first pack, so that all are read when all packs were.
  const std::unordered_set<PackId> chosen(which.begin(), which.end());
  std::vector<std::pair<StripeId, const FoundStripe*>> work;
  for (const auto& [id, found] : survey.stripes.stripes)
    if (chosen.contains(found.stripe.members[0].pack) || !survey.present.contains(found.stripe.members[0].pack)) work.emplace_back(id, &found);
  in_parallel(survey.options.jobs, work.size(), [&](unsigned, std::size_t i) {
    if (survey.stopped()) return;
    const auto& [id, found] = work[i];
    const StripeReader reader = StripeReader::open(*place, found->stripe);
    std::vector<bool> bad(found->stripe.rows);
    Status first;
    for (unsigned row = 0; row < found->stripe.rows; ++row) {
      const auto checked = reader.check(row);
      bad[row] = !checked;
      if (!checked && first) first = checked.error();
    }
    std::uint64_t damaged = static_cast<std::uint64_t>(std::count(bad.begin(), bad.end(), true)), made = 0;
    Status why;
    if (damaged > 0 && survey.options.heal) {
      if (const auto again = make_stripe(store, *place, found->stripe, bad)) {
        made = std::exchange(damaged, 0);
        survey.add_healed({"parity/" + id.hex(), 0, 0, *again, "stripe " + id.brief() + " had damaged or missing parity packs (" + human_count(made) + "): made anew from its packs, which are whole"});
      } else {
        why = again.error();
      }
    }
    {
      Lock lock(survey.mutex);
      StripeReport& r = survey.report.stripes;
      r.read += found->stripe.rows;
      r.damaged += damaged;
      r.made += made;
    }
    if (damaged == 0) return;
    Damage d;
    d.kind = DamageKind::damaged_parity;
    d.object = "parity/" + id.hex();
    d.message = human_count(damaged) + " of " + human_count(found->stripe.rows) + " parity packs of stripe " + id.brief() + " can't be used (" + (why ? first : why).error().message + ")";
    d.hint = why ? "its packs are whole; make it anew: holdfast verify --heal" : "one of its packs can't be read either: look there";
    survey.add(std::move(d));
  });
  if (survey.stopped()) return Error(Code::cancelled, "stopped", "what was healed stays so; begin again: holdfast verify");
  return {};
}

void tell_stripes(Survey& survey) {
  if (survey.options.stripes == nullptr) return;
  const StripeCensus census = stripe_census(survey.present, survey.stripes);
  for (const StripeCensus::Lacking& l : census.lacking) {
    if (l.packs.empty() && survey.options.depth == VerifyDepth::structure)  // else it was told, or made anew
      survey.note("stripe " + l.id.brief() + " lacks " + human_count(l.rows.size()) + " of its parity packs; make them anew: holdfast parity stripe");
    if (l.packs.empty()) continue;
    {
      Lock lock(survey.mutex);
      ++survey.report.stripes.lacking;
    }
    survey.note("stripe " + l.id.brief() + " lacks " + human_count(l.packs.size()) + (l.packs.size() == 1 ? " pack" : " packs") + " (" + l.packs[0].brief() + (l.packs.size() > 1 ? ", …" : "") +
                "), and so its others are protected less; " + (l.packs.size() == 1 ? "it is" : "they are") + " in no index if prune went without the stripes: let it go with them: holdfast prune");
  }
  {
    Lock lock(survey.mutex);
    survey.report.stripes.packs_without = census.packs_without;
  }
  if (census.packs_without > 0)
    survey.note(human_count(census.packs_without) + (census.packs_without == 1 ? " pack is" : " packs are") + " in no stripe: lost whole, " + (census.packs_without == 1 ? "it does" : "they do") +
                " not come back; to put " + (census.packs_without == 1 ? "it" : "them") + " into one: holdfast parity stripe");
  if (!survey.stripes.unreadable.empty())
    survey.note(human_count(survey.stripes.unreadable.size()) + " parity packs of stripes are so damaged that nobody knows of what they are: holdfast parity stripe makes what lacks");
}

}  // namespace hf
