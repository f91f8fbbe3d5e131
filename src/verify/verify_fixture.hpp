#pragma once
// For tests: a small vault in memory whose objects can be damaged one by one.

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "store/memory/memory_store.hpp"
#include "vault/write_session.hpp"
#include "verify/verify.hpp"

namespace hf::verify_test {

using Objects = std::map<ObjectName, Buffer>;

inline Objects objects_of(ObjectStore& store) {
  Objects out;
  for (ObjectKind kind : kObjectKinds) {
    std::vector<std::string> names;
    EXPECT_TRUE(store.list(kind, [&](std::string_view name, std::uint64_t) { names.emplace_back(name); }));
    for (const std::string& name : names) out[{kind, name}] = *store.get({kind, name}, UINT64_MAX);
  }
  return out;
}
inline std::unique_ptr<ObjectStore> store_of(const Objects& objects) {
  auto store = make_memory_store();
  for (const auto& [name, bytes] : objects) EXPECT_TRUE(store->put(name, bytes));
  return store;
}

/// What the tests say of a tree: directories by path, files by path and content.
struct TreeWriter {
  WriteSession& session;
  ChunkWriter& data;
  std::uint64_t inode = 100;

  ChunkRef chunk(ByteView bytes) {
    const ChunkId id = session.vault().keys().chunk_hash().id(bytes);
    EXPECT_TRUE(data.add(id, bytes));
    return {id, static_cast<std::uint32_t>(bytes.size())};
  }
  Entry file(const std::string& name, const std::vector<Buffer>& parts) {
    Entry e;
    e.name = name;
    e.stat.type = FileType::regular;
    e.stat.mode = 0644;
    e.stat.ino = inode++;
    e.stat.nlink = 1;
    for (const Buffer& p : parts) {
      e.content.refs.push_back(chunk(p));
      e.stat.size += p.size();
    }
    return e;
  }
  Entry directory(const std::string& name, std::vector<Entry> entries) {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.name < b.name; });
    Entry e;
    e.name = name;
    e.stat.type = FileType::directory;
    e.stat.mode = 0755;
    e.stat.ino = inode++;
    e.directory = *session.add_metadata(encode_leaf(entries));
    return e;
  }
};

struct VaultFixture : testing::Test {
  static constexpr Argon2Params kQuick{.memory_kib = 8, .passes = 1, .lanes = 1};
  const Buffer key_file = Buffer(64, 9);
  std::unique_ptr<Env> env = make_real_env();
  std::unique_ptr<Vault> vault = make();
  Progress progress;

  std::unique_ptr<Vault> make() {
    auto v = *Vault::create(*env, make_memory_store(), {.params = {}, .argon2 = kQuick, .label = "first"}, {SlotKind::passphrase, as_bytes("horse")});
    EXPECT_TRUE(v->add_key({SlotKind::key_file, key_file}, "file"));
    return v;
  }
  static Buffer noise(std::size_t n, std::uint64_t seed) {
    std::mt19937_64 random(seed);
    Buffer out(n);
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
    return out;
  }
  /// A point of "web:/home" that holds what `build` makes.
  RecoveryPoint backup(const std::function<Entry(TreeWriter&)>& build, const WriteOptions& options = {}) {
    auto session = *WriteSession::begin(*vault, options);
    auto writer = session->data_writer();
    TreeWriter tree{*session, *writer};
    RecoveryPoint p;
    p.root = build(tree);
    p.host = "web";
    p.paths = {"/home"};
    p.base_path = "/home";
    p.started_ns = env->wall_ns();
    EXPECT_TRUE(writer->finish());
    const auto committed = session->commit(p);
    EXPECT_TRUE(committed) << committed.error().message;
    return p;
  }
  Result<std::unique_ptr<Vault>> open(const Objects& objects) { return Vault::open(*env, store_of(objects), {SlotKind::key_file, key_file}); }
  void reopen(const Objects& objects) { vault = *open(objects); }
  VerifyReport check(const Vault& v, VerifyOptions options = {}) {
    auto r = verify(v, options, progress);
    EXPECT_TRUE(r) << r.error().message;
    return r ? std::move(*r) : VerifyReport();
  }
  VerifyReport check(VerifyOptions options = {}) { return check(*vault, options); }
};

inline bool names(const VerifyReport& r, const ObjectName& object) {
  return std::any_of(r.damage.begin(), r.damage.end(), [&](const Damage& d) { return d.object == object.text() && !d.message.empty() && !d.hint.empty(); });
}

}  // namespace hf::verify_test
