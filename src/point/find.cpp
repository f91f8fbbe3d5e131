#include "point/find.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "format/tree_scan.hpp"
#include "format/wire.hpp"
#include "point/tree_graph.hpp"
#include "point/tree_reader.hpp"

namespace hf {
namespace {

class NameMatch {
 public:
  explicit NameMatch(const FindQuery& query) : letters_(query.letters), type_(query.type), pattern_(query.pattern) {
    const std::size_t slash = pattern_.rfind('/');
    is_path_ = slash != std::string::npos;
    name_ = is_path_ ? pattern_.substr(slash + 1) : pattern_;
    // "a/**b" may match names in any directory below: its last part says nothing of names alone.
    if (is_path_ && (name_.find("**") != std::string::npos || name_.empty())) name_ = "*";
    if (is_path_ && !pattern_.starts_with('/')) pattern_ = "/**/" + pattern_;
    literal_ = !glob_has_magic(name_) && letters_ == GlobCase::exact;
  }
  bool name(std::string_view name, FileType type) const {
    if (type_ && type != *type_) return false;
    return literal_ ? name == name_ : glob_match(name_, name, letters_);
  }
  bool path(std::string_view absolute) const { return !is_path_ || glob_match(pattern_, absolute, letters_); }

 private:
  const GlobCase letters_;
  const std::optional<FileType> type_;
  std::string pattern_, name_;
  bool is_path_ = false, literal_ = false;
};

/// The same for entries whose content is the same.
Digest content_of(const Entry& e) {
  Buffer b;
  wire::Writer w(b);
  w.u8(static_cast<std::uint8_t>(e.stat.type));
  switch (e.stat.type) {
    case FileType::regular:
      w.varint(e.stat.size);
      w.u8(e.content.level);
      for (const ChunkRef& r : e.content.refs) w.id(r.id);
      for (const Hole& h : e.content.holes) {
        w.varint(h.offset);
        w.varint(h.bytes);
      }
      break;
    case FileType::directory:
      if (e.directory) w.id(e.directory->id);
      break;
    case FileType::symlink: w.text(e.target); break;
    default:
      w.varint(e.stat.rdev_major);
      w.varint(e.stat.rdev_minor);
  }
  return sha256(b);
}

/// Points whose search starts at the same node in the same place.
struct Group {
  Entry start;
  std::string base;  // absolute path of `start`
  std::vector<const RecoveryPoint*> points;  // oldest first
};

}  // namespace

std::string path_below_root(const RecoveryPoint& point, std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  if (path == ".") return "";
  if (!path.starts_with('/')) return path;
  if (path == point.base_path) return "";
  const std::string base = point.base_path.ends_with('/') ? point.base_path : point.base_path + "/";
  return path.starts_with(base) ? path.substr(base.size()) : path;
}

std::string absolute_path_of(const RecoveryPoint& point, const std::string& below) {
  if (below.empty()) return point.base_path;
  return (point.base_path.ends_with('/') ? point.base_path : point.base_path + "/") + below;
}

Result<FindResult> find_names(ChunkReader& chunks, const std::vector<RecoveryPoint>& points, const FindQuery& query, unsigned jobs, Progress& progress) {
  FindResult result;
  const NameMatch match(query);

  std::vector<const RecoveryPoint*> in_order;
  for (const RecoveryPoint& p : points) in_order.push_back(&p);
  std::sort(in_order.begin(), in_order.end(), [](const auto* a, const auto* b) { return std::tie(a->started_ns, a->id) < std::tie(b->started_ns, b->id); });
  std::map<std::tuple<ChunkId, std::string, std::string>, Group> groups;
  std::map<std::string, const RecoveryPoint*> newest_of_source;
  for (const RecoveryPoint* p : in_order) {
    newest_of_source[p->source()] = p;
    const std::string below = path_below_root(*p, query.below);
    Entry start = p->root;
    if (!below.empty()) {
      auto found = find_path(chunks, p->root, below);
      if (!found && found.error().code == Code::not_found) continue;
      if (!found) {
        result.unreadable.push_back(found.error());
        continue;
      }
      start = std::move(*found);
    }
    if (!start.directory) continue;
    std::string base = absolute_path_of(*p, below);
    Group& g = groups[{start.directory->id, base, p->host}];
    if (g.points.empty()) {
      g.start = std::move(start);
      g.base = base == "/" ? "" : std::move(base);
    }
    g.points.push_back(p);
  }

  TreeGraph graph(chunks, jobs, &progress);
  std::vector<GraphNode> roots;
  for (const auto& [key, g] : groups) roots.push_back({*g.start.directory, 0});
  HF_TRY(graph.walk(
      roots,
      [&](unsigned, const GraphNode&, ByteView content, std::vector<GraphNode>& children) -> Result<bool> {
        bool found = false;
        HF_TRY(scan_names(content, [&](const NameInNode& n) {
          if (n.node) children.push_back({*n.node, 0});
          if (!found && !n.is_range && match.name(n.name, n.type)) found = true;
        }));
        return found;
      },
      [&](const GraphNode&, const Error& error) -> Status {
        result.unreadable.push_back(error);
        return {};
      }));
  result.nodes = graph.nodes();

  struct Key {
    std::string host, path;
    auto operator<=>(const Key&) const = default;
  };
  std::map<Key, FoundPath> found;
  std::vector<const Group*> by_time;
  for (const auto& [key, g] : groups) by_time.push_back(&g);
  std::sort(by_time.begin(), by_time.end(), [](const Group* a, const Group* b) { return a->points.back()->started_ns < b->points.back()->started_ns; });
  const auto wanted = [&](const Entry& e) { return match.name(e.name, e.stat.type); };
  for (const Group* g : by_time) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped");
    const RecoveryPoint& newest = *g->points.back();
    HF_TRY(graph.trace(g->start, wanted, [&](const std::string& path, const Entry* e, const TreeGraph::Lost*) -> Status {
      if (e == nullptr) return {};
      std::string absolute = g->base + "/" + path;
      if (!match.path(absolute)) return {};
      FoundPath& f = found[{newest.host, absolute}];
      const Digest content = content_of(*e);
      auto v = std::find_if(f.versions.begin(), f.versions.end(), [&](const FoundVersion& known) { return known.content == content; });
      if (v == f.versions.end()) {
        v = f.versions.emplace(f.versions.end());
        v->content = content;
        v->type = e->stat.type;
        v->size = e->is_directory() ? e->below_bytes : e->stat.size;
        v->target = e->target;
        v->first_seen = g->points.front()->started_ns;
        v->last_seen = INT64_MIN;
      }
      v->points += g->points.size();
      v->first_seen = std::min(v->first_seen, g->points.front()->started_ns);
      if (newest.started_ns >= v->last_seen) {
        v->last_seen = newest.started_ns;
        v->newest = newest.id;
        v->mtime = e->stat.mtime;
      }
      f.path = std::move(absolute);
      f.host = newest.host;
      f.source = newest.source();
      if (newest_of_source.at(f.source) == &newest) f.in_newest = true;
      return {};
    }));
  }
  for (auto& [key, f] : found) {
    std::sort(f.versions.begin(), f.versions.end(), [](const FoundVersion& a, const FoundVersion& b) { return a.last_seen > b.last_seen; });
    result.paths.push_back(std::move(f));
  }
  std::sort(result.paths.begin(), result.paths.end(), [](const FoundPath& a, const FoundPath& b) { return std::tie(a.path, a.host) < std::tie(b.path, b.host); });
  return result;
}

}  // namespace hf
