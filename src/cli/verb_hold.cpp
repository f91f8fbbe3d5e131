// hold add, list, release: reasons that forbid deletion.

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/table.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "vault/deletion.hpp"

namespace hf::cli {
namespace {

Json json_of(const StoredHold& h, std::int64_t now_ns) {
  Json points = Json::array();
  for (const PointId& p : h.hold.points) points.push_back(p.hex());
  Json out = {{"id", h.name}, {"points", std::move(points)}, {"since", utc_time(h.hold.time_ns)}, {"until", h.hold.until_ns == 0 ? Json(nullptr) : Json(utc_time(h.hold.until_ns))}};
  out["active"] = h.hold.until_ns == 0 || h.hold.until_ns > now_ns;
  put_name(out, "reason", h.hold.reason);
  put_name(out, "by", h.hold.by);
  return out;
}

Result<int> add(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  Hold hold;
  for (const std::string& reference : in.arguments("POINT")) hold.points.push_back(HF_TRY(vault->find_point(reference)).id);
  hold.time_ns = in.env.wall_ns();
  if (const auto until = in.time("until")) {
    if (*until <= hold.time_ns) return Error(Code::usage, "--until lies in the past", "a hold without --until stays until it is released");
    hold.until_ns = *until;
  }
  hold.reason = in.text("reason");
  if (hold.reason.empty()) return Error(Code::usage, "why are they held? Whoever finds the hold in a year must know", "holdfast hold add POINT --reason 'lawsuit'");
  hold.by = in.env.user_name(in.env.user_id()).value_or(std::to_string(in.env.user_id())) + "@" + in.env.host_name();
  const std::string name = HF_TRY(add_hold(*vault, hold));
  in.out.json(json_of({name, hold}, hold.time_ns));
  in.out.line("Hold " + name.substr(0, 8) + " on " + human_count(hold.points.size()) + (hold.points.size() == 1 ? " recovery point" : " recovery points") +
              (hold.until_ns == 0 ? ", until it is released." : " until " + local_time(hold.until_ns) + "."));
  return 0;
}

Result<int> list(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const std::int64_t now = in.env.wall_ns();
  const auto all = HF_TRY(holds(*vault));
  in.out.begin_list();
  Table table({{"HOLD"}, {"SINCE"}, {"UNTIL"}, {"BY"}, {"POINTS"}, {"REASON"}});
  for (const StoredHold& h : all) {
    if (in.out.json_mode()) {
      in.out.item(json_of(h, now));
      continue;
    }
    std::string points;
    for (std::size_t i = 0; i < h.hold.points.size() && i < 3; ++i) points += (points.empty() ? "" : ", ") + h.hold.points[i].brief();
    if (h.hold.points.size() > 3) points += ", …";
    const std::string until = h.hold.until_ns == 0 ? "released" : local_time(h.hold.until_ns).substr(0, 16) + (h.hold.until_ns <= now ? " (over)" : "");
    table.row({h.name.substr(0, 8), local_time(h.hold.time_ns).substr(0, 16), until, h.hold.by, points, h.hold.reason});
  }
  if (all.empty()) in.out.note("No hold: rules and people may forget any recovery point.");
  else table.print(in.out);
  return 0;
}

Result<int> release(Invocation& in) {
  const std::string prefix = in.argument("HOLD");
  const auto vault = HF_TRY(open_vault(in));
  // By name, so that one that can't be read can be released too.
  std::vector<std::string> names;
  HF_TRY(vault->store().list(ObjectKind::hold, [&](std::string_view name, std::uint64_t) {
    if (name.starts_with(prefix)) names.emplace_back(name);
  }));
  if (names.empty()) return Error(Code::not_found, "no hold begins with '" + printable(prefix) + "'", "list them: holdfast hold list");
  if (names.size() > 1) return Error(Code::usage, std::to_string(names.size()) + " holds begin with '" + printable(prefix) + "'", "give more digits: holdfast hold list");
  HF_TRY(release_hold(*vault, names[0]));
  in.out.json({{"released", names[0]}});
  in.out.line("Hold " + names[0].substr(0, 8) + " is released. What it held is kept by the rules alone from now on.");
  return 0;
}

}  // namespace

const Verb& hold_add_verb() {
  static const Verb verb = {
      .name = "hold add",
      .section = "Keep",
      .summary = "forbid the deletion of recovery points",
      .description = {"A point under a hold is neither forgotten nor pruned, whatever rules, flags and people say, until the hold is released or its date has passed.",
                      "JSON: {\"id\", \"points\", \"since\", \"until\", \"active\", \"reason\", \"by\"}."},
      .examples = {{"holdfast hold add 7c1e --reason 'lawsuit'", "Until somebody releases it."},
                   {"holdfast hold add latest --reason 'before the upgrade' --until 2027-01-31", "Until a day."}},
      .arguments = {{.name = "POINT", .help = "first digits of a point's id, or latest", .repeat = true}},
      .options = {{.name = "reason", .value = "TEXT", .help = "why, and whom to ask"}, {.name = "until", .value = "TIME", .kind = Kind::time, .help = "the hold ends then by itself"}},
      .run = add,
  };
  return verb;
}

const Verb& hold_list_verb() {
  static const Verb verb = {
      .name = "hold list",
      .section = "Keep",
      .summary = "show which recovery points are held, and why",
      .description = {"JSON: an array of {\"id\", \"points\", \"since\", \"until\", \"active\", \"reason\", \"by\"}."},
      .examples = {{"holdfast hold list", "All of them."}, {"holdfast hold list --json", "The same for programs."}},
      .run = list,
  };
  return verb;
}

const Verb& hold_release_verb() {
  static const Verb verb = {
      .name = "hold release",
      .section = "Keep",
      .summary = "end a hold",
      .description = {"What it held is kept by the rules alone from then on. JSON: {\"released\": ID}."},
      .examples = {{"holdfast hold list", "Find its first digits."}, {"holdfast hold release 3f9a", "End it."}},
      .arguments = {{.name = "HOLD", .help = "first digits of the hold's id"}},
      .run = release,
  };
  return verb;
}

}  // namespace hf::cli
