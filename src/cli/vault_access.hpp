#pragma once
// How verbs get at a vault: opening the one that the settings name, and making a new one with its recovery sheet.

#include <functional>
#include <memory>
#include <optional>

#include "cli/recovery_key.hpp"
#include "cli/secrets.hpp"
#include "vault/vault.hpp"

namespace hf::cli {

/// The absolute path of a vault as a flag or setting names it. Usage where nothing names one.
Result<std::string> vault_path(Invocation& in, const std::string& path);

/// Opens `settings.vault`. The secret comes from its source, else from the file where a generated passphrase was kept,
/// else from a person, who may mistype it twice. A recovery key is recognised wherever a secret is given.
/// A vault that is missing, of a newer version or damaged is told before anything is asked.
Result<std::unique_ptr<Vault>> open_vault(Invocation& in);

/// The store of `settings.vault`, for what needs no secret. NotAVault and NotFound as open_local_store().
Result<std::unique_ptr<ObjectStore>> open_store(Invocation& in);
/// The same, also where only packs are left: for `rebuild`.
Result<std::unique_ptr<ObjectStore>> open_store_for_rebuild(Invocation& in);
/// Opens the vault in `store`, obtained from one of the two above; `again` opens the store anew for another attempt.
using StoreOpener = Result<std::unique_ptr<ObjectStore>> (*)(Invocation&);
struct SlotSecret;
/// `used`, where given, gets the secret that opened.
Result<std::unique_ptr<Vault>> open_vault_in(Invocation& in, StoreOpener opener, SlotSecret* used = nullptr);

struct SlotSecret;
/// Obtains the secret of a vault that bears `name` in questions, as open_vault() does, and gives `open` what it may be, until
/// that answers something else than WrongSecret.
Status open_with_secret(Invocation& in, const VaultId& id, const std::string& name, const std::function<Status(SlotSecret&)>& open);

struct CreateOptions {
  bool recovery_key = true;        ///< add a recovery key and make the sheet
  bool may_generate = false;       ///< where no secret was given and nobody can be asked: generate a passphrase and keep it
  bool parity = true;              ///< packs get parity
  std::string sheet_file = {};     ///< write the sheet there (0600, never over a file that exists), as a page where it ends in .pdf; empty: only give its text
  bool page_beside = false;        ///< write also a page: "sheet.pdf" beside "sheet.txt"
};
struct CreatedVault {
  std::unique_ptr<Vault> vault;
  std::string path;                ///< absolute
  Secret sheet;                    ///< its text; empty without a recovery key
  std::string sheet_file;          ///< where it was written; empty: nowhere yet
  std::string page_file;           ///< the page beside it; empty: none
  std::string kept_file;           ///< where a generated passphrase is kept for this user; empty: none was generated
};
/// Makes a vault in `path` (absent or empty). AlreadyExists where something is in it.
Result<CreatedVault> create_vault(Invocation& in, const std::string& path, const CreateOptions& options = {});

/// "~/holdfast-recovery-sheet.txt", or with the vault's name in it where that exists; "" without a home directory.
std::string default_sheet_file(Env& env);

/// A secret as slots know it: kind and bytes.
struct SlotSecret {
  SlotKind kind = SlotKind::passphrase;
  Secret bytes;
  hf::Secret view() const { return {kind, bytes.view()}; }
};
/// What a secret that a person or a file gave may be: a recovery key if it reads as one or as enough shares of one, then
/// what it was given as.
Result<std::vector<SlotSecret>> meanings_of(VaultSecret secret);

/// A new file that nobody else may read (0600), durable; AlreadyExists where there is one.
Status write_private_file(Env& env, const std::string& path, ByteView content);
/// Writes a new key file of 64 random bytes, 0600. AlreadyExists where the file exists.
Result<Secret> create_key_file(Env& env, const std::string& path);

}  // namespace hf::cli
