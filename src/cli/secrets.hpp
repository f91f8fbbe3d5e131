#pragma once
// Where secrets come from: a file, a command, a key file, or a person. Never from an option's value, and never by
// waiting for a keyboard that is not there.

#include <string>

#include "cli/verb.hpp"

namespace hf::cli {

/// What opens a vault: a passphrase to be stretched, or the content of a key file.
struct VaultSecret {
  enum class Kind : std::uint8_t { passphrase, key_file } kind = Kind::passphrase;
  Secret bytes;
  std::string origin;  ///< for messages: "--passphrase-file", "the terminal"
};

/// The secret to open `settings.vault` with. `what` is asked for on the terminal: "Passphrase for /srv/vault".
/// `attempt` > 1 says that the last one was wrong; only a person gets another attempt, everything else is Code::wrong_secret.
Result<VaultSecret> secret_to_open(Env& env, Terminal& terminal, Output& out, const Settings& settings, int attempt = 1);

/// The secret for something new, from the same places; a person types it twice. Code::not_found where there is no
/// source and nobody to ask: the caller may then generate one.
Result<VaultSecret> secret_to_create(Env& env, Terminal& terminal, Output& out, const Settings& settings,
                                     const std::string& what);

/// May a person be asked now?
bool can_ask(Terminal& terminal, const Settings& settings);

/// First line of a file (also a pipe), without its newline. Warns when others may read it.
Result<Secret> read_passphrase_file(Env& env, Output& out, const std::string& path);
/// First line that a shell command prints.
Result<Secret> read_passphrase_command(Env& env, const std::string& command);
/// The whole content of a key file. Warns when others may read it.
Result<Secret> read_key_file(Env& env, Output& out, const std::string& path);

/// 125 random bits as a person can copy them: five groups of five letters and digits, "7QK2M-…".
Secret generate_passphrase(Env& env);

}  // namespace hf::cli
