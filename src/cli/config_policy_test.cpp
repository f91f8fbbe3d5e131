// [policy] and [source.NAME] of holdfast.toml, as parse_config() reads them.

#include "cli/config_policy.hpp"

#include <gtest/gtest.h>

#include "cli/config.hpp"
#include "cli/fake_world.hpp"

namespace hf::cli {
namespace {

using Words = std::vector<std::string>;

Policy read(std::string_view text) {
  auto config = parse_config(text, "h.toml", toy_verbs());
  EXPECT_TRUE(config) << (config ? "" : config.error().message);
  return config ? config->policy : Policy{};
}
Error refused(std::string_view text) {
  auto config = parse_config(text, "h.toml", toy_verbs());
  EXPECT_FALSE(config) << text;
  return config ? Error() : config.error();
}

TEST(ConfigPolicy, reads_every_key) {
  const Policy policy = read(R"(
vault = "/v"
[source.home]
paths = ["/home/anna", "/root"]
host = "laptop"
exclude = "*.tmp"
exclude-file = ["ex"]
exclude-caches = true
one-file-system = true
tag = "nightly"
schedule = ["Mon..Fri *-*-* 02:00", "Sat 12:00"]
time-zone = "Europe/Berlin"
jitter = "20m"
full-every = "quarter"
differential-every = "month"
independent = "yearly"
keep-last = 3
keep-hourly = 24
keep-daily = 7
keep-weekly = 5
keep-monthly = 12
keep-quarterly = 8
keep-yearly = "all"
keep-within = "30d"
rpo = "26h"
rto = "4h"
before = "systemctl stop db"
after = "systemctl start db"
hook-timeout = "10m"
read-rate = "20M"
write-rate = 1000000
)");
  ASSERT_EQ(policy.sources.size(), 1u);
  const SourcePolicy& s = policy.sources[0];
  EXPECT_EQ(s.name, "home");
  EXPECT_EQ(s.line, 3u);
  EXPECT_EQ(s.host, "laptop");
  EXPECT_EQ(s.paths, (Words{"/home/anna", "/root"}));
  EXPECT_EQ(s.excludes, Words{"*.tmp"});
  EXPECT_EQ(s.exclude_files, Words{"ex"});
  EXPECT_TRUE(s.exclude_caches && s.one_file_system);
  EXPECT_EQ(s.tags, Words{"nightly"});
  EXPECT_EQ(s.schedule.size(), 2u);
  EXPECT_EQ(s.time_zone, "Europe/Berlin");
  EXPECT_EQ(s.jitter, Span{1200 * kSecondNs});
  EXPECT_EQ(s.kinds.full_every, Period::quarter);
  EXPECT_EQ(s.kinds.differential_every, Period::month);
  EXPECT_EQ(s.kinds.independent, Period::year);
  EXPECT_EQ(s.retention, (Retention{3, 24, 7, 5, 12, 8, Retention::kAll, Span{30 * kDayNs}}));
  EXPECT_EQ(s.rpo, Span{26 * kHourNs});
  EXPECT_EQ(s.rto, Span{4 * kHourNs});
  EXPECT_EQ(s.hooks.before, "systemctl stop db");
  EXPECT_EQ(s.hooks.after, "systemctl start db");
  EXPECT_EQ(s.hooks.timeout, Span{600 * kSecondNs});
  EXPECT_EQ(s.limits.read_bytes_per_second, 20u << 20);
  EXPECT_EQ(s.limits.write_bytes_per_second, 1000000u);
}
TEST(ConfigPolicy, sources_take_from_the_defaults_what_they_do_not_say) {
  const Policy policy = read(R"(
[policy]
keep-daily = 7
keep-yearly = 10
full-every = "quarter"
schedule = "daily"
exclude = "*.tmp"
[source.a]
paths = "/a"
[source.b]
paths = "/b"
keep-daily = 30
full-every = "never"
schedule = ["hourly"]
exclude = "*.o"
)");
  EXPECT_EQ(policy.defaults_line, 2u);
  ASSERT_EQ(policy.sources.size(), 2u);
  const SourcePolicy &a = policy.sources[0], &b = policy.sources[1];
  EXPECT_EQ(a.retention.daily, 7u);
  EXPECT_EQ(a.kinds.full_every, Period::quarter);
  EXPECT_EQ(a.schedule, Words{"daily"});
  EXPECT_EQ(b.retention.daily, 30u);
  EXPECT_EQ(b.retention.yearly, 10u);
  EXPECT_EQ(b.kinds.full_every, std::nullopt);
  EXPECT_EQ(b.schedule, Words{"hourly"});
  EXPECT_EQ(b.excludes, (Words{"*.tmp", "*.o"}));
}
TEST(ConfigPolicy, unknown_keys_say_what_was_meant) {
  const Error key = refused("[source.home]\npaths = \"/h\"\nkeep-dayly = 7");
  EXPECT_EQ(key.message, "h.toml:3: unknown key 'keep-dayly' in [source.home]");
  EXPECT_EQ(key.hint, "did you mean 'keep-daily'?");
  EXPECT_EQ(refused("[policy]\npaths = \"/h\"").hint, "paths belong to a source: [source.home]");
  EXPECT_EQ(refused("[sources.a]\npaths = \"/h\"").hint, "did you mean 'source'?");
  EXPECT_EQ(refused("[source]\npaths = \"/h\"").message, "h.toml:2: 'paths' belongs to a source with a name");
}
TEST(ConfigPolicy, wrong_values_say_what_is_wanted) {
  EXPECT_EQ(refused("[policy]\nkeep-daily = -1").hint, "a whole number, or \"all\"");
  EXPECT_EQ(refused("[policy]\nkeep-daily = 100001").hint, "\"all\" keeps every one");
  EXPECT_EQ(refused("[policy]\nkeep-daily = true").message, "h.toml:2: 'keep-daily' must be a whole number, or \"all\", and is true or false");
  EXPECT_EQ(refused("[policy]\nkeep-within = \"30\"").message, "h.toml:2: 'keep-within': '30' is not a span of time: its unit is missing");
  EXPECT_EQ(refused("[policy]\nfull-every = \"daily\"").message, "h.toml:2: 'full-every': 'daily' is not one of day, week, month, quarter, year and never");
  EXPECT_EQ(refused("[policy]\ntime-zone = \"../etc\"").hint, "write it as Europe/Berlin or UTC");
  EXPECT_EQ(refused("[policy]\nread-rate = 5").hint, "leave it out for no limit");
  EXPECT_EQ(refused("[source.a]\nexclude = \"x\"").message, "h.toml:1: source 'a' has no paths");
  EXPECT_EQ(refused("[source.\"a b\"]\npaths = \"/a\"").message, "h.toml:1: 'a b' can't name a source");
  EXPECT_EQ(refused("source = 3").message, "h.toml:1: 'source' must be a table, and is a whole number");
  EXPECT_EQ(refused("[policy]\nbefore = \"\"").message, "h.toml:2: 'before' is empty");
}

}  // namespace
}  // namespace hf::cli
