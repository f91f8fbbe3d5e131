#include "platform/zone_files.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "platform/sim_env.hpp"

namespace hf {
namespace {

TEST(ZoneFiles, every_offset_is_the_one_of_the_c_library) {
  const auto env = make_real_env();
  if (!load_time_zone(*env, "Europe/Berlin")) GTEST_SKIP() << "needs tzdata";
  for (const char* name : {"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "Pacific/Apia", "Asia/Jerusalem", "America/Sao_Paulo"}) {
    const auto zone = load_time_zone(*env, name);
    ASSERT_TRUE(zone) << name << ": " << zone.error().message;
    ::setenv("TZ", name, 1);
    ::tzset();
    // Odd steps, so that all hours of all seasons are met; from 1905 to 2199.
    for (std::int64_t t = -2'051'222'400; t < 7'258'118'400; t += 1'234'567) {
      const std::time_t instant = t;
      std::tm tm{};
      ASSERT_NE(::localtime_r(&instant, &tm), nullptr);
      ASSERT_EQ(zone->offset_at(t), tm.tm_gmtoff) << name << " at " << t;
    }
  }
  ::unsetenv("TZ");
  ::tzset();
}

TEST(ZoneFiles, a_missing_zone_says_how_to_find_one) {
  SimEnv env;
  EXPECT_NE(load_time_zone(env, "Europe/Berlin").error().hint.find("tzdata"), std::string::npos);
  env.make_dir("/usr/share/zoneinfo/Europe");
  EXPECT_NE(load_time_zone(env, "Europe/Berlni").error().hint.find("list-timezones"), std::string::npos);
  EXPECT_EQ(load_time_zone(env, "Europe").error().code, Code::usage);
  EXPECT_EQ(load_time_zone(env, "../../../etc/passwd").error().code, Code::usage);
  EXPECT_EQ(load_time_zone(env, "utc")->name(), "UTC");
}

TEST(ZoneFiles, the_machines_zone_is_never_an_error) {
  SimEnv env;
  EXPECT_EQ(local_time_zone(env).name(), "UTC");
  env.set_variable("TZ", "CET-1CEST,M3.5.0,M10.5.0/3");
  EXPECT_EQ(local_time_zone(env).offset_at(1'782'900'000), 7200);
  env.set_variable("TZ", "Nowhere/Land");
  EXPECT_EQ(local_time_zone(env).name(), "UTC");
}

}  // namespace
}  // namespace hf
