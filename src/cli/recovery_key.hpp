#pragma once
// The recovery key: 160 random bits that a person can print, keep in a drawer, and type in years later.
//
//   7QK2-M9D0-XH4T-1V8N-ZA      two lines of sixteen characters (Crockford base32: no letter looks like a digit),
//   0B6E-RR3W-58JC-GPYS-4K      each followed by two that check it, so that a typing error is found and placed

#include <optional>
#include <string>

#include "base/ids.hpp"
#include "cli/secret.hpp"
#include "platform/env.hpp"

namespace hf::cli {

constexpr std::size_t kRecoveryKeyBytes = 20;

Secret make_recovery_key(Env& env);
/// The two lines, with a newline after each.
Secret recovery_key_text(const Secret& key);
/// Finds the key in a text: in the two lines alone, in one line, or somewhere in a whole recovery sheet. Nothing where
/// the text holds none; an error where it holds one that was mistyped (Code::usage says in which line).
Result<std::optional<Secret>> find_recovery_key(std::string_view text);

/// What is printed on the sheet.
struct SheetFacts {
  std::string vault_path;
  VaultId vault;
  std::int64_t created_ns = 0;
  std::string host;
};
/// What the QR code on a sheet gives: the key, in a text that is a key file as it is.
Secret scanned_key(const SheetFacts& facts, const Secret& key);
/// The whole sheet: what it is for, the key, and three steps back to the data. `passphrase` is printed where one was
/// generated.
Secret recovery_sheet(const SheetFacts& facts, const Secret& key, const Secret& passphrase);

}  // namespace hf::cli
