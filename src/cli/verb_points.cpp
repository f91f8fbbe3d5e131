#include <algorithm>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/policy_facts.hpp"
#include "cli/table.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"

namespace hf::cli {
namespace {

Json names_of(const std::vector<std::string>& raw) {
  Json out = Json::array();
  for (const std::string& r : raw) out.push_back(printable(r));
  return out;
}

Json json_of_point(const RecoveryPoint& p) {
  Json out = {{"id", p.id.hex()}, {"time", utc_time(p.started_ns)}};
  put_name(out, "source", p.source());
  if (!p.writer.is_zero()) out["writer"] = p.writer.hex();
  out["kind"] = name_of(p.kind);
  out["independent"] = p.independent();
  out["complete"] = p.complete();
  out["ended"] = utc_time(p.ended_ns);
  put_name(out, "host", p.host);
  put_name(out, "user", p.user);
  out["paths"] = names_of(p.paths);
  out["tags"] = names_of(p.tags);
  out["files"] = p.files;
  out["bytes"] = p.bytes;
  out["bytes_read"] = p.bytes_read;
  out["bytes_new"] = p.bytes_new;
  out["bytes_stored"] = p.bytes_stored;
  out["unreadable"] = p.unreadable_count;
  out["inconsistent"] = p.inconsistent_count;
  out["parent"] = p.parent ? Json(p.parent->hex()) : Json(nullptr);
  out["base_full"] = p.base_full ? Json(p.base_full->hex()) : Json(nullptr);
  out["program"] = p.program;
  return out;
}

Json json_of_unreadable(const RecoveryPoint& p) {
  Json list = Json::array();
  for (const Unreadable& u : p.unreadable) {
    Json item = Json::object();
    put_name(item, "path", u.path);
    item["reason"] = u.reason;
    list.push_back(std::move(item));
  }
  return list;
}

std::string completeness(const RecoveryPoint& p) {
  if (p.complete()) return "yes";
  std::string out;
  if (p.unreadable_count > 0) out = human_count(p.unreadable_count) + " unreadable";
  if (p.inconsistent_count > 0) out += (out.empty() ? "" : ", ") + human_count(p.inconsistent_count) + " changed while read";
  return out;
}

void show_unreadable(Output& out, const RecoveryPoint& p) {
  for (const Unreadable& u : p.unreadable)
    if (!out.line(printable(u.path) + ": " + u.reason)) return;
  if (p.unreadable_count > p.unreadable.size()) out.note(human_count(p.unreadable_count - p.unreadable.size()) + " more were not recorded by name");
}

Result<int> show(Invocation& in, const Vault& vault, const std::string& reference) {
  const RecoveryPoint p = HF_TRY(vault.find_point(reference));
  Json answer = json_of_point(p);
  answer["unreadable_items"] = json_of_unreadable(p);
  in.out.json(std::move(answer));
  if (in.flag("unreadable")) {
    show_unreadable(in.out, p);
    if (p.unreadable_count == 0) in.out.note("Everything in " + p.id.brief() + " could be read.");
    return 0;
  }
  Table t({{""}, {""}});
  t.row({"recovery point", p.id.hex()});
  t.row({"time", local_time(p.started_ns) + ", took " + human_duration(static_cast<double>(p.ended_ns - p.started_ns) / 1e9)});
  t.row({"source", source_text(p)});
  t.row({"kind", kind_text(p)});
  if (p.parent) t.row({"parent", p.parent->brief()});
  if (p.base_full) t.row({"last full", p.base_full->brief()});
  if (!p.tags.empty()) {
    std::string tags;
    for (const std::string& tag : p.tags) tags += (tags.empty() ? "" : ", ") + tag;
    t.row({"tags", tags});
  }
  t.row({"made by", p.user + " with " + p.program});
  t.row({"files", human_count(p.files) + ", " + human_bytes(p.bytes)});
  t.row({"read", human_bytes(p.bytes_read)});
  t.row({"new", human_bytes(p.bytes_new) + ", stored as " + human_bytes(p.bytes_stored)});
  t.row({"complete", completeness(p)});
  t.print(in.out);
  if (p.unreadable_count > 0) in.out.note("What could not be read: holdfast points show " + p.id.brief() + " --unreadable");
  return 0;
}

Result<int> show_forgotten(Invocation& in, const PointList& list) {
  const auto end_of = [](const ForgottenPoint& f) { return f.tombstone.time_ns + static_cast<std::int64_t>(f.tombstone.grace_seconds) * 1'000'000'000; };
  in.out.begin_list();
  Table t({{"POINT"}, {"TIME"}, {"SOURCE"}, {"FORGOTTEN"}, {"STAYS UNTIL"}, {"WHY"}});
  for (const ForgottenPoint& f : list.forgotten) {
    if (in.out.json_mode()) {
      Json item = json_of_point(f.point);
      item["forgotten"] = utc_time(f.tombstone.time_ns);
      item["stays_until"] = utc_time(end_of(f));
      put_name(item, "why", f.tombstone.reason);
      if (!in.out.item(item)) break;
      continue;
    }
    t.row({f.point.id.brief(), local_time(f.point.started_ns).substr(0, 16), source_text(f.point), local_time(f.tombstone.time_ns).substr(0, 16), local_time(end_of(f)).substr(0, 16), f.tombstone.reason});
  }
  if (list.forgotten.empty()) in.out.note("No forgotten recovery point is left.");
  else t.print(in.out);
  return 0;
}

Result<int> run(Invocation& in) {
  const std::string first = in.argument("show"), second = in.argument("POINT");
  if (!second.empty() && first != "show") return Error(Code::usage, "only one recovery point can be shown at a time", "holdfast points show " + first);
  if (first == "show" && second.empty()) return Error(Code::usage, "which recovery point?", "for the newest one: holdfast points show latest");
  const auto vault = HF_TRY(open_vault(in));
  if (!first.empty()) return show(in, *vault, first == "show" ? second : first);
  if (in.flag("unreadable")) return show(in, *vault, "latest");

  PointList list = HF_TRY(vault->points());
  if (in.flag("forgotten")) {
    HF_TRY(vault->opens_all("`holdfast points --forgotten`"));
    return show_forgotten(in, list);
  }
  const std::vector<std::string> tags = in.texts("tag");
  const std::string host = in.text("host"), source = in.text("source");
  std::erase_if(list.points, [&](const RecoveryPoint& p) {
    if (!host.empty() && p.host != host) return true;
    if (!source.empty() && p.source().find(source) == std::string::npos) return true;
    return !tags.empty() && std::none_of(tags.begin(), tags.end(), [&](const std::string& t) { return std::find(p.tags.begin(), p.tags.end(), t) != p.tags.end(); });
  });
  if (const auto last = in.count("last"); last && *last < list.points.size())
    list.points.erase(list.points.begin(), list.points.end() - static_cast<std::ptrdiff_t>(*last));

  if (in.out.json_mode()) {
    in.out.begin_list();
    for (const RecoveryPoint& p : list.points)
      if (!in.out.item(json_of_point(p))) break;
  } else if (!list.points.empty()) {
    using A = Table::Align;
    Table t({{"POINT"}, {"TIME"}, {"SOURCE"}, {"KIND"}, {"FILES", A::right}, {"SIZE", A::right}, {"NEW", A::right}, {"STORED", A::right}, {"COMPLETE"}});
    for (const RecoveryPoint& p : list.points)
      t.row({p.id.brief(), local_time(p.started_ns).substr(0, 16), source_text(p), kind_text(p), human_count(p.files), human_bytes(p.bytes),
             human_bytes(p.bytes_new), human_bytes(p.bytes_stored), completeness(p)});
    t.print(in.out);
  }
  for (const DamagedPoint& d : list.damaged) in.out.error(Error(d.error).with_hint("see what can be saved: holdfast verify; points may come back by: holdfast rebuild"));
  if (list.points.empty() && list.damaged.empty())
    in.out.note(in.given("tag") || in.given("host") || in.given("source") ? "No recovery point matches." : "The vault holds no recovery point yet. Make one: holdfast backup PATH");
  return list.damaged.empty() ? 0 : exit_status(Code::corrupt);
}

}  // namespace

const Verb& points_verb() {
  static const Verb verb = {
      .name = "points",
      .aliases = {"snapshots"},
      .section = "Look",
      .summary = "list the recovery points, or show one",
      .description =
          {"One line for each recovery point, oldest first. SIZE is what a restore brings back, NEW what this backup had to store, STORED "
           "what that takes in the vault. Points are named by the first digits of their id; 'latest' is the newest one. A point that a write-only key made says so behind its source, and is 'latest' only for that key, or where there is no other.",
           "JSON: an array of {\"id\", \"time\", \"source\", \"kind\", \"independent\", \"complete\", \"ended\", \"host\", \"user\", \"paths\", \"tags\", \"files\", "
           "\"bytes\", \"bytes_read\", \"bytes_new\", \"bytes_stored\", \"unreadable\", \"inconsistent\", \"parent\", \"base_full\", \"program\"}, and \"writer\" where a write-only key made it; "
           "--forgotten adds \"forgotten\", \"stays_until\", \"why\"; 'show' gives one such object with \"unreadable_items\": [{\"path\", \"reason\"}]. Exit status 5 where a point can't be read."},
      .examples = {{"holdfast points", "All of them."},
                   {"holdfast points --last 5 --tag laptop", "The last five with this tag."},
                   {"holdfast points show latest", "All that is known about the newest."},
                   {"holdfast points show 7c1e --unreadable", "What that backup could not read."}},
      .arguments = {{.name = "show", .help = "the word 'show', or at once the point to show", .required = false},
                    {.name = "POINT", .help = "the recovery point to show: first digits of its id, or latest", .required = false}},
      .options = {{.name = "last", .letter = 'n', .value = "N", .kind = Kind::count, .help = "only the newest N"},
                  {.name = "tag", .value = "TAG", .help = "only those with this tag (any of them, if repeated)", .repeat = true},
                  {.name = "host", .value = "NAME", .help = "only those of this host"},
                  {.name = "source", .value = "TEXT", .help = "only those whose source contains TEXT"},
                  {.name = "forgotten", .help = "those that were forgotten and can be brought back (holdfast undelete)"},
                  {.name = "unreadable", .help = "with show: list what could not be read"}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
