#include "codec/agree.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace hf {
namespace {

Digest digest(std::string_view hex) {
  Digest out{};
  std::ranges::copy(*from_hex(hex), out.begin());
  return out;
}

TEST(Agreement, the_vectors_of_rfc_7748_hold) {  // section 6.1
  const Digest bob = digest("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb");
  EXPECT_EQ(to_hex(agreement_public_key(bob)), "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
  const auto shared = agree(bob, digest("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"));
  ASSERT_TRUE(shared);
  EXPECT_EQ(to_hex(*shared), "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}
TEST(Agreement, both_sides_get_the_same) {
  const Digest one = sha256(as_bytes("one")), other = sha256(as_bytes("other"));
  EXPECT_EQ(agree(one, agreement_public_key(other)), agree(other, agreement_public_key(one)));
}
TEST(Agreement, the_first_vector_of_rfc_7748_section_5_2_holds) {
  const auto out = agree(digest("a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4"), digest("e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c"));
  ASSERT_TRUE(out);
  EXPECT_EQ(to_hex(*out), "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
}
TEST(Agreement, points_of_small_order_are_refused) {
  Digest key{};
  key[0] = 9;
  for (const char* hex : {"0000000000000000000000000000000000000000000000000000000000000000", "0100000000000000000000000000000000000000000000000000000000000000",
                          "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800", "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"})
    EXPECT_FALSE(agree(key, digest(hex))) << hex;
}

}  // namespace
}  // namespace hf
