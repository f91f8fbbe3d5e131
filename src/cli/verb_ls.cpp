#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/units.hpp"
#include "cli/entry_text.hpp"
#include "cli/vault_access.hpp"
#include "cli/verbs.hpp"
#include "point/find.hpp"
#include "point/tree_reader.hpp"

namespace hf::cli {
namespace {

std::string owner(const std::map<std::uint32_t, std::string>& names, std::uint32_t id) {
  const auto at = names.find(id);
  return at == names.end() ? std::to_string(id) : at->second;
}

class Lister {
 public:
  Lister(Invocation& in, const RecoveryPoint& point) : in_(in), point_(point), long_(in.flag("long")) {}

  bool show(const std::string& path, const Entry& e) {
    if (in_.out.json_mode()) return in_.out.item(json_of(path, e));
    std::string name = printable(path);
    if (e.is_directory()) name += "/";
    if (!long_) return in_.out.line(name);
    if (e.stat.type == FileType::symlink) name += " -> " + printable(e.target);
    const bool device = e.stat.type == FileType::char_device || e.stat.type == FileType::block_device;
    const std::string size = device ? fmt::format("{},{}", e.stat.rdev_major, e.stat.rdev_minor) : human_count(e.is_directory() ? e.below_bytes : e.stat.size);
    return in_.out.line(fmt::format("{}{} {:>3} {:<8} {:<8} {:>15} {} {}", mode_text(e.stat), e.xattrs.empty() ? ' ' : '+', e.stat.nlink,
                                    printable(owner(point_.users, e.stat.uid)), printable(owner(point_.groups, e.stat.gid)), size,
                                    local_time(e.stat.mtime).substr(0, 16), name + (e.inconsistent ? "   (changed while it was read)" : "")));
  }

 private:
  Json json_of(const std::string& path, const Entry& e) {
    Json j = Json::object();
    put_name(j, "path", path);
    put_name(j, "name", e.name);
    j["type"] = word_of(e.stat.type);
    j["mode"] = fmt::format("{:04o}", e.stat.mode);
    j["uid"] = e.stat.uid;
    j["gid"] = e.stat.gid;
    if (const auto u = point_.users.find(e.stat.uid); u != point_.users.end()) j["user"] = printable(u->second);
    if (const auto g = point_.groups.find(e.stat.gid); g != point_.groups.end()) j["group"] = printable(g->second);
    j["mtime"] = utc_time(e.stat.mtime);
    j["ctime"] = utc_time(e.stat.ctime);
    j["inode"] = e.stat.ino;
    j["links"] = e.stat.nlink;
    if (e.is_regular()) j["size"] = e.stat.size;
    if (e.is_directory()) {
      j["files_below"] = e.below_files;
      j["bytes_below"] = e.below_bytes;
    }
    if (e.stat.type == FileType::symlink) put_name(j, "target", e.target);
    if (e.stat.type == FileType::char_device || e.stat.type == FileType::block_device) {
      j["major"] = e.stat.rdev_major;
      j["minor"] = e.stat.rdev_minor;
    }
    if (!e.content.holes.empty()) j["holes"] = e.content.holes.size();
    if (!e.xattrs.empty()) {
      Json xattrs = Json::array();
      for (const Xattr& x : e.xattrs) xattrs.push_back(printable(x.name));
      j["xattrs"] = std::move(xattrs);
    }
    if (e.flags != 0) j["flags"] = e.flags;
    if (e.inconsistent) j["inconsistent"] = true;
    return j;
  }

  Invocation& in_;
  const RecoveryPoint& point_;
  const bool long_;
};

bool names_a_point(const std::string& text) {
  return text == "latest" || (!text.empty() && text.size() <= 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos);
}

Result<int> run(Invocation& in) {
  std::string reference = in.argument("POINT"), path = in.argument("PATH");
  const auto vault = HF_TRY(open_vault(in));
  // `ls Documents` means a path; what could be both is a point, where there is one.
  if (!reference.empty() && path.empty()) {
    bool is_point = reference == "latest";
    if (!is_point && names_a_point(reference)) is_point = vault->find_point(reference).has_value();
    if (!is_point && (!names_a_point(reference) || reference.find('/') != std::string::npos)) {
      path = reference;
      reference = "latest";
    }
  }
  if (reference.empty()) reference = "latest";
  const RecoveryPoint point = HF_TRY(vault->find_point(reference));
  const auto index = HF_TRY(Index::load(*vault));
  ChunkReader chunks(*vault, *index);
  const std::string below = path_below_root(point, path);
  const Entry at = HF_TRY(find_path(chunks, point.root, below));

  if (in.out.json_mode()) in.out.begin_list();
  Lister lister(in, point);
  if (!at.is_directory()) {
    lister.show(below, at);
    return 0;
  }
  bool damaged = false;
  const std::string prefix = below.empty() || below == "." ? "" : below + "/";
  const bool recursive = in.flag("recursive");
  HF_TRY(walk_tree(
      chunks, at,
      [&](const std::string& relative, const Entry& e) -> Result<Walk> {
        if (in.progress.stop_requested) return Error(Code::cancelled, "stopped");
        if (!lister.show(prefix + relative, e)) return Walk::stop;
        return recursive ? Walk::descend : Walk::skip;
      },
      [&](const std::string& relative, const Error& error) -> Status {
        damaged = true;
        in.out.error(Error(error).in_context("the directory '" + printable(prefix + relative) + "' can't be read").with_hint("see what is affected: holdfast verify"));
        return {};
      }));
  return damaged ? exit_status(Code::corrupt) : 0;
}

}  // namespace

const Verb& ls_verb() {
  static const Verb verb = {
      .name = "ls",
      .section = "Look",
      .summary = "list what a recovery point holds",
      .description =
          {"Without a point: the newest. Without a path: everything at the top. Paths may be absolute, as they were backed up, or relative to "
           "what ls shows; a directory ends in '/'. With -l the size of a directory is that of all files below it.",
           "JSON: an array of {\"path\", \"name\", \"type\", \"mode\", \"uid\", \"gid\", \"user\", \"group\", \"mtime\", \"ctime\", \"inode\", \"links\"} "
           "and, where they apply, \"size\", \"files_below\", \"bytes_below\", \"target\", \"major\", \"minor\", \"holes\", \"xattrs\", \"flags\", "
           "\"inconsistent\". A name that is not UTF-8 comes also as \"path_hex\". Exit status 5 where a directory can't be read."},
      .examples = {{"holdfast ls", "The newest point, at the top."},
                   {"holdfast ls -l latest Documents/tax", "One directory, with modes, owners, sizes and times."},
                   {"holdfast ls -R 7c1e", "Everything in that point."}},
      .arguments = {{.name = "POINT", .help = "recovery point: first digits of its id, or latest", .required = false},
                    {.name = "PATH", .help = "file or directory in it", .required = false}},
      .options = {{.name = "long", .letter = 'l', .help = "also modes, owners, sizes and times"},
                  {.name = "recursive", .letter = 'R', .help = "also everything below"}},
      .write_only = true,
      .run = run,
  };
  return verb;
}

}  // namespace hf::cli
