#pragma once
// For tests: a vault, points made by hand, and a target, all in one temporary directory of the real file system.

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "point/restore.hpp"
#include "store/local/local_store.hpp"
#include "vault/write_session.hpp"

namespace hf {

inline constexpr std::int64_t kThen = 1'000'000'000'123'456'789;  ///< mtime of everything in a point, unless said otherwise

class Problems final : public ProblemSink {
 public:
  void problem(const Error& error) override {
    Lock lock(mutex_);
    all.push_back(error);
  }
  std::vector<Error> all;

 private:
  Mutex mutex_;
};

/// A tree of entries that is written into a vault as a point.
struct Branch {
  Entry entry;
  std::map<std::string, Branch> below;
};

class RestoreWorld : public testing::Test {
 protected:
  RestoreWorld() {
    char name[] = "/tmp/hf-restore-XXXXXX";
    base = ::mkdtemp(name);
    target = base + "/target";
    vault = *Vault::create(*env, *create_local_store(*env, base + "/vault"), {.params = {}, .argon2 = {.memory_kib = 8, .passes = 1, .lanes = 1}, .label = ""},
                           {SlotKind::passphrase, as_bytes("x")});
    begin();
  }
  ~RestoreWorld() override { std::filesystem::remove_all(base); }

  /// Begins a new point.
  void begin() {
    root = {};
    root.entry = make(FileType::directory, 0755);
    root.entry.name = "root";
    session = *WriteSession::begin(*vault);
    data = session->data_writer();
  }
  static Entry make(FileType type, unsigned mode) {
    Entry e;
    e.stat.type = type;
    e.stat.mode = mode;
    e.stat.uid = ::geteuid();
    e.stat.gid = ::getegid();
    e.stat.mtime = e.stat.ctime = kThen;
    e.stat.nlink = 1;
    return e;
  }
  Branch& at(const std::string& path) {
    Branch* b = &root;
    for (const auto& part : std::filesystem::path(path)) {
      Branch& next = b->below[part.string()];
      if (next.entry.stat.type == FileType::unknown) next.entry = make(FileType::directory, 0755);
      b = &next;
    }
    return *b;
  }
  Entry& dir(const std::string& path) { return at(path).entry; }
  ChunkRef store(ByteView chunk) {
    const ChunkId id = vault->keys().chunk_hash().id(chunk);
    EXPECT_TRUE(data->add(id, chunk));
    return {id, static_cast<std::uint32_t>(chunk.size())};
  }
  /// Cut into chunks of 64 KiB.
  Entry& file(const std::string& path, std::string_view content, unsigned mode = 0644) {
    Branch& b = at(path);
    b.entry = make(FileType::regular, mode);
    b.entry.stat.size = content.size();
    for (std::size_t o = 0; o < content.size(); o += 65536) b.entry.content.refs.push_back(store(as_bytes(content.substr(o, 65536))));
    return b.entry;
  }
  Entry& symlink(const std::string& path, const std::string& to) {
    Branch& b = at(path);
    b.entry = make(FileType::symlink, 0777);
    b.entry.target = to;
    return b.entry;
  }
  static std::string noise(std::size_t bytes, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    std::string out(bytes, '\0');
    for (char& c : out) c = static_cast<char>(random());
    return out;
  }

  ChunkRef store_directory(Branch& b) {
    std::vector<Entry> entries;
    for (auto& [name, child] : b.below) {
      child.entry.name = name;
      if (child.entry.is_directory()) child.entry.directory = store_directory(child);
      b.entry.below_files += 1 + child.entry.below_files;
      b.entry.below_bytes += child.entry.is_directory() ? child.entry.below_bytes : child.entry.stat.size;
      entries.push_back(child.entry);
    }
    Buffer node = encode_leaf(entries);
    if (forge) forge(node);
    return *session->add_metadata(node);
  }
  RecoveryPoint commit() {
    root.entry.directory = store_directory(root);
    EXPECT_TRUE(data->finish());
    RecoveryPoint p;
    p.root = root.entry;
    p.base_path = base + "/source";
    p.paths = {p.base_path};
    p.host = "h";
    EXPECT_TRUE(session->commit(p));
    data.reset();
    session.reset();
    index = *Index::load(*vault);
    chunks = std::make_unique<ChunkReader>(*vault, *index);
    return p;
  }

  RestoreOptions into_target() {
    RestoreOptions o;
    o.target = target;
    o.jobs = jobs;
    return o;
  }
  RestoreReport restored(const RecoveryPoint& p, const RestoreOptions& o) {
    auto r = restore(*env, *chunks, p, o, progress, problems);
    EXPECT_TRUE(r) << r.error().message;
    return r ? *r : RestoreReport();
  }
  RestoreReport restored(const RecoveryPoint& p) { return restored(p, into_target()); }

  // --- the target, as a person sees it ---
  std::string there(const std::string& path) const { return target + "/" + path; }
  std::string read(const std::string& path) const {
    std::ifstream in(there(path), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& path, std::string_view content, std::int64_t mtime) {
    std::filesystem::create_directories(std::filesystem::path(there(path)).parent_path());
    std::ofstream(there(path), std::ios::binary) << content;
    ASSERT_EQ(env->sys_utimeat(Env::kCwd, there(path).c_str(), mtime), 0);
  }
  bool exists(const std::string& path) const { return static_cast<bool>(env->stat(there(path))); }
  Stat stat_of(const std::string& path) const {
    const auto s = env->stat(there(path));
    EXPECT_TRUE(s) << path;
    return s ? *s : Stat();
  }
  /// Breaks one byte of the segment that holds this chunk.
  void damage(const ChunkId& id) {
    const ChunkPlace place = *chunks->locate(id);
    const std::string path = base + "/vault/packs/" + place.pack.hex().substr(0, 2) + "/" + place.pack.hex();
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(place.offset + 100);
    const char c = static_cast<char>(file.get() ^ 1);
    file.seekp(place.offset + 100);
    file.put(c);
  }

  std::unique_ptr<Env> env = make_real_env();
  std::string base, target;
  std::unique_ptr<Vault> vault;
  Branch root;
  std::unique_ptr<WriteSession> session;
  std::unique_ptr<ChunkWriter> data;
  std::function<void(Buffer&)> forge;  ///< changes nodes before they are stored
  std::unique_ptr<Index> index;
  std::unique_ptr<ChunkReader> chunks;
  Progress progress;
  Problems problems;
  unsigned jobs = 2;
};

}  // namespace hf
