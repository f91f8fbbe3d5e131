#pragma once
// One simulated machine with a source in /source and a vault in /vault, and the test's own memory of what every backup
// should hold.

#include <gtest/gtest.h>

#include <memory>
#include <set>

#include "point/capture.hpp"
#include "point/mark.hpp"
#include "point/restore.hpp"
#include "store/local/local_store.hpp"
#include "tree.hpp"
#include "vault/rebuild.hpp"
#include "verify/verify.hpp"

namespace hf::simulation {

inline constexpr const char* kSource = "/source";
inline constexpr const char* kVault = "/vault";
inline constexpr const char* kTarget = "/target";
inline constexpr const char* kCache = "/cache";  // of prunes; what is in it after a crash is as good as nothing

struct Problems final : ProblemSink {
  std::vector<std::string> paths;
  void problem(const Error& error) override { paths.push_back(error.object); }
};

class World {
 public:
  explicit World(std::uint64_t seed) : env(seed), random(seed ^ 0x5EED), parity((seed & 1) != 0), shared(seed % 3 == 2) {}

  SimEnv env;
  Random random;
  bool parity;  ///< packs get it: every second seed
  bool shared;  ///< every second backup is made with a write-only key: every third seed
  WriteOptions write{.compression_level = 1, .pack_bytes = 64 * 1024};
  Problems problems;  ///< of the last backup
  std::uint64_t turned = 0;       ///< segments stored against newer content
  std::uint64_t bytes_delta = 0;  ///< stored as what differs from older content, by all backups that reported success
  std::set<std::string> acknowledged;  ///< points of backups that reported success

  // Each of these is a program of its own: it opens the vault, works and ends.
  Status init();
  Result<CaptureResult> backup();  ///< remembers what the source held
  Status rebuild();
  Status add_key();
  Status prune();       ///< forgets the oldest point of two or more at once, without grace, and prunes
  Status undelete();    ///< forgets the oldest point, with grace, and takes it back
  Status remove_key();  ///< the newest that was added
  Status rotate_keys();
  Status restore();     ///< the newest point into kTarget
  Status verify();      ///< everything, with a proof; an error where there is damage
  Result<std::unique_ptr<Vault>> open();

  void change(unsigned changes);
  /// init, and backups of a growing tree.
  void begin(unsigned backups = 1);

  /// Every acknowledged point is there; every point that is there holds what its backup saw, or names what it could not
  /// read; no run of the index names an absent pack. Clears faults first.
  testing::AssertionResult holds();
  /// As holds(), then: a backup succeeds, is complete, and all holds after a power loss that keeps nothing unsynced; where
  /// a prune was tried, after another prune too.
  testing::AssertionResult goes_on();
  /// Like holds(), and restores the newest point for true: what is in kTarget is what its backup saw.
  testing::AssertionResult restores();
  /// What happened, for the report of a failure.
  std::string story();

 private:
  void look();
  Result<std::unique_ptr<Vault>> open_as_writer();
  /// Each secret that should open the vault does, and reads every point.
  testing::AssertionResult secrets_open();
  std::set<std::string> secrets_;  // of keys that were added, and not yet given up
  std::shared_ptr<const Tree> now_;  // the source, as the next backup will find it
  std::map<std::string, std::shared_ptr<const Tree>> seen_;  // by the tag of the attempt
  std::uint64_t attempts_ = 0;
  bool pruned_ = false;
};

}  // namespace hf::simulation
