#include "vault/restripe.hpp"

#include <algorithm>

#include "base/mutex.hpp"
#include "base/work_pool.hpp"

namespace hf {
namespace {

/// What becomes of the packs of one stripe.
struct Members {
  std::vector<StripeMember> stay;
  bool leave = false;  ///< some go on purpose
  bool lost = false;   ///< some are gone, and nobody removed them
};

Members members_of(const Stripe& stripe, const std::map<PackId, std::uint64_t>& present, const std::unordered_set<PackId>* leaving) {
  Members out;
  for (const StripeMember& m : stripe.members) {
    if (leaving != nullptr && leaving->contains(m.pack)) out.leave = true;
    else if (present.contains(m.pack)) out.stay.push_back(m);
    else out.lost = true;
  }
  return out;
}

Status remove_stripe(ObjectStore& place, const StripeId& id, const FoundStripe& found, StripeWork& work) {
  for (unsigned row = 0; row < found.rows.size(); ++row)
    if (found.rows[row]) HF_TRY(place.remove({ObjectKind::parity, StripeObject{id, row}.text()}));
  ++work.removed;
  work.removed_bytes += found.bytes;
  return {};
}

}  // namespace

Result<std::map<PackId, std::uint64_t>> list_pack_sizes(ObjectStore& packs) {
  std::map<PackId, std::uint64_t> present;
  HF_TRY(packs.list(ObjectKind::pack, [&](std::string_view name, std::uint64_t bytes) {
    if (const auto id = PackId::parse(name); id && bytes > 0) present[*id] = bytes;
  }));
  return present;
}

StripePlan plan_stripes(const VaultId& vault, const std::map<PackId, std::uint64_t>& present, const StripeList& list, const StripeOptions& options) {
  StripePlan plan;
  std::unordered_set<PackId> covered;  // in a stripe that stays, whole or not
  std::map<PackId, std::uint64_t> loose;
  struct Short {
    StripeId id;
    const FoundStripe* found;
  };
  std::vector<Short> not_full;
  const auto keep = [&](const StripeId& id, const FoundStripe& found) {
    for (const StripeMember& m : found.stripe.members) (found.rows_missing() == 0 ? plan.in_whole : covered).insert(m.pack);
    if (options.leaving == nullptr && found.rows_missing() > 0) {
      std::vector<bool> missing = found.rows;
      missing.flip();
      plan.mend.emplace_back(id, std::move(missing));
    }
  };
  for (const auto& [id, found] : list.stripes) {
    const Members m = members_of(found.stripe, present, options.leaving);
    const std::size_t count = found.stripe.members.size();
    const bool as_wanted = found.stripe.rows == options.parity && count <= options.data;
    if (m.leave || (options.leaving == nullptr && !m.lost && !as_wanted)) {
      // Where a pack is lost besides, the stripe stays (3), and what stays of it goes into a new one all the same.
      if (!m.lost) plan.replaced.push_back(id);
      for (const StripeMember& s : m.stay) loose[s.pack] = s.bytes;
    } else if (m.lost) {
      for (const StripeMember& s : m.stay) covered.insert(s.pack);
    } else if (count < options.data && options.leaving == nullptr) {
      not_full.push_back({id, &found});
    } else {
      keep(id, found);
    }
  }
  if (options.leaving == nullptr)
    for (const auto& [id, bytes] : present)
      if (!plan.in_whole.contains(id) && !covered.contains(id)) loose[id] = bytes;
  // Those of stripes that are not full are among them: they go on as they are, unless there is something to add.
  std::unordered_set<PackId> in_short;
  for (const Short& s : not_full)
    for (const StripeMember& m : s.found->stripe.members) in_short.insert(m.pack);
  const bool something_new = std::any_of(loose.begin(), loose.end(), [&](const auto& l) { return !in_short.contains(l.first) && !plan.in_whole.contains(l.first); });
  const bool fill = something_new || (in_short.size() + options.data - 1) / options.data < not_full.size();
  for (const Short& s : not_full) {
    if (fill) plan.replaced.push_back(s.id);
    else keep(s.id, *s.found);
  }
  for (auto at = loose.begin(); at != loose.end();)
    at = plan.in_whole.contains(at->first) || (options.leaving == nullptr && covered.contains(at->first)) ? loose.erase(at) : std::next(at);

  std::vector<StripeMember> order;
  for (const auto& [id, bytes] : loose)
    if (bytes <= Stripe::kPackBytesMax) order.push_back({id, bytes});
  if (order.empty()) return plan;
  order = Stripe::of(vault, options.parity, std::move(order)).members;
  for (std::size_t at = 0; at < order.size(); at += options.data) {
    const auto from = order.begin() + static_cast<std::ptrdiff_t>(at), to = order.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(order.size(), at + options.data));
    plan.make.push_back(Stripe::of(vault, options.parity, {from, to}));
  }
  return plan;
}

Result<StripeWork> keep_stripes(ObjectStore& packs, ObjectStore& place, const VaultId& vault, const StripeOptions& options, Progress& progress) {
  StripeWork work;
  // Stripes first: a pack is there before its stripe, and so none seems lost while another program makes one.
  const StripeList list = HF_TRY(list_stripes(place, vault));
  const auto present = HF_TRY(list_pack_sizes(packs));
  StripePlan plan = plan_stripes(vault, present, list, options);
  std::vector<std::pair<Stripe, std::vector<bool>>> jobs;
  for (Stripe& s : plan.make) jobs.emplace_back(std::move(s), std::vector<bool>(options.parity, true));
  const std::size_t new_ones = jobs.size();
  // A pack that a backup is just putting is seen before it is durable; a stripe must not remember what a power loss takes.
  std::vector<ObjectName> names;
  for (const auto& [stripe, rows] : jobs)
    for (const StripeMember& m : stripe.members) names.push_back({ObjectKind::pack, m.pack.hex()});
  HF_TRY(packs.settle(names));
  for (auto& [id, rows] : plan.mend) jobs.emplace_back(list.stripes.at(id).stripe, std::move(rows));
  std::uint64_t total = 0;
  for (const auto& [stripe, rows] : jobs)
    for (const StripeMember& m : stripe.members) total += m.bytes;
  progress.items_total = jobs.size();
  progress.items_done = 0;
  progress.bytes_total = total;
  progress.bytes_done = 0;

  Mutex mutex;
  Status broken;  // of the place: what fails once fails again
  std::unordered_set<PackId> safe = plan.in_whole;
  std::unordered_set<StripeId> finished;
  const auto make = [&](Stripe stripe, const std::vector<bool>& rows, bool is_new) {
    std::uint64_t bytes = 0;
    for (const StripeMember& m : stripe.members) bytes += m.bytes;
    // A pack that is damaged or gone is left out, and the others go on without it.
    while (!progress.stop_requested) {
      const StripeId id = stripe.id();
      const auto there = list.stripes.find(id);
      const bool is_there = is_new && there != list.stripes.end() && there->second.rows_missing() == 0;
      const auto made = is_there ? Result<std::uint64_t>(0) : make_stripe(packs, place, stripe, rows);
      Lock lock(mutex);
      if (made) {
        if (!is_there) {
          (is_new ? work.made : work.mended) += 1;
          (is_new ? work.made_bytes : work.mended_bytes) += *made;
          for (const StripeMember& m : stripe.members) work.bytes_read += m.bytes;
        }
        for (const StripeMember& m : stripe.members) safe.insert(m.pack);
        finished.insert(id);
        break;
      }
      const auto at = std::find_if(stripe.members.begin(), stripe.members.end(), [&](const StripeMember& m) { return made.error().object == "packs/" + m.pack.hex(); });
      if (at == stripe.members.end()) {
        if (broken) broken = made.error();
        break;
      }
      if (made.error().code != Code::not_found) {  // else removed meanwhile
        progress.errors.fetch_add(1, std::memory_order_relaxed);
        work.failed.emplace_back(at->pack, made.error());
      }
      stripe.members.erase(at);
      if (!is_new || stripe.members.empty()) break;
    }
    progress.items_done.fetch_add(1, std::memory_order_relaxed);
    progress.bytes_done.fetch_add(bytes, std::memory_order_relaxed);
  };
  WorkPool pool(options.jobs);
  for (std::size_t i = jobs.size(); i-- > 0;)  // the pool takes the newest first
    pool.push([&, i](unsigned) {
      {
        Lock lock(mutex);
        if (!broken) return;
      }
      make(jobs[i].first, jobs[i].second, i < new_ones);
    });
  pool.run();
  if (progress.stop_requested) return Error(Code::cancelled, "stopped; the stripes that were made stay, and none was removed", "go on: holdfast parity stripe");
  HF_TRY(std::move(broken).context([&] { return "making stripes in " + place.place(); }));

  std::unordered_set<StripeId> gone;
  for (const StripeId& id : plan.replaced) {
    const FoundStripe& found = list.stripes.at(id);
    const Members m = members_of(found.stripe, present, options.leaving);
    const bool all_safe = std::all_of(m.stay.begin(), m.stay.end(), [&](const StripeMember& s) { return safe.contains(s.pack); });
    if (!all_safe || finished.contains(id)) continue;  // the same packs again are the same stripe
    HF_TRY(remove_stripe(place, id, found, work));
    gone.insert(id);
  }
  if (options.leaving != nullptr)
    for (const auto& [id, found] : list.stripes)
      if (!gone.contains(id))
        for (const StripeMember& m : found.stripe.members)
          if (options.leaving->contains(m.pack)) work.held.insert(m.pack);
  std::sort(work.failed.begin(), work.failed.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return work;
}

Result<StripeWork> remove_stripes(ObjectStore& place, const VaultId& vault, Progress& progress) {
  StripeWork work;
  const StripeList list = HF_TRY(list_stripes(place, vault));
  progress.items_total = list.stripes.size();
  for (const auto& [id, found] : list.stripes) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped; some stripes are left", "go on: holdfast parity unstripe");
    HF_TRY(remove_stripe(place, id, found, work));
    progress.items_done.fetch_add(1, std::memory_order_relaxed);
  }
  // Of these no head is left that says whose they are; in the vault itself they can be nobody else's.
  for (const std::string& name : list.unreadable) HF_TRY(place.remove({ObjectKind::parity, name}));
  return work;
}

StripeCensus stripe_census(const std::map<PackId, std::uint64_t>& present, const StripeList& list) {
  StripeCensus c;
  std::unordered_set<PackId> in;
  for (const auto& [id, found] : list.stripes) {
    ++c.stripes;
    StripeCensus::Lacking lacking{id, {}, {}};
    for (const StripeMember& m : found.stripe.members) {
      const auto at = present.find(m.pack);
      if (at == present.end()) {
        lacking.packs.push_back(m.pack);
      } else if (in.insert(m.pack).second) {
        ++c.packs_in;
        c.packs_in_bytes += at->second;
      }
    }
    for (unsigned row = 0; row < found.rows.size(); ++row)
      if (!found.rows[row]) lacking.rows.push_back(row);
    lacking.beyond = !lacking.packs.empty() && lacking.packs.size() + lacking.rows.size() > found.stripe.rows;
    if (lacking.packs.empty() && lacking.rows.empty()) ++c.whole;
    else c.lacking.push_back(std::move(lacking));
  }
  for (const auto& [id, bytes] : present)
    if (!in.contains(id)) {
      ++c.packs_without;
      c.packs_without_bytes += bytes;
    }
  return c;
}

}  // namespace hf
