#pragma once
// What every store must do; run for each driver by store_test.cpp.

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <thread>

#include "store/object_store.hpp"

namespace hf {

struct StoreUnderTest {
  std::string name;
  std::function<std::shared_ptr<ObjectStore>()> make;  ///< empty each time
};

class StoreContract : public testing::TestWithParam<StoreUnderTest> {
 protected:
  std::shared_ptr<ObjectStore> store_ = GetParam().make();
  ObjectName pack(char digit) { return {ObjectKind::pack, std::string(64, digit)}; }
  std::map<std::string, std::uint64_t> listed(ObjectKind kind) {
    std::map<std::string, std::uint64_t> out;
    EXPECT_TRUE(store_->list(kind, [&](std::string_view n, std::uint64_t b) { out[std::string(n)] = b; }));
    return out;
  }
};

TEST_P(StoreContract, gives_back_what_was_put_whole_and_in_parts) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("hello world")));
  EXPECT_EQ(as_text(*store_->get(pack('a'), 100)), "hello world");
  Buffer part(5);
  ASSERT_TRUE((*store_->open(pack('a')))->read(6, part));
  EXPECT_EQ(as_text(part), "world");
}
TEST_P(StoreContract, an_object_appended_in_pieces_is_one) {
  auto upload = *store_->create(ObjectKind::pack);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(upload->append(Buffer(1000, static_cast<std::uint8_t>(i))));
  ASSERT_TRUE(upload->commit(pack('b')));
  EXPECT_EQ(store_->get(pack('b'), 1 << 20)->at(99'999), 99);
}
TEST_P(StoreContract, a_read_past_the_end_is_corrupt_and_never_short) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("hello")));
  Buffer part(6);
  EXPECT_EQ((*store_->open(pack('a')))->read(0, part).error().code, Code::corrupt);
  EXPECT_EQ((*store_->open(pack('a')))->read(5, MutableBytes(part).first(1)).error().code, Code::corrupt);
}
TEST_P(StoreContract, what_is_absent_is_not_found) { EXPECT_EQ(store_->open(pack('f')).error().code, Code::not_found); }
TEST_P(StoreContract, refuses_to_read_more_than_allowed) {
  ASSERT_TRUE(store_->put(pack('a'), Buffer(1000)));
  EXPECT_EQ(store_->get(pack('a'), 999).error().code, Code::corrupt);
}
TEST_P(StoreContract, the_same_again_is_success_and_something_else_is_refused) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("one")));
  EXPECT_TRUE(store_->put(pack('a'), as_bytes("one")));
  EXPECT_EQ(store_->put(pack('a'), as_bytes("two")).error().code, Code::already_exists);
  EXPECT_EQ(as_text(*store_->get(pack('a'), 10)), "one");
}
TEST_P(StoreContract, what_replaces_an_object_is_whole_and_its_readers_keep_the_old_one) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("damaged")));
  const auto reader = *store_->open(pack('a'));
  auto upload = *store_->create(ObjectKind::pack);
  ASSERT_TRUE(upload->append(as_bytes("as it was meant")));
  EXPECT_EQ(as_text(*store_->get(pack('a'), 100)), "damaged");
  const auto replaced = upload->replace(pack('a'));
  ASSERT_TRUE(replaced) << replaced.error().message;
  EXPECT_EQ(as_text(*store_->get(pack('a'), 100)), "as it was meant");
  EXPECT_EQ(listed(ObjectKind::pack), (std::map<std::string, std::uint64_t>{{std::string(64, 'a'), 15}}));
  Buffer old(7);
  ASSERT_TRUE(reader->read(0, old));
  EXPECT_EQ(as_text(old), "damaged");
}
TEST_P(StoreContract, a_replacement_that_was_not_committed_leaves_the_old_object) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("one")));
  {
    auto upload = *store_->create(ObjectKind::pack);
    ASSERT_TRUE(upload->append(as_bytes("half")));
  }
  EXPECT_EQ(as_text(*store_->get(pack('a'), 10)), "one");
}
TEST_P(StoreContract, lists_each_object_of_a_kind_once_with_its_size) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("one")));
  ASSERT_TRUE(store_->put(pack('b'), as_bytes("three")));
  ASSERT_TRUE(store_->put({ObjectKind::point, std::string(32, 'c')}, as_bytes("p")));
  EXPECT_EQ(listed(ObjectKind::pack), (std::map<std::string, std::uint64_t>{{std::string(64, 'a'), 3}, {std::string(64, 'b'), 5}}));
  EXPECT_EQ(listed(ObjectKind::point).size(), 1u);
  EXPECT_TRUE(listed(ObjectKind::proof).empty());
}
TEST_P(StoreContract, an_upload_that_was_not_committed_leaves_nothing) {
  {
    auto upload = *store_->create(ObjectKind::pack);
    ASSERT_TRUE(upload->append(as_bytes("half")));
  }
  EXPECT_TRUE(listed(ObjectKind::pack).empty());
}
TEST_P(StoreContract, removing_twice_is_success) {
  ASSERT_TRUE(store_->put(pack('a'), as_bytes("one")));
  EXPECT_TRUE(store_->remove(pack('a')));
  EXPECT_TRUE(store_->remove(pack('a')));
  EXPECT_FALSE(store_->open(pack('a')));
}
TEST_P(StoreContract, of_two_creations_under_one_name_exactly_one_wins) {
  for (int round = 0; round < 20; ++round) {
    const ObjectName name{ObjectKind::point, to_hex(Buffer(16, static_cast<std::uint8_t>(round)))};
    std::atomic<int> won{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t)
      threads.emplace_back([&, t] { won += store_->put(name, Buffer(10, static_cast<std::uint8_t>(t))) ? 1 : 0; });
    for (auto& t : threads) t.join();
    EXPECT_EQ(won, 1);
  }
}

}  // namespace hf
