#include "format/deletion.hpp"

#include <gtest/gtest.h>

#include "format/damage.hpp"
#include "format/examples.hpp"

namespace hf {
namespace {

using namespace examples;

TEST(Deletion, every_layout_comes_back_and_has_one_encoding) {
  damage::canonical_or_refused(encode_lease(lease()), decode_lease, encode_lease);
  damage::canonical_or_refused(encode_tombstone(tombstone()), decode_tombstone, encode_tombstone);
  damage::canonical_or_refused(encode_verdict(Verdict::reaped), decode_verdict, encode_verdict);
  damage::canonical_or_refused(encode_fence(fence()), decode_fence, encode_fence);
  damage::canonical_or_refused(encode_epoch(epoch()), decode_epoch, encode_epoch);
  damage::canonical_or_refused(encode_hold(hold()), decode_hold, encode_hold);
}

TEST(Deletion, lists_out_of_order_are_refused) {
  EpochRecord e = epoch();
  std::swap(e.retired[0].packs[0], e.retired[0].packs[1]);
  EXPECT_FALSE(decode_epoch(encode_epoch(e)));
  e = epoch();
  std::swap(e.retired[0], e.retired[1]);
  EXPECT_FALSE(decode_epoch(encode_epoch(e)));
  e = epoch();
  e.condemned.push_back(e.condemned[0]);
  EXPECT_FALSE(decode_epoch(encode_epoch(e)));
  Hold h = hold();
  h.points.clear();
  EXPECT_FALSE(decode_hold(encode_hold(h)));
}

TEST(Deletion, a_newer_version_is_told_from_damage) {
  Buffer b = encode_tombstone(tombstone());
  b[0] = 2;
  EXPECT_EQ(decode_tombstone(b).error().code, Code::unsupported);
  b[0] = 0;
  EXPECT_EQ(decode_tombstone(b).error().code, Code::corrupt);
}

TEST(Deletion, an_epoch_tells_what_counts_as_absent) {
  const EpochRecord e = epoch();
  for (const std::uint8_t n : std::initializer_list<std::uint8_t>{1, 2, 3, 8}) EXPECT_TRUE(e.is_absent(id<PackId>(n)));
  EXPECT_FALSE(e.is_absent(id<PackId>(4)));
  EXPECT_EQ(e.absent().size(), 4u);
}

TEST(Deletion, names_of_epochs_are_in_order_of_numbers) {
  EXPECT_EQ(epoch_name(1), "0000000000000001");
  EXPECT_LT(epoch_name(9), epoch_name(10));
  EXPECT_LT(epoch_name(255), epoch_name(4096));
}

}  // namespace
}  // namespace hf
