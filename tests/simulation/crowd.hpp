#pragma once
// A vault that several programs work on at once (schedule.hpp), with deltas and parity; and the test's own memory of
// which recovery points must be there, and what each must hold.

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <set>

#include "schedule.hpp"
#include "vault/vault.hpp"

namespace hf::simulation {

class Crowd {
 public:
  /// `history`: how many points there are before anything runs at once. Each lane has a source of its own.
  /// Every second lane backs up with a write-only key.
  /// `writers`: every second lane has a key that only writes, so that nothing that is stored may be encoded in another way.
  Crowd(std::uint64_t seed, std::size_t lanes, unsigned history, bool writers);

  SimEnv env;
  Random random;
  bool fences = false;   ///< some prune may take living sessions for dead
  bool rotates = false;  ///< the keys were rotated while programs ran
  bool damages = false;  ///< some packs get damaged, within what their parity heals

  // --- programs: each opens the vault, works, and judges its own outcome; a failed assertion of the test otherwise ---
  using Program = Schedule::Program;
  void backup(Program& program, std::size_t lane);
  void forget(Program& program);    ///< some point; perhaps without grace
  void undelete(Program& program);
  void hold(Program& program);
  void prune(Program& program);
  void verify(Program& program);    ///< perhaps healing
  void read(Program& program);      ///< a point that is kept, whole
  void restore(Program& program, std::size_t lane);
  void rebuild(Program& program);
  void rotate_keys(Program& program);
  void damage();                    ///< not a program: the disk

  /// Nothing runs in the eyes of this: what must be there is there, and every point that exists is whole.
  testing::AssertionResult holds();
  /// After all have ended: heal, prune, back up; then everything is sound.
  testing::AssertionResult goes_on();

  struct Tally {
    std::uint64_t backups = 0, forgotten = 0, undeleted = 0, prunes = 0, packs_removed = 0, folded = 0, turned = 0, verifies = 0, reads = 0, healed = 0, kills = 0, conflicts = 0;
  };
  Tally tally;
  std::vector<std::string> told;  ///< what ended, in order: the story of a failure
  std::string story();

 private:
  static constexpr int kHitsMax = 2;  // more blocks of a pack than its parity mends may be hit by more
  const bool writers_;
  enum class Fate : std::uint8_t { kept, shelved, doomed };  ///< listed; at least forgotten, and can come back; may be gone
  struct Known {
    Fate fate = Fate::kept;
    bool held = false;  ///< must exist, listed or not
    bool perhaps_held = false;  ///< what held it was killed
    bool busy = false;  ///< some program forgets it, takes it back or reads it
  };
  Result<std::unique_ptr<Vault>> open(Env& e, bool as_writer = false);
  /// Some point that no program is busy with; nullptr where there is none. It is busy then.
  Known* pick(std::string& id, const std::function<bool(const Known&)>& fits);
  /// What a program ended with, told; an error that nothing excuses fails the test.
  void judge(Program& program, const std::string& what, const Status& status, std::initializer_list<Code> excused = {});

  std::uint64_t attempts_ = 0;
  std::map<std::string, int> hits_;  // by path: how often a pack was damaged
  int rebuilding_ = 0;
  std::map<std::string, std::shared_ptr<const Tree>> seen_;  // by the tag of the attempt
  std::map<std::string, Known> points_;                      // by id, of backups that reported success
};

}  // namespace hf::simulation
