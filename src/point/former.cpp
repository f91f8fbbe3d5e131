#include "point/former.hpp"

#include <algorithm>
#include <set>

#include "point/kin.hpp"
#include "point/likeness.hpp"
#include "point/tree_reader.hpp"

namespace hf {
namespace {
constexpr std::size_t kSourcesMax = 32, kPlacesMax = 64;

bool is_stream(const RecoveryPoint& p) { return p.paths.size() == 1 && p.paths[0].starts_with(kStreamPrefix); }
/// One directory that stands for itself; else the root is "/", with the names on the way to what was named.
bool is_directory(const RecoveryPoint& p) { return !is_stream(p) && p.base_path.size() > 1; }

std::string_view last_part(std::string_view path) { return path.substr(path.rfind('/') + 1); }

/// The rest of `path` below `above`; nullopt where it is not below.
std::optional<std::string_view> below(std::string_view above, std::string_view path) {
  if (above == "/") return path.substr(1);
  if (!path.starts_with(above) || (path.size() > above.size() && path[above.size()] != '/')) return std::nullopt;
  return path.substr(std::min(path.size(), above.size() + 1));
}

/// The newest point of each source but the asking one, its own host's first.
std::vector<const RecoveryPoint*> newest_of_others(const std::vector<RecoveryPoint>& points, const RecoveryPoint& now, bool streams) {
  std::set<std::pair<std::string_view, const std::vector<std::string>&>> seen;
  std::vector<const RecoveryPoint*> own, others;
  for (auto p = points.rbegin(); p != points.rend(); ++p) {
    if (is_stream(*p) != streams || (p->host == now.host && p->paths == now.paths)) continue;
    auto& out = p->host == now.host ? own : others;
    if (out.size() < kSourcesMax && seen.insert({p->host, p->paths}).second) out.push_back(&*p);
  }
  own.insert(own.end(), others.begin(), others.end());
  own.resize(std::min(own.size(), kSourcesMax));
  return own;
}

/// The directories in which it begins: its base, or where its paths lie.
std::set<std::string> places_of(const RecoveryPoint& now) {
  if (is_directory(now)) return {now.base_path};
  std::set<std::string> out;
  for (std::size_t i = 0; i < now.paths.size() && out.size() < kPlacesMax; ++i) out.insert(now.paths[i].substr(0, now.paths[i].rfind('/')));
  out.erase("");  // "/": names that lie there line up with those of another that begins there
  return out;
}

/// Of sources in order the one that has most paths in common with the new one, which is no directory: the same ones, then
/// those that differ in digits alone. nullptr: none.
const RecoveryPoint* nearest_of_parts(const std::vector<const RecoveryPoint*>& sources, const RecoveryPoint& now) {
  std::set<std::string> kinds;
  for (const std::string& path : now.paths) kinds.insert(kind_of_name(path));
  const RecoveryPoint* best = nullptr;
  std::pair<std::size_t, std::size_t> most;
  for (const RecoveryPoint* p : sources) {
    if (is_directory(*p)) continue;
    std::pair<std::size_t, std::size_t> common;
    for (const std::string& path : p->paths) {
      common.first += std::binary_search(now.paths.begin(), now.paths.end(), path);
      common.second += kinds.contains(kind_of_name(path));
    }
    if (best != nullptr && common <= most) continue;
    best = p;
    most = common;
  }
  return best;
}

/// Of sources in order the one whose path differs in digits alone; nullptr: none.
const RecoveryPoint* kin_of(const std::vector<const RecoveryPoint*>& sources, const RecoveryPoint& now) {
  const std::string kind = kind_of_name(now.base_path);
  const auto kin = std::find_if(sources.begin(), sources.end(), [&](const RecoveryPoint* p) { return is_directory(*p) && kind_of_name(p->base_path) == kind; });
  return kin == sources.end() ? nullptr : *kin;
}
}  // namespace

Former former_of_source(RecoveryPoint parent, bool trusted) {
  Former out;
  if (parent.root.directory) out.directories.emplace(parent.base_path, *parent.root.directory);
  out.point = std::move(parent);
  out.trusted = trusted;
  return out;
}

Former former_of_others(ChunkReader& chunks, const std::vector<RecoveryPoint>& points, const RecoveryPoint& now) {
  Former out;
  const auto sources = newest_of_others(points, now, false);
  const auto lay_at = [&](const std::string& path, const RecoveryPoint& p, const Entry& directory) {
    if (!directory.directory || !out.directories.try_emplace(path, *directory.directory).second) return;
    if (path == now.base_path) out.point = p;
  };
  const std::set<std::string> places = places_of(now);
  for (const RecoveryPoint* p : sources) {
    if (is_directory(*p) && below(now.base_path, p->base_path)) lay_at(p->base_path, *p, p->root);
    for (const std::string& place : places) {
      const auto rest = below(p->base_path, place);
      if (!rest || rest->empty()) continue;
      // What can't be read is passed over: nothing depends on it.
      if (const auto found = find_path(chunks, p->root, *rest)) lay_at(place, *p, *found);
    }
  }
  if (!out.directories.contains(now.base_path))
    if (const RecoveryPoint* kin = is_directory(now) ? kin_of(sources, now) : nearest_of_parts(sources, now)) lay_at(now.base_path, *kin, kin->root);
  if (!out.directories.contains(now.base_path) && is_directory(now)) {
    // Those of the same last name first.
    auto rest = sources;
    const std::string last = kind_of_name(last_part(now.base_path));
    std::stable_partition(rest.begin(), rest.end(), [&](const RecoveryPoint* p) { return kind_of_name(last_part(p->base_path)) == last; });
    for (const RecoveryPoint* p : rest)
      if (is_directory(*p) && out.roots.size() < Likeness::kCandidatesMax) out.roots.push_back(p->root);
  }
  if (!out.point && !sources.empty()) out.point = *sources.front();
  return out;
}

std::vector<Entry> former_of_stream(ChunkReader& chunks, const std::vector<RecoveryPoint>& points, const RecoveryPoint& now) {
  auto sources = newest_of_others(points, now, true);
  const std::string kind = kind_of_name(now.paths[0]);
  std::stable_partition(sources.begin(), sources.end(), [&](const RecoveryPoint* p) { return kind_of_name(p->paths[0]) == kind; });
  std::vector<Entry> out;
  for (const RecoveryPoint* p : sources) {
    if (out.size() == Likeness::kCandidatesMax) break;
    if (auto found = find_path(chunks, p->root, std::string_view(p->paths[0]).substr(kStreamPrefix.size()))) out.push_back(std::move(*found));
  }
  return out;
}

}  // namespace hf
