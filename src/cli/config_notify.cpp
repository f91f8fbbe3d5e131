#include "cli/config_notify.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/config_policy.hpp"
#include "cli/text.hpp"
#include "policy/policy.hpp"
#include "service/mail.hpp"
#include "service/transfer.hpp"

namespace hf::cli {
namespace {

using Channel = NotifyChannel;
using Kind = Channel::Kind;

constexpr int kAny = -1;
/// One key: for which kind of channel, and where its value goes. Lists are taken text by text.
struct Key {
  std::string_view name;
  int kind;  ///< a Kind, or kAny
  bool list;
  Status (*take)(Channel&, std::string_view);
};

Status take_events(Channel& c, std::string_view text) {
  std::vector<std::string> known;
  for (const Event e : kEvents) {
    if (text == name_of(e)) return c.events.add(e), Status{};
    known.emplace_back(name_of(e));
  }
  return Error(Code::usage, fmt::format("'{}' is no event", printable(text)), "events: " + listed(known));
}

Status take_template(Channel& c, std::string_view text) {
  std::vector<std::string> known;
  for (const Template form : kTemplates) {
    if (text == name_of(form)) return c.form = form, Status{};
    known.emplace_back(name_of(form));
  }
  return Error(Code::usage, fmt::format("'{}' is no template", printable(text)), "templates: " + listed(known));
}

Status take_timeout(Channel& c, std::string_view text) {
  const Span span = HF_TRY(parse_span(text));
  if (span.ns > 600 * kSecondNs) return Error(Code::usage, "more than 10 minutes would hold up the runs that follow");
  c.timeout_ns = span.ns;
  return {};
}

Status take_tries(Channel& c, std::string_view text) {
  if (text.size() != 1 || text[0] < '1' || text[0] > '9') return Error(Code::usage, "not a number from 1 to 9");
  c.tries = static_cast<unsigned>(text[0] - '0');
  return {};
}

Status take_secret(SecretRef& to, SecretRef::Kind kind, std::string_view text) {
  if (to.given()) return Error(Code::usage, "the same is already given by another key", "leave one of them");
  to = {kind, std::string(text)};
  return {};
}

Status take_address(std::string& to, std::string_view text) {
  if (!is_mail_address(text)) return Error(Code::usage, fmt::format("'{}' is not a mail address", printable(text)), "write it as anna@example.org");
  to = text;
  return {};
}

using S = SecretRef::Kind;
constexpr int kCommand = static_cast<int>(Kind::command), kEmail = static_cast<int>(Kind::email), kWebhook = static_cast<int>(Kind::webhook);
const Key kKeys[] = {
    {"on", kAny, true, take_events},
    {"timeout", kAny, false, take_timeout},
    {"tries", kAny, false, take_tries},
    {"command", kCommand, false, [](Channel& c, std::string_view t) -> Status { return c.command = t, Status{}; }},
    {"webhook", kWebhook, false,
     [](Channel& c, std::string_view t) -> Status {
       HF_TRY(check_address(std::string(t), {"https", "http"}));
       return take_secret(c.url, S::literal, t);
     }},
    {"webhook-file", kWebhook, false, [](Channel& c, std::string_view t) { return take_secret(c.url, S::file, t); }},
    {"webhook-command", kWebhook, false, [](Channel& c, std::string_view t) { return take_secret(c.url, S::command, t); }},
    {"template", kWebhook, false, take_template},
    {"token-file", kWebhook, false, [](Channel& c, std::string_view t) { return take_secret(c.token, S::file, t); }},
    {"token-command", kWebhook, false, [](Channel& c, std::string_view t) { return take_secret(c.token, S::command, t); }},
    {"smtp", kEmail, false,
     [](Channel& c, std::string_view t) -> Status {
       HF_TRY(check_address(std::string(t), {"smtps", "smtp"}));
       return c.server = t, Status{};
     }},
    {"from", kEmail, false, [](Channel& c, std::string_view t) { return take_address(c.from, t); }},
    {"to", kEmail, true, [](Channel& c, std::string_view t) { return take_address(c.to.emplace_back(), t); }},
    {"user", kEmail, false, [](Channel& c, std::string_view t) -> Status { return c.user = t, Status{}; }},
    {"password-file", kEmail, false, [](Channel& c, std::string_view t) { return take_secret(c.password, S::file, t); }},
    {"password-command", kEmail, false, [](Channel& c, std::string_view t) { return take_secret(c.password, S::command, t); }},
    {"ca-file", kAny, false, [](Channel& c, std::string_view t) -> Status { return c.ca_file = t, Status{}; }},
};

class NotifyReader {
 public:
  explicit NotifyReader(std::string_view file_name) : file_name_(file_name) {}

  Result<std::vector<Channel>> read(const TomlValue& root) {
    std::vector<Channel> out;
    const auto found = root.table.find("notify");
    if (found == root.table.end()) return out;
    if (found->second.type != TomlValue::Type::table) return error(found->second.line, "'notify' must be a table", "write [notify.NAME] on a line of its own");
    for (const auto& [name, table] : found->second.table) {
      if (table.type != TomlValue::Type::table) return error(table.line, "'" + printable(name) + "' belongs to a channel with a name", "write [notify.NAME] above it");
      if (!is_source_name(name)) return error(table.line, "'" + printable(name) + "' can't name a channel", "letters, digits, '-', '_' and '.', at most 64 of them");
      Channel channel;
      channel.name = name;
      HF_TRY(read_channel(table, channel));
      out.push_back(std::move(channel));
    }
    return out;
  }

 private:
  Error error(std::size_t line, std::string_view message, std::string hint = "") const { return config_error(file_name_, line, message, std::move(hint)); }

  Status read_channel(const TomlValue& table, Channel& channel) const {
    const auto has = [&](std::string_view key) { return table.table.contains(key); };
    const bool command = has("command"), email = has("smtp"), webhook = has("webhook") || has("webhook-file") || has("webhook-command");
    if (command + email + webhook != 1) return error(table.line, "[notify." + channel.name + "] must have exactly one of command, smtp and webhook", "one table for each way to be told");
    channel.kind = command ? Kind::command : email ? Kind::email : Kind::webhook;
    for (const auto& member : table.table) {
      const std::string& name = member.first;
      const TomlValue& value = member.second;
      const Key* key = std::find_if(std::begin(kKeys), std::end(kKeys), [&](const Key& k) { return k.name == name; });
      if (key == std::end(kKeys) || (key->kind != kAny && key->kind != static_cast<int>(channel.kind))) return unknown(value.line, name, channel);
      if (value.type == TomlValue::Type::list && key->list) {
        for (const TomlValue& element : value.list) HF_TRY(read_one(*key, element, channel));
      } else {
        HF_TRY(read_one(*key, value, channel));
      }
    }
    if (channel.kind == Kind::email && (channel.from.empty() || channel.to.empty())) return error(table.line, "[notify." + channel.name + "] needs from and to", "to = [\"anna@example.org\"]");
    if (channel.kind == Kind::email && channel.user.empty() != !channel.password.given()) return error(table.line, "[notify." + channel.name + "] needs both user and a password, or neither");
    if (!has("on")) channel.events = default_events(channel);
    return {};
  }

  Error unknown(std::size_t line, const std::string& name, const Channel& channel) const {
    std::vector<std::string> known;
    for (const Key& key : kKeys)
      if (key.kind == kAny || key.kind == static_cast<int>(channel.kind)) known.emplace_back(key.name);
    const auto meant = nearest(name, known);
    std::string hint = meant ? "did you mean '" + *meant + "'?" : "known in [notify." + channel.name + "]: " + listed(known);
    if (name == "password" || name == "token") hint = "secrets do not stand in this file: " + name + "-file or " + name + "-command";
    return error(line, "unknown key '" + printable(name) + "' in [notify." + channel.name + "]", hint);
  }

  Status read_one(const Key& key, const TomlValue& value, Channel& channel) const {
    std::string text = value.text;
    if (key.name == "tries" && value.type == TomlValue::Type::integer) text = std::to_string(value.integer);
    else if (value.type != TomlValue::Type::text || key.name == "tries")
      return error(value.line, fmt::format("'{}' must be {}, and is {}", key.name, key.name == "tries" ? "a whole number" : key.list ? "a text or a list of texts" : "a text in quotes", type_name(value)));
    if (text.empty() || text.find('\0') != std::string::npos) return error(value.line, fmt::format("'{}' is empty or has a NUL character in it", key.name));
    if (auto taken = key.take(channel, text); !taken) return error(value.line, fmt::format("'{}': {}", key.name, taken.error().message), taken.error().hint);
    return {};
  }

  std::string_view file_name_;
};

}  // namespace

Result<std::vector<NotifyChannel>> read_notify(const TomlValue& root, std::string_view file_name) { return NotifyReader(file_name).read(root); }

}  // namespace hf::cli
