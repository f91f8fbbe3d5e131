#include "cli/output.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/fake_world.hpp"

namespace hf::cli {
namespace {

TEST(Output, answers_and_messages_go_different_ways) {
  World w;
  Output out(w.terminal, w.env, {});
  out.line("answer");
  out.note("note");
  out.warn("careful");
  out.error(Error(Code::io, "it broke", "mend it").with_detail("at byte 3\nand 4"));
  ASSERT_TRUE(out.finish());
  EXPECT_EQ(w.terminal.data, "answer\n");
  EXPECT_EQ(w.terminal.messages, "note\nwarning: careful\nerror: it broke\ndetail: at byte 3\n        and 4\nhint: mend it\n");
}
TEST(Output, quiet_keeps_warnings_and_errors_only) {
  World w;
  Output out(w.terminal, w.env, {.quiet = true});
  out.note("note");
  out.warn("careful");
  EXPECT_EQ(w.terminal.messages, "warning: careful\n");
}
TEST(Output, names_cannot_drive_the_terminal) {
  World w;
  w.terminal.data_is_terminal = true;
  w.env.set_variable("TERM", "xterm");
  Output out(w.terminal, w.env, {});
  out.line(
      "a\x1b]0;title\x07"
      "b\nc");
  out.error(Error(Code::io, "cannot read x\x1b[2J"));
  EXPECT_TRUE(out.finish());
  EXPECT_EQ(w.terminal.data, "a\\x1b]0;title\\x07b\\x0ac\n");
  EXPECT_EQ(w.terminal.messages, "error: cannot read x\\x1b[2J\n");
}
TEST(Output, colours_only_where_they_are_seen_and_wanted) {
  const auto painted = [](bool terminal, const char* term, const char* no_color, Color color) {
    World w;
    w.terminal.data_is_terminal = terminal;
    w.env.set_variable("TERM", term);
    w.env.set_variable("NO_COLOR", no_color);
    Output out(w.terminal, w.env, {.color = color});
    out.line(out.paint(Ink::red, "x"));
    EXPECT_TRUE(out.finish());
    return w.terminal.data == "\x1b[31mx\x1b[0m\n";
  };
  EXPECT_TRUE(painted(true, "xterm", "", Color::automatic));
  EXPECT_FALSE(painted(false, "xterm", "", Color::automatic));
  EXPECT_FALSE(painted(true, "dumb", "", Color::automatic));
  EXPECT_FALSE(painted(true, "xterm", "1", Color::automatic));
  EXPECT_FALSE(painted(true, "xterm", "", Color::never));
  EXPECT_TRUE(painted(false, "dumb", "1", Color::always));
}
TEST(Output, json_mode_prints_one_object_and_no_lines) {
  World w;
  Output out(w.terminal, w.env, {.json = true});
  out.line("for people");
  out.json({{"files", 3}});
  EXPECT_TRUE(out.finish());
  EXPECT_EQ(Json::parse(w.terminal.data), Json({{"files", 3}}));
}
TEST(Output, json_mode_streams_a_list_and_closes_it) {
  World w;
  Output out(w.terminal, w.env, {.json = true});
  out.begin_list();
  out.item({{"id", "a"}});
  out.item({{"id", "b"}});
  EXPECT_TRUE(out.finish());
  EXPECT_EQ(Json::parse(w.terminal.data).size(), 2u);

  World empty;
  Output none(empty.terminal, empty.env, {.json = true});
  none.begin_list();
  EXPECT_TRUE(none.finish());
  EXPECT_EQ(Json::parse(empty.terminal.data), Json::array());
}
TEST(Output, a_failure_is_part_of_the_json) {
  World w;
  Output out(w.terminal, w.env, {.json = true});
  out.json({{"files", 3}});
  out.error(Error(Code::wrong_secret, "no", "yes"));
  EXPECT_TRUE(out.finish());
  const Json answer = Json::parse(w.terminal.data);
  EXPECT_EQ(answer["files"], 3);
  EXPECT_EQ(answer["error"]["code"], "wrong_secret");
  EXPECT_EQ(answer["error"]["hint"], "yes");

  World l;
  Output list(l.terminal, l.env, {.json = true});
  list.item({{"id", "a"}});
  list.error(Error(Code::io, "gone \xFF"));
  EXPECT_TRUE(list.finish());
  EXPECT_EQ(Json::parse(l.terminal.data)[1]["error"]["code"], "io");
}
TEST(Output, names_that_are_not_utf8_are_exact_in_hexadecimal) {
  Json object;
  put_name(object, "name", "grün\n");
  EXPECT_EQ(object["name"], "grün\n");
  EXPECT_FALSE(object.contains("name_hex"));
  put_name(object, "path", "a\xFF");
  EXPECT_EQ(object["path"], "a\\xff");
  EXPECT_EQ(object["path_hex"], "61ff");
}
TEST(Output, a_reader_that_left_is_no_error_and_stops_the_flow) {
  World w;
  w.terminal.data_bytes_max = 100'000;
  Output out(w.terminal, w.env, {});
  int lines = 0;
  while (out.line("0123456789") && lines < 1'000'000) ++lines;
  EXPECT_LT(lines, 20'000);
  EXPECT_TRUE(out.finish());
  EXPECT_TRUE(out.reader_gone());
}
TEST(Output, a_full_disk_behind_the_answer_is_an_error) {
  World w;
  w.terminal.data_bytes_max = 3;
  w.terminal.data_errno = ENOSPC;
  Output out(w.terminal, w.env, {});
  out.line("0123456789");
  const Status finished = out.finish();
  ASSERT_FALSE(finished);
  EXPECT_EQ(finished.error().code, Code::no_space);
}
TEST(Output, large_data_keeps_its_order) {
  World w;
  Output out(w.terminal, w.env, {});
  const std::string large(200'000, 'x');
  out.text("a");
  ASSERT_TRUE(out.data(as_bytes(large)));
  out.text("b");
  EXPECT_TRUE(out.finish());
  EXPECT_EQ(w.terminal.data, "a" + large + "b");
}
TEST(Output, the_status_line_stays_below_messages) {
  World w;
  w.terminal.messages_are_terminal = true;
  w.env.set_variable("TERM", "xterm");
  Output out(w.terminal, w.env, {});
  out.show_status("half");
  out.note("hello");
  out.show_status("");
  EXPECT_EQ(w.terminal.messages,
            "\rhalf\x1b[K"
            "\r\x1b[K"
            "hello\n"
            "half"
            "\r\x1b[K");
}

}  // namespace
}  // namespace hf::cli
