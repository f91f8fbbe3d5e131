#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "platform/sim_env.hpp"
#include "service/mail.hpp"
#include "service/notify.hpp"
#include "service/templates.hpp"
#include "service/transfer.hpp"

namespace hf {
namespace {

using Json = nlohmann::json;

Notice example() {
  Notice n;
  n.source = "home", n.host = "web-01", n.vault = "/srv/vault", n.time_ns = 1'790'000'000'000'000'000;
  n.message = "the disk \"büro\" is full <!channel> & more";
  n.detail = "line one\nline two", n.hint = "free some space", n.point = "91af";
  return n;
}
constexpr const char* kUrl = "https://example.org/hook?key=1";

TEST(Templates, every_body_is_whole_json_whatever_is_in_it) {
  Notice n = example();
  n.message = "quote \" backslash \\ newline \n </script> \xff\xfe";
  for (const Template form : {Template::json, Template::slack, Template::discord, Template::teams}) {
    const HttpRequest r = request_of(n, form, kUrl);
    EXPECT_TRUE(Json::accept(r.body)) << r.body;
    EXPECT_EQ(r.url, kUrl);
    EXPECT_EQ(r.method, "POST");
  }
}

TEST(Templates, nothing_becomes_a_mention) {
  const std::string slack = Json::parse(request_of(example(), Template::slack, kUrl).body)["text"];
  EXPECT_NE(slack.find("&lt;!channel&gt; &amp; more"), std::string::npos);
  EXPECT_EQ(Json::parse(request_of(example(), Template::discord, kUrl).body)["allowed_mentions"]["parse"], Json::array());
}

TEST(Templates, long_texts_are_cut_between_characters) {
  Notice n = example();
  for (int i = 0; i < 3000; ++i) n.detail += "ä";
  const std::string content = Json::parse(request_of(n, Template::discord, kUrl).body)["content"];
  EXPECT_LE(content.size(), 1900u);
  EXPECT_TRUE(content.ends_with("…"));
  EXPECT_EQ(shortened("äää", 5), "ä…");
  EXPECT_EQ(shortened("äää", 6), "äää");
}

TEST(Templates, healthchecks_is_pinged_or_told_of_a_failure) {
  Notice n = example();
  EXPECT_EQ(request_of(n, Template::healthchecks, "https://hc.example.org/uuid").url, "https://hc.example.org/uuid/fail");
  EXPECT_EQ(request_of(n, Template::healthchecks, "https://hc.example.org/uuid/?a=1").url, "https://hc.example.org/uuid/fail?a=1");
  n.event = Event::success;
  const HttpRequest ping = request_of(n, Template::healthchecks, "https://hc.example.org/uuid");
  EXPECT_EQ(ping.method + " " + ping.url + ping.body, "GET https://hc.example.org/uuid");
}

TEST(Templates, ntfy_headers_are_plain_ascii) {
  Notice n = example();
  n.source = "büro";
  for (const std::string& header : request_of(n, Template::ntfy, kUrl).headers)
    for (const char c : header) EXPECT_TRUE(c >= ' ' && c <= '~') << header;
}

TEST(Mail, headers_cannot_be_added_from_outside) {
  Notice n = example();
  n.source = "home\\x0aBcc: x@example.org";  // as printable() leaves it
  const std::string mail = mail_of(n, "holdfast@example.org", {"anna@example.org", "ben@example.org"}, "00ff");
  EXPECT_EQ(mail.find("\r\nBcc:"), std::string::npos);
  EXPECT_NE(mail.find("\r\nTo: <anna@example.org>,\r\n <ben@example.org>\r\n"), std::string::npos);
  EXPECT_NE(mail.find("Date: Mon, 21 Sep 2026 14:13:20 +0000\r\n"), std::string::npos) << mail;
  for (const char* wrong : {"", "@", "a@", "@b", "a b@c", "a@b\r\nBcc: c@d", "a@b,c@d", "<a@b>", "\"a\"@b"}) EXPECT_FALSE(is_mail_address(wrong)) << wrong;
  EXPECT_TRUE(is_mail_address("a.b+c@mail.example.org"));
}

TEST(Mail, bodies_are_quoted_printable) {
  EXPECT_EQ(quoted_printable("a=b \nä\n"), "a=3Db=20\r\n=C3=A4\r\n");
  const std::string lines = quoted_printable(std::string(1000, 'x'));
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = lines.find("\r\n", at);
    EXPECT_LE(end - at, 76u);
    at = end + 2;
  }
}

TEST(Mail, subjects_beyond_ascii_are_encoded_words) {
  EXPECT_EQ(header_text("plain"), "plain");
  EXPECT_EQ(header_text("ä"), "=?utf-8?B?w6Q=?=");
  EXPECT_NE(header_text("=?utf-8?B?w6Q=?="), "=?utf-8?B?w6Q=?=");
}

TEST(Transfer, nothing_leaves_the_machine_without_tls) {
  EXPECT_EQ(check_address("http://example.org/x", {"https", "http"}).error().code, Code::usage);
  EXPECT_TRUE(check_address("http://127.0.0.1:8080/x", {"https", "http"}));
  EXPECT_TRUE(check_address("https://example.org/x", {"https", "http"}));
  for (const char* wrong : {"", "file:///etc/passwd", "example.org", "https://", "https://a b/", "gopher://x"}) EXPECT_FALSE(check_address(wrong, {"https", "http"})) << wrong;
}

TEST(Notify, secrets_come_from_files_and_commands) {
  SimEnv env;
  env.put_file("/token", "s3cret\r\nmore\n");
  EXPECT_EQ(*read_secret(env, {SecretRef::Kind::file, "/token"}), "s3cret");
  env.on_command([](const std::string&) -> Result<CommandResult> { return CommandResult{.exit_status = 0, .output = "pass\n", .timed_out = false}; });
  EXPECT_EQ(*read_secret(env, {SecretRef::Kind::command, "pass show x"}), "pass");
  env.put_file("/token", "\n");
  EXPECT_FALSE(read_secret(env, {SecretRef::Kind::file, "/token"}));
  EXPECT_FALSE(read_secret(env, {SecretRef::Kind::file, "/none"}));
}

TEST(Notify, a_command_is_told_and_one_that_hangs_is_tried_a_bounded_number_of_times) {
  SimEnv env;
  NotifyChannel channel;
  channel.name = "ops", channel.command = "x", channel.events = default_events(channel), channel.tries = 3;
  int runs = 0, pauses = 0;
  env.on_command([&](const std::string&, const CommandOptions& options) -> Result<CommandResult> {
    ++runs;
    EXPECT_EQ(options.variables.at(0), (std::pair<std::string, std::string>("HOLDFAST_EVENT", "failure")));
    EXPECT_TRUE(Json::accept(options.input));
    return CommandResult{.exit_status = 143, .output = "", .timed_out = true};
  });
  const auto missed = notify(env, {channel}, example(), [&](std::int64_t) { ++pauses; });
  ASSERT_EQ(missed.size(), 1u);
  EXPECT_EQ(runs, 3);
  EXPECT_EQ(pauses, 2);
  Notice success = example();
  success.event = Event::success;
  EXPECT_TRUE(notify(env, {channel}, success, [](std::int64_t) {}).empty());
  EXPECT_EQ(runs, 3);  // not among its events
}

}  // namespace
}  // namespace hf
