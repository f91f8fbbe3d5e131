#include "point/likeness.hpp"

#include <algorithm>
#include <functional>

#include "point/tree_reader.hpp"

namespace hf {
namespace {
constexpr std::size_t kEdgeBytes = 256, kChunksMax = 24, kKnownMax = 1024, kNamesMax = 64;
}

Likeness::Edges Likeness::edges_of(std::span<const ByteView> chunks) const {
  Edges out;
  for (std::size_t i = 1; i < chunks.size(); ++i) {  // files of one kind begin alike whatever is in them
    const ByteView edge = chunks[i].first(std::min(kEdgeBytes, chunks[i].size()));
    if (std::all_of(edge.begin(), edge.end(), [&](std::uint8_t b) { return b == edge[0]; })) continue;  // zeros say nothing
    out.push_back(std::hash<std::string_view>()(as_text(edge)));
  }
  std::sort(out.begin(), out.end());
  out.erase(std::unique(out.begin(), out.end()), out.end());
  return out;
}

std::shared_ptr<const Likeness::Edges> Likeness::edges_of(const Entry& file) {
  const ChunkId& name = file.content.refs[0].id;
  {
    Lock lock(mutex_);
    if (const auto at = known_.find(name); at != known_.end()) return at->second;
  }
  std::vector<Buffer> edges;
  std::uint64_t bytes = 0;
  // What can't be read is compared as far as it can be: nothing depends on it.
  static_cast<void>(for_each_chunk(chunks_, file, [&](const ChunkRef& ref, std::uint64_t) -> Status {
    if (bytes >= kSampleBytes || edges.size() >= kChunksMax) return Error(Code::cancelled, "enough");
    const LoadedChunk loaded = HF_TRY(chunks_.read(ref.id));
    const ByteView edge = loaded.bytes.first(std::min(kEdgeBytes, loaded.bytes.size()));
    edges.emplace_back(edge.begin(), edge.end());
    bytes += ref.bytes;
    return {};
  }));
  const std::vector<ByteView> views(edges.begin(), edges.end());
  auto found = std::make_shared<const Edges>(edges_of(views));
  Lock lock(mutex_);
  if (known_.size() >= kKnownMax) known_.clear();
  known_[name] = found;
  return found;
}

const Entry* Likeness::likest_file(std::span<const Entry> before, std::optional<std::uint64_t> size, ByteView sample) {
  if (before.empty()) return nullptr;
  std::vector<ByteView> views;
  // The last chunk of the sample ends where the sample does, and not at a cut.
  for (ByteView rest = sample; rest.size() > chunker_.params().size_max && views.size() < kChunksMax;) {
    const std::size_t n = chunker_.next_cut(rest);
    views.push_back(rest.first(n));
    rest = rest.subspan(n);
  }
  const Edges wanted = edges_of(views);
  const Entry* best = nullptr;
  std::size_t most = std::max<std::size_t>(2, wanted.size() / 4) - 1;
  for (const Entry& e : before) {
    if (!e.is_regular() || e.content.refs.empty()) continue;
    if (size && (e.stat.size / 2 > *size || *size / 2 > e.stat.size)) continue;
    const auto has = edges_of(e);
    const auto shared = std::count_if(wanted.begin(), wanted.end(), [&](std::uint64_t edge) { return std::binary_search(has->begin(), has->end(), edge); });
    if (std::cmp_less_equal(shared, most)) continue;
    most = static_cast<std::size_t>(shared);
    best = &e;
  }
  return best;
}

const Entry* Likeness::likest_directory(std::span<const Entry> before, std::span<const std::string_view> names) {
  const Entry* best = nullptr;
  double most = 0.5;
  for (const Entry& e : before) {
    if (!e.is_directory() || !e.directory) continue;
    DirectoryCursor cursor(chunks_, e.directory);
    std::size_t seen = 0, shared = 0;
    for (; seen < kNamesMax; ++seen) {
      const auto next = cursor.next();
      if (!next || *next == nullptr) break;
      shared += std::binary_search(names.begin(), names.end(), std::string_view((*next)->name));
    }
    if (seen == 0) continue;
    const double part = static_cast<double>(shared) / static_cast<double>(std::min(seen, std::max<std::size_t>(1, names.size())));
    if (part < most) continue;
    most = part;
    best = &e;
  }
  return best;
}

}  // namespace hf
