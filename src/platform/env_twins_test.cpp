// The two machines side by side: random calls have the same results.

#include <random>

#include "platform/env_contract.hpp"

namespace hf {
namespace {

/// Runs the same random calls on both and tells the first difference. Small worlds of few names, so that calls meet.
class Twins {
 public:
  explicit Twins(unsigned seed) : dice_(seed) {
    for (EnvWorld* world : {&real_, &sim_}) roots_.push_back(*world->env->open(world->root, O_RDONLY | O_DIRECTORY));
  }
  std::string step() {
    const Choice c{.kind = die(12), .a = name(), .b = name(), .target = plain_name(), .flags = flags(), .at = die(20000), .size = 1 + die(9000), .odd = die(2) == 0};
    const std::string real = run(*real_.env, roots_[0].get(), c), sim = run(*sim_.env, roots_[1].get(), c);
    return real == sim ? "" : "call " + std::to_string(c.kind) + " " + c.a + " " + c.b + ": real " + real + ", sim " + sim;
  }
  std::string trees_differ() {
    const std::string real = tree(*real_.env, real_.root), sim = tree(*sim_.env, sim_.root);
    return real == sim ? "" : "real:\n" + real + "sim:\n" + sim;
  }

 private:
  struct Choice {
    unsigned kind;
    std::string a, b, target;
    int flags;
    unsigned at, size;
    bool odd;
  };
  unsigned die(unsigned sides) { return static_cast<unsigned>(dice_() % sides); }
  std::string name() {
    std::string path = plain_name();
    if (die(12) == 0) path += "/";
    if (die(20) == 0) path += "/..";
    if (die(20) == 0) path += "/.";
    return path;
  }
  /// For symlinks too: with ".." in them, paths would lead out of the test's directory.
  std::string plain_name() {
    std::string path;
    for (unsigned depth = 1 + die(3); depth > 0; --depth) path += (path.empty() ? "" : "/") + std::string(1, "abcd"[die(4)]);
    return path;
  }
  int flags() {
    int result = static_cast<int>(die(3));  // O_RDONLY, O_WRONLY, O_RDWR
    for (int flag : {O_CREAT, O_EXCL, O_TRUNC, O_APPEND, O_NOFOLLOW})
      if (die(3) == 0) result |= flag;
    if (die(8) == 0 && !(result & O_CREAT)) result |= O_DIRECTORY;
    // Left to the file system by POSIX: O_EXCL without O_CREAT, O_TRUNC without writing.
    if (!(result & O_CREAT)) result &= ~O_EXCL;
    if ((result & O_ACCMODE) == O_RDONLY) result &= ~O_TRUNC;
    return result | O_CLOEXEC | O_NONBLOCK;
  }
  static std::string word(std::int64_t result) {
    return result < 0 ? strerrorname_np(static_cast<int>(-result)) : std::to_string(result);
  }
  static std::string run(Env& env, int d, const Choice& c) {
    const char *a = c.a.c_str(), *b = c.b.c_str();
    switch (c.kind) {
      case 0: return word(env.sys_mkdirat(d, a, 0755));
      case 1: return word(env.sys_unlinkat(d, a, c.odd));
      case 2:
      case 3: return word(env.sys_renameat(d, a, d, b, c.kind == 3 && c.odd));
      case 4: return word(env.sys_linkat(d, a, d, b));
      case 5: return word(env.sys_symlinkat(c.target.c_str(), d, a));
      case 6: return word(env.sys_chmodat(d, a, 0700 | (c.at & 077)));
      case 7: return word(env.sys_mknodat(d, a, c.odd ? FileType::fifo : FileType::regular, 0644, 0, 0));
      case 8: {
        Stat out;
        const int result = env.sys_stat(d, a, c.odd, &out);
        return word(result) + (result < 0 ? "" : describe(out));
      }
      case 9: return word(env.sys_utimeat(d, a, c.at));
      default: {
        const int fd = env.sys_openat(d, a, c.flags, 0666);
        if (fd < 0) return word(fd);
        std::string bytes(c.size, static_cast<char>('a' + c.at % 26));
        std::string result = "open ";
        if (c.odd) result += word(env.sys_pwrite(fd, bytes.data(), bytes.size(), c.at));
        else result += word(env.sys_ftruncate(fd, c.at));
        const ssize_t n = env.sys_pread(fd, bytes.data(), bytes.size(), c.at / 2);
        result += " " + word(n) + (n > 0 ? ":" + std::to_string(std::hash<std::string_view>()({bytes.data(), static_cast<std::size_t>(n)})) : "");
        env.sys_close(fd);
        return result;
      }
    }
  }
  static std::string describe(const Stat& s) {
    return " type " + std::to_string(static_cast<int>(s.type)) + " mode " + std::to_string(s.mode) + " links " + std::to_string(s.nlink) +
           (s.type == FileType::directory ? "" : " size " + std::to_string(s.size));
  }
  static std::string tree(Env& env, const std::string& path) {
    std::string text;
    const std::vector<std::string> names = *env.list_names(path);
    for (const std::string& name : names) {
      const std::string at = path + "/" + name;
      const Stat s = *env.stat(at);
      text += name + describe(s);
      if (s.type == FileType::symlink) text += " -> " + *env.read_link(Env::kCwd, at.c_str());
      if (s.type == FileType::regular) text += " " + std::to_string(std::hash<std::string_view>()(as_text(*env.read_file(at, 1 << 20))));
      text += "\n";
      if (s.type == FileType::directory) text += tree(env, at) + "^\n";
    }
    return text;
  }

  std::mt19937 dice_;
  EnvWorld real_{true}, sim_{false};
  std::vector<Fd> roots_;
};

class SideBySide : public testing::TestWithParam<unsigned> {};
TEST_P(SideBySide, random_calls_have_the_same_results_and_leave_the_same_tree) {
  Twins twins(GetParam());
  for (int i = 0; i < 3000; ++i) ASSERT_EQ(twins.step(), "") << "seed " << GetParam() << " step " << i;
  EXPECT_EQ(twins.trees_differ(), "");
}
INSTANTIATE_TEST_SUITE_P(, SideBySide, testing::Range(1u, 9u));

}  // namespace
}  // namespace hf
