// The vectors of docs/format/ that span several layouts: keys, ids, cuts. They pin what every vault depends on.

#include <gtest/gtest.h>

#include "codec/chunker.hpp"
#include "format/examples.hpp"

namespace hf {
namespace {
using namespace examples;

TEST(Vectors, keys_are_derived_as_sealing_md_says) {
  const Digest root = counting<Digest>(0);
  EXPECT_EQ(to_hex(hkdf(root, kVault.view(), "holdfast chunk id")), "e4bb27ecf50abbff688a1c7b428e8ca69edb45a6961b9187c197f834c15c446c");
  EXPECT_EQ(to_hex(hkdf(root, kVault.view(), "holdfast cuts")), "1c0507dc15ec9b23f7af221f8b266510952daa8de12bc365c1bf3c1b815c2ec5");
  EXPECT_EQ(to_hex(hkdf(root, kVault.view(), "holdfast point signing")), "695505eef1a23c29ef64a40edff1991efb6c6c28d2e2b187ce627c637351a2e7");
  EXPECT_EQ(to_hex(hkdf(root, counting<Salt>(0x10), "holdfast object")), "4894cf1331052d46a2a9e7c851b489faaaad204bdc83bfa46c375d524ef7f7ea");
}
TEST(Vectors, a_chunk_is_called_as_chunking_md_says) {
  const KeyedHash hash(hkdf(counting<Digest>(0), kVault.view(), "holdfast chunk id"));
  EXPECT_EQ(hash.id(as_bytes("holdfast")).hex(), "f88bda637c89a6b4e891669a1643cde85dc1e44dc384e9bb08566cc8780d2a66");
}

std::vector<std::size_t> ends(const ChunkerParams& sizes, ByteView stream) {
  const Chunker chunker(kKey, sizes);
  std::vector<std::size_t> out;
  for (std::size_t at = 0; at < stream.size();) out.push_back(at += chunker.next_cut(stream.subspan(at)));
  return out;
}
TEST(Vectors, streams_are_cut_as_chunking_md_says) {
  Buffer d;
  for (std::uint64_t i = 0; d.size() < 262144; ++i) {
    std::array<std::uint8_t, 8> counter{};
    for (std::size_t b = 0; b < 8; ++b) counter[b] = static_cast<std::uint8_t>(i >> (8 * b));
    append(d, sha256(counter));
  }
  EXPECT_EQ(to_hex(sha256(d)), "10ab2705cc85e622c4b75bf924e866c1316c14c6310be51dc0535dcd55b3da61");
  const ChunkerParams small{256, 1024, 4096};
  EXPECT_EQ(ends(small, ByteView(d).first(16384)),
            (std::vector<std::size_t>{1046, 2248, 3323, 4447, 5617, 7421, 8395, 9590, 10647, 11970, 13207, 14268, 15446, 15965, 16384}));
  EXPECT_EQ(ends(small, Buffer(10000)), (std::vector<std::size_t>{4096, 8192, 10000}));
  Buffer twice = d;
  append(twice, d);
  EXPECT_EQ(ends({}, twice), (std::vector<std::size_t>{65836, 135734, 207130, 290888, 358399, 440538, 469274, 524288}));
}

}  // namespace
}  // namespace hf
