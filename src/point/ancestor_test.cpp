#include "point/ancestor.hpp"

#include <gtest/gtest.h>

#include <random>

#include "point/kin.hpp"
#include "point/likeness.hpp"
#include "point/tree_builder.hpp"
#include "store/memory/memory_store.hpp"

namespace hf {
namespace {

struct AncestorTest : testing::Test {
  std::unique_ptr<Env> env = make_real_env();
  const Buffer key = Buffer(64, 7);
  std::unique_ptr<Vault> vault = *Vault::create(*env, make_memory_store(), {.params = {}, .argon2 = {}, .label = "key"}, {SlotKind::key_file, key});
  std::unique_ptr<Index> index = *Index::load(*vault);
  ChunkReader chunks{*vault, *index};

  static ChunkRef chunk(std::uint8_t name, std::uint32_t bytes = 100'000) {
    ChunkRef r;
    r.id.bytes.fill(name);
    r.bytes = bytes;
    return r;
  }
  static std::vector<ChunkRef> near(Ancestor& a, std::uint64_t offset, const ChunkRef& c) {
    std::vector<ChunkRef> out;
    a.find_near(offset, c, out);
    return out;
  }
  using Refs = std::vector<ChunkRef>;
};

TEST_F(AncestorTest, a_chunk_is_near_what_lay_in_its_place) {
  Ancestor a(chunks, {0, {chunk(1), chunk(2), chunk(3)}, {}});
  EXPECT_EQ(near(a, 0, chunk(1)), Refs());  // the same
  EXPECT_EQ(near(a, 100'000, chunk(9)), Refs{chunk(2)});
  EXPECT_EQ(near(a, 200'000, chunk(8, 150'000)), Refs{chunk(3)});
  EXPECT_EQ(near(a, 350'000, chunk(7)), Refs());  // nothing was there
}

TEST_F(AncestorTest, a_chunk_over_a_cut_is_near_both) {
  Ancestor a(chunks, {0, {chunk(1), chunk(2), chunk(3)}, {}});
  EXPECT_EQ(near(a, 0, chunk(9, 180'000)), (Refs{chunk(1), chunk(2)}));
}

TEST_F(AncestorTest, an_insertion_that_moves_everything_is_followed) {
  Ancestor a(chunks, {0, {chunk(1), chunk(2), chunk(3), chunk(4)}, {}});
  EXPECT_EQ(near(a, 5'000'000, chunk(2)), Refs());  // 4.9 MB came before it
  EXPECT_EQ(near(a, 5'100'000, chunk(9)), Refs{chunk(3)});
}

TEST_F(AncestorTest, a_drift_of_a_few_bytes_a_chunk_is_followed) {
  Refs old;
  for (std::uint8_t i = 1; i <= 200; ++i) old.push_back(chunk(i, 50'000));
  Ancestor a(chunks, {0, old, {}});
  std::uint64_t at = 0;
  for (std::uint8_t i = 0; i < 200; ++i) {  // each became 700 bytes longer: in the end more than two chunks
    ChunkRef now = chunk(0, 50'700);
    now.id.bytes[0] = i;
    now.id.bytes[5] = 1;
    EXPECT_EQ(near(a, at, now), Refs{old[i]}) << int(i);
    at += now.bytes;
  }
}

TEST_F(AncestorTest, holes_are_counted_in_and_repeated_chunks_say_nothing_of_the_place) {
  Ancestor a(chunks, {0, {chunk(1), chunk(5), chunk(5), chunk(2)}, {{100'000, 1'000'000}}});
  EXPECT_EQ(near(a, 1'300'000, chunk(9)), Refs{chunk(2)});
  EXPECT_EQ(near(a, 7'000'000, chunk(5)), Refs());
  EXPECT_EQ(near(a, 1'300'000, chunk(9)), Refs{chunk(2)});
}

TEST_F(AncestorTest, a_list_that_cannot_be_read_is_passed_over) {
  Ancestor a(chunks, {1, {chunk(1)}, {}});
  EXPECT_EQ(near(a, 0, chunk(9)), Refs());
}

Entry named(const std::string& name, FileType type = FileType::regular) {
  Entry e;
  e.name = name;
  e.stat.type = type;
  return e;
}

TEST(Kin, names_that_differ_in_a_number_are_kin) {
  EXPECT_EQ(kind_of_name("dump-2026-01-31.sql"), kind_of_name("dump-2026-02-1.sql"));
  EXPECT_NE(kind_of_name("a1"), kind_of_name("b1"));
  const std::vector<Entry> before{named("app-1.2", FileType::directory), named("app-1.3", FileType::directory), named("app-x"), named("link-1", FileType::symlink)};
  Kin kin;
  for (const char* name : {"app-1.4", "app", "link-2"}) kin.expect(name);
  kin.learn(before);
  ASSERT_NE(kin.of("app-1.4"), nullptr);
  EXPECT_EQ(kin.of("app-1.4")->name, "app-1.3");
  EXPECT_EQ(kin.of("app"), nullptr);
  EXPECT_EQ(kin.of("link-2"), nullptr);
}

struct LikenessTest : AncestorTest {
  std::mt19937_64 random{5};
  Chunker chunker{vault->keys().cuts_key(), vault->params().cuts};
  std::unique_ptr<WriteSession> session = *WriteSession::begin(*vault);
  std::unique_ptr<ChunkWriter> writer = session->data_writer();

  Buffer noise(std::size_t n) {
    Buffer out(n);
    for (auto& b : out) b = static_cast<std::uint8_t>(random());
    return out;
  }
  /// Text of rows, of which one in `one_in` is another than in the text with the same seed.
  static Buffer rows(std::uint64_t seed, unsigned one_in) {
    Buffer out;
    std::mt19937_64 content(seed), change(seed + 1);
    for (int i = 0; i < 60'000; ++i) {
      const std::uint64_t value = content(), other = change();
      const std::string row = "INSERT INTO t VALUES (" + std::to_string(i) + ", " + std::to_string(one_in > 0 && other % one_in == 0 ? other : value) + ");\n";
      append(out, as_bytes(row));
    }
    return out;
  }
  Entry stored(const std::string& name, const Buffer& bytes) {
    Entry e = named(name);
    e.stat.size = bytes.size();
    for (ByteView rest = bytes; !rest.empty();) {
      const ByteView c = rest.first(chunker.next_cut(rest));
      e.content.refs.push_back({vault->keys().chunk_hash().id(c), static_cast<std::uint32_t>(c.size())});
      EXPECT_TRUE(writer->add(e.content.refs.back().id, c));
      rest = rest.subspan(c.size());
    }
    return e;
  }
  Entry directory(const std::string& name, const std::vector<std::string>& names) {
    DirectoryBuilder builder(*session, chunks, std::nullopt);
    for (const std::string& n : names) EXPECT_TRUE(builder.add(named(n)));
    Entry e = named(name, FileType::directory);
    e.directory = *builder.finish();
    return e;
  }
  void done() {
    ASSERT_TRUE(writer->finish());
    ASSERT_TRUE(session->suspend());
    writer.reset();
    session.reset();
    index = *Index::load(*vault);
  }
  static ByteView sample(const Buffer& b) { return ByteView(b).first(std::min(Likeness::kSampleBytes, b.size())); }
};

TEST_F(LikenessTest, a_file_is_found_by_what_is_in_it) {
  std::vector<Entry> before{stored("other dump", rows(2, 0)), stored("dump", rows(1, 0)), stored("noise", noise(3'000'000)), stored("zeros", Buffer(3'000'000, 0))};
  done();
  ChunkReader reader(*vault, *index);
  Likeness likeness(reader, chunker);
  const auto name_of = [&](const Buffer& b, std::uint64_t size) {
    const Entry* e = likeness.likest_file(before, size, sample(b));
    return e == nullptr ? std::string("none") : e->name;
  };
  const Buffer changed = rows(1, 100);  // hardly a chunk is the same
  EXPECT_EQ(name_of(changed, changed.size()), "dump");
  EXPECT_EQ(name_of(changed, 10 * changed.size()), "none") << "of another size altogether";
  const Buffer fresh = noise(3'000'000), stranger = rows(3, 0);
  EXPECT_EQ(name_of(fresh, fresh.size()), "none");
  EXPECT_EQ(name_of(stranger, stranger.size()), "none") << "text of the same kind is not the same text";
  const Buffer zeros(3'000'000, 0);
  EXPECT_EQ(name_of(zeros, zeros.size()), "none") << "zeros say nothing";
  for (const std::size_t n : {0u, 1u, 1000u}) EXPECT_EQ(name_of(noise(n), n), "none");
  before[1].content.refs[3].id.bytes[0] ^= 1;  // can't be read
  Likeness anew(reader, chunker);
  EXPECT_NE(anew.likest_file(before, changed.size(), sample(changed)), &before[2]);
}

TEST_F(LikenessTest, a_directory_is_found_by_the_names_in_it) {
  const std::vector<Entry> before{directory("docs", {"a", "b", "c"}), directory("src", {"main.c", "util.c", "util.h"}), directory("empty", {})};
  done();
  ChunkReader reader(*vault, *index);
  Likeness likeness(reader, chunker);
  const auto name_of = [&](const std::vector<std::string_view>& names) {
    const Entry* e = likeness.likest_directory(before, names);
    return e == nullptr ? std::string("none") : e->name;
  };
  EXPECT_EQ(name_of({"main.c", "new.c", "util.c", "util.h"}), "src");
  EXPECT_EQ(name_of({"a"}), "docs");
  EXPECT_EQ(name_of({"x", "y", "z"}), "none");
  EXPECT_EQ(name_of({}), "none");
}

}  // namespace
}  // namespace hf
