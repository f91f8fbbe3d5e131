#include "cli/vault_access.hpp"

#include <fcntl.h>

#include "cli/key_shares.hpp"
#include "cli/settings.hpp"
#include "cli/sheet_pdf.hpp"
#include "cli/text.hpp"
#include "store/local/local_store.hpp"
#include "vault/parity.hpp"

namespace hf::cli {
namespace {

constexpr int kAttempts = 3;

/// Where a generated passphrase is kept for the user who had it generated.
std::string kept_file_of(Env& env, const VaultId& vault) {
  std::string base = env.variable("XDG_CONFIG_HOME").value_or("");
  if (!base.starts_with('/')) {
    const std::string home = env.variable("HOME").value_or("");
    if (home.empty()) return "";
    base = home + "/.config";
  }
  return base + "/holdfast/passphrase-" + vault.brief();
}

Result<VaultSecret> kept_or_asked(Invocation& in, const Settings& settings, const std::string& kept_file, int attempt) {
  if (settings.secret.kind == SecretSource::Kind::none && attempt == 1 && !kept_file.empty() && in.env.stat(kept_file)) {
    auto kept = read_passphrase_file(in.env, in.out, kept_file);
    if (kept) return VaultSecret{VaultSecret::Kind::passphrase, std::move(*kept), kept_file};
    in.out.warn(kept.error());
  }
  return secret_to_open(in.env, in.terminal, in.out, settings, attempt);
}

}  // namespace

Status write_private_file(Env& env, const std::string& path, ByteView content) {
  {
    const Fd file = HF_TRY(env.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
    auto written = env.write_all(file.get(), content);
    if (written) written = env.sync(file.get());
    if (!written) {
      env.sys_unlinkat(Env::kCwd, path.c_str(), false);
      return written;
    }
  }
  const std::size_t slash = path.rfind('/');
  return env.sync_directory(slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash));
}

Result<std::string> vault_path(Invocation& in, const std::string& path) {
  if (path.empty()) return Error(Code::usage, "no vault was named, and there is no home directory for the usual one", "name it: --vault DIR, or HOLDFAST_VAULT=DIR");
  if (path.find("://") != std::string::npos)
    return Error(Code::unsupported, "this version keeps vaults in local directories only, not at " + printable(path), "give a directory: --vault DIR");
  return in.env.absolute_path(path);
}

Result<std::vector<SlotSecret>> meanings_of(VaultSecret secret) {
  std::vector<SlotSecret> out;
  auto shares = find_shares(secret.bytes.text());
  if (!shares && secret.kind == VaultSecret::Kind::key_file) return std::move(shares.error()).in_context("reading " + secret.origin);
  if (shares && !shares->empty()) {
    auto key = combine_shares(*shares);
    if (!key && secret.kind == VaultSecret::Kind::key_file) return std::move(key.error()).in_context("reading " + secret.origin);
    if (key) out.push_back({SlotKind::shares, std::move(*key)});
  }
  auto recovery = find_recovery_key(secret.bytes.text());
  // A mistyped one is an error where a file was meant to hold it; a passphrase may look as it likes.
  if (!recovery && secret.kind == VaultSecret::Kind::key_file) return std::move(recovery.error()).in_context("reading " + secret.origin);
  if (recovery && *recovery) out.push_back({SlotKind::recovery_key, std::move(**recovery)});
  out.push_back({secret.kind == VaultSecret::Kind::key_file ? SlotKind::key_file : SlotKind::passphrase, std::move(secret.bytes)});
  return out;
}

Result<std::unique_ptr<ObjectStore>> open_store_for_rebuild(Invocation& in) {
  return adopt_local_store(in.env, HF_TRY(vault_path(in, in.settings.vault)));
}

Result<std::unique_ptr<ObjectStore>> open_store(Invocation& in) { return open_local_store(in.env, HF_TRY(vault_path(in, in.settings.vault))); }

Status open_with_secret(Invocation& in, const VaultId& id, const std::string& name, const std::function<Status(SlotSecret&)>& open) {
  Settings named = in.settings;
  named.vault = name;
  const std::string kept_file = kept_file_of(in.env, id);
  Error wrong;
  for (int attempt = 1; attempt <= kAttempts; ++attempt) {
    auto given = kept_or_asked(in, named, kept_file, attempt);
    if (!given && attempt > 1) return wrong;  // nobody to ask for another one
    if (!given) return given.error();
    const bool a_person = given->origin == "the terminal";
    const bool kept = given->origin == kept_file;
    const std::string origin = given->origin;
    for (SlotSecret& secret : HF_TRY(meanings_of(std::move(*given)))) {
      auto opened = open(secret);
      if (opened || opened.error().code != Code::wrong_secret) return opened;
      wrong = std::move(opened.error());
    }
    if (!a_person) wrong.detail = "it came from " + origin + (wrong.detail.empty() ? "" : "; " + wrong.detail);
    if (kept) in.out.warn("The passphrase kept in " + kept_file + " no longer opens this vault.");
    if (!a_person && !kept) return wrong;
  }
  return wrong;
}

Result<std::unique_ptr<Vault>> open_vault_in(Invocation& in, StoreOpener opener, SlotSecret* used) {
  auto store = HF_TRY(opener(in));
  // Whatever is wrong with the vault itself is told before a passphrase is asked for.
  const Buffer raw = HF_TRY(store->get(config_name(), kConfigBytesMax));
  const VaultConfig config = HF_TRY(VaultConfig::decode(raw).context([&] { return "reading " + printable(store->place()) + "/" + std::string(kConfigName); }));
  std::unique_ptr<Vault> vault;
  HF_TRY(open_with_secret(in, config.id, in.settings.vault, [&](SlotSecret& secret) -> Status {
    if (!store) store = HF_TRY(opener(in));
    vault = HF_TRY(Vault::open(in.env, std::move(store), secret.view()));
    if (!in.verb.write_only) HF_TRY(vault->opens_all("`holdfast " + std::string(in.verb.name) + "`"));
    vault->keep_cache_in(cache_directory(in.env));
    if (used != nullptr) *used = std::move(secret);
    if (!vault->keys_problem().empty())
      in.out.warn(Error(Code::corrupt, vault->keys_problem(), "what is older opens; bring back keys/ from another copy of the vault, or its copy in the packs: remove the file and run holdfast rebuild"));
    return {};
  }));
  return vault;
}
Result<std::unique_ptr<Vault>> open_vault(Invocation& in) { return open_vault_in(in, open_store); }

Result<Secret> create_key_file(Env& env, const std::string& path) {
  Buffer random(64);
  env.random(random);
  Secret key{ByteView(random)};
  wipe(random);
  HF_TRY(write_private_file(env, path, key.view()).context([&] { return "making the key file " + printable(path); }));
  return key;
}

namespace {

/// "sheet.pdf" for "sheet.txt".
std::string page_beside(const std::string& text_file) { return text_file.substr(0, text_file.size() - 4) + ".pdf"; }

}  // namespace

std::string default_sheet_file(Env& env) {
  const std::string home = env.variable("HOME").value_or("");
  if (home.empty()) return "";
  for (int n = 1; n < 1000; ++n) {
    std::string path = home + "/holdfast-recovery-sheet" + (n == 1 ? "" : "-" + std::to_string(n)) + ".txt";
    if (!env.stat(path) && !env.stat(page_beside(path))) return path;
  }
  return "";
}

Result<CreatedVault> create_vault(Invocation& in, const std::string& path, const CreateOptions& options) {
  CreatedVault out;
  out.path = HF_TRY(vault_path(in, path));
  if (!options.sheet_file.empty() && in.env.stat(options.sheet_file))
    return Error(Code::already_exists, "the file for the recovery sheet exists already: " + printable(options.sheet_file), "choose another: --recovery-sheet FILE");
  auto store = HF_TRY(create_local_store(in.env, out.path));

  Secret generated;
  SlotSecret first;
  auto given = [&]() -> Result<VaultSecret> {
    const SecretSource& source = in.settings.secret;
    if (source.kind == SecretSource::Kind::key_file && !in.env.stat(source.value, true)) {
      Secret key = HF_TRY(create_key_file(in.env, source.value));
      in.out.note("Made the key file " + source.value + ": keep a copy of it in another place.");
      return VaultSecret{VaultSecret::Kind::key_file, std::move(key), source.origin};
    }
    return secret_to_create(in.env, in.terminal, in.out, in.settings, "the new vault " + out.path);
  }();
  if (given) {
    first = std::move(HF_TRY(meanings_of(std::move(*given))).front());
  } else if (given.error().code == Code::not_found && in.settings.secret.kind == SecretSource::Kind::none && options.may_generate) {
    generated = generate_passphrase(in.env);
    first = {SlotKind::passphrase, Secret(generated.text())};
  } else {
    return given.error();
  }

  InitOptions init;
  init.label = first.kind == SlotKind::passphrase ? "first passphrase" : first.kind == SlotKind::key_file ? "first key file" : "first recovery key";
  // Before the vault is one: a choice that an init which died left is made anew.
  HF_TRY(choose_parity(*store, options.parity ? std::optional(ParityChoice()) : std::nullopt));
  out.vault = HF_TRY(Vault::create(in.env, std::move(store), init, first.view()));
  const auto finish = [&]() -> Status {
    if (!generated.empty()) {
      out.kept_file = kept_file_of(in.env, out.vault->id());
      if (out.kept_file.empty()) return Error(Code::usage, "there is no home directory to keep a generated passphrase in", "give one: --passphrase-file FILE");
      HF_TRY(in.env.make_directories(out.kept_file.substr(0, out.kept_file.rfind('/'))));
      std::string line = std::string(generated.text()) + "\n";
      auto kept = write_private_file(in.env, out.kept_file, as_bytes(line)).context([&] { return "keeping the generated passphrase in " + out.kept_file; });
      wipe({reinterpret_cast<std::uint8_t*>(line.data()), line.size()});
      HF_TRY(std::move(kept));
    }
    if (!options.recovery_key) return {};
    const Secret key = make_recovery_key(in.env);
    HF_TRY(out.vault->add_key({SlotKind::recovery_key, key.view()}, "recovery sheet"));
    const SheetFacts facts{out.path, out.vault->id(), out.vault->created_ns(), in.env.host_name()};
    out.sheet = recovery_sheet(facts, key, generated);
    if (options.sheet_file.empty()) return {};
    const auto write = [&](const std::string& file) -> Status {
      return write_private_file(in.env, file, HF_TRY(sheet_for_file(file, out.sheet, scanned_key(facts, key))).view()).context([&] { return "writing the recovery sheet " + printable(file); });
    };
    HF_TRY(write(options.sheet_file));
    if (options.page_beside && options.sheet_file.ends_with(".txt")) {
      out.page_file = page_beside(options.sheet_file);
      HF_TRY(write(out.page_file));
    }
    out.sheet_file = options.sheet_file;
    return {};
  };
  if (auto finished = finish(); !finished) {
    // Better no vault than one whose key nobody has: without its description it is none, and init can begin anew.
    static_cast<void>(out.vault->store().remove(config_name()));
    return finished.error();
  }
  return out;
}

}  // namespace hf::cli
