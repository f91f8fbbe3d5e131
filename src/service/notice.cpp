#include "service/notice.hpp"

#include <nlohmann/json.hpp>

#include "base/units.hpp"

namespace hf {

std::string_view name_of(Event event) {
  switch (event) {
    case Event::failure: return "failure";
    case Event::incomplete: return "incomplete";
    case Event::missed_rpo: return "missed-rpo";
    case Event::recovered: return "recovered";
    case Event::success: return "success";
  }
  return "failure";
}

bool is_good(Event event) { return event == Event::recovered || event == Event::success; }

std::string_view name_of(Template form) {
  switch (form) {
    case Template::json: return "json";
    case Template::slack: return "slack";
    case Template::discord: return "discord";
    case Template::teams: return "teams";
    case Template::ntfy: return "ntfy";
    case Template::healthchecks: return "healthchecks";
  }
  return "json";
}

std::string title_of(const Notice& n) {
  const std::string what = "Backup of " + n.source + " on " + n.host;
  switch (n.event) {
    case Event::failure: return what + " failed";
    case Event::incomplete: return what + " left something out";
    case Event::missed_rpo: return what + " is too old";
    case Event::recovered: return what + " works again";
    case Event::success: return what + " done";
  }
  return what;
}

std::string text_of(const Notice& n) {
  std::string out = n.message + "\n";
  if (!n.detail.empty()) out += n.detail + "\n";
  if (!n.hint.empty()) out += "What to do: " + n.hint + "\n";
  if (!n.point.empty()) out += "Recovery point: " + n.point + "\n";
  if (!n.vault.empty()) out += "Vault: " + n.vault + "\n";
  return out + "Time: " + local_time(n.time_ns) + "\n";
}

std::string json_of(const Notice& n) {
  const nlohmann::ordered_json json = {{"event", name_of(n.event)}, {"source", n.source},   {"host", n.host},     {"vault", n.vault}, {"time", utc_time(n.time_ns)},
                                       {"title", title_of(n)},      {"message", n.message}, {"detail", n.detail}, {"hint", n.hint},   {"point", n.point}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

Events default_events(const NotifyChannel& channel) {
  Events events{Event::failure, Event::incomplete, Event::missed_rpo, Event::recovered};
  if (channel.kind == NotifyChannel::Kind::webhook && channel.form == Template::healthchecks) events.add(Event::success);
  return events;
}

}  // namespace hf
