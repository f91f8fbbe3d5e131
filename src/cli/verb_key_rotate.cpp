#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "vault/key_objects.hpp"
#include "vault/rotate.hpp"

namespace hf::cli {
namespace {

std::string told(const SlotInfo& s) { return s.id.brief() + ", " + words_of(s.kind) + " '" + printable(s.label.name) + "'"; }

/// The slots that --drop and --drop-others name.
Result<std::vector<SlotId>> to_drop(Invocation& in, const Vault& vault) {
  const std::vector<SlotInfo> slots = HF_TRY(vault.key_slots());
  std::vector<SlotId> out;
  for (const std::string& reference : in.texts("drop")) {
    const auto fits = [&](const SlotInfo& s) { return !reference.empty() && s.id.hex().starts_with(reference); };
    const auto count = std::count_if(slots.begin(), slots.end(), fits);
    if (count == 0) return Error(Code::not_found, "no key slot begins with '" + printable(reference) + "'", "list them: holdfast key list");
    if (count > 1) return Error(Code::usage, human_count(static_cast<std::uint64_t>(count)) + " key slots begin with '" + printable(reference) + "'", "give more digits: holdfast key list");
    out.push_back(std::find_if(slots.begin(), slots.end(), fits)->id);
  }
  for (const SlotInfo& s : slots)
    if (in.flag("drop-others") && !s.opened_this_vault && std::find(out.begin(), out.end(), s.id) == out.end()) out.push_back(s.id);
  return out;
}

/// Makes the slots of version 1 anew whose secrets are given.
Status renew_others(Invocation& in, const Vault& vault) {
  const auto renew = [&](VaultSecret given) -> Status {
    const std::string origin = given.origin;
    bool opens = false;
    for (const SlotSecret& secret : HF_TRY(meanings_of(std::move(given)))) {
      if (!vault.test_key(secret.view())) continue;
      opens = true;
      HF_TRY(renew_key(vault, secret.view()));
    }
    if (!opens) return Error(Code::wrong_secret, "what " + printable(origin) + " holds does not open this vault", "list the keys: holdfast key list");
    return {};
  };
  for (const std::string& file : in.texts("also-key-file")) HF_TRY(renew({VaultSecret::Kind::key_file, HF_TRY(read_key_file(in.env, in.out, file)), file}));
  for (const std::string& file : in.texts("also-passphrase-file")) HF_TRY(renew({VaultSecret::Kind::passphrase, HF_TRY(read_passphrase_file(in.env, in.out, file)), file}));
  return {};
}

Result<int> run(Invocation& in) {
  SlotSecret secret;
  auto vault = HF_TRY(open_vault_in(in, open_store, &secret));
  const std::vector<SlotId> drop = HF_TRY(to_drop(in, *vault));
  HF_TRY(renew_others(in, *vault));
  if (!HF_TRY(renew_key(*vault, secret.view())).empty()) vault = HF_TRY(Vault::open(in.env, HF_TRY(open_store(in)), secret.view()));
  const RotateReport report = HF_TRY(rotate_keys(*vault, {.drop = drop}));

  in.out.line("Key epoch " + std::to_string(report.epoch) + " began: what is written from now on needs its root key.");
  Json reached = Json::array(), dropped = Json::array(), left_out = Json::array();
  for (const SlotInfo& s : report.reached) {
    in.out.line("  opens it:  " + told(s) + (s.opened_this_vault ? "  (in use now)" : ""));
    reached.push_back(s.id.hex());
  }
  for (const SlotInfo& s : report.dropped) {
    in.out.line("  dropped:   " + told(s));
    dropped.push_back(s.id.hex());
  }
  for (const SlotInfo& s : report.left_out) {
    in.out.warn(Error(Code::refused, "key slot " + told(s) + " was left out by an earlier rotation and is not let in again", "remove it, and add its secret anew: holdfast key remove " + s.id.brief()));
    left_out.push_back(s.id.hex());
  }
  for (const SlotId& id : report.late) {
    in.out.warn(Error(Code::refused, "key slot " + id.brief() + " was added while the keys were rotated: it opens only what is older", "remove it, and add its secret anew: holdfast key remove " + id.brief()));
    left_out.push_back(id.hex());
  }
  in.out.note("Nothing that was stored before is rewritten: who has an old root key can still read that. How much it is: holdfast key list --epochs");
  in.out.note("Backups that run now end under the old key. Is each of these keys yours, and does it open? holdfast key test");
  in.out.json({{"epoch", report.epoch}, {"reached", std::move(reached)}, {"dropped", std::move(dropped)}, {"left_out", std::move(left_out)}});
  return 0;
}

}  // namespace

const Verb& key_rotate_verb() {
  static const Verb verb = {
      .name = "key rotate",
      .section = "Keys",
      .summary = "begin a new root key for what is written from now on",
      .description = {"A key slot holds the vault's root keys. Removing one does not change them: who opened the vault once, or copied it, may have kept them. "
                      "This begins a new one, and seals it to every key slot that is left: all secrets go on opening everything, and only this one is needed now. "
                      "Nothing is rewritten and no recovery point changes. With the old root key alone, what is written from now on can't be read.",
                      "After a secret leaked, drop its slot in the same step. If the thief could write to the vault, drop all others, which may not be what they seem, "
                      "and add them anew: --drop-others. What was stored before stays readable for who has the old key and can get the packs; `key list` shows its share.",
                      "Slots made by the first version of the format need their secret once: --also-key-file, --also-passphrase-file. Without it the rotation is refused, and they are named.",
                      "JSON: {\"epoch\", \"reached\": ids of the slots that open it, \"dropped\", \"left_out\"}."},
      .examples = {{"holdfast key rotate", "A new root key; every key goes on working."},
                   {"holdfast key rotate --drop 3f2a", "The laptop with the key of slot 3f2a was stolen."},
                   {"holdfast key rotate --drop-others", "Keep only the key that opens the vault now; add a new sheet after it: holdfast key add --recovery-sheet FILE."}},
      .options = {{.name = "drop", .value = "SLOT", .help = "remove this key slot first: first digits of its id", .repeat = true},
                  {.name = "drop-others", .help = "remove all key slots but the one that opens the vault now"},
                  {.name = "also-key-file", .value = "FILE", .help = "a key file or recovery sheet whose slot is of the first version", .repeat = true},
                  {.name = "also-passphrase-file", .value = "FILE", .help = "a passphrase whose slot is of the first version", .repeat = true}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
