#include "cli/key_shares.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/units.hpp"
#include "cli/text.hpp"
#include "cli/verb.hpp"
#include "codec/hash.hpp"
#include "codec/shamir.hpp"

namespace hf::cli {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::size_t kLines = 3, kCharacters = 16, kCheck = 2, kLineBytes = 10, kHead = 10;
static_assert(kLines * kLineBytes == kHead + kRecoveryKeyBytes);

std::string check_of(ByteView bytes, std::size_t line) {
  Buffer message;
  message.reserve(64);
  append(message, as_bytes("holdfast share line "));
  message.push_back(static_cast<std::uint8_t>('1' + line));
  append(message, bytes);
  const Digest digest = sha256(message);
  wipe(message);
  return to_base32(ByteView(digest).first(5)).substr(0, kCheck);
}

std::array<std::uint8_t, 6> set_of(const Secret& key) {
  Buffer message;
  message.reserve(64);
  append(message, as_bytes("holdfast share set"));
  append(message, key.view());
  const Digest digest = sha256(message);
  wipe(message);
  std::array<std::uint8_t, 6> out;
  std::copy_n(digest.begin(), out.size(), out.begin());
  return out;
}

/// The eighteen characters of a line, as the alphabet has them; nothing where it is no such line.
std::optional<std::string> characters_of(std::string_view line) {
  std::string out;
  for (char c : line) {
    if (c == ' ' || c == '-' || c == '\t' || c == '\r') continue;
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (c == 'O') c = '0';
    if (c == 'I' || c == 'L') c = '1';
    if (std::string_view("0123456789ABCDEFGHJKMNPQRSTVWXYZ").find(c) == std::string_view::npos) return std::nullopt;
    out += c;
  }
  if (out.size() != kCharacters + kCheck) return std::nullopt;
  return out;
}

std::optional<Buffer> bytes_of(std::string_view characters, std::size_t line) {
  auto bytes = from_base32(characters.substr(0, kCharacters));
  if (!bytes || bytes->size() != kLineBytes || check_of(*bytes, line) != characters.substr(kCharacters)) return std::nullopt;
  return std::move(*bytes);
}

/// Three lines, one after another, as a share; nothing where no line of them is one's.
Result<std::optional<KeyShare>> share_of(const std::vector<std::string>& lines, std::size_t at) {
  Buffer all;
  all.reserve(kLines * kLineBytes);
  std::size_t good = 0, wrong = 0;
  for (std::size_t i = 0; i < kLines; ++i) {
    if (auto bytes = bytes_of(lines[at + i], i)) {
      append(all, *bytes);
      wipe(*bytes);
      ++good;
    } else {
      wrong = i + 1;
    }
  }
  if (good == 0) return std::optional<KeyShare>();
  if (good < kLines)
    return Error(Code::usage, fmt::format("line {} of a share of the recovery key is mistyped", wrong),
                 "compare it with the sheet character by character; the last two of a line check the sixteen before them");
  KeyShare share;
  if (all[0] > kVersion) return Error(Code::unsupported, "a share of the recovery key is of a newer version of Holdfast", "use that version or a later one");
  share.threshold = all[1];
  share.count = all[2];
  share.index = all[3];
  std::copy_n(all.begin() + 4, share.set.size(), share.set.begin());
  share.value = Secret(ByteView(all).subspan(kHead));
  const bool sound = all[0] == kVersion && share.threshold >= 2 && share.threshold <= share.count && share.index >= 1 && share.index <= share.count;
  wipe(all);
  if (!sound) return Error(Code::usage, "a share of the recovery key says what cannot be", "compare it with the sheet character by character");
  return std::optional(std::move(share));
}

}  // namespace

Result<ShareRule> parse_share_rule(std::string_view text) {
  const Error wrong(Code::usage, "'" + printable(text) + "' does not say how many shares of how many are enough", "for example --shares 3/5: any three of five, at most 255");
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return wrong;
  const auto m = parse_count(text.substr(0, slash)), n = parse_count(text.substr(slash + 1));
  if (!m || !n || *m < 2 || *m > *n || *n > 255) return wrong;
  return ShareRule{static_cast<unsigned>(*m), static_cast<unsigned>(*n)};
}

std::vector<KeyShare> split_recovery_key(Env& env, const Secret& key, const ShareRule& rule) {
  Buffer random((rule.threshold - 1) * key.size());
  env.random(random);
  std::vector<KeyShare> out;
  for (ShamirShare& s : shamir_split(key.view(), rule.threshold, rule.count, random)) {
    KeyShare share;
    share.threshold = static_cast<std::uint8_t>(rule.threshold);
    share.count = static_cast<std::uint8_t>(rule.count);
    share.index = s.x;
    share.set = set_of(key);
    share.value = Secret(ByteView(s.bytes));
    wipe(s.bytes);
    out.push_back(std::move(share));
  }
  wipe(random);
  return out;
}

Secret share_text(const KeyShare& share) {
  Buffer all{kVersion, share.threshold, share.count, share.index};
  all.reserve(kLines * kLineBytes);
  append(all, share.set);
  append(all, share.value.view());
  std::string out;
  out.reserve(128);
  for (std::size_t line = 0; line < kLines; ++line) {
    const ByteView bytes = ByteView(all).subspan(line * kLineBytes, kLineBytes);
    std::string characters = to_base32(bytes);
    for (std::size_t i = 0; i < kCharacters; i += 4) {
      out.append(characters, i, 4);
      out += '-';
    }
    out += check_of(bytes, line) + "\n";
    wipe({reinterpret_cast<std::uint8_t*>(characters.data()), characters.size()});
  }
  wipe(all);
  Secret text(out);
  wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return text;
}

Result<std::vector<KeyShare>> find_shares(std::string_view text) {
  std::vector<KeyShare> out;
  std::vector<std::string> run;  // lines of eighteen characters with nothing but empty ones between
  const auto end_run = [&]() -> Status {
    if (run.size() % kLines == 0) {
      for (std::size_t at = 0; at < run.size(); at += kLines) {
        auto share = HF_TRY(share_of(run, at));
        if (share) out.push_back(std::move(*share));
      }
    } else if (run.size() > kLines && bytes_of(run[0], 0)) {
      return Error(Code::usage, "a share of the recovery key has three lines, and one is missing", "type all lines of each share, one share after another");
    }
    run.clear();
    return {};
  };
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (auto characters = characters_of(line)) run.push_back(std::move(*characters));
    else if (line.find_first_not_of(" \t\r") != std::string_view::npos) HF_TRY(end_run());
  }
  HF_TRY(end_run());
  return out;
}

Result<Secret> combine_shares(const std::vector<KeyShare>& shares) {
  std::vector<const KeyShare*> used;
  for (const KeyShare& s : shares) {
    const KeyShare& first = shares[0];
    if (s.set != first.set || s.threshold != first.threshold || s.count != first.count)
      return Error(Code::usage, fmt::format("these shares are of different sets: {} ({} of {}) and {} ({} of {})", to_hex(first.set), first.index, first.count, to_hex(s.set), s.index, s.count),
                   "the set stands on each sheet; put shares of one set together");
    const auto same = std::find_if(used.begin(), used.end(), [&](const KeyShare* u) { return u->index == s.index; });
    if (same == used.end()) used.push_back(&s);
    else if (!(*same)->value.same_as(s.value)) return Error(Code::usage, fmt::format("share {} is given twice, with different content", s.index), "one of the two is no share of this set");
  }
  if (used.empty()) return Error(Code::usage, "there is no share of a recovery key");
  const unsigned needed = used[0]->threshold;
  if (used.size() < needed)
    return Error(Code::usage, fmt::format("{} of set {} {} here, and {} are needed", used.size() == 1 ? "1 share" : fmt::format("{} shares", used.size()), to_hex(used[0]->set), used.size() == 1 ? "is" : "are", needed),
                 "put the text of more share sheets into the same file, one after another");
  std::vector<ShamirShare> points;
  for (std::size_t i = 0; i < needed; ++i) points.push_back({used[i]->index, Buffer(used[i]->value.view().begin(), used[i]->value.view().end())});
  Buffer bytes = shamir_combine(points);
  Secret key{ByteView(bytes)};
  wipe(bytes);
  for (ShamirShare& p : points) wipe(p.bytes);
  if (set_of(key) != used[0]->set)
    return Error(Code::usage, "these shares do not give their key: one of them is not what was printed", "try it with another share in the place of one");
  return key;
}

Secret scanned_share(const SheetFacts& facts, const KeyShare& share) {
  const Secret lines = share_text(share);
  std::string out;
  out.reserve(256);
  out += fmt::format("Holdfast recovery share {} of {}, vault {}\n", share.index, share.count, facts.vault.brief());
  out += lines.text();
  Secret text(out);
  wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return text;
}

Secret share_sheet(const SheetFacts& facts, const KeyShare& share) {
  const Secret lines = share_text(share);
  const std::string vault = shell_quoted(facts.vault_path);
  std::string out;
  out.reserve(4096);
  out += fmt::format("HOLDFAST RECOVERY SHARE {} OF {}\n", share.index, share.count);
  out += fmt::format("Print this and give it to one person. Any {} of the {} people can open the vault together;\n", share.threshold, share.count);
  out += "fewer learn nothing. Keep it away from the vault and from the other shares.\n\n";
  out += fmt::format("  Vault     {}\n", printable(facts.vault_path));
  if (!facts.host.empty()) out += fmt::format("  On host   {}\n", printable(facts.host));
  out += fmt::format("  Vault id  {}\n", facts.vault.hex());
  out += fmt::format("  Made      {}\n", local_time(facts.created_ns).substr(0, 10));
  out += fmt::format("  Set       {}\n", to_hex(share.set));
  out += "\nShare\n\n";
  std::string_view left = lines.text();
  while (!left.empty()) {
    const std::size_t end = left.find('\n');
    out += fmt::format("    {}\n", left.substr(0, end));
    left.remove_prefix(end + 1);
  }
  out += "\nTo get everything back, on any computer:\n";
  out += "  1. Install Holdfast, and bring the vault above, or any copy of it, where that computer can read it.\n";
  out += fmt::format("  2. Type the three lines of {} shares into one file shares.txt, one share after another.\n", share.threshold);
  out += fmt::format("  3. holdfast points  --vault {} --key-file shares.txt\n", vault);
  out += fmt::format("     holdfast restore --vault {} --key-file shares.txt --to recovered\n", vault);
  Secret sheet(out);
  wipe({reinterpret_cast<std::uint8_t*>(out.data()), out.size()});
  return sheet;
}

}  // namespace hf::cli
