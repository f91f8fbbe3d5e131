#pragma once
// Finds time zones on the machine: by name in the zone database, and the one that the machine itself keeps.

#include <string>

#include "base/time_zone.hpp"
#include "platform/env.hpp"

namespace hf {

/// The zone of a name such as "Europe/Berlin" or "UTC" (any case; needs no file). Usage where there is none of that name:
/// the hint says how to find names, or that the package tzdata is missing.
Result<TimeZone> load_time_zone(Env& env, const std::string& name);

/// The zone of this process: of the variable TZ, else of /etc/localtime, else UTC. Where its name is known the zone has
/// it; else it is called "local".
TimeZone local_time_zone(Env& env);

}  // namespace hf
