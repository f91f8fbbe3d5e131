#include "platform/sim_faults.hpp"

#include <cerrno>

namespace hf::sim {
namespace {
bool matches(Calls wanted, Calls kind) {
  switch (wanted) {
    case Calls::any: return true;
    case Calls::reads: return kind == Calls::reads;
    case Calls::changes: return kind != Calls::reads;
    case Calls::syncs: return kind == Calls::syncs;
  }
  return false;
}
bool is_below(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) && (path.size() == directory.size() || path[directory.size()] == '/');
}
}  // namespace

void Faults::fail_nth(std::uint64_t n, int os_error, Failure how, Only only) {
  rules_.push_back({.calls_left = n, .os_error = os_error, .how = how, .crash = false, .only = std::move(only)});
}

void Faults::crash_at(std::uint64_t n, Only only) {
  rules_.push_back({.calls_left = n, .os_error = EIO, .how = Failure::from_then_on, .crash = true, .only = std::move(only)});
}

Faults::Verdict Faults::judge(Calls kind, std::string_view path, std::string_view other) {
  Verdict verdict;
  for (Rule& rule : rules_) {
    if (!matches(rule.only.calls, kind)) continue;
    if (!is_below(path, rule.only.below) && (other.empty() || !is_below(other, rule.only.below))) continue;
    if (rule.calls_left > 1) {
      --rule.calls_left;
      continue;
    }
    const bool strikes = rule.calls_left == 1 || rule.how == Failure::from_then_on;
    rule.calls_left = 0;
    if (!strikes || verdict.os_error != 0) continue;
    verdict = {.os_error = rule.os_error, .crash = rule.crash};
    ++struck_;
  }
  return verdict;
}

}  // namespace hf::sim
