#include "cli/verbs.hpp"

#include "cli/text.hpp"

namespace hf::cli {

const std::vector<const Verb*>& all_verbs() {
  static const std::vector<const Verb*> verbs = {
      &init_verb(),
      &backup_verb(),
      &restore_verb(),
      &dump_verb(),
      &points_verb(),
      &ls_verb(),
      &find_verb_of_names(),
      &diff_verb(),
      &stats_verb(),
      &verify_verb(),
      &rebuild_verb(),
      &salvage_packs_verb(),
      &forget_verb(),
      &undelete_verb(),
      &prune_verb(),
      &hold_add_verb(),
      &hold_list_verb(),
      &hold_release_verb(),
      &policy_check_verb(),
      &policy_explain_verb(),
      &policy_simulate_verb(),
      &parity_status_verb(),
      &parity_add_verb(),
      &parity_remove_verb(),
      &parity_stripe_verb(),
      &parity_unstripe_verb(),
      &key_add_verb(),
      &key_list_verb(),
      &key_remove_verb(), &key_rotate_verb(),
      &key_test_verb(),
      &run_verb(),
      &schedule_install_verb(),
      &schedule_status_verb(),
      &schedule_remove_verb(),
      &notify_test_verb(),
      &version_verb(),
      &completion_verb(),
      &help_verb(),
      &man_verb(),
  };
  return verbs;
}

// There is no option that takes a secret itself: whoever may list processes would read it.
const std::vector<Option>& global_options() {
  static const std::vector<Option> options = {
      {.name = "vault", .value = "PATH", .help = "the vault to work with", .config = true, .env = "HOLDFAST_VAULT"},
      {.name = "passphrase-file", .value = "FILE", .help = "read the passphrase from the first line of FILE", .config = true,
       .env = "HOLDFAST_PASSPHRASE_FILE"},
      {.name = "passphrase-command", .value = "COMMAND", .help = "run COMMAND and take the first line that it prints as the passphrase",
       .config = true, .env = "HOLDFAST_PASSPHRASE_COMMAND", .flagless = true},
      {.name = "key-file", .value = "FILE", .help = "open the vault with the key in FILE", .config = true, .env = "HOLDFAST_KEY_FILE"},
      {.name = "config", .value = "FILE", .help = "read settings from FILE instead of ~/.config/holdfast/holdfast.toml",
       .env = "HOLDFAST_CONFIG"},
      {.name = "json", .help = "print the answer as one JSON object or array"},
      {.name = "quiet", .letter = 'q', .help = "print only the answer, warnings and errors"},
      {.name = "verbose", .letter = 'v', .help = "tell more about what is being done"},
      {.name = "no-input", .help = "never ask; fail or take the safe choice instead"},
      {.name = "jobs", .value = "N", .kind = Kind::count, .help = "worker threads (default: one for each core)", .config = true},
      {.name = "color", .value = "WHEN", .help = "colours: auto, always or never", .preset = "auto", .choices = {"auto", "always", "never"}},
      {.name = "help", .letter = 'h', .help = "show help, for the verb if there is one"},
      {.name = "version", .help = "show the version"},
  };
  return options;
}

const Verb* find_verb(const std::vector<const Verb*>& verbs, std::string_view name) {
  for (const Verb* verb : verbs) {
    if (verb->name == name) return verb;
    for (std::string_view alias : verb->aliases)
      if (alias == name) return verb;
  }
  return nullptr;
}

Error no_such_verb(const std::vector<const Verb*>& verbs, const std::string& name) {
  std::vector<std::string> names;
  for (const Verb* verb : verbs) {
    if (verb->hidden) continue;
    names.emplace_back(verb->name);
    names.insert(names.end(), verb->aliases.begin(), verb->aliases.end());
  }
  const auto meant = nearest(name, names);
  return Error(Code::usage, "'" + name + "' is not a holdfast command",
               meant ? "did you mean '" + *meant + "'?   (all commands: holdfast help)" : "all commands: holdfast help");
}

}  // namespace hf::cli
