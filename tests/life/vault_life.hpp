#pragma once
// A vault, the tree that it saves, and the program that is run once more each day; all in a folder of its own.

#include <gtest/gtest.h>

#include <map>

#include <nlohmann/json.hpp>

#include "calendar_env.hpp"
#include "changing_tree.hpp"
#include "cli/fake_terminal.hpp"
#include "cli/program.hpp"

namespace hf::life {

using Json = nlohmann::ordered_json;
constexpr std::int64_t kDay = 86'400'000'000'000;

class VaultLife {
 public:
  explicit VaultLife(std::uint64_t seed);
  ~VaultLife();
  VaultLife(const VaultLife&) = delete;
  VaultLife& operator=(const VaultLife&) = delete;

  /// holdfast.toml: `keys` belong to its one source.
  void configure(const std::string& keys);
  /// Runs the program; the exit status. What it said is in said().
  int run(const std::vector<std::string>& typed);
  /// What it answers with --json; fails the test where it does not end with `status`.
  Json ask(std::vector<std::string> typed, int status = 0);
  std::string said() const { return terminal_.data + terminal_.messages; }

  /// Sets the clock to noon UTC of a day since 1970.
  void noon_of(int day);
  /// Changes the tree and backs it up; gives the point, and remembers what it must hold.
  std::string back_up(int day);
  /// Restores every point of the vault, and compares: empty, or what is wrong.
  std::string restore_all();
  /// The points of the vault: id → day.
  std::map<std::string, int> points();
  /// Damages every second pack as far as its parity is sure to heal it; gives how many.
  std::size_t damage_half_of_the_packs();

  std::string path(const std::string& name) const { return scratch_ + "/" + name; }
  /// CPU time of all runs, by verb.
  const std::map<std::string, double>& cpu_seconds() const { return cpu_seconds_; }

 private:
  const std::string scratch_;
  const std::unique_ptr<Env> real_;
  CalendarEnv env_;
  cli::FakeTerminal terminal_;
  Progress progress_;
  std::mt19937_64 random_;
  ChangingTree tree_;
  struct Saved {
    int day = 0;
    Description tree;
  };
  std::map<std::string, double> cpu_seconds_;
  std::map<std::string, Saved> saved_;  // by point, all that there ever were
};

}  // namespace hf::life
