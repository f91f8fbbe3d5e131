#pragma once
// A small-state model of fenced deletion, explored exhaustively. See README.md.

#include <array>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace hf::model {

/// What a test takes away.
struct Rules {
  bool wait_for_sessions = true;
  bool look_at_points_since = true;
  bool epochs_after_lease = true;
  bool parent_after_lease = true;
  bool fence = true;
  bool decisions_in_turn = true;  ///< a decision counts only if nothing was decided since what it was based on was read
  bool follow_deltas = true;      ///< what a needed delta stands on is needed
  bool footing = true;          ///< of several places one is kept that stands on least, and only what opens counts as a place
  bool hold_up = true;            ///< what a delta stands on that stays is needed, whether a point needs it or not; more than the rule before
};

constexpr int kWriters = 3, kPrunes = 2, kPacks = 4, kDeltas = 2, kAlone = 2, kTurned = 2, kPending = 2, kPoints = 1 + kWriters;

using Bits = std::uint16_t;  // a set of packs, points or sessions
constexpr Bits bit(int i) { return static_cast<Bits>(1u << i); }
constexpr Bits meet(int a, int b) { return static_cast<Bits>(a & b); }

/// Packs by what they hold: the old content alone; the new content, as what differs from the old one; the new content alone; the old
/// content, as what differs from the new one.
constexpr Bits kOldAlone = 0x0f, kDelta = 0x30, kNewAlone = 0xc0, kTurnedDelta = 0x300, kNew = kDelta | kNewAlone, kOld = kOldAlone | kTurnedDelta;
static_assert(kPacks + kDeltas + kAlone + kTurned == 10);

/// Each on the other is nothing to begin with.
constexpr bool has_new(Bits packs) { return (packs & kNewAlone) || ((packs & kDelta) && (packs & kOldAlone)); }
constexpr bool has_old(Bits packs) { return (packs & kOldAlone) || ((packs & kTurnedDelta) && (packs & kNewAlone)); }

enum class PointState : std::uint8_t { absent, there, fenced };

struct Retirement {
  std::uint8_t epoch = 0;
  Bits packs = 0, marked = 0;
};

/// The newest epoch record: it tells all that is decided and not done.
struct Record {
  std::uint8_t number = 0;
  std::array<Retirement, kPending> pending{};
  Bits condemned = 0;
  Bits absent() const {
    Bits out = condemned;
    for (const Retirement& r : pending) out = static_cast<Bits>(out | r.packs);
    return out;
  }
};

/// What the store holds.
struct Store {
  Bits packs = bit(0);
  Bits leases = 0;  // of writers
  std::array<std::uint8_t, kWriters> lease_epoch{};
  std::array<PointState, kPoints> points{PointState::there};  // 0 is the old point, then the writers'
  Record record;
  std::uint8_t packs_made = 1, deltas_made = 0, alone_made = 0, turned_made = 0;
  Bits unlisted = 0;  // deltas that no index run tells of: their session has not ended, or was fenced
  /// Adds a pack; false where the model has no room for it.
  bool add_pack(Bits kind) {
    std::uint8_t& made = kind == kOldAlone ? packs_made : kind == kDelta ? deltas_made : kind == kNewAlone ? alone_made : turned_made;
    const int first = kind == kOldAlone ? 0 : kind == kDelta ? kPacks : kind == kNewAlone ? kPacks + kDeltas : kPacks + kDeltas + kAlone;
    const int room = kind == kOldAlone ? kPacks : kind == kDelta ? kDeltas : kind == kNewAlone ? kAlone : kTurned;
    if (made == room) return false;
    packs = static_cast<Bits>(packs | bit(first + made++));
    return true;
  }
};

struct Writer {
  std::uint8_t step = 0;
  std::uint8_t seen = 0;
  Bits absent = 0;
  bool parent = false;  // builds on the old point: refers to the old content without looking for it
  bool found = false;
  bool wants_new = false;  // backs up the new content, not the old one
  Bits made = 0;
};

struct Prune {
  std::uint8_t step = 0;
  std::uint8_t rounds = 0;
  Record read;       // what the decision under way is based on
  Bits marked = 0, retire = 0, since = 0;
  std::uint8_t which = 0;  // of the pending retirements
};

struct State {
  Store store;
  std::array<Writer, kWriters> writers;
  std::array<Prune, kPrunes> prunes;
  /// The first writer has backed up the old content, the second the new one as a delta: both are needed from here on.
  static State after_two_backups() {
    State s;
    s.writers[0].step = s.writers[1].step = 8;
    s.writers[1].wants_new = true;
    s.store.add_pack(kDelta);
    s.store.points[1] = s.store.points[2] = PointState::there;
    return s;
  }
};

class Explorer {
 public:
  /// At most kWriters and kPrunes.
  Explorer(Rules rules, int writers, int prunes) : rules_(rules), writers_(writers), prunes_(prunes) {}
  /// Empty where every state is right; else what is wrong, with the steps that led there.
  std::string run(std::size_t states_max, const State& from = {}) {
    add(from, 0, "");
    while (!open_.empty()) {
      const std::uint32_t at = open_.back();
      open_.pop_back();
      const State state = states_[at].state;
      if (const std::string wrong = broken(state); !wrong.empty()) return wrong + "\n" + story_of(at);
      if (states_.size() > states_max) return "too many states";
      step_all(state, [&](const State& next, const std::string& what) { add(next, at, what); });
    }
    return "";
  }
  std::size_t states() const { return states_.size(); }

 private:
  struct Node {
    State state;
    std::uint32_t parent;
    std::uint32_t what;  // in words_
  };
  void add(const State& s, std::uint32_t parent, const std::string& what) {
    if (!seen_.insert(key_of(s)).second) return;
    const auto word = word_at_.try_emplace(what, static_cast<std::uint32_t>(words_.size()));
    if (word.second) words_.push_back(what);
    open_.push_back(static_cast<std::uint32_t>(states_.size()));
    states_.push_back({s, parent, word.first->second});
  }
  std::string story_of(std::uint32_t at) const {
    std::string out;
    for (; at != 0; at = states_[at].parent) out = words_[states_[at].what] + "\n" + out;
    return out;
  }
  /// Field by field: padding has no part in it.
  static std::string key_of(const State& s) {
    std::string k;
    const auto add = [&](auto v) {
      k.push_back(static_cast<char>(v));
      if constexpr (sizeof v > 1) k.push_back(static_cast<char>(v >> 8));
    };
    const auto add_record = [&](const Record& r) {
      add(r.number), add(r.condemned);
      for (const Retirement& p : r.pending) add(p.epoch), add(p.packs), add(p.marked);
    };
    add(s.store.packs), add(s.store.leases), add(s.store.packs_made), add(s.store.deltas_made), add(s.store.alone_made), add(s.store.turned_made), add(s.store.unlisted);
    for (auto e : s.store.lease_epoch) add(e);
    for (auto p : s.store.points) add(p);
    add_record(s.store.record);
    for (const Writer& w : s.writers) add(w.step), add(w.seen), add(w.absent), add(w.parent), add(w.found), add(w.wants_new), add(w.made);
    for (const Prune& p : s.prunes) add(p.step), add(p.rounds), add_record(p.read), add(p.marked), add(p.retire), add(p.since), add(p.which);
    return k;
  }

  static bool wants_new(const State& s, int point) { return point > 0 && s.writers[static_cast<std::size_t>(point - 1)].wants_new; }
  static std::string broken(const State& s) {
    for (int i = 0; i < kPoints; ++i)
      if (s.store.points[static_cast<std::size_t>(i)] == PointState::there && !(wants_new(s, i) ? has_new(s.store.packs) : has_old(s.store.packs)))
        return "point " + std::to_string(i) + " has lost its data";
    return "";
  }
  /// Does one of these points need the old or the new content?
  static bool needed(const State& s, Bits points, bool new_content) {
    for (int i = 0; i < kPoints; ++i)
      if ((points & bit(i)) && wants_new(s, i) == new_content) return true;
    return false;
  }

  static Bits points_there(const Store& store) {
    Bits out = 0;
    for (int i = 0; i < kPoints; ++i)
      if (store.points[static_cast<std::size_t>(i)] == PointState::there) out = static_cast<Bits>(out | bit(i));
    return out;
  }
  /// Creates the next record; false where another prune was quicker.
  bool decide(Store& store, const Record& read, Record next) const {
    if (rules_.decisions_in_turn && read.number != store.record.number) return false;
    next.number = static_cast<std::uint8_t>(store.record.number + 1);
    store.record = next;
    return true;
  }

  template <class Next>
  void step_all(const State& s, Next&& next) const {
    for (int i = 0; i < writers_; ++i) step_writer(s, i, next);
    for (int i = 0; i < prunes_; ++i) step_prune(s, i, next);
    // Anybody may take any session for dead at any time: create the fence, then remove the lease.
    for (int i = 0; i < kWriters; ++i) {
      if (!(s.store.leases & bit(i))) continue;
      State n = s;
      auto& point = n.store.points[static_cast<std::size_t>(1 + i)];
      if (point == PointState::absent && rules_.fence) {
        point = PointState::fenced;
        next(n, "writer " + std::to_string(i) + " is fenced");
      } else {  // fenced, or committed: its session has ended; without the rule the lease is simply taken away
        n.store.leases = static_cast<Bits>(n.store.leases & ~bit(i));
        next(n, "the lease of writer " + std::to_string(i) + " is taken away");
      }
    }
  }

  template <class Next>
  void step_writer(const State& s, int i, Next&& next) const {
    const std::string who = "writer " + std::to_string(i);
    State n = s;
    Writer& w = n.writers[static_cast<std::size_t>(i)];
    Store& store = n.store;
    const auto go = [&](std::uint8_t step, const std::string& what) {
      w.step = step;
      next(n, who + " " + what);
    };
    switch (w.step) {
      case 0:  // the newest epoch, by name
        w.seen = store.record.number;
        if (!rules_.epochs_after_lease) w.absent = store.record.absent();
        if (!rules_.parent_after_lease) w.parent = points_there(store) & bit(0);
        return go(1, "saw epoch " + std::to_string(w.seen));
      case 1:
        store.leases = static_cast<Bits>(store.leases | bit(i));
        store.lease_epoch[static_cast<std::size_t>(i)] = w.seen;
        return go(2, "has a lease");
      case 2:
        if (rules_.epochs_after_lease) w.absent = store.record.absent();
        return go(3, "read the newest record");
      case 3:
        if (rules_.parent_after_lease) w.parent = points_there(store) & bit(0);
        go(4, "chose its parent");
        w.parent = false;
        w.wants_new = true;
        return go(4, "backs up what has changed");
      case 4: {
        const Bits there = meet(store.packs, ~w.absent);
        // What a delta stands on is looked for where some pack is distrusted; else the index is believed.
        const bool trusts = meet(w.absent, store.packs) == 0;
        if (w.wants_new && has_old(there)) store.unlisted = meet(store.unlisted, ~there);  // it takes them over, and lists them
        const Bits listed = meet(there, ~store.unlisted);
        if (w.wants_new) w.found = has_new(there) || (trusts && (listed & kDelta));
        else w.found = w.parent || has_old(there) || (trusts && (listed & kTurnedDelta));
        if (w.found) return go(6, "found the content");
        return w.wants_new && has_old(there) ? go(11, "chose a base") : go(5, "did not find the content");
      }
      case 5:
        if (store.add_pack(w.wants_new ? kNewAlone : kOldAlone)) go(6, "stored the content");
        return;
      case 11:
        w.made = static_cast<Bits>(~store.packs);
        if (!store.add_pack(kDelta)) return;
        w.made = meet(w.made, store.packs);
        store.unlisted = static_cast<Bits>(store.unlisted | w.made);
        return go(6, "stored a delta");
      case 6: {
        auto& point = store.points[static_cast<std::size_t>(1 + i)];
        if (point != PointState::absent) return go(8, "lost against its fence");
        store.unlisted = meet(store.unlisted, ~w.made);
        if (w.made != 0) go(7, "was interrupted");
        point = PointState::there;
        return go(7, "committed");
      }
      case 7:
        store.leases = static_cast<Bits>(store.leases & ~bit(i));
        return go(8, "ended its lease");
      default: return;
    }
  }

  /// Of equal places one is kept; which one may differ between prunes.
  static Bits one_of(Bits packs, int prune) {
    int at = prune % 2 == 1 ? 9 : 0;
    while (packs != 0 && !(packs & bit(at))) at += prune % 2 == 1 ? -1 : 1;
    return packs == 0 ? Bits{0} : bit(at);
  }
  /// What of the contents is needed, and what these stand on as far as deltas in `used` tell.
  struct Need {
    bool old_content = false, new_content = false;
  };
  Need follow(Need need, Bits used) const {
    for (int round = 0; round < 2; ++round) {
      need.old_content = need.old_content || (need.new_content && (used & kDelta));
      need.new_content = need.new_content || (need.old_content && (used & kTurnedDelta));
    }
    return need;
  }
  /// What a pack that stays makes needed, whether a point needs it or not.
  static Need held_up(Need need, Bits stays) {
    need.old_content = need.old_content || (stays & kDelta);
    need.new_content = need.new_content || (stays & kTurnedDelta);
    return need;
  }
  /// Of the places in these packs those that are kept first.
  Bits first_of(Bits packs, Bits alone, Bits delta) const {
    const Bits first = rules_.footing ? alone : delta, second = rules_.footing ? delta : alone;
    return meet(packs, (packs & first) ? first : second);
  }
  template <class Next>
  void decide_what_goes(const State& s, int i, Next&& next) const {
    const Prune& p = s.prunes[static_cast<std::size_t>(i)];
    const Bits there = meet(s.store.packs, ~p.read.absent()), listed = meet(s.store.packs, ~s.store.unlisted);
    const Need by_points{needed(s, p.marked, false), needed(s, p.marked, true)};
    // A delta that is only retired may be needed again.
    const Bits known = meet(listed, ~p.read.condemned);
    const auto retire = [&](const State& now, Bits kept, const std::string& what) {
      State n = now;
      Prune& q = n.prunes[static_cast<std::size_t>(i)];
      q.retire = meet(there, ~kept);
      q.step = q.retire != 0 ? 4 : 5;
      next(n, "prune " + std::to_string(i) + " looked at the packs, " + what);
    };
    // `made`: kinds of packs that hold what is needed already; `left`: deltas that nobody needs, and that stay; `copies`: the old
    // content is copied from where it lies alone.
    const auto with = [&](const State& now, Bits made, Bits left, bool copies, const std::string& what) {
      Need need = by_points;
      // One that is folded stands on nothing any more.
      if (rules_.follow_deltas) need = follow(need, meet(known, (made & kNewAlone) && !(made & kTurnedDelta) ? ~kDelta : ~0));
      State n = now;
      Bits kept = left;
      for (int round = 0; round < 3; ++round) {
        if (rules_.hold_up) need = held_up(need, meet(kept, listed));
        if (need.new_content && !(made & kNew) && !(kept & kNew)) kept = static_cast<Bits>(kept | one_of(first_of(meet(there, listed), kNewAlone, kDelta), i));
        if (need.old_content && !copies && !(made & kOld) && !(kept & kOld)) kept = static_cast<Bits>(kept | one_of(first_of(there, kOldAlone, kTurnedDelta), i));
      }
      if (copies && (!need.old_content || !(there & kOldAlone) || !n.store.add_pack(kOldAlone))) return;
      retire(n, kept, what + (copies ? ", copied the old content" : ""));
    };
    // Only where no other place is left: the index tells of none that is retired.
    const Bits elsewhere = meet(known, ~there);
    const bool new_is_delta = (there & listed & kDelta) && !(there & kNewAlone) && has_new(there) && (elsewhere & kNew) == 0;
    for (const bool copies : {false, true}) {
      with(s, 0, 0, copies, "kept what is needed");
      if (!by_points.new_content && (there & kDelta)) with(s, 0, meet(there, kDelta), copies, "left deltas that nobody needs");
      if (!by_points.old_content && (there & kTurnedDelta)) with(s, 0, meet(there, kTurnedDelta), copies, "left turned deltas that nobody needs");
      State folded = s;
      if (by_points.new_content && new_is_delta && folded.store.add_pack(kNewAlone)) with(folded, kNewAlone, 0, copies, "folded the delta");
    }
    State turned = s;
    if (by_points.new_content && new_is_delta && (there & listed & kOldAlone) && turned.store.add_pack(kNewAlone) && turned.store.add_pack(kTurnedDelta))
      with(turned, kNewAlone | kTurnedDelta, 0, false, "turned the delta round");
  }
  /// What of a retirement is needed after all.
  Bits comes_back(const State& s, const Prune& p, const Retirement& r) const {
    const Bits mine = meet(r.packs, s.store.packs), listed = meet(s.store.packs, ~s.store.unlisted), elsewhere = meet(listed, ~p.read.absent());
    Need need{needed(s, p.since, false), needed(s, p.since, true)};
    // Whatever delta the index tells of counts as the place.
    const Bits known = meet(listed, ~p.read.condemned);
    Bits back = 0;
    for (int round = 0; round < 3; ++round) {
      if (rules_.follow_deltas) need = follow(need, known);
      // What other retirements have given up may come back yet.
      if (rules_.hold_up) need = held_up(need, meet(known, ~meet(mine, ~back)));
      if (need.new_content && !(rules_.footing ? has_new(elsewhere) : (elsewhere & kNew) != 0)) back = static_cast<Bits>(back | (mine & kNew));
      if (need.old_content && !(rules_.footing ? has_old(elsewhere) : (elsewhere & kOld) != 0)) back = static_cast<Bits>(back | (mine & kOld));
    }
    return back;
  }

  template <class Next>
  void step_prune(const State& s, int i, Next&& next) const {
    constexpr std::uint8_t kRounds = 2;
    const std::string who = "prune " + std::to_string(i);
    State n = s;
    Prune& p = n.prunes[static_cast<std::size_t>(i)];
    Store& store = n.store;
    const auto go = [&](std::uint8_t step, const std::string& what) {
      p.step = step;
      next(n, who + " " + what);
    };
    const auto again = [&](const std::string& what) {
      const auto rounds = static_cast<std::uint8_t>(p.rounds + 1);
      p = Prune();
      p.rounds = rounds;
      return go(rounds < kRounds ? 1 : 9, what);
    };
    switch (p.step) {
      case 0:  // sentence: the old point goes
        store.points[0] = PointState::absent;
        return go(1, "removed the old point");
      case 1:
        p.read = store.record;
        return go(2, "read the newest record");
      case 2:
        p.marked = points_there(store);
        return go(3, "marked the points");
      case 3:  // what is to be retired: all of no use, or all copies but one
        return decide_what_goes(s, i, next);
      case 4: {
        Record r = p.read;
        for (Retirement& free : r.pending) {
          if (free.packs != 0) continue;
          free = {static_cast<std::uint8_t>(r.number + 1), p.retire, p.marked};
          return decide(store, p.read, r) ? go(5, "retired packs") : again("was too late to retire, begins again");
        }
        return;  // no room in the model
      }
      case 5:
        p.read = store.record;
        p.marked = p.retire = 0;
        return go(6, "read the newest record again");
      case 6:  // a retirement that no living session is older than
        for (std::uint8_t at = 0; at < kPending; ++at) {
          const Retirement& r = p.read.pending[at];
          bool waits = false;
          for (int w = 0; w < kWriters; ++w) waits = waits || ((store.leases & bit(w)) && store.lease_epoch[static_cast<std::size_t>(w)] < r.epoch);
          if (r.packs == 0 || (waits && rules_.wait_for_sessions)) continue;
          p.which = at;
          return go(10, "found no session from before epoch " + std::to_string(r.epoch));
        }
        if (p.read.condemned != 0) return go(8, "has nothing more to decide");
        return again("is through");
      case 7: {
        Record r = p.read;
        Retirement& mine = r.pending[p.which];
        const Bits back = rules_.look_at_points_since ? comes_back(s, p, mine) : Bits{0};
        p.since = 0;
        r.condemned = static_cast<Bits>(r.condemned | (mine.packs & store.packs & ~back));
        mine = Retirement();
        const bool decided = decide(store, p.read, r);
        return go(5, !decided ? "was too late to decide" : back != 0 ? "restored packs" : "condemned packs");
      }
      case 10:
        p.since = static_cast<Bits>(points_there(store) & ~p.read.pending[p.which].marked);
        return go(7, "looked at the points since");
      case 8:  // what is condemned may be removed by anybody at any time
        store.packs = static_cast<Bits>(store.packs & ~p.read.condemned);
        return again("removed what is condemned");
      default: return;
    }
  }

  const Rules rules_;
  const int writers_, prunes_;
  std::vector<Node> states_;
  std::vector<std::uint32_t> open_;
  std::unordered_set<std::string> seen_;
  std::vector<std::string> words_;
  std::unordered_map<std::string, std::uint32_t> word_at_;
};

}  // namespace hf::model
