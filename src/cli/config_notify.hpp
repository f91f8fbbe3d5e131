#pragma once
// Who is told of what, in holdfast.toml: one table [notify.NAME] for each channel.
//
//   [notify.team]
//   webhook-file = "~/.config/holdfast/slack-url"
//   template = "slack"
//   on = ["failure", "missed-rpo", "recovered"]

#include "cli/toml.hpp"
#include "service/notice.hpp"

namespace hf::cli {

/// Pure. `root` is the whole file; only its table `notify` is looked at. Code::usage errors name file, line and key.
/// Paths stay as they are written.
Result<std::vector<NotifyChannel>> read_notify(const TomlValue& root, std::string_view file_name);

}  // namespace hf::cli
