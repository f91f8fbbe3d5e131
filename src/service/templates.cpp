#include "service/templates.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace hf {
namespace {

using Json = nlohmann::ordered_json;
// Bytes; each service's own limit counts characters, of which there are no more. Slack: 40,000; Discord: 2000; Teams: 28 KB
// for the message; ntfy: 4096.
constexpr std::size_t kSlackMax = 8000, kDiscordMax = 1900, kTeamsMax = 8000, kNtfyMax = 4000;

std::string dumped(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

/// https://api.slack.com/reference/surfaces/formatting#escaping
std::string slack_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else out += c;
  }
  return out;
}

/// https://learn.microsoft.com/power-automate/teams: "attachments" with one Adaptive Card. A TextRun shows its text as it
/// is, where a TextBlock would read Markdown.
Json teams_card(const Notice& n) {
  const auto run = [](const std::string& text, bool bold) {
    Json r = {{"type", "TextRun"}, {"text", text}};
    if (bold) r["weight"] = "Bolder";
    return Json{{"type", "RichTextBlock"}, {"inlines", Json::array({r})}};
  };
  const Json card = {{"$schema", "http://adaptivecards.io/schemas/adaptive-card.json"},
                     {"type", "AdaptiveCard"},
                     {"version", "1.2"},
                     {"body", Json::array({run(title_of(n), true), run(shortened(text_of(n), kTeamsMax), false)})}};
  return {{"type", "message"}, {"attachments", Json::array({Json{{"contentType", "application/vnd.microsoft.card.adaptive"}, {"contentUrl", nullptr}, {"content", card}}})}};
}

/// "/fail" behind the path, before a query.
std::string fail_address(const std::string& url) {
  const std::size_t end = std::min(url.find_first_of("?#"), url.size());
  std::string path = url.substr(0, end);
  while (path.ends_with('/')) path.pop_back();
  return path + "/fail" + url.substr(end);
}

}  // namespace

std::string base64(std::string_view bytes) {
  static constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    const auto byte = [&](std::size_t i) { return at + i < bytes.size() ? static_cast<std::uint8_t>(bytes[at + i]) : 0u; };
    const std::uint32_t group = static_cast<std::uint32_t>(byte(0) << 16 | byte(1) << 8 | byte(2));
    out += kDigits[group >> 18];
    out += kDigits[group >> 12 & 63];
    out += at + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=';
    out += at + 2 < bytes.size() ? kDigits[group & 63] : '=';
  }
  return out;
}

std::string shortened(std::string_view utf8, std::size_t bytes_max) {
  if (utf8.size() <= bytes_max) return std::string(utf8);
  std::size_t end = bytes_max - std::min<std::size_t>(bytes_max, 3);
  while (end > 0 && (static_cast<std::uint8_t>(utf8[end]) & 0xC0) == 0x80) --end;
  return std::string(utf8.substr(0, end)) + "…";
}

std::string header_text(std::string_view text) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (plain && text.find("=?") == std::string_view::npos) return std::string(text);
  // An encoded word has at most 75 characters: 45 bytes become 60, and a character is not split between two words.
  std::string out;
  while (!text.empty()) {
    std::size_t n = std::min<std::size_t>(text.size(), 45);
    while (n < text.size() && n > 1 && (static_cast<std::uint8_t>(text[n]) & 0xC0) == 0x80) --n;
    out += (out.empty() ? "=?utf-8?B?" : " =?utf-8?B?") + base64(text.substr(0, n)) + "?=";
    text.remove_prefix(n);
  }
  return out;
}

HttpRequest request_of(const Notice& n, Template form, const std::string& url) {
  HttpRequest r;
  r.url = url;
  r.headers = {"Content-Type: application/json"};
  const std::string whole = title_of(n) + "\n" + text_of(n);
  switch (form) {
    case Template::json: r.body = json_of(n); break;
    case Template::slack: r.body = dumped({{"text", slack_escaped(shortened(whole, kSlackMax))}}); break;
    case Template::discord: r.body = dumped({{"content", shortened(whole, kDiscordMax)}, {"allowed_mentions", {{"parse", Json::array()}}}}); break;
    case Template::teams: r.body = dumped(teams_card(n)); break;
    case Template::ntfy:
      r.headers = {"Content-Type: text/plain; charset=utf-8", "Title: " + header_text(title_of(n)), std::string("Priority: ") + (is_good(n.event) ? "default" : "high"),
                   std::string("Tags: ") + (is_good(n.event) ? "white_check_mark" : "warning")};
      r.body = shortened(text_of(n), kNtfyMax);
      break;
    case Template::healthchecks:
      if (is_good(n.event)) {
        r.method = "GET";
        r.headers.clear();
      } else {
        r.url = fail_address(url);
        r.headers = {"Content-Type: text/plain; charset=utf-8"};
        r.body = whole;
      }
      break;
  }
  return r;
}

}  // namespace hf
