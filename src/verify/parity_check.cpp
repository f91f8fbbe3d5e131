#include <algorithm>

#include "base/units.hpp"
#include "vault/heal.hpp"
#include "verify/survey.hpp"

namespace hf {

void Survey::add_healed(HealedObject object) {
  Lock lock(mutex);
  ++report.healed_count;
  if (report.healed.size() < VerifyReport::kListed) report.healed.push_back(std::move(object));
}

std::string Survey::help_of_parity(const PackId& id) {
  Lock lock(mutex);
  if (options.heal && !parity.contains(id) && !stripes_of.contains(id)) return "it has no parity to heal it from: ";
  if (const auto why = beyond.find(id); why != beyond.end()) return "its parity can't heal it (" + why->second + "): ";
  return (parity.contains(id) || stripes_of.contains(id)) && !options.heal ? "heal it from its parity: holdfast verify --heal; or " : "";
}

Status list_parity_of(ObjectStore& store, Survey& survey) {
  ParityList list = HF_TRY(list_parity(store));
  const auto choice = parity_choice(store);
  survey.parity = std::move(list.objects);
  std::uint64_t without = 0;
  for (const auto& [id, bytes] : survey.present) without += survey.parity.contains(id) ? 0u : 1u;
  Lock lock(survey.mutex);
  ParityReport& r = survey.report.parity;
  r.wanted = choice && choice->has_value();
  r.objects = survey.parity.size();
  r.bytes = list.bytes;
  r.packs_without = without;
  return {};
}

namespace {

/// Heals, and tells of it; false where that could not be done.
bool heal(ObjectStore& store, const PackId& id, bool may_be_missing, Survey& survey) {
  const auto done = heal_pack(store, id, may_be_missing);
  if (!done) {
    if (heal_from_stripe(store, id, survey)) return true;
    Lock lock(survey.mutex);
    survey.beyond.try_emplace(id, done.error().message);
    return false;
  }
  if (done->blocks == 0 && !done->was_cut) return true;  // it reads well now
  HealedObject h;
  h.object = "packs/" + id.hex();
  h.offset = done->first_offset;
  h.blocks = done->blocks;
  h.bytes = done->bytes;
  h.message = "pack " + id.brief() + (done->was_missing ? " was missing: " : done->was_cut ? " had another size: " : " was damaged: ") + done->text() + ", and the whole has its name again";
  survey.add_healed(std::move(h));
  Lock lock(survey.mutex);
  survey.healed.push_back(id);
  return true;
}

}  // namespace

Status heal_absent(ObjectStore& store, Survey& survey) {
  for (const auto& [id, pack] : survey.indexed) {
    const auto at = survey.present.find(id);
    if (at != survey.present.end() && at->second == pack.stored_bytes) continue;
    if (!heal(store, id, at == survey.present.end(), survey)) continue;
    survey.present[id] = pack.stored_bytes;
  }
  Lock lock(survey.mutex);
  survey.report.packs = survey.present.size();
  survey.report.pack_bytes = 0;
  for (const auto& [id, bytes] : survey.present) survey.report.pack_bytes += bytes;
  return {};
}

bool heal_damaged(ObjectStore& store, const PackId& id, Survey& survey) { return heal(store, id, false, survey); }

Status check_parity(ObjectStore& store, const std::vector<PackId>& which, Survey& survey) {
  std::vector<PackId> sound;
  ParityReport before;
  {
    Lock lock(survey.mutex);
    sound = survey.proven;  // sorted by check_packs()
    before = survey.report.parity;
  }
  if (!before.wanted && before.objects == 0) return {};
  const auto choice = parity_choice(store);
  const unsigned percent = choice && *choice ? (*choice)->percent : kParityPercent;
  if (const auto told = check_parity_choice(store); !told) {
    Damage d;
    d.kind = DamageKind::damaged_parity;
    d.object = parity_choice_name().text();
    d.message = "the note that new packs get parity is damaged (" + told.error().message + "); they still get it, about 4 % of their size";
    d.hint = "write it anew: holdfast parity add";
    survey.add(std::move(d));
    Lock lock(survey.mutex);
    ++survey.report.parity.damaged;
  }
  in_parallel(survey.options.jobs, which.size(), [&](unsigned, std::size_t i) {
    if (survey.stopped()) return;
    const PackId& id = which[i];
    const bool is_sound = std::binary_search(sound.begin(), sound.end(), id);
    const bool there = survey.parity.contains(id);
    Status status;
    if (there) {
      const auto parity = StoredParity::open(store, id);
      status = parity ? parity->check() : Status(parity.error());
      if (!status && status.error().code == Code::not_found) return;  // removed meanwhile
    }
    if (!there && !before.wanted) return;
    if (survey.options.heal && is_sound && (!there || (!status && status.error().code != Code::unsupported))) {
      const auto made = make_parity(store, id, percent);
      if (made) {
        if (there) survey.add_healed({"parity/" + id.hex(), 0, 0, *made, "the parity of pack " + id.brief() + " was damaged: made anew from the pack, which is whole"});
        Lock lock(survey.mutex);
        ParityReport& r = survey.report.parity;
        ++r.made;
        if (there) {
          ++r.read;
        } else {
          ++r.objects;
          r.bytes += *made;
          --r.packs_without;
        }
        return;
      }
      if (made.error().code == Code::not_found) return;  // the pack was removed meanwhile
      status = made.error();
    }
    {
      Lock lock(survey.mutex);
      if (there) ++survey.report.parity.read;
      if (there && !status) ++survey.report.parity.damaged;
    }
    if (status) return;
    Damage d;
    d.kind = DamageKind::damaged_parity;
    d.object = "parity/" + id.hex();
    d.message = "the parity of pack " + id.brief() + (there ? " is damaged (" : " can't be made (") + status.error().message + ")";
    d.hint = !is_sound                                      ? "the pack itself is damaged too: look there"
             : status.error().code == Code::unsupported ? "use a newer version of Holdfast"
                                                            : "the pack is whole; make its parity anew: holdfast verify --heal";
    survey.add(std::move(d));
  });
  if (survey.stopped()) return Error(Code::cancelled, "stopped", "what was healed stays so; begin again: holdfast verify");
  std::uint64_t without = 0;
  {
    Lock lock(survey.mutex);
    without = survey.report.parity.packs_without;
  }
  if (without > 0 && before.wanted)
    survey.note(human_count(without) + (without == 1 ? " pack has" : " packs have") + " no parity: damage in " + (without == 1 ? "it" : "them") + " could not be healed; make it: holdfast parity add");
  return {};
}

}  // namespace hf
