#include "point/diff.hpp"

#include <memory>
#include <vector>

#include "point/tree_reader.hpp"

namespace hf {
namespace {

bool same_content(const Entry& a, const Entry& b) {
  switch (a.stat.type) {
    case FileType::regular: return a.stat.size == b.stat.size && a.content == b.content;
    case FileType::symlink: return a.target == b.target;
    case FileType::char_device:
    case FileType::block_device: return a.stat.rdev_major == b.stat.rdev_major && a.stat.rdev_minor == b.stat.rdev_minor;
    default: return true;
  }
}

bool same_metadata(const Entry& a, const Entry& b) {
  return a.stat.mode == b.stat.mode && a.stat.uid == b.stat.uid && a.stat.gid == b.stat.gid && a.flags == b.flags && a.xattrs == b.xattrs &&
         (a.is_directory() || a.stat.mtime == b.stat.mtime);
}

/// One side of a pair of directories that are read name by name.
struct Side {
  Side(ChunkReader& chunks, const std::optional<ChunkRef>& node) : cursor(chunks, node) {}
  DirectoryCursor cursor;
  std::optional<Entry> at;
  bool ended = false;
  Status advance() {
    if (ended) return {};
    const Entry* next = HF_TRY(cursor.next());
    ended = next == nullptr;
    at = ended ? std::nullopt : std::optional<Entry>(*next);
    return {};
  }
};
struct Pair {
  Pair(ChunkReader& chunks, const std::optional<ChunkRef>& before, const std::optional<ChunkRef>& after, std::size_t path) : a(chunks, before), b(chunks, after), path_bytes(path) {}
  Side a, b;
  std::size_t path_bytes;
  bool begun = false;
};

}  // namespace

std::string_view name_of(Change change) {
  switch (change) {
    case Change::added: return "added";
    case Change::removed: return "removed";
    case Change::modified: return "modified";
    case Change::metadata: return "metadata";
    case Change::type_changed: return "type_changed";
  }
  return "unknown";
}

Status diff_trees(ChunkReader& chunks, const Entry& before, const Entry& after, const DiffVisit& visit,
                  const std::function<Status(const std::string&, const Error&)>& failed) {
  if (before.directory == after.directory) return {};
  // A stack of our own, as paths may be deep.
  std::vector<std::unique_ptr<Pair>> stack;
  std::string path;
  stack.push_back(std::make_unique<Pair>(chunks, before.directory, after.directory, 0));
  while (!stack.empty()) {
    Pair& p = *stack.back();
    path.resize(p.path_bytes);
    Status moved;
    if (!p.begun) {
      p.begun = true;
      moved = p.a.advance();
      if (moved) moved = p.b.advance();
    }
    const auto give_up = [&](const Error& error) -> Status {
      stack.pop_back();
      return failed(path, error);
    };
    if (!moved) {
      HF_TRY(give_up(moved.error()));
      continue;
    }
    if (!p.a.at && !p.b.at) {
      stack.pop_back();
      continue;
    }
    const bool in_a = p.a.at && (!p.b.at || p.a.at->name <= p.b.at->name);
    const bool in_b = p.b.at && (!p.a.at || p.b.at->name <= p.a.at->name);
    const std::optional<Entry> a = in_a ? std::move(p.a.at) : std::nullopt, b = in_b ? std::move(p.b.at) : std::nullopt;
    if (in_a) moved = p.a.advance();
    if (moved && in_b) moved = p.b.advance();
    if (!path.empty()) path += '/';
    path += in_a ? a->name : b->name;

    std::optional<Change> change;
    if (!a) change = Change::added;
    else if (!b) change = Change::removed;
    else if (a->stat.type != b->stat.type) change = Change::type_changed;
    else if (!same_content(*a, *b)) change = Change::modified;
    else if (!same_metadata(*a, *b)) change = Change::metadata;
    if (change && !HF_TRY(visit(path, {*change, a ? &*a : nullptr, b ? &*b : nullptr}))) return {};
    if (!moved) {  // the rest of this directory
      path.resize(p.path_bytes);
      HF_TRY(give_up(moved.error()));
      continue;
    }
    const std::optional<ChunkRef> below_a = a ? a->directory : std::nullopt, below_b = b ? b->directory : std::nullopt;
    if (below_a != below_b) stack.push_back(std::make_unique<Pair>(chunks, below_a, below_b, path.size()));
  }
  return {};
}

}  // namespace hf
