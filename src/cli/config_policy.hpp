#pragma once
// The policy in holdfast.toml: [source.NAME] is one source, [policy] gives what sources do not say themselves.
//
//   [policy]
//   keep-daily = 7
//   [source.home]
//   paths = ["/home/anna"]
//   schedule = "daily"
//
// Lists of excludes and tags add up; every other key of a source takes the place of the same key of [policy].

#include "cli/toml.hpp"
#include "policy/policy.hpp"

namespace hf::cli {

/// Pure. `root` is the whole file; only its tables `policy` and `source` are looked at. Code::usage errors name file,
/// line and key. Paths stay as they are written, an absent host stays empty: see settings.cpp.
Result<Policy> read_policy(const TomlValue& root, std::string_view file_name);

/// Is this key of the top level one that read_policy() reads?
inline bool is_policy_key(std::string_view key) { return key == "policy" || key == "source"; }

/// "file:line: message", of Code::usage.
Error config_error(std::string_view file_name, std::size_t line, std::string_view message, std::string hint = "");
/// "a text", "a list": what a value is, for messages.
std::string_view type_name(const TomlValue& value);

}  // namespace hf::cli
