#pragma once
// Our units among a manager's: finding, writing and removing them, and never touching anybody else's.

#include <optional>
#include <string>
#include <vector>

#include "platform/env.hpp"
#include "service/units.hpp"

namespace hf::cli {

enum class UnitFile : std::uint8_t {
  absent,
  same,     ///< ours, as it would be written
  differs,  ///< ours, written by another version or for another policy
  foreign,  ///< somebody else's
};
std::string_view name_of(UnitFile state);

Result<UnitFile> look_at_unit(Env& env, const std::string& directory, const Unit& unit);
/// Names of units in the directory that we wrote; a directory that is not there has none.
Result<std::vector<std::string>> our_units(Env& env, const std::string& directory);
/// Writes what is absent or differs; gives the names written. AlreadyExists, before anything is written, where one is foreign.
Result<std::vector<std::string>> write_units(Env& env, const std::string& directory, const std::vector<Unit>& units);
/// Removes units that we wrote, with the links that enable them.
Status remove_units(Env& env, const std::string& directory, const std::vector<std::string>& names);

}  // namespace hf::cli
