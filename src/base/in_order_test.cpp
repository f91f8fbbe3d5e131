#include "base/in_order.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>

namespace hf {
namespace {

class InOrderTest : public testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(, InOrderTest, testing::Values(1u, 2u, 7u), [](const auto& p) { return std::to_string(p.param) + "_jobs"; });

TEST_P(InOrderTest, second_halves_come_in_order_and_in_one_thread) {
  std::vector<int> out;
  std::atomic<int> first{0}, most{0}, waiting{0};
  const auto caller = std::this_thread::get_id();
  InOrder work(GetParam(), 5);
  for (int i = 0; i < 300; ++i) {
    const auto added = work.add(
        [&, i](unsigned worker) -> Status {
          EXPECT_LT(worker, GetParam());
          if (i % 17 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
          ++first;
          most = std::max<int>(most, ++waiting);
          return {};
        },
        [&, i]() -> Status {
          EXPECT_EQ(std::this_thread::get_id(), caller);
          --waiting;
          out.push_back(i);
          return {};
        });
    ASSERT_TRUE(added);
  }
  ASSERT_TRUE(work.finish());
  EXPECT_EQ(first, 300);
  ASSERT_EQ(out.size(), 300u);
  for (int i = 0; i < 300; ++i) EXPECT_EQ(out[static_cast<std::size_t>(i)], i);
  EXPECT_LE(most, 6 + 1);
}

TEST_P(InOrderTest, the_first_that_fails_tells_and_nothing_after_it_is_finished) {
  for (const bool throws : {false, true}) {
    std::vector<int> out;
    Status failed;
    InOrder work(GetParam(), 3);
    for (int i = 0; i < 50 && failed; ++i)
      failed = work.add(
          [throws, i](unsigned) -> Status {
            if (i < 20) return {};
            if (throws) throw std::runtime_error("odd");
            return Error(Code::io, "number " + std::to_string(i));
          },
          [&, i]() -> Status {
            out.push_back(i);
            return {};
          });
    if (failed) failed = work.finish();
    ASSERT_FALSE(failed);
    EXPECT_NE(failed.error().message.find(throws ? "odd" : "number 20"), std::string::npos) << failed.error().message;
    EXPECT_EQ(out.size(), 20u);
  }
}

TEST_P(InOrderTest, what_is_left_when_it_goes_is_dropped) {
  std::atomic<int> done{0};
  {
    InOrder work(GetParam(), 100);
    for (int i = 0; i < 50; ++i) ASSERT_TRUE(work.add([&](unsigned) -> Status { return ++done, Status(); }, []() -> Status { return {}; }));
  }
  EXPECT_LE(done, 50);
}

}  // namespace
}  // namespace hf
