#pragma once
// Where a vault's stripes lie, and how they stand: for the verbs that use them.

#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>

#include "cli/verb.hpp"
#include "vault/restripe.hpp"

namespace hf::cli {

struct StripePlace {
  std::optional<StripesChoice> choice;  ///< of the vault
  std::optional<VaultId> vault;         ///< nullopt: its description can't be read
  std::unique_ptr<ObjectStore> own;     ///< null where they lie in the vault itself
  ObjectStore* store = nullptr;         ///< null: there are none, or they can't be reached
  std::optional<Error> problem;         ///< why they can't be
};
/// In `given` (the option --stripes), else where the vault's note says. An error where `given` names a place that can't be used; where the
/// note does, `problem` tells it.
Result<StripePlace> find_stripes(Invocation& in, ObjectStore& vault, const std::string& given);
/// Of the vault in `store`, from its description.
Result<VaultId> vault_id_of(ObjectStore& store);
/// AlreadyExists where the note in a place says that it holds another vault's stripes; NotFound where there is no note.
Status check_owner(ObjectStore& place, const VaultId& vault);

struct StripeState {
  StripeList list;
  StripeCensus census;
};
Result<StripeState> state_of_stripes(ObjectStore& vault, const StripePlace& place);
nlohmann::ordered_json json_of(const StripeState& state, const StripePlace& place);
/// What was done to put packs into stripes, for --json.
nlohmann::ordered_json json_of(const StripeWork& work);
/// Puts packs that are in no stripe into one, in `place`, with progress shown: keep_stripes().
Result<StripeWork> fill_stripes(Invocation& in, ObjectStore& vault, ObjectStore& place, const StripesChoice& choice);
/// Where the vault has stripes, puts those packs into one that came since. What goes wrong is told, and is no error: what
/// was backed up is. Gives the answer for --json, null where the vault has none.
nlohmann::ordered_json keep_in_stripes(Invocation& in, ObjectStore& vault);
/// Says it to a person; gives the exit status: 5 where a stripe lacks a pack.
int tell_stripes(Invocation& in, const StripeState& state, const StripePlace& place);

}  // namespace hf::cli
