#include "cli/recovery_key.hpp"

#include <fmt/format.h>

#include <array>

#include "base/units.hpp"
#include "cli/text.hpp"
#include "codec/hash.hpp"

namespace hf::cli {
namespace {

constexpr std::size_t kLines = 2, kLineCharacters = 16, kCheckCharacters = 2, kGroup = 4;
constexpr std::size_t kLineBytes = kLineCharacters * 5 / 8;
static_assert(kLines * kLineBytes == kRecoveryKeyBytes);
constexpr std::size_t kTypedLine = kLineCharacters + kCheckCharacters;

/// Two characters, ten bits, that depend on the line's bytes and its number.
std::string check_of(ByteView line_bytes, std::size_t line) {
  Buffer message;
  append(message, as_bytes("holdfast recovery key line "));
  message.push_back(static_cast<std::uint8_t>('1' + line));
  append(message, line_bytes);
  const Digest digest = sha256(message);
  wipe(message);
  return to_base32(ByteView(digest).first(5)).substr(0, kCheckCharacters);
}

/// The characters that count, as the alphabet has them; nothing where others are among them.
std::optional<std::string> plain_characters(std::string_view typed) {
  std::string out;
  for (char c : typed) {
    if (c == ' ' || c == '-' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    if (std::string_view("0123456789ABCDEFGHJKMNPQRSTVWXYZ").find(c) == std::string_view::npos) return std::nullopt;
    out += c;
  }
  return out;
}

/// The bytes of a line of eighteen characters if its check fits this line number.
std::optional<Buffer> line_bytes(std::string_view characters, std::size_t line) {
  auto bytes = from_base32(characters.substr(0, kLineCharacters));
  if (!bytes || bytes->size() != kLineBytes || check_of(*bytes, line) != characters.substr(kLineCharacters)) return std::nullopt;
  return std::move(*bytes);
}

}  // namespace

Secret make_recovery_key(Env& env) {
  std::array<std::uint8_t, kRecoveryKeyBytes> bytes;
  env.random(bytes);
  Secret key{ByteView(bytes)};
  wipe(bytes);
  return key;
}

Secret recovery_key_text(const Secret& key) {
  std::string out;
  out.reserve(128);
  for (std::size_t line = 0; line < kLines; ++line) {
    const ByteView bytes = key.view().subspan(line * kLineBytes, kLineBytes);
    std::string characters = to_base32(bytes);
    for (std::size_t i = 0; i < kLineCharacters; i += kGroup) {
      out.append(characters, i, kGroup);
      out += '-';
    }
    out += check_of(bytes, line) + "\n";
    wipe({reinterpret_cast<std::uint8_t*>(characters.data()), characters.size()});
  }
  Secret text(out);
  wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return text;
}

Result<std::optional<Secret>> find_recovery_key(std::string_view text) {
  std::vector<std::string> candidates;  // lines of eighteen characters
  if (const auto all = plain_characters(text); all && all->size() == kLines * kTypedLine) {
    candidates = {all->substr(0, kTypedLine), all->substr(kTypedLine)};
  } else {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (auto line = plain_characters(text.substr(0, end)); line && line->size() == kTypedLine) candidates.push_back(std::move(*line));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  // A line may pass both checks by chance (one in 1,024): two lines make a key, in the order of the sheet if that works.
  static_assert(kLines == 2);
  bool first_found = false;
  for (const bool as_printed : {true, false})
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      auto first = line_bytes(candidates[i], 0);
      if (!first) continue;
      first_found = true;
      for (std::size_t j = 0; j < candidates.size(); ++j) {
        if (i == j || (i < j) != as_printed) continue;
        const auto second = line_bytes(candidates[j], 1);
        if (!second) continue;
        append(*first, *second);
        Secret key{ByteView(*first)};
        wipe(*first);
        return std::optional<Secret>(std::move(key));
      }
    }
  // Only what has the right shape was meant to be a key.
  if (candidates.size() != kLines) return std::optional<Secret>();
  return Error(Code::usage,
               !first_found && !line_bytes(candidates[0], 1) && !line_bytes(candidates[1], 1) ? "both lines of the recovery key are mistyped"
                                                             : fmt::format("line {} of the recovery key is mistyped", first_found ? 2 : 1),
               "compare it with the sheet character by character; the last two of a line check the sixteen before them");
}

Secret scanned_key(const SheetFacts& facts, const Secret& key) {
  const Secret lines = recovery_key_text(key);
  std::string out;
  out.reserve(256);
  out += "Holdfast recovery key, vault " + facts.vault.brief() + "\n";
  out += lines.text();
  Secret text(out);
  wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return text;
}

Secret recovery_sheet(const SheetFacts& facts, const Secret& key, const Secret& passphrase) {
  const Secret key_text = recovery_key_text(key);
  const std::string_view lines = key_text.text();
  const std::size_t newline = lines.find('\n');
  const std::string vault = shell_quoted(facts.vault_path);
  std::string out;
  out.reserve(4096);
  out += "HOLDFAST RECOVERY SHEET\n";
  out += "Print this and keep it away from the computer and from the vault. Whoever holds it and the\n";
  out += "vault can read every backup; without it and without the passphrase nobody can, ever.\n\n";
  out += fmt::format("  Vault     {}\n", printable(facts.vault_path));
  if (!facts.host.empty()) out += fmt::format("  On host   {}\n", printable(facts.host));
  out += fmt::format("  Vault id  {}\n", facts.vault.hex());
  out += fmt::format("  Made      {}\n", local_time(facts.created_ns).substr(0, 10));
  if (!passphrase.empty()) out += fmt::format("  Passphrase (generated)  {}\n", passphrase.text());
  out += "\nRecovery key\n\n";
  out += fmt::format("    {}\n    {}\n", lines.substr(0, newline), lines.substr(newline + 1, newline));
  out += "\nTo get everything back, on any computer:\n";
  out += "  1. Install Holdfast, and bring the vault above, or any copy of it, where that computer can read it.\n";
  out += "  2. Type the two lines of the key into a file key.txt (capitals do not matter; the last two\n";
  out += "     characters of each line find typing errors).\n";
  out += fmt::format("  3. holdfast points  --vault {} --key-file key.txt\n", vault);
  out += fmt::format("     holdfast restore --vault {} --key-file key.txt --to recovered\n", vault);
  Secret sheet(out);
  wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return sheet;
}

}  // namespace hf::cli
