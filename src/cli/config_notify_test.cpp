#include "cli/config_notify.hpp"

#include <gtest/gtest.h>

namespace hf::cli {
namespace {

Result<std::vector<NotifyChannel>> read(std::string_view text) {
  const auto root = parse_toml(text);
  EXPECT_TRUE(root.has_value());
  return read_notify(*root, "holdfast.toml");
}
std::string problem(std::string_view text) {
  const auto channels = read(text);
  return channels ? "" : channels.error().message + " | " + channels.error().hint;
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(ConfigNotify, each_kind_is_read) {
  const auto channels = read(
      "[notify.a]\ncommand = \"logger\"\non = \"failure\"\ntries = 1\ntimeout = \"5s\"\n"
      "[notify.b]\nsmtp = \"smtps://mail.example.org\"\nfrom = \"h@example.org\"\nto = [\"a@example.org\", \"b@example.org\"]\nuser = \"h\"\npassword-file = \"p\"\n"
      "[notify.c]\nwebhook-file = \"~/url\"\ntemplate = \"slack\"\n[notify.d]\nwebhook = \"https://hc.example.org/1\"\ntemplate = \"healthchecks\"\n");
  ASSERT_TRUE(channels) << channels.error().message;
  ASSERT_EQ(channels->size(), 4u);
  const auto& [a, b, c, d] = std::tie((*channels)[0], (*channels)[1], (*channels)[2], (*channels)[3]);
  EXPECT_EQ(a.kind, NotifyChannel::Kind::command);
  EXPECT_EQ(a.tries, 1u);
  EXPECT_EQ(a.timeout_ns, 5'000'000'000);
  EXPECT_TRUE(a.events.has(Event::failure));
  EXPECT_FALSE(a.events.has(Event::missed_rpo));
  EXPECT_EQ(b.to.size(), 2u);
  EXPECT_EQ(b.password.kind, SecretRef::Kind::file);
  EXPECT_EQ(c.form, Template::slack);
  EXPECT_TRUE(c.events.has(Event::recovered));
  EXPECT_FALSE(c.events.has(Event::success));
  EXPECT_TRUE(d.events.has(Event::success));
}

TEST(ConfigNotify, mistakes_name_the_line_and_the_way_out) {
  EXPECT_TRUE(has(problem("[notify.a]\non = \"failure\"\n"), "exactly one of command, smtp and webhook"));
  EXPECT_TRUE(has(problem("[notify.a]\ncommand = \"x\"\nsmtp = \"smtp://h\"\n"), "exactly one of"));
  EXPECT_TRUE(has(problem("[notify.a]\ncommand = \"x\"\non = \"fail\"\n"), "holdfast.toml:3: 'on'"));
  EXPECT_TRUE(has(problem("[notify.a]\ncommand = \"x\"\ntemplate = \"slack\"\n"), "unknown key 'template'"));
  EXPECT_TRUE(has(problem("[notify.a]\nwebhook = \"http://example.org\"\n"), "without TLS"));
  EXPECT_TRUE(has(problem("[notify.a]\nwebhook = \"https://example.org\"\nwebhook-file = \"x\"\n"), "already given"));
  EXPECT_TRUE(has(problem("[notify.a]\nsmtp = \"smtp://h\"\nfrom = \"a@b\"\n"), "needs from and to"));
  EXPECT_TRUE(has(problem("[notify.a]\nsmtp = \"smtp://h\"\nfrom = \"a@b\"\nto = \"a@b\"\nuser = \"x\"\n"), "both user and a password"));
  EXPECT_TRUE(has(problem("[notify.a]\nsmtp = \"smtp://h\"\npassword = \"x\"\n"), "password-file"));
  EXPECT_TRUE(has(problem("[notify.a]\nsmtp = \"smtp://h\"\nfrom = \"a b\"\n"), "not a mail address"));
  EXPECT_TRUE(has(problem("[notify]\ncommand = \"x\"\n"), "a channel with a name"));
  EXPECT_TRUE(has(problem("[notify.a]\ncommand = \"x\"\ntries = 0\n"), "1 to 9"));
}

}  // namespace
}  // namespace hf::cli
