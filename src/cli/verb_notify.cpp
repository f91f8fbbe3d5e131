#include <nlohmann/json.hpp>

#include "cli/text.hpp"
#include "cli/verbs.hpp"
#include "service/notify.hpp"

namespace hf::cli {
namespace {

Result<int> run(Invocation& in) {
  const auto& channels = in.settings.notify;
  if (channels.empty()) return Error(Code::usage, "nobody is to be told of anything", "add a channel to holdfast.toml: [notify.me] with command, smtp or webhook");
  Notice notice;
  notice.event = Event::success;
  for (const Event e : kEvents)
    if (in.text("event") == name_of(e)) notice.event = e;
  notice.source = "test";
  notice.host = printable(in.env.host_name());
  notice.vault = printable(in.settings.vault);
  notice.time_ns = in.env.wall_ns();
  notice.message = "This is a test, asked for by holdfast notify test.";

  const std::string only = in.argument("NAME");
  Json told = Json::array();
  std::optional<Error> first;
  bool found = false;
  for (const NotifyChannel& channel : channels) {
    if (!only.empty() && channel.name != only) continue;
    found = true;
    auto done = deliver(in.env, channel, notice, real_pause());
    told.push_back({{"name", channel.name}, {"delivered", done.has_value()}, {"error", done ? Json(nullptr) : json_of(done.error())}});
    if (done) {
      in.out.line(channel.name + ": delivered");
    } else {
      in.out.line(channel.name + ": not delivered");
      if (first) in.out.warn(done.error());
      else first = std::move(done.error());
    }
  }
  if (!found) {
    std::vector<std::string> names;
    for (const NotifyChannel& channel : channels) names.push_back(channel.name);
    return Error(Code::usage, "there is no channel '" + printable(only) + "'", "channels: " + listed(names));
  }
  in.out.json({{"channels", std::move(told)}});
  if (first) return *first;
  return 0;
}

}  // namespace

const Verb& notify_test_verb() {
  static const Verb verb = {
      .name = "notify test",
      .section = "Unattended",
      .summary = "tell the channels of holdfast.toml something, to see that it arrives",
      .description = {"Sends a notice to each [notify.NAME], or to one, whatever events it wants, and says which of them took it. Whether a person "
                      "saw it, only that person knows.",
                      "With --json the answer is an object: channels; of each: name, delivered, error."},
      .examples = {{"holdfast notify test", "To everyone."}, {"holdfast notify test team --event failure", "To one, as a failure would look."}},
      .arguments = {{.name = "NAME", .help = "only this channel", .required = false}},
      .options = {{.name = "event", .value = "EVENT", .help = "what to tell", .preset = "success", .choices = {"failure", "incomplete", "missed-rpo", "recovered", "success"}}},
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
