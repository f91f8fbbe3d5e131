// A vault with thousands of recovery points, quickly: what a small tree leaves behind that changes a little every hour.
//
//   many_points VAULT KEYFILE POINTS [FOLDERS FILES-IN-EACH CHANGES]
//
// Each point has its tree and its changed contents, as a backup would have written them. Only that a hundred points share
// a session is different: their packs are as large as if they had been pruned now and then. Points are an hour apart, the
// last one now.

#include <cstdio>
#include <cstdlib>
#include <random>

#include "point/tree_builder.hpp"
#include "store/local/local_store.hpp"
#include "vault/write_session.hpp"

namespace hf {
namespace {

constexpr std::int64_t kHourNs = 3600LL * 1'000'000'000;
constexpr std::size_t kPointsASession = 100;

struct Shape {
  std::size_t points = 10'000, folders = 20, files = 50, changes = 5;
};

/// The tree, and the nodes of its folders as they were last written.
class Source {
 public:
  Source(const Shape& shape, std::int64_t begin_ns) : shape_(shape), versions_(shape.folders * shape.files, 0), nodes_(shape.folders), changed_ns_(begin_ns) {}

  void change(std::int64_t now_ns) {
    changed_ns_ = now_ns;
    const std::size_t folder = random_() % shape_.folders;  // what changes together lies together
    for (std::size_t i = 0; i < shape_.changes; ++i) {
      ++versions_[folder * shape_.files + random_() % shape_.files];
      nodes_[folder].reset();
    }
  }
  Result<Entry> write(WriteSession& session, ChunkWriter& data) {
    DirectoryBuilder root(session);
    for (std::size_t f = 0; f < shape_.folders; ++f) {
      Entry folder = directory("folder " + std::to_string(1000 + f));
      if (!nodes_[f]) nodes_[f] = HF_TRY(write_folder(session, data, f));
      folder.directory = nodes_[f];
      folder.below_files = shape_.files;
      HF_TRY(root.add(std::move(folder)));
    }
    Entry out = directory("root");
    out.directory = HF_TRY(root.finish());
    out.below_files = root.files();
    out.below_bytes = root.bytes();
    return out;
  }

 private:
  Entry directory(std::string name) const {
    Entry e;
    e.name = std::move(name);
    e.stat.type = FileType::directory;
    e.stat.mode = 0755;
    e.stat.mtime = e.stat.ctime = changed_ns_;
    return e;
  }
  Result<ChunkRef> write_folder(WriteSession& session, ChunkWriter& data, std::size_t f) {
    DirectoryBuilder folder(session);
    for (std::size_t i = 0; i < shape_.files; ++i) {
      const std::size_t file = f * shape_.files + i;
      const std::string text = "file " + std::to_string(file) + " in its version " + std::to_string(versions_[file]);
      Entry e;
      e.name = "file " + std::to_string(100'000 + i);
      e.stat.type = FileType::regular;
      e.stat.mode = 0644;
      e.stat.size = text.size();
      e.stat.mtime = e.stat.ctime = changed_ns_;
      const ChunkId id = session.vault().keys().chunk_hash().id(as_bytes(text));
      HF_TRY(data.add(id, as_bytes(text)));
      e.content.refs.push_back({id, static_cast<std::uint32_t>(text.size())});
      HF_TRY(folder.add(std::move(e)));
    }
    return folder.finish();
  }

  const Shape shape_;
  std::vector<std::uint64_t> versions_;
  std::vector<std::optional<ChunkRef>> nodes_;
  std::int64_t changed_ns_;
  std::mt19937_64 random_{1};
};

Status make(Env& env, const std::string& directory, const std::string& key_file, const Shape& shape) {
  const Buffer key = HF_TRY(env.read_file(key_file, 1u << 20));
  const auto vault = HF_TRY(Vault::open(env, HF_TRY(open_local_store(env, directory)), {SlotKind::key_file, key}));
  const std::int64_t first_ns = env.wall_ns() - static_cast<std::int64_t>(shape.points) * kHourNs;
  Source source(shape, first_ns);
  std::optional<PointId> before, full;
  for (std::size_t made = 0; made < shape.points;) {
    const auto session = HF_TRY(WriteSession::begin(*vault));
    const auto data = session->data_writer();
    std::vector<RecoveryPoint> points;
    for (; points.size() < kPointsASession && made < shape.points; ++made) {
      RecoveryPoint& p = points.emplace_back();
      p.started_ns = first_ns + static_cast<std::int64_t>(made) * kHourNs;
      if (made > 0) source.change(p.started_ns);
      p.ended_ns = p.started_ns + 1'000'000'000;
      p.vault = vault->id();
      p.kind = full ? PointKind::incremental : PointKind::full;
      p.parent = before;
      p.base_full = full;
      p.host = "host";
      p.user = "user";
      p.program = "bench/many_points";
      p.paths = {"/source"};
      p.base_path = "/source";
      p.root = HF_TRY(source.write(*session, *data));
      p.files = p.root.below_files;
      p.bytes = p.root.below_bytes;
      env.random(p.id.bytes);
      if (points.size() == kPointsASession || made + 1 == shape.points) p.id = session->point_id();
      before = p.id;
      if (!full) full = p.id;
    }
    HF_TRY(data->finish());
    HF_TRY(session->commit(points.back()));  // everything is durable now; the others follow
    points.pop_back();
    for (const RecoveryPoint& p : points)
      HF_TRY(vault->store().put({ObjectKind::point, p.id.hex()}, vault->seal(SealedKind::point, encode_point(p, vault->keys().signing_seed()))));
  }
  return {};
}

}  // namespace
}  // namespace hf

int main(int count, char** words) {
  if (count < 4) return std::fprintf(stderr, "many_points VAULT KEYFILE POINTS [FOLDERS FILES-IN-EACH CHANGES]\n"), 2;
  const auto number = [&](int i, std::size_t otherwise) { return count > i ? std::strtoull(words[i], nullptr, 10) : otherwise; };
  const hf::Shape usual;
  const hf::Shape shape{number(3, usual.points), number(4, usual.folders), number(5, usual.files), number(6, usual.changes)};
  const auto env = hf::make_real_env();
  const auto made = hf::make(*env, words[1], words[2], shape);
  if (!made) return std::fprintf(stderr, "error: %s\n", made.error().message.c_str()), 1;
  return 0;
}
