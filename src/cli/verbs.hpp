#pragma once
// The one table of verbs.

#include <vector>

#include "cli/verb.hpp"

namespace hf::cli {

/// In the order in which help shows them.
const std::vector<const Verb*>& all_verbs();

const Verb& init_verb();
const Verb& backup_verb();
const Verb& restore_verb();
const Verb& dump_verb();
const Verb& points_verb();
const Verb& ls_verb();
const Verb& find_verb_of_names();
const Verb& diff_verb();
const Verb& stats_verb();
const Verb& verify_verb();
const Verb& rebuild_verb();
const Verb& salvage_packs_verb();
const Verb& forget_verb();
const Verb& undelete_verb();
const Verb& prune_verb();
const Verb& hold_add_verb();
const Verb& hold_list_verb();
const Verb& hold_release_verb();
const Verb& policy_check_verb();
const Verb& policy_explain_verb();
const Verb& policy_simulate_verb();
const Verb& parity_status_verb();
const Verb& parity_add_verb();
const Verb& parity_remove_verb();
const Verb& parity_stripe_verb();
const Verb& parity_unstripe_verb();
const Verb& key_add_verb();
const Verb& key_list_verb();
const Verb& key_remove_verb();
const Verb& key_rotate_verb();
const Verb& key_test_verb();
const Verb& run_verb();
const Verb& schedule_install_verb();
const Verb& schedule_status_verb();
const Verb& schedule_remove_verb();
const Verb& notify_test_verb();
const Verb& version_verb();
const Verb& help_verb();
const Verb& completion_verb();
const Verb& man_verb();

}  // namespace hf::cli
