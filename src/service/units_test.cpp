#include "service/units.hpp"

#include <gtest/gtest.h>

#include "platform/env.hpp"

namespace hf {
namespace {

UnitPlan plan() {
  UnitPlan p;
  p.program = "/usr/bin/holdfast";
  p.config_file = "/home/anna/100% \"mine\"/holdfast.toml";
  p.home = "/home/anna";
  p.state_directory = "/home/anna/.local/state/holdfast";
  p.vault = "/srv/my vault";
  return p;
}
SourcePolicy source() {
  SourcePolicy s;
  s.name = "home";
  s.jitter = Span{600 * kSecondNs};
  return s;
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(Units, a_timer_catches_up_and_is_spread) {
  const auto units = units_of_source(plan(), source(), {"*-*-* 02:00:00 Europe/Berlin", "Sat *-*-* 12:00:00"});
  ASSERT_EQ(units.size(), 2u);
  EXPECT_EQ(units[0].name, "holdfast-source-home.service");
  EXPECT_EQ(units[1].name, "holdfast-source-home.timer");
  EXPECT_TRUE(has(units[1].text, "OnCalendar=*-*-* 02:00:00 Europe/Berlin\nOnCalendar=Sat *-*-* 12:00:00\n"));
  EXPECT_TRUE(has(units[1].text, "Persistent=true\n"));
  EXPECT_TRUE(has(units[1].text, "RandomizedDelaySec=600s\n"));
  for (const Unit& u : units) EXPECT_TRUE(u.text.starts_with(kUnitMark));
}

TEST(Units, names_reach_the_program_as_they_are) {
  const auto units = units_of_source(plan(), source(), {"daily"});
  EXPECT_TRUE(has(units[0].text, R"(--config "/home/anna/100%% \"mine\"/holdfast.toml")")) << units[0].text;
  UnitPlan bad = plan();
  bad.vault = "/srv/a\nExecStart=/bin/evil";
  EXPECT_EQ(check_plan(bad).error().code, Code::usage);
  EXPECT_TRUE(check_plan(plan()));
}

TEST(Units, hardening_leaves_what_is_needed) {
  UnitPlan p = plan();
  p.user = false;
  EXPECT_TRUE(has(units_of_source(p, source(), {"daily"})[0].text, "ProtectSystem=strict\n"));
  EXPECT_TRUE(has(units_of_source(p, source(), {"daily"})[0].text, "ReadWritePaths=-\"/srv/my vault\"\n"));
  p.runs_commands = true;
  EXPECT_FALSE(has(units_of_source(p, source(), {"daily"})[0].text, "NoNewPrivileges"));
  p = plan();  // mounts of a user's manager would hide who owns files
  EXPECT_FALSE(has(units_of_source(p, source(), {"daily"})[0].text, "ProtectSystem"));
}

}  // namespace
}  // namespace hf
