#pragma once
// holdfast.toml: keys at the top are options of every command, a table per command holds that command's.
//
//   vault = "/srv/backup/vault"
//   passphrase-command = "pass show holdfast"
//   [backup]
//   exclude = ["*.tmp", "node_modules"]
//   exclude-caches = true
//
// [source.NAME] and [policy] hold the policy (config_policy.hpp), [notify.NAME] who is told of runs (config_notify.hpp).

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "cli/verb.hpp"
#include "policy/policy.hpp"
#include "service/notice.hpp"

namespace hf::cli {

struct Config {
  std::map<std::string, std::vector<std::string>, std::less<>> global;  ///< option name → values, as on the command line
  std::map<std::string, decltype(global), std::less<>> verbs;           ///< verb name → the same
  Policy policy;
  std::vector<NotifyChannel> notify;
};

/// Pure: any bytes give a Config or a Code::usage error that names file, line and key. Keys are those of the table
/// that have `config`.
Result<Config> parse_config(std::string_view text, std::string_view file_name, const std::vector<const Verb*>& verbs);

}  // namespace hf::cli
