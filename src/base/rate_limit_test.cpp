#include "base/rate_limit.hpp"

#include <gtest/gtest.h>

namespace hf {
namespace {

struct FakeTime {
  std::int64_t now = 1'000'000'000'000, waited = 0;
  RateLimit::Time time() {
    return {[this] { return now; },
            [this](std::int64_t ns) {
              now += ns;
              waited += ns;
            }};
  }
};

TEST(RateLimit, what_is_taken_beyond_the_rate_is_waited_for) {
  FakeTime t;
  RateLimit limit(1000, t.time(), nullptr);
  for (int i = 0; i < 10; ++i) limit.take(1000);
  EXPECT_EQ(t.waited, 10'000'000'000);
}

TEST(RateLimit, at_most_half_a_second_that_was_not_used_is_made_up_for) {
  FakeTime t;
  RateLimit limit(1000, t.time(), nullptr);
  t.now += 3600LL * 1'000'000'000;
  limit.take(500);
  EXPECT_EQ(t.waited, 0);
  limit.take(500);
  EXPECT_EQ(t.waited, 500'000'000);
}

TEST(RateLimit, a_stop_ends_the_wait) {
  std::atomic<bool> stop = false;
  std::int64_t now = 0;
  int pauses = 0;
  RateLimit limit(1, {[&] { return now; },
                      [&](std::int64_t ns) {
                        now += ns;
                        if (++pauses == 3) stop = true;
                      }},
                  &stop);
  limit.take(1'000'000'000);
  EXPECT_EQ(pauses, 3);
}

}  // namespace
}  // namespace hf
