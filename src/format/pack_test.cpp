#include "format/pack.hpp"

#include "format/damage.hpp"
#include "format/examples.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
using namespace examples;

/// Changes a byte and mends the check over all but the last four.
Buffer with(Buffer b, std::size_t at, std::uint8_t value) {
  b[at] = value;
  const Digest d = sha256(ByteView(b).first(b.size() - 4));
  std::copy_n(d.begin(), 4, b.end() - 4);
  return b;
}

TEST(PackHeader, is_pinned_and_comes_back) {
  const Buffer b = pack_header().encode();
  EXPECT_EQ(to_hex(b),
            "48465041434b0d0a0100010203000000a0a1a2a3a4a5a6a7a8a9aaabacadaeaf101112131415161718191a1b1c1d1e1f"
            "20212223242526270000000059981711");
  const PackHeader h = *PackHeader::decode(b);
  EXPECT_EQ(h.encode(), b);
  EXPECT_EQ(h.pack_class, PackClass::metadata);
  EXPECT_EQ(h.epoch, 3u);
}
TEST(PackHeader, damage_is_always_detected) {
  damage::always_detected(pack_header().encode(), [](ByteView b) { return PackHeader::decode(b); });
}
TEST(PackHeader, newer_versions_are_unsupported) {
  const Buffer b = pack_header().encode();
  EXPECT_EQ(b.size(), PackHeader::kBytes);
  EXPECT_EQ(PackHeader::decode(with(b, 8, 2)).error().code, Code::unsupported);
  EXPECT_EQ(PackHeader::decode(with(b, 10, 3)).error().code, Code::unsupported);   // cipher
  EXPECT_EQ(PackHeader::decode(with(b, 56, 1)).error().code, Code::unsupported);   // reserved
  EXPECT_EQ(PackHeader::decode(with(b, 8, 0)).error().code, Code::corrupt);
}
TEST(PackTrailer, is_pinned_and_comes_back) {
  PackTrailer t;
  t.directory_offset = 1 << 25;
  t.directory_stored_bytes = 4711;
  const Buffer b = t.encode();
  EXPECT_EQ(to_hex(b), "4846504b454e440a0000000200000000671200000000000000000000e86a8d4a");
  EXPECT_EQ(b.size(), PackTrailer::kBytes);
  EXPECT_EQ(PackTrailer::decode(b)->directory_offset, t.directory_offset);
  EXPECT_EQ(PackTrailer::decode(b)->directory_stored_bytes, t.directory_stored_bytes);
  damage::always_detected(b, [](ByteView v) { return PackTrailer::decode(v); });
  EXPECT_EQ(PackTrailer::decode(with(b, 20, 1)).error().code, Code::unsupported);
}

Buffer encoded(const SegmentHead& h) {
  Buffer b;
  h.encode(b);
  return b;
}
TEST(SegmentHead, is_pinned_and_comes_back) {
  const Buffer b = encoded(segment_head());
  EXPECT_EQ(to_hex(b), "01d083040301808004cf0301808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f");
  const auto [head, taken] = *SegmentHead::decode(b);
  EXPECT_EQ(taken, b.size());
  EXPECT_EQ(encoded(head), b);
}
TEST(SegmentHead, damage_never_crashes_and_what_decodes_is_canonical) {
  const Buffer b = encoded(segment_head());
  const auto check = [](ByteView v) {
    auto found = SegmentHead::decode(v);
    if (!found) return;
    EXPECT_EQ(encoded(found->first), Buffer(v.begin(), v.begin() + static_cast<std::ptrdiff_t>(found->second)));
  };
  damage::each_truncation(b, check);
  damage::each_bit_flip(b, check);
}
TEST(SegmentHead, a_stored_payload_must_be_as_long_as_promised) {
  SegmentHead h;
  h.plain_bytes = 3;
  h.chunk_bytes = {1, 2};
  Buffer b = encoded(h);
  append(b, as_bytes("abc"));
  EXPECT_TRUE(SegmentHead::decode(b));
  b.push_back('d');
  EXPECT_FALSE(SegmentHead::decode(b));
  b.resize(b.size() - 2);
  EXPECT_FALSE(SegmentHead::decode(b));
}
TEST(SegmentHead, bases_are_for_compressed_segments_only) {
  SegmentHead h;
  h.plain_bytes = 3;
  h.chunk_bytes = {3};
  h.bases = {id<ChunkId>(1)};
  Buffer b = encoded(h);
  append(b, as_bytes("abc"));
  EXPECT_FALSE(SegmentHead::decode(b));
}
TEST(SegmentHead, unknown_codings_are_unsupported) {
  Buffer b = encoded(segment_head());
  b[0] = 2;
  EXPECT_EQ(SegmentHead::decode(b).error().code, Code::unsupported);
}
TEST(SegmentHead, sizes_beyond_the_limits_are_refused_before_anything_is_allocated) {
  const auto head = [](std::uint64_t plain, std::uint64_t chunks, std::uint64_t bases) {
    Buffer b;
    wire::Writer w(b);
    w.u8(1);
    w.varint(plain);
    w.varint(chunks);
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(chunks, 100000); ++i) w.varint(1);
    w.varint(bases);
    b.resize(b.size() + ChunkId::kBytes * std::min<std::uint64_t>(bases, 2000));
    return b;
  };
  EXPECT_TRUE(SegmentHead::decode(head(kChunksPerSegmentMax, kChunksPerSegmentMax, kBasesPerSegmentMax)));
  EXPECT_FALSE(SegmentHead::decode(head(kChunksPerSegmentMax + 1, kChunksPerSegmentMax + 1, 0)));
  EXPECT_FALSE(SegmentHead::decode(head(1, 1, kBasesPerSegmentMax + 1)));
  EXPECT_FALSE(SegmentHead::decode(head(1, std::uint64_t{1} << 60, 0)));
  EXPECT_FALSE(SegmentHead::decode(head(kSegmentPlainMax + 1, 1, 0)));
  EXPECT_FALSE(SegmentHead::decode(head(1, 1, std::uint64_t{1} << 60)));
}

TEST(PackDirectory, is_pinned_and_canonical) {
  const Buffer b = pack_directory().encode();
  EXPECT_EQ(to_hex(sha256(b)), "3717e488c5d8aad6a6217e2399996cad3c9dca3b0b653e4a87076af44adb1eec");
  damage::canonical_or_refused(b, [](ByteView v) { return PackDirectory::decode(v); }, [](const PackDirectory& d) { return d.encode(); });
}
TEST(PackDirectory, may_be_empty) { EXPECT_TRUE(PackDirectory::decode(PackDirectory().encode())->segments.empty()); }
TEST(PackDirectory, segments_that_overlap_or_lie_about_their_size_are_refused) {
  const auto decodes = [](auto&& change) {
    PackDirectory d = pack_directory();
    change(d);
    return PackDirectory::decode(d.encode()).has_value();
  };
  EXPECT_TRUE(decodes([](PackDirectory&) {}));
  EXPECT_FALSE(decodes([](PackDirectory& d) { d.segments[0].offset = PackHeader::kBytes - 1; }));
  EXPECT_FALSE(decodes([](PackDirectory& d) { --d.segments[1].offset; }));
  EXPECT_FALSE(decodes([](PackDirectory& d) { std::swap(d.segments[0], d.segments[1]); }));
  EXPECT_FALSE(decodes([](PackDirectory& d) { ++d.segments[0].plain_bytes; }));
  EXPECT_FALSE(decodes([](PackDirectory& d) { d.segments[0].stored_bytes = FrameHeader::kBytes + Aead::kTagBytes - 1; }));
  EXPECT_FALSE(decodes([](PackDirectory& d) { d.segments[1].stored_bytes = kSegmentStoredMax + 1; }));
  EXPECT_FALSE(decodes([](PackDirectory& d) { d.segments[1].chunks.push_back({id<ChunkId>(1), 0}); }));
}
TEST(PackDirectory, a_count_of_2_to_the_60_allocates_nothing) {
  Buffer b;
  wire::Writer(b).varint(std::uint64_t{1} << 60);
  EXPECT_FALSE(PackDirectory::decode(b));
  b.clear();
  wire::Writer w(b);
  for (std::uint64_t v : {std::uint64_t{1}, std::uint64_t{64}, std::uint64_t{1000}, std::uint64_t{5}, std::uint64_t{1} << 60}) w.varint(v);
  EXPECT_FALSE(PackDirectory::decode(b));
}

// docs/format/pack.md, section "Content name", shows these values.
TEST(ContentName, is_pinned) {
  EXPECT_EQ(to_hex(content_name({})), "5693235c3cddedb704c158f241c554ee1bdcf494a698501aa6d3f225d45d274f");
  EXPECT_EQ(to_hex(content_name(as_bytes("holdfast"))), "c5c0b49b1c54aa48f3e10831dba85a52fd057e5a5b5852a41d89e6d3f5a89abd");
  Buffer counting_bytes(65537);
  for (std::size_t i = 0; i < counting_bytes.size(); ++i) counting_bytes[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(to_hex(content_name(counting_bytes)), "dee75445c98a322197ad359947b11e34c77bfb71d63f0fcf3e6f436e91649c50");
}
TEST(ContentName, follows_its_definition) {
  const Buffer object = noise(3 * ContentName::kBlockBytes + 17);
  Buffer blocks;
  for (std::size_t at = 0; at < object.size(); at += ContentName::kBlockBytes)
    append(blocks, sha256(ByteView(object).subspan(at, std::min(ContentName::kBlockBytes, object.size() - at))));
  Buffer all(as_bytes("holdfast object").begin(), as_bytes("holdfast object").end());
  wire::Writer w(all);
  w.u64(object.size());
  w.raw(sha256(blocks));
  EXPECT_EQ(content_name(object), sha256(all));
}
TEST(ContentName, pieces_of_any_size_give_the_same_name) {
  std::mt19937_64 random(11);
  constexpr std::size_t kBlock = ContentName::kBlockBytes;
  for (std::size_t total : {std::size_t{0}, std::size_t{1}, kBlock - 1, kBlock, kBlock + 1, 2 * kBlock, 5 * kBlock + 333}) {
    const Buffer object = noise(total);
    const Digest whole = content_name(object);
    for (int round = 0; round < 20; ++round) {
      ContentName name;
      for (ByteView left = object; !left.empty();) {
        const std::size_t n = std::min<std::size_t>(left.size(), random() % (round % 2 == 0 ? 3 * kBlock : 9000));
        name.update(left.first(n));
        left = left.subspan(n);
      }
      EXPECT_EQ(name.finish(), whole) << total;
    }
    ContentName blockwise;
    for (std::size_t at = 0; at < total; at += kBlock) blockwise.update(ByteView(object).subspan(at, std::min(kBlock, total - at)));
    EXPECT_EQ(blockwise.finish(), whole);
  }
}
TEST(ContentName, knows_a_byte_too_many_and_zeros_at_the_end) {
  EXPECT_NE(content_name(Buffer(10)), content_name(Buffer(11)));
  EXPECT_NE(content_name(Buffer(ContentName::kBlockBytes)), content_name(Buffer(ContentName::kBlockBytes + 1)));
  EXPECT_NE(content_name({}), content_name(Buffer(1)));
}

}  // namespace
}  // namespace hf
