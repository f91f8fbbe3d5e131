#include "recovery/raw_scan.hpp"

#include <gtest/gtest.h>

#include "format/examples.hpp"
#include "format/vault_config.hpp"

namespace hf {
namespace {

struct Seen {
  FindingKind kind;
  std::uint64_t offset;
  auto operator<=>(const Seen&) const = default;
};

std::vector<Seen> find_all(ByteView bytes) {
  std::vector<Seen> out;
  const auto done = find_in(bytes, 0, true, 0, [&](const Finding& f) -> Status {
    out.push_back({f.kind, f.offset});
    return {};
  });
  EXPECT_TRUE(done);
  EXPECT_EQ(*done, bytes.size());
  return out;
}

/// One of each, with noise between, at odd places; and where they are.
std::pair<Buffer, std::vector<Seen>> one_of_each() {
  Buffer bytes = examples::noise(1001, 7);
  std::vector<Seen> where;
  const auto add = [&](FindingKind kind, ByteView object) {
    where.push_back({kind, bytes.size()});
    append(bytes, object);
    append(bytes, examples::noise(77 + 10 * where.size(), where.size()));
  };
  Buffer frame(FrameHeader::kBytes);
  FrameHeader header = examples::frame(SealedKind::segment);
  header.stored_bytes = 100;
  header.encode(frame);
  PackTrailer trailer;
  trailer.directory_offset = 100;
  trailer.directory_stored_bytes = 64;
  IndexTrailer index;
  index.table_offset = 10;
  index.table_stored_bytes = 64;
  add(FindingKind::frame, frame);
  add(FindingKind::pack_header, examples::pack_header().encode());
  add(FindingKind::pack_trailer, trailer.encode());
  add(FindingKind::index_trailer, index.encode());
  // The label in a slot and the parameters in a description are small objects of their own.
  add(FindingKind::key_slot, examples::key_slot(SlotKind::passphrase).encode());
  add(FindingKind::description, examples::vault_config().encode());
  return {std::move(bytes), std::move(where)};
}
std::vector<Seen> without_inner_frames(std::vector<Seen> seen, std::uint64_t first_frame) {
  std::erase_if(seen, [&](const Seen& s) { return s.kind == FindingKind::frame && s.offset != first_frame; });
  return seen;
}

TEST(RawScan, finds_one_of_each_at_any_place) {
  const auto [bytes, where] = one_of_each();
  EXPECT_EQ(without_inner_frames(find_all(bytes), where[0].offset), where);
}

TEST(RawScan, finds_the_same_wherever_the_window_ends) {
  const auto [bytes, where] = one_of_each();
  const auto whole = find_all(bytes);
  for (std::size_t piece : {1u, 2u, 3u, 7u, 16u, 63u, 64u, 65u, 129u, 1000u}) {
    std::vector<Seen> seen;
    std::size_t at = 0;
    for (std::size_t filled = 0; at < bytes.size();) {
      filled = std::min(bytes.size(), filled + piece);
      const auto done = find_in(ByteView(bytes).subspan(at, filled - at), 0, filled == bytes.size(), at, [&](const Finding& f) -> Status {
        seen.push_back({f.kind, f.offset});
        return {};
      });
      ASSERT_TRUE(done);
      at += *done;
      if (filled == bytes.size()) break;
    }
    EXPECT_EQ(seen, whole) << "pieces of " << piece;
  }
}

TEST(RawScan, a_flipped_bit_in_what_the_check_covers_is_no_finding) {
  const Buffer header = examples::pack_header().encode();
  for (std::size_t bit = 0; bit < 8 * header.size(); ++bit) {
    Buffer copy = header;
    copy[bit / 8] = static_cast<std::uint8_t>(copy[bit / 8] ^ (1u << (bit % 8)));
    EXPECT_TRUE(find_all(copy).empty());
  }
}

TEST(RawScan, an_object_that_claims_to_be_huge_is_none) {
  Buffer slot = examples::key_slot(SlotKind::passphrase).encode();
  slot[88] = 0xFF;  // length of the wrapped keys
  slot[89] = 0xFF;
  slot[90] = 0x7F;
  append(slot, Buffer(3 * kSearchedObjectMax, 'H'));
  for (const Seen& s : find_all(slot)) EXPECT_NE(s.kind, FindingKind::key_slot);
}

TEST(RawScan, the_quick_search_agrees_with_a_slow_one) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 300; ++round) {
    Buffer bytes(random() % 300);
    for (auto& b : bytes) b = static_cast<std::uint8_t>("HFx"[random() % 3]);
    std::size_t slow = bytes.size();
    for (std::size_t i = 0; i + 1 < bytes.size(); ++i)
      if (bytes[i] == 'H' && bytes[i + 1] == 'F') {
        slow = i;
        break;
      }
    EXPECT_EQ(find_magic_start(bytes, 0), slow);
    for (auto& b : bytes) b = static_cast<std::uint8_t>(random() % 100 == 0 ? 'H' : random() % 100 == 0 ? 'F' : 'x');
    for (std::size_t from = 0; from < bytes.size(); from += 13) {
      slow = bytes.size();
      for (std::size_t i = from; i + 1 < bytes.size(); ++i)
        if (bytes[i] == 'H' && bytes[i + 1] == 'F') {
          slow = i;
          break;
        }
      EXPECT_EQ(find_magic_start(bytes, from), slow);
    }
  }
}

}  // namespace
}  // namespace hf
