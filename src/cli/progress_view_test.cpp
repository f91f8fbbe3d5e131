#include "cli/progress_view.hpp"

#include <gtest/gtest.h>

#include "cli/fake_world.hpp"
#include "cli/text.hpp"

namespace hf::cli {
namespace {

const ProgressPicture kHalf = {.label = "Documents",
                               .items = 1204,
                               .bytes = 500'000'000,
                               .bytes_total = 1'000'000'000,
                               .errors = 2,
                               .seconds = 5,
                               .bytes_per_second = 1e8,
                               .item = "letters/a.txt"};

TEST(ProgressLine, shows_what_matters_first) {
  EXPECT_EQ(progress_line(kHalf, 200, true),
            "Documents  1,204 files  500 MB  ━━━━━━━━━━──────────  100 MB/s  5.0 s left  2 errors  letters/a.txt");
  EXPECT_EQ(progress_line(kHalf, 200, false),
            "Documents  1,204 files  500 MB  ==========----------  100 MB/s  5.0 s left  2 errors  letters/a.txt");
}
TEST(ProgressLine, never_reaches_the_last_column) {
  for (std::size_t columns = 1; columns < 140; ++columns)
    EXPECT_LT(columns_of(progress_line(kHalf, columns, true)), std::max<std::size_t>(columns, 2));
}
TEST(ProgressLine, without_totals_promises_nothing) {
  const std::string line = progress_line({.label = "Reading", .items = 3, .bytes = 10, .bytes_per_second = 5}, 100, true);
  EXPECT_EQ(line, "Reading  3 files  10 B  5 B/s");
}
TEST(ProgressLine, a_bar_takes_any_number) {
  EXPECT_EQ(bar(2, 3, false), "===");
  EXPECT_EQ(bar(-1, 3, false), "---");
  EXPECT_EQ(bar(0.0 / 0.0, 3, false), "---");
}
TEST(DoneLine, says_what_was_done_and_how_long) {
  EXPECT_EQ(done_line("Documents", 12418, 8'310'000'000, 7, false),
            "Documents  12,418 files  8.31 GB  ====================  1.19 GB/s  done in 7.0 s");
  EXPECT_EQ(done_line("x", 1, 0, 0, false), "x  1 file  0 B  ====================  done in 0.0 s");
}
TEST(ProgressView, draws_at_once_and_leaves_nothing_behind) {
  World w;
  w.terminal.messages_are_terminal = true;
  w.env.set_variable("TERM", "xterm");
  Output out(w.terminal, w.env, {});
  {
    ProgressView view(out, w.env, w.progress, "Documents");
    EXPECT_EQ(w.terminal.messages, "\rDocuments\x1b[K");
  }
  EXPECT_TRUE(w.terminal.messages.ends_with("\r\x1b[K"));
  const std::string before = w.terminal.messages;
  out.note("after");
  EXPECT_EQ(w.terminal.messages, before + "after\n");
}
TEST(ProgressView, is_silent_elsewhere_for_the_first_seconds) {
  for (const OutputMode mode : {OutputMode{}, OutputMode{.json = true}, OutputMode{.quiet = true}}) {
    World w;
    Output out(w.terminal, w.env, mode);
    { ProgressView view(out, w.env, w.progress, "Documents"); }
    EXPECT_EQ(w.terminal.messages, "");
  }
}
TEST(ProgressView, says_once_that_it_stops) {
  World w;
  w.terminal.messages_are_terminal = true;
  w.env.set_variable("TERM", "xterm");
  Output out(w.terminal, w.env, {});
  ProgressView view(out, w.env, w.progress, "Documents");
  w.progress.stop_requested = true;
  std::this_thread::sleep_for(std::chrono::milliseconds(400));
  view.stop();
  const std::size_t at = w.terminal.messages.find("Stopping;");
  EXPECT_NE(at, std::string::npos);
  EXPECT_EQ(w.terminal.messages.find("Stopping;", at + 1), std::string::npos);
}

}  // namespace
}  // namespace hf::cli
