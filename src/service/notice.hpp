#pragma once
// What people are told of a run, as a value, and where it is to go. Nothing here delivers anything: notify.hpp does.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace hf {

enum class Event : std::uint8_t {
  failure,     ///< a run made no point, or a hook failed
  incomplete,  ///< a point was made, with items that could not be read
  missed_rpo,  ///< the newest complete point is older than the policy allows
  recovered,   ///< the first success after a failure
  success,     ///< any other success
};
inline constexpr Event kEvents[] = {Event::failure, Event::incomplete, Event::missed_rpo, Event::recovered, Event::success};
std::string_view name_of(Event event);  ///< "missed-rpo", as holdfast.toml has it
bool is_good(Event event);              ///< nothing needs to be done

/// A set of events.
class Events {
 public:
  constexpr Events() = default;
  constexpr Events(std::initializer_list<Event> events) {
    for (const Event e : events) add(e);
  }
  constexpr void add(Event e) { bits_ = static_cast<std::uint8_t>(bits_ | 1 << static_cast<int>(e)); }
  constexpr bool has(Event e) const { return (bits_ >> static_cast<int>(e) & 1) != 0; }
  constexpr bool empty() const { return bits_ == 0; }

 private:
  std::uint8_t bits_ = 0;
};

/// All texts are fit to be shown: UTF-8 without control characters, but for line ends in `detail`.
struct Notice {
  Event event = Event::failure;
  std::string source, host, vault;
  std::int64_t time_ns = 0;
  std::string message;         ///< one sentence: what happened
  std::string detail, hint;    ///< the evidence; what to do
  std::string point;           ///< in hexadecimal; empty: none
};

/// "Backup of home on web-01 failed"
std::string title_of(const Notice& notice);
/// Message, detail, hint, vault and time: several lines, without the title.
std::string text_of(const Notice& notice);
/// {"event": …, "source": …, "host": …, "vault": …, "time": …, "title": …, "message": …, "detail": …, "hint": …, "point": …}
std::string json_of(const Notice& notice);

/// Where a secret lies. A literal is for what a configuration may hold, as an address is.
struct SecretRef {
  enum class Kind : std::uint8_t { none, literal, file, command } kind = Kind::none;
  std::string value;
  bool given() const { return kind != Kind::none; }
};

enum class Template : std::uint8_t { json, slack, discord, teams, ntfy, healthchecks };
inline constexpr Template kTemplates[] = {Template::json, Template::slack, Template::discord, Template::teams, Template::ntfy, Template::healthchecks};
std::string_view name_of(Template form);

/// One `[notify.NAME]`.
struct NotifyChannel {
  enum class Kind : std::uint8_t { command, email, webhook } kind = Kind::command;
  std::string name;
  Events events;
  std::int64_t timeout_ns = 30'000'000'000;  ///< of one attempt
  unsigned tries = 3;

  std::string command;  ///< command

  SecretRef url, token;  ///< webhook: where to; "Authorization: Bearer TOKEN"
  Template form = Template::json;

  std::string server, from, user;  ///< email: smtp://HOST:PORT (STARTTLS) or smtps://HOST
  std::vector<std::string> to;
  SecretRef password;

  std::string ca_file;  ///< trusted instead of the system's authorities
};

/// What a channel is told where its table does not say: everything but plain successes; those too where silence is the
/// alarm, as for healthchecks.
Events default_events(const NotifyChannel& channel);

}  // namespace hf
