#include "platform/zone_files.hpp"

#include <algorithm>

namespace hf {
namespace {

constexpr std::size_t kZoneBytesMax = 1u << 18;
constexpr std::string_view kFolder = "/usr/share/zoneinfo/";

bool is_utc(std::string_view name) {
  return name.size() == 3 && (name[0] | 32) == 'u' && (name[1] | 32) == 't' && (name[2] | 32) == 'c';
}

Result<TimeZone> zone_of_file(Env& env, std::string name, const std::string& path) {
  const Buffer raw = HF_TRY(env.read_file(path, kZoneBytesMax));
  return TimeZone::parse(std::move(name), raw);
}

}  // namespace

Result<TimeZone> load_time_zone(Env& env, const std::string& name) {
  if (is_utc(name)) return TimeZone();
  const std::string folder(kFolder);
  const auto no_zone = [&](std::string hint) { return Error(Code::usage, "there is no time zone '" + printable(name) + "'", std::move(hint)); };
  const std::string how_to_look = "timedatectl list-timezones tells them; for example Europe/Berlin";
  if (!is_zone_name(name)) return no_zone(how_to_look);
  if (const auto s = env.stat(folder + name, true); !s || s->type != FileType::regular) {
    if (!env.stat(folder, true)) return no_zone("this machine has no time zones: apt-get install tzdata");
    return no_zone(how_to_look);
  }
  return zone_of_file(env, name, folder + name);
}

TimeZone local_time_zone(Env& env) {
  if (auto tz = env.variable("TZ")) {
    if (tz->empty()) return TimeZone();
    if (tz->front() == ':') tz->erase(0, 1);
    if (tz->starts_with('/')) {
      if (auto zone = zone_of_file(env, "local", *tz)) return *zone;
      return TimeZone();
    }
    if (auto zone = load_time_zone(env, *tz)) return *zone;
    if (auto zone = TimeZone::from_rule(*tz, *tz)) return *zone;
    return TimeZone();  // as the C library takes what it does not know
  }
  std::string name = "local";
  if (auto target = env.read_link(Env::kCwd, "/etc/localtime"))
    if (const std::size_t at = target->find("zoneinfo/"); at != std::string::npos && is_zone_name(target->substr(at + 9))) name = target->substr(at + 9);
  if (auto zone = zone_of_file(env, name, "/etc/localtime")) return *zone;
  return TimeZone();
}

}  // namespace hf
