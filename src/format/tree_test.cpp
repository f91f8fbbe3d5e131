#include "format/tree.hpp"

#include <limits>

#include "format/damage.hpp"
#include "format/examples.hpp"
#include "format/pack.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace examples;

constexpr std::int64_t kFirst = std::numeric_limits<std::int64_t>::min(), kLast = std::numeric_limits<std::int64_t>::max();

void expect_same(const Entry& a, const Entry& b) {
  SCOPED_TRACE(printable(a.name));
  EXPECT_EQ(a.name, b.name);
  EXPECT_EQ(a.stat.type, b.stat.type);
  EXPECT_EQ(a.stat.mode, b.stat.mode);
  EXPECT_EQ(a.stat.uid, b.stat.uid);
  EXPECT_EQ(a.stat.gid, b.stat.gid);
  EXPECT_EQ(a.stat.size, b.stat.size);
  EXPECT_EQ(a.stat.mtime, b.stat.mtime);
  EXPECT_EQ(a.stat.ctime, b.stat.ctime);
  EXPECT_EQ(a.stat.dev, b.stat.dev);
  EXPECT_EQ(a.stat.ino, b.stat.ino);
  EXPECT_EQ(a.stat.nlink, b.stat.nlink);
  EXPECT_EQ(a.stat.rdev_major, b.stat.rdev_major);
  EXPECT_EQ(a.stat.rdev_minor, b.stat.rdev_minor);
  EXPECT_EQ(a.flags, b.flags);
  EXPECT_EQ(a.xattrs, b.xattrs);
  EXPECT_EQ(a.target, b.target);
  EXPECT_EQ(a.content, b.content);
  EXPECT_EQ(a.inconsistent, b.inconsistent);
  EXPECT_EQ(a.directory, b.directory);
  EXPECT_EQ(a.below_files, b.below_files);
  EXPECT_EQ(a.below_bytes, b.below_bytes);
}
void expect_round_trip(const std::vector<Entry>& entries) {
  const auto node = decode_node(encode_leaf(entries));
  ASSERT_TRUE(node) << node.error().message;
  EXPECT_TRUE(node->is_leaf());
  ASSERT_EQ(node->entries.size(), entries.size());
  for (std::size_t i = 0; i < entries.size(); ++i) expect_same(node->entries[i], entries[i]);
}

TEST(Leaf, an_empty_directory_is_a_leaf) {
  EXPECT_EQ(to_hex(encode_leaf({})), "010000");
  EXPECT_TRUE(decode_node(encode_leaf({}))->entries.empty());
}
TEST(Leaf, each_kind_of_entry_comes_back_alone_and_together) {
  expect_round_trip(leaf());
  for (const Entry& e : leaf()) expect_round_trip({e});
}
TEST(Leaf, is_pinned) { EXPECT_EQ(to_hex(sha256(encode_leaf(leaf()))), "ec8be3797b6f3af99ead8f341df540d8c962732a859496d32bc5e1dca3710418"); }
// docs/format/tree.md explains these bytes one by one.
TEST(Leaf, the_worked_example_is_pinned) {
  Entry link = entry(FileType::symlink, "latest");
  link.stat.mode = 0777;
  link.stat.mtime = 1'700'000'000'500'000'000;
  link.stat.ctime = 1'700'000'001'000'000'000;
  link.target = "notes.txt";
  EXPECT_EQ(to_hex(encode_leaf({link, regular("notes.txt", {300})})),
            "01024503066c6174657374ff03e807e80780c49fd50c0065cd1d82c49fd50c000000008110808010096e6f7465732e74"
            "7874816c096e6f7465732e747874a403e807e8070000ac020102030405060708090a0b0c0d0e0f101112131415161718"
            "191a1b1c1d1e1f20");
}
TEST(Leaf, extreme_times_come_back) {
  for (std::int64_t ns : {kFirst, kFirst + 1, std::int64_t{-1'000'000'001}, std::int64_t{-1'000'000'000}, std::int64_t{-999'999'999}, std::int64_t{-1}, std::int64_t{0},
                          std::int64_t{1}, std::int64_t{999'999'999}, kLast - 1, kLast}) {
    Entry a = regular("a", {1}), b = regular("b", {2});
    a.stat.mtime = b.stat.ctime = ns;
    a.stat.ctime = b.stat.mtime = ns == 0 ? kFirst : kLast;
    expect_round_trip({a, b});
  }
}
TEST(Leaf, a_time_beyond_64_bits_of_nanoseconds_is_refused_not_wrapped) {
  for (std::int64_t second : {std::int64_t{9'223'372'037}, std::int64_t{-9'223'372'038}, kLast, kFirst}) {
    Buffer fields, out;
    wire::Writer w(fields);
    w.varint(5 | 512 | 1024 | 8192);  // fifo? any type without more fields: socket, same device, ctime is mtime, whole second
    w.text("x");
    w.varint(0644);
    w.varint(1);
    w.varint(1);
    w.signed_varint(second);
    w.signed_varint(0);
    wire::Writer o(out);
    o.u8(1);
    o.varint(1);
    o.bytes(fields);
    EXPECT_EQ(decode_node(out).error().code, Code::corrupt) << second;
  }
}
TEST(Leaf, extreme_names_come_back_and_unsafe_ones_are_refused) {
  std::string every;
  for (int c = 1; c < 256; ++c)
    if (c != '/') every += static_cast<char>(c);
  expect_round_trip({regular(every, {1}), regular(std::string(255, '\xFF'), {1})});
  Buffer good = encode_leaf({regular("abc", {1})});
  const auto renamed = [&](std::string_view name) {
    Buffer b = good;
    const auto at = std::search(b.begin(), b.end(), as_bytes("abc").begin(), as_bytes("abc").end());
    std::copy(name.begin(), name.end(), at);
    return decode_node(b).has_value();
  };
  EXPECT_TRUE(renamed("abd"));
  EXPECT_FALSE(renamed("a/b"));
  EXPECT_FALSE(renamed(std::string_view("a\0b", 3)));
  for (std::string_view bad : {"", ".", "..", "/", "a/", "/a"}) EXPECT_FALSE(is_safe_name(bad));
  for (std::string_view fine : {"...", ".a", "a\\b", " ", "\n"}) EXPECT_TRUE(is_safe_name(fine));
}
TEST(Leaf, xattrs_are_written_in_order_whatever_the_kernel_says) {
  Entry a = regular("a", {1}), b = a;
  a.xattrs = {{"user.a", {1}}, {"user.b", {}}};
  b.xattrs = {{"user.b", {}}, {"user.a", {1}}};
  EXPECT_EQ(encode_leaf({a}), encode_leaf({b}));
}
TEST(Leaf, entries_of_many_chunks_and_holes_come_back) {
  Entry e = regular("big", std::vector<std::uint32_t>(kRefsInEntryMax, kSegmentPlainMax));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    e.content.holes.push_back({i * 8192, 4096});
    e.stat.size += 4096;
  }
  expect_round_trip({e});
}
TEST(Leaf, random_entries_come_back) {
  std::mt19937_64 random(17);
  const auto below = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 300; ++round) {
    std::vector<std::string> names;
    for (std::uint64_t i = 0; i <= below(20); ++i) {
      std::string name;
      for (std::uint64_t n = 0; n <= below(40); ++n)
        if (const auto c = static_cast<char>(random()); c != 0 && c != '/') name += c;
      if (is_safe_name(name)) names.push_back(name);
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    std::vector<Entry> entries;
    for (const std::string& name : names) {
      Entry& e = entries.emplace_back(entry(static_cast<FileType>(1 + below(7)), name));
      Stat& s = e.stat;
      if (below(2) != 0) s.mode = static_cast<std::uint32_t>(below(010000));
      if (below(2) != 0) s.uid = static_cast<std::uint32_t>(random() >> below(64));
      if (below(2) != 0) s.gid = static_cast<std::uint32_t>(random() >> below(64));
      if (below(2) != 0) s.mtime = static_cast<std::int64_t>(random()) >> below(64);
      if (below(2) != 0) s.ctime = s.mtime;
      if (below(2) != 0) s.dev = random() >> below(64);
      if (below(2) != 0) s.ino = random() >> below(64);
      if (below(4) == 0 && !e.is_directory()) s.nlink = static_cast<std::uint32_t>(2 + below(1u << 31));
      if (below(4) == 0) e.flags = static_cast<std::uint32_t>(random());
      e.inconsistent = below(8) == 0;
      for (std::uint64_t n = below(8) == 0 ? below(5) : 0; n > 0; --n) e.xattrs.push_back({"user." + std::string(n, 'x'), noise(below(100), random())});
      std::reverse(e.xattrs.begin(), e.xattrs.end());
      if (e.is_regular()) {
        for (std::uint64_t n = below(6); n > 0; --n) {
          e.content.refs.push_back({ChunkId{sha256(noise(8, random()))}, static_cast<std::uint32_t>(1 + below(kSegmentPlainMax))});
          s.size += e.content.refs.back().bytes;
        }
        std::uint64_t at = 0;
        for (std::uint64_t n = below(4) == 0 ? below(5) : 0; n > 0; --n) {
          const Hole h{at + below(s.size + 1 > at ? s.size + 1 - at : 1), 1 + below(1u << 30)};
          e.content.holes.push_back(h);
          s.size += h.bytes;
          at = h.offset + h.bytes + 1;
        }
        std::erase_if(e.content.holes, [&](const Hole& h) {
          if (h.offset + h.bytes <= s.size) return false;
          s.size -= h.bytes;
          return true;
        });
        bool fits = true;
        for (const Hole& h : e.content.holes) fits = fits && h.offset + h.bytes <= s.size;
        if (!fits) {
          for (const Hole& h : e.content.holes) s.size -= h.bytes;
          e.content.holes.clear();
        }
        if (!e.content.refs.empty() && e.content.holes.empty() && below(6) == 0) {
          e.content.level = static_cast<std::uint8_t>(1 + below(kContentLevelMax));
          s.size = random();
        }
      }
      if (s.type == FileType::symlink) e.target = as_text(noise(below(300), random()));
      if (e.is_directory() && below(4) != 0) e.directory = ChunkRef{ChunkId{sha256(noise(8, random()))}, static_cast<std::uint32_t>(1 + below(kSegmentPlainMax))};
      if (e.is_directory()) e.below_bytes = random() >> below(64);
      if (s.type == FileType::char_device || s.type == FileType::block_device) s.rdev_major = static_cast<std::uint32_t>(random());
    }
    expect_round_trip(entries);
  }
}
TEST(Leaf, damage_never_crashes_and_what_decodes_is_canonical) {
  damage::canonical_or_refused(encode_leaf(leaf()), decode_node, [](const TreeNode& n) { return n.is_leaf() ? encode_leaf(n.entries) : encode_inner(n.ranges); });
}
TEST(Leaf, a_file_is_as_long_as_its_chunks_and_holes) {
  Buffer b = encode_leaf({regular("f", {100, 200})});
  // The size, 300, is written as ac 02; make it 301.
  const std::uint8_t size[] = {0xAC, 0x02};
  const auto at = std::search(b.begin(), b.end(), std::begin(size), std::end(size));
  ASSERT_NE(at, b.end());
  *at = 0xAD;
  EXPECT_EQ(decode_node(b).error().code, Code::corrupt);
}
TEST(Leaf, what_a_newer_version_wrote_is_unsupported) {
  Buffer fields, out;
  wire::Writer(fields).varint(16384 | 1);
  wire::Writer w(out);
  w.u8(1);
  w.varint(1);
  w.bytes(fields);
  EXPECT_EQ(decode_node(out).error().code, Code::unsupported);
  EXPECT_EQ(decode_node(Buffer{9}).error().code, Code::unsupported);
  EXPECT_EQ(decode_ref_list(Buffer{9}).error().code, Code::unsupported);
  EXPECT_EQ(decode_node(Buffer{3}).error().code, Code::corrupt);
  EXPECT_EQ(decode_node({}).error().code, Code::corrupt);
}
TEST(Leaf, a_count_of_2_to_the_60_allocates_nothing) {
  for (std::uint8_t kind = 1; kind <= 3; ++kind) {
    Buffer b;
    wire::Writer w(b);
    w.u8(kind);
    w.varint(std::uint64_t{1} << 60);
    w.varint(0);
    EXPECT_FALSE(decode_node(b));
    EXPECT_FALSE(decode_ref_list(b));
  }
}

TEST(InnerNode, is_pinned_and_canonical) {
  const Buffer b = encode_inner(ranges());
  EXPECT_EQ(to_hex(sha256(b)), "8feaaeea0d8a737a4c08e0ce5244e431831e442e202fe7db5f18825179f9605a");
  EXPECT_FALSE(decode_node(b)->is_leaf());
  damage::canonical_or_refused(b, decode_node, [](const TreeNode& n) { return n.is_leaf() ? encode_leaf(n.entries) : encode_inner(n.ranges); });
}
TEST(RefList, is_pinned_and_canonical) {
  const Buffer b = encode_ref_list(refs());
  EXPECT_EQ(to_hex(sha256(b)), "e2a9e40bd00a30893f20d28d04b0bc88172f8af2607748979c69349db28c3840");
  EXPECT_EQ(*decode_ref_list(b), refs());
  damage::canonical_or_refused(b, decode_ref_list, encode_ref_list);
}
TEST(RefList, one_that_never_advances_is_refused) {
  EXPECT_FALSE(decode_ref_list(Buffer{3, 0}));
  Buffer b = {3, 1, 0};
  b.resize(b.size() + ChunkId::kBytes);
  EXPECT_FALSE(decode_ref_list(b));
}

std::vector<Entry> directory_of(std::size_t n, std::size_t refs_each) {
  std::vector<Entry> out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back(regular("file" + std::to_string(1'000'000 + i), {}));
    out.back().content.refs.assign(refs_each, {id<ChunkId>(1), 65536});
    out.back().stat.size = refs_each * 65536;
  }
  return out;
}
std::vector<std::string> leaf_starts(std::span<const Entry> entries) {
  std::vector<std::string> out;
  while (!entries.empty()) {
    out.push_back(entries[0].name);
    entries = entries.subspan(leaf_end(entries));
  }
  return out;
}
TEST(LeafEnd, leaves_stay_far_below_what_a_chunk_can_hold) {
  for (std::size_t refs_each : {0u, 1u, 64u, 1024u}) {
    const auto entries = directory_of(refs_each > 100 ? 2000 : 20000, refs_each);
    std::size_t leaves = 0;
    for (std::size_t at = 0; at < entries.size(); ++leaves) {
      const std::size_t n = leaf_end(std::span(entries).subspan(at));
      ASSERT_GE(n, 1u);
      const auto part = encode_leaf({entries.begin() + static_cast<std::ptrdiff_t>(at), entries.begin() + static_cast<std::ptrdiff_t>(at + n)});
      EXPECT_LE(part.size(), kLeafWeightMax + kRefsInEntryMax * 36);
      at += n;
    }
    EXPECT_GT(leaves, 1u);
  }
}
TEST(LeafEnd, an_entry_weighs_at_least_what_it_takes) {
  for (const Entry& e : leaf()) EXPECT_GE(entry_weight(e), encode_leaf({e}).size()) << printable(e.name);
  Entry holes = regular("holes", {});
  for (std::uint64_t i = 1; i <= 10'000; ++i) holes.content.holes.push_back({i * (std::uint64_t{1} << 41) - (std::uint64_t{1} << 40), std::uint64_t{1} << 40});
  holes.content.refs.assign(5000, {id<ChunkId>(1), kSegmentPlainMax});
  holes.content.level = 1;
  holes.stat.size = std::uint64_t{1} << 62;
  EXPECT_GE(entry_weight(holes), encode_leaf({holes}).size());
}
TEST(LeafEnd, an_insertion_changes_few_leaves) {
  auto entries = directory_of(50'000, 1);
  const auto before = leaf_starts(entries);
  entries.insert(entries.begin() + 20'000, regular("file1020000-", {5}));
  std::size_t kept = 0;
  const auto after = leaf_starts(entries);
  for (const std::string& s : before) kept += std::binary_search(after.begin(), after.end(), s) ? 1u : 0u;
  EXPECT_GE(kept + 2, before.size());
  EXPECT_EQ(leaf_end({}), 0u);
}
TEST(RefList, ends_about_once_in_1024) {
  int ends = 0;
  for (std::uint32_t i = 0; i < 100'000; ++i) ends += ref_list_ends_after(ChunkId{sha256(as_bytes(std::to_string(i)))}) ? 1 : 0;
  EXPECT_NEAR(ends, 98, 40);
}

}  // namespace
}  // namespace hf
