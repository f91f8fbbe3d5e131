#include "policy/policy.hpp"

#include <gtest/gtest.h>

namespace hf {
namespace {

TEST(Span, reads_what_a_policy_writes) {
  EXPECT_EQ(parse_span("90s")->ns, 90 * kSecondNs);
  EXPECT_EQ(parse_span("10m")->ns, 600 * kSecondNs);
  EXPECT_EQ(parse_span("26h")->ns, 26 * kHourNs);
  EXPECT_EQ(parse_span("30d")->ns, 30 * kDayNs);
  EXPECT_EQ(parse_span("2w")->ns, 14 * kDayNs);
  EXPECT_EQ(parse_span("6mo")->ns, 180 * kDayNs);
  EXPECT_EQ(parse_span("1y")->ns, 365 * kDayNs);
  EXPECT_EQ(parse_span("1d12h")->ns, 36 * kHourNs);
}
TEST(Span, refuses_the_rest) {
  for (const char* text : {"", "d", "30", "0d", "-1d", "1d ", " 1d", "1.5h", "12h1d", "1h1h", "101y", "99999999999999999999d", "1mo1m1x"})
    EXPECT_FALSE(parse_span(text)) << text;
}
TEST(Span, is_told_in_the_largest_unit_that_divides_it) {
  EXPECT_EQ(text_of(*parse_span("30d")), "30 days");
  EXPECT_EQ(text_of(*parse_span("24h")), "1 day");
  EXPECT_EQ(text_of(*parse_span("26h")), "26 hours");
  EXPECT_EQ(text_of(*parse_span("90s")), "90 seconds");
}

struct Sources : testing::Test {
  Policy policy;
  RecoveryPoint point;
  void SetUp() override {
    add("etc", {"/etc"});
    add("home", {"/home", "/root"});
    point.host = "web";
  }
  void add(const std::string& name, std::vector<std::string> paths) {
    SourcePolicy& source = policy.sources.emplace_back();
    source.name = name;
    source.host = "web";
    source.paths = std::move(paths);
  }
  std::string name() const {
    const SourcePolicy* source = source_of(policy, point);
    return source == nullptr ? "" : source->name;
  }
};
TEST_F(Sources, a_point_belongs_to_the_source_with_its_host_and_paths) {
  point.paths = {"/root", "/home"};
  EXPECT_EQ(name(), "home");
  point.paths = {"/home"};
  EXPECT_EQ(name(), "");
  point.paths = {"/etc"};
  EXPECT_EQ(name(), "etc");
  point.host = "mail";
  EXPECT_EQ(name(), "");
}
TEST_F(Sources, a_tag_ties_a_point_to_its_source_whatever_becomes_of_the_paths) {
  point.paths = {"/home"};
  point.tags = {"nightly", source_tag("home")};
  EXPECT_EQ(name(), "home");
  point.paths = {"/etc"};
  EXPECT_EQ(name(), "home");
  point.tags = {source_tag("gone")};
  EXPECT_EQ(name(), "etc");
  point.tags = {source_tag("home")};
  point.host = "mail";  // another machine's points are never judged by ours
  EXPECT_EQ(name(), "");
}

TEST(Policy, a_retention_without_numbers_keeps_everything) {
  Retention retention;
  EXPECT_TRUE(retention.keeps_everything());
  retention.set_count(Period::month, 12);
  EXPECT_EQ(retention.monthly, 12u);
  EXPECT_EQ(retention.count(Period::month), 12u);
  EXPECT_FALSE(retention.keeps_everything());
}

}  // namespace
}  // namespace hf
