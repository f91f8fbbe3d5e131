#include <algorithm>
#include <map>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/entry_text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/find.hpp"

namespace hf::cli {
namespace {

/// The points to search: all, one, or with --as-of the newest of each source at that time.
Result<std::vector<RecoveryPoint>> points_to_search(Invocation& in, const Vault& vault, bool& damaged) {
  if (const std::string reference = in.text("point"); !reference.empty()) return std::vector{HF_TRY(vault.find_point(reference))};
  PointList list = HF_TRY(vault.points());
  for (const DamagedPoint& d : list.damaged) {
    damaged = true;
    in.out.error(Error(d.error).with_hint("it is left out; see what can be saved: holdfast verify"));
  }
  const auto as_of = in.time("as-of");
  if (!as_of) return std::move(list.points);
  std::map<std::pair<std::string, WriterId>, RecoveryPoint> newest;
  for (RecoveryPoint& p : list.points)
    if (p.started_ns <= *as_of) newest[{p.source(), p.writer}] = std::move(p);  // oldest first
  std::vector<RecoveryPoint> out;
  for (auto& [source, p] : newest) out.push_back(std::move(p));
  if (out.empty() && !list.points.empty()) in.out.note("There is no recovery point from before " + local_time(*as_of) + ".");
  return out;
}

std::optional<FileType> type_asked(Invocation& in) {
  const std::string t = in.text("type");
  if (t.empty()) return std::nullopt;
  return t == "f" ? FileType::regular : t == "d" ? FileType::directory : FileType::symlink;
}

std::string what_it_is(const FoundVersion& v) {
  if (v.type == FileType::regular) return human_bytes(v.size);
  if (v.type == FileType::directory) return "directory, " + human_bytes(v.size) + " below";
  if (v.type == FileType::symlink) return "-> " + printable(v.target);
  return std::string(word_of(v.type));
}

void tell(Invocation& in, const FindResult& result, bool one_point) {
  const bool verbose = in.out.verbose();
  std::string many_hosts;
  bool hosts_differ = false;
  for (const FoundPath& f : result.paths) {
    if (many_hosts.empty()) many_hosts = f.host;
    hosts_differ = hosts_differ || f.host != many_hosts;
  }
  for (const FoundPath& f : result.paths) {
    const FoundVersion& newest = f.versions.front();
    std::string line = printable(hosts_differ ? f.host + ":" + f.path : f.path) + (newest.type == FileType::directory ? "/" : "") + "  " + what_it_is(newest);
    if (!one_point) {
      line += f.versions.size() == 1 ? ", 1 version" : ", " + human_count(f.versions.size()) + " versions";
      line += ", last seen " + local_time(newest.last_seen).substr(0, 16) + (f.in_newest ? "" : " (gone since)") + " in " + newest.newest.brief();
    }
    if (!in.out.line(line)) return;
    if (one_point || (f.versions.size() == 1 && !verbose)) continue;
    for (const FoundVersion& v : f.versions) {
      const std::string span = v.points == 1 ? "in 1 point" : "in " + human_count(v.points) + " points, " + local_time(v.first_seen).substr(0, 16) + " to " + local_time(v.last_seen).substr(0, 16);
      if (!in.out.line(fmt::format("    changed {}  {}  {}, newest {}", local_time(v.mtime).substr(0, 16), what_it_is(v), span, v.newest.brief()))) return;
    }
  }
}

Json json_of(const FoundPath& f) {
  Json j = Json::object();
  put_name(j, "path", f.path);
  put_name(j, "host", f.host);
  put_name(j, "source", f.source);
  j["in_newest"] = f.in_newest;
  Json versions = Json::array();
  for (const FoundVersion& v : f.versions) {
    Json item = {{"type", word_of(v.type)}, {"size", v.size}, {"mtime", utc_time(v.mtime)}, {"first_seen", utc_time(v.first_seen)}, {"last_seen", utc_time(v.last_seen)},
                 {"points", v.points}, {"newest_point", v.newest.hex()}, {"content", to_hex(ByteView(v.content).first(16))}};
    if (v.type == FileType::symlink) put_name(item, "target", v.target);
    versions.push_back(std::move(item));
  }
  j["versions"] = std::move(versions);
  return j;
}

Result<int> run(Invocation& in) {
  FindQuery query;
  query.pattern = in.argument("PATTERN");
  query.letters = in.flag("ignore-case") ? GlobCase::ignore : GlobCase::exact;
  query.below = in.text("path");
  query.type = type_asked(in);
  if (query.pattern.empty()) return Error(Code::usage, "the pattern is empty", "everything: holdfast find '*'");
  const auto vault = HF_TRY(open_vault(in));
  bool damaged = false;
  const auto points = HF_TRY(points_to_search(in, *vault, damaged));
  const auto index = HF_TRY(Index::load(*vault));
  ChunkReader chunks(*vault, *index);
  const FindResult result = HF_TRY(find_names(chunks, points, query, in.settings.jobs, in.progress));
  if (in.out.json_mode()) {
    in.out.begin_list();
    for (const FoundPath& f : result.paths)
      if (!in.out.item(json_of(f))) break;
  } else {
    tell(in, result, in.given("point"));
  }
  in.out.detail(human_count(result.nodes) + " directories of " + human_count(points.size()) + " recovery points searched");
  for (std::size_t i = 0; i < result.unreadable.size() && i < 5; ++i)
    in.out.error(Error(result.unreadable[i]).in_context("a directory could not be searched").with_hint("see what is affected: holdfast verify"));
  if (result.unreadable.size() > 5) in.out.note(human_count(result.unreadable.size() - 5) + " more directories could not be searched");
  if (result.paths.empty()) in.out.note("Nothing of that name in " + human_count(points.size()) + (points.size() == 1 ? " recovery point." : " recovery points."));
  return damaged || !result.unreadable.empty() ? exit_status(Code::corrupt) : 0;
}

}  // namespace

const Verb& find_verb_of_names() {
  static const Verb verb = {
      .name = "find",
      .section = "Look",
      .summary = "find names in all recovery points",
      .description =
          {"PATTERN is a name, or a glob for names: * and ? stand for any characters, [a-z] for one of them. With a '/' in it, it is a glob for "
           "paths: '/home/**/tax/*.pdf', where ** stands for any directories; without a '/' at the beginning it may begin in any directory.",
           "Each path is told once, with the versions that it had: equal content counts as one, however many points hold it.",
           "JSON: an array of {\"path\", \"host\", \"source\", \"in_newest\", \"versions\": [{\"type\", \"size\", \"mtime\", \"first_seen\", \"last_seen\", "
           "\"points\", \"newest_point\", \"content\", \"target\"}]}, newest version first. Exit status 5 where a directory can't be searched."},
      .examples = {{"holdfast find 2024.pdf", "Where it is, and since when."},
                   {"holdfast find -i '*.DOC*' --path /home/anna", "Letters taken alike, in one directory."},
                   {"holdfast find 'tax/**/*.pdf' --as-of 2026-03-01", "As things were on that day."}},
      .arguments = {{.name = "PATTERN", .help = "name, glob for names, or with a '/' glob for paths"}},
      .options = {{.name = "ignore-case", .letter = 'i', .help = "take capital and small letters alike (ASCII)"},
                  {.name = "type", .letter = 't', .value = "TYPE", .help = "only files, directories or symlinks", .choices = {"f", "d", "l"}},
                  {.name = "path", .value = "PATH", .help = "only below this directory"},
                  {.name = "as-of", .value = "TIME", .kind = Kind::time, .help = "only what the newest point of each source held at TIME"},
                  {.name = "point", .value = "POINT", .help = "only in this recovery point"}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
