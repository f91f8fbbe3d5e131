#include "cli/secrets.hpp"

#include <fcntl.h>

#include "cli/text.hpp"

namespace hf::cli {
namespace {

constexpr std::size_t kSecretBytesMax = 64 * 1024;
// Argon2id makes each guess cost about a second; twelve characters of a person's choosing withstand many years of that.
constexpr std::size_t kGoodLength = 12;

constexpr std::string_view kWays =
    "give it by --passphrase-file FILE, --key-file FILE, or the variable HOLDFAST_PASSPHRASE_COMMAND, HOLDFAST_PASSPHRASE_FILE "
    "or "
    "HOLDFAST_KEY_FILE, or in holdfast.toml";

/// Reads a whole small file, also a pipe (`--passphrase-file <(pass show vault)`), into memory that gets wiped.
Result<Secret> read_all(Env& env, Output& out, const std::string& path, std::string_view what) {
  Fd file = HF_TRY(env.open(path, O_RDONLY).context([&] { return "reading the " + std::string(what); }));
  const Stat stat = HF_TRY(env.stat(file.get(), "", true));
  if (stat.type == FileType::directory) return Error(Code::usage, "the " + std::string(what) + " " + path + " is a directory");
  if (stat.type == FileType::regular && (stat.mode & 077) != 0)
    out.warn(Error(Code::permission, "others may read the " + std::string(what) + " " + path, "chmod 600 " + shell_quoted(path)));
  Buffer buffer(kSecretBytesMax + 1);
  std::size_t used = 0;
  Error problem;
  bool failed = false;
  while (used < buffer.size()) {
    auto n = env.read_some(file.get(), MutableBytes(buffer).subspan(used));
    if (!n) {
      problem = n.error();
      failed = true;
      break;
    }
    if (*n == 0) break;
    used += *n;
  }
  Secret secret(ByteView(buffer).first(used));
  wipe(buffer);
  if (failed) return std::move(problem).in_context("reading the " + std::string(what) + " " + path);
  if (used > kSecretBytesMax)
    return Error(Code::usage, "the " + std::string(what) + " " + path + " is larger than 64 KiB: is it the right file?");
  return secret;
}

std::string_view first_line(std::string_view text) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

Result<VaultSecret> from_source(Env& env, Output& out, const SecretSource& source) {
  switch (source.kind) {
    case SecretSource::Kind::passphrase_file:
      return VaultSecret{VaultSecret::Kind::passphrase, HF_TRY(read_passphrase_file(env, out, source.value)), source.origin};
    case SecretSource::Kind::passphrase_command:
      return VaultSecret{VaultSecret::Kind::passphrase, HF_TRY(read_passphrase_command(env, source.value)), source.origin};
    case SecretSource::Kind::key_file:
      return VaultSecret{VaultSecret::Kind::key_file, HF_TRY(read_key_file(env, out, source.value)), source.origin};
    case SecretSource::Kind::none:
      break;
  }
  return Error(Code::not_found, "no passphrase was given", std::string(kWays));
}

}  // namespace

bool can_ask(Terminal& terminal, const Settings& settings) { return !settings.no_input && terminal.can_ask(); }

Result<Secret> read_passphrase_file(Env& env, Output& out, const std::string& path) {
  const Secret all = HF_TRY(read_all(env, out, path, "passphrase file"));
  const std::string_view line = first_line(all.text());
  if (line.empty()) return Error(Code::usage, "the first line of the passphrase file " + path + " is empty");
  return Secret(line);
}

Result<Secret> read_passphrase_command(Env& env, const std::string& command) {
  CommandResult result = HF_TRY(env.run_command(command).context([] { return "running the passphrase command"; }));
  Secret line(first_line(result.output));
  wipe({reinterpret_cast<std::uint8_t*>(result.output.data()), result.output.size()});
  if (result.exit_status != 0)
    return Error(Code::usage, "the passphrase command ended with status " + std::to_string(result.exit_status),
                 "run it yourself to see why")
        .with_detail(command);
  if (line.empty())
    return Error(Code::usage, "the passphrase command printed nothing", "it must print the passphrase on its first line")
        .with_detail(command);
  return line;
}

Result<Secret> read_key_file(Env& env, Output& out, const std::string& path) {
  Secret all = HF_TRY(read_all(env, out, path, "key file"));
  if (all.empty()) return Error(Code::usage, "the key file " + path + " is empty");
  return all;
}

Result<VaultSecret> secret_to_open(Env& env, Terminal& terminal, Output& out, const Settings& settings, int attempt) {
  if (settings.secret.kind != SecretSource::Kind::none) {
    if (attempt > 1)
      return Error(Code::wrong_secret,
                   "the secret from " + settings.secret.origin + " does not open the vault " + settings.vault);
    return from_source(env, out, settings.secret);
  }
  if (!can_ask(terminal, settings))
    return Error(Code::not_found,
                 settings.no_input ? "no passphrase was given, and --no-input forbids to ask"
                                   : "no passphrase was given, and there is no terminal to ask on",
                 std::string(kWays));
  if (attempt > 1) out.note("That does not open it. Ctrl-C to stop.");
  return VaultSecret{VaultSecret::Kind::passphrase,
                     HF_TRY(terminal.ask_secret("Passphrase for " + printable(settings.vault) + ": ")), "the terminal"};
}

Result<VaultSecret> secret_to_create(Env& env, Terminal& terminal, Output& out, const Settings& settings,
                                     const std::string& what) {
  if (settings.secret.kind != SecretSource::Kind::none) return from_source(env, out, settings.secret);
  if (!can_ask(terminal, settings)) return Error(Code::not_found, "no passphrase was given for " + what, std::string(kWays));
  while (true) {
    Secret first = HF_TRY(terminal.ask_secret("New passphrase for " + printable(what) + ": "));
    if (first.empty()) {
      out.note("An empty passphrase protects nothing. Ctrl-C to stop.");
      continue;
    }
    if (first.size() < kGoodLength)
      out.note(
          "That is short: whoever gets the vault can guess for ever. Four or more words, at least 12 characters, are safer.");
    const Secret second = HF_TRY(terminal.ask_secret("Once more: "));
    if (first.same_as(second)) return VaultSecret{VaultSecret::Kind::passphrase, std::move(first), "the terminal"};
    out.note("The two differ. Again, or Ctrl-C to stop.");
  }
}

Secret generate_passphrase(Env& env) {
  // Crockford's alphabet has 32 characters that are not mistaken for each other: 5 bits each.
  constexpr std::size_t kCharacters = 25, kGroup = 5;
  Buffer random(kCharacters);
  env.random(random);
  std::string grouped;
  grouped.reserve(kCharacters + kCharacters / kGroup);
  for (std::size_t i = 0; i < kCharacters; ++i) {
    if (i > 0 && i % kGroup == 0) grouped += '-';
    grouped += "0123456789ABCDEFGHJKMNPQRSTVWXYZ"[random[i] & 31];
  }
  wipe(random);
  Secret secret(grouped);
  wipe({reinterpret_cast<std::uint8_t*>(grouped.data()), grouped.size()});
  return secret;
}

}  // namespace hf::cli
