#pragma once
// Which calls of SimEnv fail. Not thread safe: SimEnv's mutex guards it.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hf {

enum class Failure : std::uint8_t { once, from_then_on };

/// Kinds of calls; `changes` are all that change the disk, `syncs` among them (fsync, syncfs).
enum class Calls : std::uint8_t { any, reads, changes, syncs };

/// Limits a fault to calls on files at or below a directory (as named by the program, made absolute) and to a kind.
struct Only {
  std::string below = "/";
  Calls calls = Calls::any;
};

namespace sim {

class Faults {
 public:
  void fail_nth(std::uint64_t n, int os_error, Failure how, Only only);
  void crash_at(std::uint64_t n, Only only);
  void clear() { rules_.clear(); }

  struct Verdict {
    int os_error = 0;  ///< 0: the call goes on
    bool crash = false;
  };
  /// Asked once per call, in order; `other` is the second path of link and rename, or empty.
  Verdict judge(Calls kind, std::string_view path, std::string_view other);
  std::uint64_t struck() const { return struck_; }

 private:
  struct Rule {
    std::uint64_t calls_left;  ///< matching calls until it strikes
    int os_error;
    Failure how;
    bool crash;
    Only only;
  };
  std::vector<Rule> rules_;
  std::uint64_t struck_ = 0;
};

}  // namespace sim
}  // namespace hf
