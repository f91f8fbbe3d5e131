// The real terminal, with a pseudo-terminal in the place of a person.
#include "cli/terminal.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>
#include <functional>

namespace hf::cli {
namespace {

/// A program of its own with a terminal; what it shows can be read, and typed into.
class Session {
 public:
  explicit Session(const std::function<int(Terminal&, Progress&)>& program) {
    pid_ = ::forkpty(&master_, nullptr, nullptr, nullptr);
    if (pid_ != 0) return;
    static Progress progress;
    install_stop_signals(progress);
    const auto terminal = make_real_terminal(progress);
    ::_exit(program(*terminal, progress));
  }
  ~Session() {
    if (!ended_) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
    ::close(master_);
  }
  void type(std::string_view keys) { EXPECT_EQ(::write(master_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size())); }
  /// Reads on until `text` was shown.
  void wait_for(const std::string& text) {
    while (shown_.find(text) == std::string::npos) ASSERT_TRUE(read_some()) << "shown: " << shown_;
  }
  int exit_status() {
    while (read_some()) continue;
    int status = 0;
    EXPECT_EQ(::waitpid(pid_, &status, 0), pid_);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }
  bool echoes() const {
    termios mode{};
    return ::tcgetattr(master_, &mode) == 0 && (mode.c_lflag & ECHO) != 0;
  }
  const std::string& shown() const { return shown_; }

 private:
  bool read_some() {
    pollfd wait{master_, POLLIN, 0};
    if (::poll(&wait, 1, 20'000) <= 0) return false;
    char part[256];
    const ssize_t n = ::read(master_, part, sizeof part);
    if (n <= 0) return false;
    shown_.append(part, static_cast<std::size_t>(n));
    return true;
  }

  int master_ = -1;
  pid_t pid_ = -1;
  bool ended_ = false;
  std::string shown_;
};

TEST(Terminal, a_secret_is_read_and_never_shown) {
  Session session([](Terminal& terminal, Progress&) {
    const auto secret = terminal.ask_secret("Passphrase: ");
    return secret && secret->text() == "correct horse" ? 42 : 1;
  });
  session.wait_for("Passphrase: ");
  EXPECT_FALSE(session.echoes());
  session.type("correct horse\n");
  EXPECT_EQ(session.exit_status(), 42);
  EXPECT_EQ(session.shown().find("correct"), std::string::npos);
}
TEST(Terminal, a_line_is_read_and_shown) {
  Session session([](Terminal& terminal, Progress&) {
    const auto line = terminal.ask_line("Roll back? ");
    return line && *line == "yes" ? 42 : 1;
  });
  session.wait_for("Roll back? ");
  EXPECT_TRUE(session.echoes());
  session.type("yes\n");
  EXPECT_EQ(session.exit_status(), 42);
}
TEST(Terminal, ctrl_c_at_a_question_stops_and_brings_the_echo_back) {
  Session session([](Terminal& terminal, Progress& progress) {
    const auto secret = terminal.ask_secret("Passphrase: ");
    const bool stopped = !secret && secret.error().code == Code::cancelled && progress.stop_requested;
    terminal.write(Stream::messages, "ended\n");
    ::sleep(1);  // the terminal is looked at while it still exists
    return stopped ? 42 : 1;
  });
  session.wait_for("Passphrase: ");
  session.type("half\x03");
  session.wait_for("ended");
  EXPECT_TRUE(session.echoes());
  EXPECT_EQ(session.exit_status(), 42);
}
TEST(Terminal, the_end_of_input_is_no_empty_answer) {
  Session session([](Terminal& terminal, Progress&) {
    const auto secret = terminal.ask_secret("Passphrase: ");
    return !secret && secret.error().code == Code::cancelled ? 42 : 1;
  });
  session.wait_for("Passphrase: ");
  session.type("\x04");
  EXPECT_EQ(session.exit_status(), 42);
}
TEST(Terminal, a_second_ctrl_c_ends_the_program_at_once) {
  Session session([](Terminal& terminal, Progress& progress) {
    terminal.write(Stream::messages, "busy\n");
    while (!progress.stop_requested) ::usleep(1000);
    terminal.write(Stream::messages, "stopping\n");
    while (true) ::sleep(1);
    return 1;
  });
  session.wait_for("busy");
  session.type("\x03");
  session.wait_for("stopping");
  session.type("\x03");
  EXPECT_EQ(session.exit_status(), 130);
}
TEST(Terminal, nobody_is_asked_where_there_is_no_terminal) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    ::setsid();  // leaves the terminal that the tests may have
    ::alarm(10);
    Progress progress;
    const auto terminal = make_real_terminal(progress);
    const auto secret = terminal->ask_secret("Passphrase: ");
    ::_exit(!terminal->can_ask() && !secret && secret.error().code == Code::not_found ? 42 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 42);
}
TEST(Terminal, nor_is_a_job_in_the_background) {
  Session session([](Terminal& terminal, Progress&) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setpgid(0, 0);  // what a shell does for "command &"
      ::alarm(10);
      ::_exit(terminal.can_ask() ? 1 : 42);
    }
    int status = 0;
    ::waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
  });
  EXPECT_EQ(session.exit_status(), 42);
}

}  // namespace
}  // namespace hf::cli
