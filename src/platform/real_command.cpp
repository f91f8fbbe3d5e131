// Processes on Linux. Without a time-out a command lives in our process group, so that Ctrl-C reaches it too; with one it
// gets a group of its own, so that what it started ends with it.

#include "platform/real_command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace hf {
namespace {

constexpr std::size_t kOutputMax = 1024 * 1024;
constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kGraceNs = 5000 * kMillisecond;  // between asking a group to end and ending it
constexpr std::int64_t kTickNs = 50 * kMillisecond;     // how often an end is looked for that no pipe tells of

/// A file in memory that holds the input: unlike a pipe it takes all of it at once.
Result<Fd> input_of(Env& env, const std::string& input) {
  Fd fd(env, ::memfd_create("input", MFD_CLOEXEC));
  if (!fd.valid()) return Error::from_errno(errno, "keeping a command's input");
  HF_TRY(env.write_all(fd.get(), as_bytes(input)));
  if (::lseek(fd.get(), 0, SEEK_SET) < 0) return Error::from_errno(errno, "keeping a command's input");
  return fd;
}

/// The environment of this program with some variables set or replaced. `out` owns the texts.
void environment_with(const std::vector<std::pair<std::string, std::string>>& variables, std::vector<std::string>& out) {
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view text = *at;
    const bool replaced = std::any_of(variables.begin(), variables.end(), [&](const auto& v) { return text.starts_with(v.first + "="); });
    if (!replaced) out.emplace_back(text);
  }
  // A NUL would end the text early; nothing can be set that holds one.
  for (const auto& [name, value] : variables) out.push_back(name + "=" + value.substr(0, value.find('\0')));
}

Result<pid_t> start(const std::string& command, const CommandOptions& options, int input, int output) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  if (input >= 0) posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO);
  else posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  if (options.errors_too) posix_spawn_file_actions_adddup2(&actions, output, STDERR_FILENO);
  // The command starts with the signals of a fresh process, whatever this one ignores or blocks.
  sigset_t all, none;
  sigfillset(&all);
  sigemptyset(&none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setsigmask(&attributes, &none);
  int flags = POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK;
  if (options.timeout_ns > 0) {
    posix_spawnattr_setpgroup(&attributes, 0);
    flags |= POSIX_SPAWN_SETPGROUP;
  }
  posix_spawnattr_setflags(&attributes, static_cast<short>(flags));

  std::vector<std::string> texts;
  environment_with(options.variables, texts);
  std::vector<char*> environment;
  for (std::string& text : texts) environment.push_back(text.data());
  environment.push_back(nullptr);
  std::string shell = "/bin/sh", option = "-c", text = command;
  char* const arguments[] = {shell.data(), option.data(), text.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawn(&child, shell.c_str(), &actions, &attributes, arguments, environment.data());
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return Error::from_errno(error, "starting /bin/sh");
  return child;
}

/// One child, its output and its end.
class Child {
 public:
  Child(Env& env, pid_t pid, Fd output, std::int64_t timeout_ns) : env_(env), pid_(pid), output_(std::move(output)), part_(64 * 1024) {
    if (timeout_ns > 0) deadline_ = env.monotonic_ns() + timeout_ns;
  }

  Result<CommandResult> wait() {
    bool open = true;
    while (open && (!deadline_ || !ended_)) {
      const auto left = time_left();
      if (left && *left == 0) break;
      if (deadline_ && !readable(std::min(*left, kTickNs))) {
        HF_TRY(look(WNOHANG));
        continue;
      }
      open = HF_TRY(take());
    }
    if (!deadline_) {
      HF_TRY(look(0));
      return finished();
    }
    // The output is closed, or the child has ended, or its time is over.
    while (!ended_) {
      if (*time_left() == 0) HF_TRY(end_group());
      else pause();
      HF_TRY(look(WNOHANG));
    }
    while (open && readable(0)) open = HF_TRY(take());  // what it wrote before its end; others may hold the pipe for ever
    return finished();
  }

 private:
  std::optional<std::int64_t> time_left() {
    if (!deadline_) return std::nullopt;
    return std::max<std::int64_t>(0, *deadline_ - env_.monotonic_ns());
  }
  static void pause() {
    timespec tick{0, kTickNs};
    ::nanosleep(&tick, nullptr);
  }
  bool readable(std::int64_t within_ns) {
    pollfd p{output_.get(), POLLIN, 0};
    return ::poll(&p, 1, static_cast<int>((within_ns + kMillisecond - 1) / kMillisecond)) > 0;
  }
  /// Reads once; false at the end.
  Result<bool> take() {
    const ssize_t got = env_.sys_read(output_.get(), part_.data(), part_.size());  // once: more may take longer than there is time
    if (got == -EINTR) return true;
    if (got < 0) return Error::from_errno(static_cast<int>(-got), "reading the output of a command");
    const auto n = static_cast<std::size_t>(got);
    // What goes beyond the limit is read and dropped, so that the command does not block or die of SIGPIPE.
    const std::size_t room = kOutputMax - result_.output.size();
    result_.output.append(as_text(part_).substr(0, std::min(n, room)));
    return n > 0;
  }
  Status look(int flags) {
    if (ended_) return {};
    for (;;) {
      const pid_t got = ::waitpid(pid_, &status_, flags);
      if (got == pid_) ended_ = true;
      if (got >= 0) return {};
      if (errno != EINTR) return Error::from_errno(errno, "waiting for a command");
    }
  }
  /// Asks the group to end, and ends it after a while. The group is there as long as its leader was not waited for.
  Status end_group() {
    result_.timed_out = true;
    ::kill(-pid_, SIGTERM);
    const std::int64_t until = env_.monotonic_ns() + kGraceNs;
    for (;;) {
      // Seen by waitid without taking it away: so the number of the group cannot be given to others before SIGKILL.
      siginfo_t info{};
      if (::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == pid_) break;
      if (env_.monotonic_ns() >= until) break;
      pause();
    }
    ::kill(-pid_, SIGKILL);
    return look(0);
  }
  CommandResult finished() {
    result_.exit_status = WIFSIGNALED(status_) ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
    return std::move(result_);
  }

  Env& env_;
  const pid_t pid_;
  Fd output_;
  std::optional<std::int64_t> deadline_;
  Buffer part_;
  CommandResult result_;
  int status_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<CommandResult> run_real_command(Env& env, const std::string& command, const CommandOptions& options) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) < 0) return Error::from_errno(errno, "making a pipe");
  Fd reader(env, ends[0]), writer(env, ends[1]), input;
  if (!options.input.empty()) input = HF_TRY(input_of(env, options.input));
  const pid_t pid = HF_TRY(start(command, options, input.get(), writer.get()));
  writer.reset();
  return Child(env, pid, std::move(reader), options.timeout_ns).wait();
}

}  // namespace hf
