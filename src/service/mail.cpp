#include "service/mail.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/civil_time.hpp"
#include "service/templates.hpp"

namespace hf {

bool is_mail_address(std::string_view text) {
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at + 1 >= text.size() || text.size() > 254 || text.find('@', at + 1) != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127 && std::string_view("<>()[],;:\\\"").find(c) == std::string_view::npos; });
}

std::string quoted_printable(std::string_view text) {
  std::string out, line;
  const auto end_line = [&](std::string_view end) {
    out += line;
    out += end;
    line.clear();
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<std::uint8_t>(text[i]);
    if (c == '\n') {
      end_line("\r\n");
      continue;
    }
    const bool last = i + 1 == text.size() || text[i + 1] == '\n';
    const bool plain = (c > ' ' && c <= '~' && c != '=') || (c == ' ' && !last);
    const std::string word = plain ? std::string(1, static_cast<char>(c)) : fmt::format("={:02X}", c);
    if (line.size() + word.size() > 75) end_line("=\r\n");
    line += word;
  }
  if (!line.empty()) end_line("\r\n");
  return out;
}

std::string mail_of(const Notice& n, const std::string& from, const std::vector<std::string>& to, std::string_view unique) {
  static constexpr const char* kDays[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::int64_t seconds = n.time_ns / 1'000'000'000;
  const CivilTime t = civil_of(seconds);
  std::string recipients;
  for (const std::string& address : to) recipients += (recipients.empty() ? "<" : ",\r\n <") + address + ">";
  // Folded at the spaces between encoded words.
  std::string subject = header_text(title_of(n));
  for (std::size_t at = 0; (at = subject.find("?= =?", at)) != std::string::npos;) subject.replace(at, 5, "?=\r\n =?");
  std::string out = "Date: " + fmt::format("{}, {:02} {} {} {:02}:{:02}:{:02} +0000", kDays[weekday_of(days_of(t.year, t.month, t.day))], t.day, kMonths[t.month - 1], t.year, t.hour, t.minute, t.second) +
                    "\r\nFrom: Holdfast <" + from + ">\r\nTo: " + recipients + "\r\nSubject: " + subject + "\r\nMessage-ID: <" + std::string(unique) + "@" +
                    from.substr(from.find('@') + 1) + ">\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                    "Content-Transfer-Encoding: quoted-printable\r\n\r\n";
  return out + quoted_printable(text_of(n));
}

}  // namespace hf
