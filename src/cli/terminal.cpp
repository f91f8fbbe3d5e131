#include "cli/terminal.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>

namespace hf::cli {
namespace {

// What a signal handler may touch: lock-free atomics, and a termios that is written before echo_is_off becomes true.
std::atomic<Progress*> stop_target{nullptr};
std::atomic<bool> echo_is_off{false};
termios echo_was;
int echo_fd = -1;
static_assert(std::atomic<bool>::is_always_lock_free && std::atomic<Progress*>::is_always_lock_free);

void on_stop_signal(int) {
  const int saved_errno = errno;
  Progress* progress = stop_target.load();
  if (progress != nullptr && progress->stop_requested.exchange(true)) {
    if (echo_is_off.load()) tcsetattr(echo_fd, TCSANOW, &echo_was);
    _exit(130);
  }
  errno = saved_errno;
}

/// /dev/tty for as long as one question takes.
class Keyboard {
 public:
  Keyboard() : fd_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {}
  Keyboard(const Keyboard&) = delete;
  Keyboard& operator=(const Keyboard&) = delete;
  ~Keyboard() {
    if (fd_ >= 0) ::close(fd_);
  }
  /// A background job would be stopped by the kernel at its first read (SIGTTIN): that is nobody in front, too.
  bool usable() const { return fd_ >= 0 && ::isatty(fd_) == 1 && ::tcgetpgrp(fd_) == ::getpgrp(); }
  int fd() const { return fd_; }

 private:
  int fd_;
};

int write_fully(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(n));
    } else if (errno == EAGAIN) {  // a stream that another program made non-blocking
      pollfd wait{fd, POLLOUT, 0};
      ::poll(&wait, 1, 1000);
    } else if (errno != EINTR) {
      return errno;
    }
  }
  return 0;
}

class RealTerminal final : public Terminal {
 public:
  explicit RealTerminal(const Progress& stop) : stop_(stop) {}

  int write(Stream stream, std::string_view bytes) override { return write_fully(fd_of(stream), bytes); }
  bool is_terminal(Stream stream) override { return ::isatty(fd_of(stream)) == 1; }
  std::size_t columns() override {
    for (int fd : {STDERR_FILENO, STDOUT_FILENO}) {
      winsize size{};
      if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
    }
    return 80;
  }
  bool can_ask() override { return Keyboard().usable(); }

  Result<Secret> ask_secret(std::string_view prompt) override {
    Keyboard keyboard;
    if (!keyboard.usable()) return no_terminal();
    if (::tcgetattr(keyboard.fd(), &echo_was) != 0) return Error::from_errno(errno, "asking on the terminal");
    termios quiet = echo_was;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    quiet.c_lflag |= ECHONL | ICANON | ISIG;
    echo_fd = keyboard.fd();
    echo_is_off = true;
    ::tcsetattr(keyboard.fd(), TCSAFLUSH, &quiet);
    Result<Secret> answer = read_line(keyboard, prompt);
    ::tcsetattr(keyboard.fd(), TCSANOW, &echo_was);
    echo_is_off = false;
    if (!answer) write_fully(keyboard.fd(), "\n");
    return answer;
  }

  Result<std::string> ask_line(std::string_view prompt) override {
    Keyboard keyboard;
    if (!keyboard.usable()) return no_terminal();
    const Secret answer = HF_TRY(read_line(keyboard, prompt));
    return std::string(answer.text());
  }

 private:
  static int fd_of(Stream stream) { return stream == Stream::data ? STDOUT_FILENO : STDERR_FILENO; }
  static Error no_terminal() { return Error(Code::not_found, "there is no terminal to ask on"); }

  Result<Secret> read_line(Keyboard& keyboard, std::string_view prompt) {
    write_fully(keyboard.fd(), prompt);
    char line[4096];  // the kernel's own limit of a line in canonical mode (N_TTY_BUF_SIZE)
    std::size_t used = 0;
    const auto take = [&] {
      Secret secret(std::string_view(line, used));
      wipe({reinterpret_cast<std::uint8_t*>(line), sizeof line});
      return secret;
    };
    while (true) {
      if (stop_.stop_requested) {
        take();
        return Error(Code::cancelled, "stopped at a question");
      }
      // Woken 5 times a second: a signal that arrives between the check above and the wait must not be lost.
      pollfd wait{keyboard.fd(), POLLIN, 0};
      if (::poll(&wait, 1, 200) <= 0) continue;
      const ssize_t n = ::read(keyboard.fd(), line + used, sizeof line - used);
      if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      if (n <= 0 && used == 0) {
        take();
        return Error(Code::cancelled, "the question was not answered");
      }
      if (n <= 0) return take();
      used += static_cast<std::size_t>(n);
      if (line[used - 1] == '\n') {
        --used;
        return take();
      }
      if (used == sizeof line) return take();
    }
  }

  const Progress& stop_;
};

}  // namespace

std::unique_ptr<Terminal> make_real_terminal(const Progress& stop) { return std::make_unique<RealTerminal>(stop); }

void reserve_standard_streams() {
  for (int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0 || errno != EBADF) continue;
    // The lowest free number is this one, as those below are taken. Opened the wrong way round, so that nothing passes
    // for read or written.
    static_cast<void>(::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

void install_stop_signals(Progress& progress) {
  stop_target = &progress;
  struct sigaction action {};
  action.sa_handler = on_stop_signal;
  sigemptyset(&action.sa_mask);
  // No SA_RESTART: a blocking call should notice. A signal that was ignored at the start (nohup) stays ignored.
  for (int number : {SIGINT, SIGTERM}) {
    struct sigaction old {};
    ::sigaction(number, nullptr, &old);
    if (old.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);
  }
  // Caught and not ignored: what is ignored would stay ignored in the programs that we start.
  struct sigaction nothing {};
  nothing.sa_handler = [](int) {};
  nothing.sa_flags = SA_RESTART;
  sigemptyset(&nothing.sa_mask);
  ::sigaction(SIGPIPE, &nothing, nullptr);
}

}  // namespace hf::cli
