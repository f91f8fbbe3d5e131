#include "point/former.hpp"

#include <algorithm>
#include <set>

#include "point/kin.hpp"
#include "point/likeness.hpp"
#include "point/tree_reader.hpp"

namespace hf {
namespace {
constexpr std::size_t kSourcesMax = 32, kPlacesMax = 64;

bool is_stream(const RecoveryPoint& p) { return p.base_path.empty(); }
/// One directory that stands for itself; else the root is "/", with the names on the way to what was named.
bool is_directory(const RecoveryPoint& p) { return !is_stream(p) && p.base_path != "/"; }

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
  std::vector<const RecoveryPoint*> out;
  for (auto p = points.rbegin(); p != points.rend() && out.size() < kSourcesMax; ++p)
    if (is_stream(*p) == streams && (p->host != now.host || p->paths != now.paths) && seen.insert({p->host, p->paths}).second) out.push_back(&*p);
  std::stable_partition(out.begin(), out.end(), [&](const RecoveryPoint* p) { return p->host == now.host; });
  return out;
}

/// The directories in which it begins: its base, or where its paths lie.
std::set<std::string> places_of(const RecoveryPoint& now) {
  if (is_directory(now)) return {now.base_path};
  std::set<std::string> out;
  for (std::size_t i = 0; i < now.paths.size() && out.size() < kPlacesMax; ++i) out.insert(now.paths[i].substr(0, now.paths[i].rfind('/')));
  out.erase("");  // "/": names that lie there line up with those of another that begins there
  return out;
}

/// How much the paths of two sources have in common: the same ones, then those that differ in digits alone.
std::pair<std::size_t, std::size_t> in_common(const RecoveryPoint& a, const RecoveryPoint& b) {
  std::pair<std::size_t, std::size_t> n;
  for (const std::string& path : a.paths) {
    n.first += std::binary_search(b.paths.begin(), b.paths.end(), path);
    n.second += std::any_of(b.paths.begin(), b.paths.end(), [&](const std::string& other) { return kind_of_name(other) == kind_of_name(path); });
  }
  return n;
}

/// Of sources in order the one that is most like the new one by its path alone; nullptr: none.
const RecoveryPoint* kin_of(const std::vector<const RecoveryPoint*>& sources, const RecoveryPoint& now) {
  if (!is_directory(now)) {
    const auto best = std::max_element(sources.begin(), sources.end(), [&](const RecoveryPoint* a, const RecoveryPoint* b) {
      const auto rank = [&](const RecoveryPoint* p) { return std::pair(!is_directory(*p), in_common(now, *p)); };
      return rank(a) < rank(b);
    });
    return best != sources.end() && !is_directory(**best) ? *best : nullptr;
  }
  const std::string kind = kind_of_name(now.base_path), last = kind_of_name(last_part(now.base_path));
  const RecoveryPoint* found = nullptr;
  for (const RecoveryPoint* p : sources) {
    if (!is_directory(*p)) continue;
    if (kind_of_name(p->base_path) == kind) return p;
    if (found == nullptr && kind_of_name(last_part(p->base_path)) == last) found = p;
  }
  return found;
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
    if (const RecoveryPoint* kin = kin_of(sources, now)) lay_at(now.base_path, *kin, kin->root);
  if (!out.directories.contains(now.base_path) && is_directory(now))
    for (const RecoveryPoint* p : sources)
      if (is_directory(*p) && out.roots.size() < Likeness::kCandidatesMax) out.roots.push_back(p->root);
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
