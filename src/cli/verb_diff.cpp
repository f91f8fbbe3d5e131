#include <array>

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/entry_text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/diff.hpp"
#include "point/find.hpp"
#include "point/tree_reader.hpp"

namespace hf::cli {
namespace {

char sign_of(Change c) {
  switch (c) {
    case Change::added: return '+';
    case Change::removed: return '-';
    case Change::modified: return 'M';
    case Change::metadata: return 'm';
    case Change::type_changed: return 'T';
  }
  return '?';
}

/// What of the metadata differs, in a word each.
std::string differing(const Entry& a, const Entry& b) {
  std::string out;
  const auto say = [&](bool differs, std::string_view word) {
    if (differs) out += (out.empty() ? "" : ", ") + std::string(word);
  };
  say(a.stat.mode != b.stat.mode, fmt::format("mode {:04o} to {:04o}", a.stat.mode, b.stat.mode));
  say(a.stat.uid != b.stat.uid || a.stat.gid != b.stat.gid, fmt::format("owner {}:{} to {}:{}", a.stat.uid, a.stat.gid, b.stat.uid, b.stat.gid));
  say(!a.is_directory() && a.stat.mtime != b.stat.mtime, "time");
  say(a.xattrs != b.xattrs, "xattrs");
  say(a.flags != b.flags, "flags");
  return out;
}

struct Tally {
  std::array<std::uint64_t, 5> items{};
  std::uint64_t bytes_added = 0, bytes_removed = 0;
};

Json json_of(const std::string& path, const Difference& d) {
  Json j = Json::object();
  put_name(j, "path", path);
  j["change"] = name_of(d.change);
  const auto side = [](const Entry* e) -> Json {
    if (e == nullptr) return nullptr;
    Json s = {{"type", word_of(e->stat.type)}, {"mode", fmt::format("{:04o}", e->stat.mode)}, {"uid", e->stat.uid}, {"gid", e->stat.gid}, {"mtime", utc_time(e->stat.mtime)}};
    if (e->is_regular()) s["size"] = e->stat.size;
    if (e->stat.type == FileType::symlink) put_name(s, "target", e->target);
    return s;
  };
  j["before"] = side(d.before);
  j["after"] = side(d.after);
  return j;
}

Result<int> run(Invocation& in) {
  const auto vault = HF_TRY(open_vault(in));
  const RecoveryPoint before = HF_TRY(vault->find_point(in.argument("BEFORE"))), after = HF_TRY(vault->find_point(in.argument("AFTER")));
  const auto index = HF_TRY(Index::load(*vault));
  ChunkReader chunks(*vault, *index);
  const std::string asked = in.argument("PATH");
  const std::string below_a = path_below_root(before, asked), below_b = path_below_root(after, asked);
  auto root_a = find_path(chunks, before.root, below_a), root_b = find_path(chunks, after.root, below_b);
  if (!root_a && !root_b) return root_a.error();
  for (const auto* r : {&root_a, &root_b})
    if (!*r && r->error().code != Code::not_found) return r->error();

  const bool names_only = in.flag("names-only");
  Tally tally;
  bool reading = true, damaged = false;
  std::uint64_t differences = 0;
  if (in.out.json_mode()) in.out.begin_list();
  const std::string prefix = below_b.empty() ? "" : below_b + "/";
  const auto show = [&](const std::string& path, const Difference& d) -> Result<bool> {
    if (in.progress.stop_requested) return Error(Code::cancelled, "stopped");
    if (names_only && d.change == Change::metadata) return true;
    ++differences;
    ++tally.items[static_cast<std::size_t>(d.change)];
    if (d.change != Change::metadata) {
      if (d.after != nullptr && d.after->is_regular()) tally.bytes_added += d.after->stat.size;
      if (d.before != nullptr && d.before->is_regular()) tally.bytes_removed += d.before->stat.size;
    }
    if (in.out.json_mode()) return reading = in.out.item(json_of(path, d));
    const Entry& shown = d.after != nullptr ? *d.after : *d.before;
    std::string line = fmt::format("{}  {}{}", sign_of(d.change), printable(path), shown.is_directory() ? "/" : "");
    if (d.change == Change::modified && d.before->is_regular()) line += fmt::format("  {} to {}", human_bytes(d.before->stat.size), human_bytes(d.after->stat.size));
    if (d.change == Change::metadata) line += "  " + differing(*d.before, *d.after);
    if (d.change == Change::type_changed) line += fmt::format("  {} to {}", word_of(d.before->stat.type), word_of(d.after->stat.type));
    return reading = in.out.line(line);
  };
  const auto failed = [&](const std::string& path, const Error& error) -> Status {
    damaged = true;
    in.out.error(Error(error).in_context("the directory '" + printable(prefix + path) + "' can't be compared").with_hint("see what is affected: holdfast verify"));
    return {};
  };
  if (root_a && root_b && root_a->is_directory() && root_b->is_directory()) {
    HF_TRY(diff_trees(chunks, *root_a, *root_b, [&](const std::string& path, const Difference& d) { return show(prefix + path, d); }, failed));
  } else {
    // Something else than two directories: a directory of one name on each side tells of it.
    Entry a, b;
    const std::size_t slash = below_b.rfind('/');
    const std::string name = slash == std::string::npos ? below_b : below_b.substr(slash + 1);
    const Entry* ea = root_a ? &*root_a : nullptr;
    const Entry* eb = root_b ? &*root_b : nullptr;
    const Change change = ea == nullptr ? Change::added : eb == nullptr ? Change::removed : ea->stat.type != eb->stat.type ? Change::type_changed
                          : ea->stat.size != eb->stat.size || ea->content != eb->content || ea->target != eb->target ? Change::modified : Change::metadata;
    const bool differ = change != Change::metadata || !differing(*ea, *eb).empty();
    if (differ && HF_TRY(show(below_b, {change, ea, eb}))) {
      Entry none;
      none.stat.type = FileType::directory;
      HF_TRY(diff_trees(chunks, ea != nullptr && ea->is_directory() ? *ea : none, eb != nullptr && eb->is_directory() ? *eb : none,
                        [&](const std::string& path, const Difference& d) { return show(prefix + path, d); }, failed));
    }
  }
  if (!in.out.json_mode() && reading) {
    if (differences == 0) in.out.line("No difference.");
    else
      in.out.note(fmt::format("{} added, {} removed, {} modified, {} metadata only, {} of another type; {} came, {} went", human_count(tally.items[0]), human_count(tally.items[1]),
                              human_count(tally.items[2]), human_count(tally.items[3]), human_count(tally.items[4]), human_bytes(tally.bytes_added), human_bytes(tally.bytes_removed)));
  }
  return damaged ? exit_status(Code::corrupt) : 0;
}

}  // namespace

const Verb& diff_verb() {
  static const Verb verb = {
      .name = "diff",
      .section = "Look",
      .summary = "show what differs between two recovery points",
      .description =
          {"One line for each name that differs: + added, - removed, M other content, m same content with other mode, owner, time, xattrs or "
           "flags, T another type. What is the same in both is not even read.",
           "JSON: an array of {\"path\", \"change\": added, removed, modified, metadata or type_changed, \"before\", \"after\"}; these are null or "
           "{\"type\", \"mode\", \"uid\", \"gid\", \"mtime\", \"size\", \"target\"}. Exit status 5 where a directory can't be read."},
      .examples = {{"holdfast diff 7c1e latest", "What happened since."},
                   {"holdfast diff 7c1e 2b90 Documents/tax", "Only in one directory."},
                   {"holdfast diff 7c1e latest --names-only", "Without changes of metadata alone."}},
      .arguments = {{.name = "BEFORE", .help = "recovery point: first digits of its id, or latest"},
                    {.name = "AFTER", .help = "the other recovery point"},
                    {.name = "PATH", .help = "only this file or directory", .required = false}},
      .options = {{.name = "names-only", .help = "leave out changes of metadata alone"}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
