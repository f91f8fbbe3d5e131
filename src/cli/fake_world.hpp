#pragma once
// For tests: a machine in memory, a person who types what the test told, and a small table of verbs.

#include <nlohmann/json.hpp>

#include "cli/fake_terminal.hpp"
#include "cli/program.hpp"
#include "platform/sim_env.hpp"

namespace hf::cli {

/// What the toy verbs saw when they ran last.
struct Seen {
  std::string verb;
  std::vector<std::string> paths, excludes;
  std::string to, vault;
  Origin vault_origin = Origin::nowhere;
  bool caches = false;
  std::uint64_t level = 0, limit = 0;
  unsigned jobs = 0;
};
inline Seen& seen() {
  static Seen s;
  return s;
}

inline Result<int> run_toy(Invocation& in) {
  seen() = {};
  seen().verb = in.verb.name;
  seen().vault = in.settings.vault;
  seen().vault_origin = in.settings.vault_origin;
  seen().jobs = in.settings.jobs;
  if (in.verb.name != "backup") return 0;
  seen().paths = in.arguments("PATH");
  seen().excludes = in.texts("exclude");
  seen().to = in.text("to");
  seen().caches = in.flag("exclude-caches");
  seen().level = in.count("compression-level").value_or(0);
  seen().limit = in.bytes("limit").value_or(0);
  return 0;
}

inline const std::vector<const Verb*>& toy_verbs() {
  static const std::vector<Example> examples = {{"holdfast toy a", "Once."}, {"holdfast toy b", "Again."}};
  static const Verb backup = {
      .name = "backup",
      .section = "Begin",
      .summary = "save files and folders",
      .description = {"Saves them.", "  kept   as it\n  is       written"},
      .examples = examples,
      .arguments = {{.name = "PATH", .help = "what to save", .repeat = true}},
      .options =
          {{.name = "exclude", .letter = 'e', .value = "PATTERN", .help = "leave out", .repeat = true, .config = true},
           {.name = "exclude-file", .value = "FILE", .help = "patterns from FILE", .repeat = true, .config = true},
           {.name = "exclude-caches", .help = "leave out caches", .config = true},
           {.name = "compression-level",
            .value = "N",
            .kind = Kind::count,
            .help = "how hard to try",
            .preset = "3",
            .config = true},
           {.name = "limit", .letter = 'l', .value = "SIZE", .kind = Kind::bytes, .help = "at most so much", .group = "Limits"},
           {.name = "overwrite", .value = "WHEN", .help = "what to do", .choices = {"always", "if-changed", "never"}},
           {.name = "to", .value = "DIR", .help = "where to"}},
      .run = run_toy};
  static const Verb points = {.name = "points",
                              .aliases = {"snapshots"},
                              .section = "Look",
                              .summary = "list what was saved",
                              .examples = examples,
                              .run = run_toy};
  static const Verb verify = {
      .name = "verify", .section = "Look", .summary = "check: it's [whole]", .examples = examples, .run = run_toy};
  static const Verb key_add = {.name = "key add",
                               .section = "Keys",
                               .summary = "add a key",
                               .examples = examples,
                               .options = {{.name = "new-key-file", .value = "FILE", .help = "from FILE"}},
                               .run = run_toy};
  static const Verb key_list = {
      .name = "key list", .section = "Keys", .summary = "list keys", .examples = examples, .run = run_toy};
  static const std::vector<const Verb*> verbs = {
      &backup, &points, &verify, &key_add, &key_list, &version_verb(), &completion_verb(), &help_verb()};
  return verbs;
}

struct World {
  SimEnv env;
  FakeTerminal terminal;
  Progress progress;

  World() {
    env.set_variable("HOME", "/home/anna");
    env.set_cpu_count(4);
  }
  int run(const std::vector<std::string>& typed, const std::vector<const Verb*>& verbs = toy_verbs()) {
    terminal.data.clear();
    terminal.messages.clear();
    return run_program(env, terminal, progress, verbs, typed);
  }
  void config(std::string_view text) { env.put_file("/home/anna/.config/holdfast/holdfast.toml", text); }
};

}  // namespace hf::cli
