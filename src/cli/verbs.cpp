#include "cli/verbs.hpp"

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

}  // namespace hf::cli
