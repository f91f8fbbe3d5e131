#include "service/run_state.hpp"

#include <fcntl.h>

#include <cerrno>
#include <nlohmann/json.hpp>

namespace hf {
namespace {

using Json = nlohmann::ordered_json;
constexpr int kVersion = 1;
constexpr std::size_t kStateBytesMax = 64 * 1024;
constexpr std::size_t kMessageMax = 4096;
constexpr Outcome kOutcomes[] = {Outcome::none, Outcome::done, Outcome::incomplete, Outcome::failed};

std::string path_of(const std::string& directory, const std::string& source, std::string_view ending) {
  return directory + "/source-" + source + std::string(ending);
}

}  // namespace

std::string_view name_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::none: return "none";
    case Outcome::done: return "done";
    case Outcome::incomplete: return "incomplete";
    case Outcome::failed: return "failed";
  }
  return "none";
}

std::optional<RunState> parse_state(std::string_view text) {
  if (text.size() > kStateBytesMax) return std::nullopt;
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  const auto is_number = [&](const char* key) { return json.contains(key) && json[key].is_number_integer(); };
  if (!is_number("version") || json["version"].get<std::int64_t>() != kVersion) return std::nullopt;
  RunState state;
  bool whole = true;
  const auto number = [&](const char* key) -> std::int64_t {
    if (!is_number(key) || (json[key].is_number_unsigned() && json[key].get<std::uint64_t>() > INT64_MAX)) return whole = false, 0;
    const auto value = json[key].get<std::int64_t>();
    if (value < 0) whole = false;
    return value;
  };
  const auto words = [&](const char* key) -> std::string {
    if (!json.contains(key) || !json[key].is_string()) return whole = false, "";
    return json[key].get<std::string>();
  };
  state.first_seen_ns = number("first_seen_ns");
  state.started_ns = number("started_ns");
  state.ended_ns = number("ended_ns");
  state.exit_status = static_cast<int>(number("exit_status"));
  state.message = words("message");
  state.point = words("point");
  state.complete_ns = number("complete_ns");
  state.failures = static_cast<std::uint64_t>(number("failures"));
  state.failure_told_ns = number("failure_told_ns");
  state.rpo_told_ns = number("rpo_told_ns");
  state.next_due_ns = number("next_due_ns");
  const std::string outcome = words("outcome");
  bool known = false;
  for (const Outcome o : kOutcomes)
    if (name_of(o) == outcome) state.outcome = o, known = true;
  if (!whole || !known || state.exit_status > 255) return std::nullopt;
  return state;
}

std::string text_of(const RunState& s) {
  const Json json = {{"version", kVersion},
                     {"first_seen_ns", s.first_seen_ns},
                     {"started_ns", s.started_ns},
                     {"ended_ns", s.ended_ns},
                     {"outcome", name_of(s.outcome)},
                     {"exit_status", s.exit_status},
                     {"message", printable(std::string_view(s.message).substr(0, kMessageMax))},
                     {"point", s.point},
                     {"complete_ns", s.complete_ns},
                     {"failures", s.failures},
                     {"failure_told_ns", s.failure_told_ns},
                     {"rpo_told_ns", s.rpo_told_ns},
                     {"next_due_ns", s.next_due_ns}};
  return json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Result<std::string> state_directory(Env& env) {
  if (const auto given = env.variable("XDG_STATE_HOME"); given && given->starts_with('/')) return *given + "/holdfast";
  if (const auto home = env.variable("HOME"); home && home->starts_with('/')) return *home + "/.local/state/holdfast";
  return Error(Code::not_found, "there is no place to remember runs in", "set HOME or XDG_STATE_HOME");
}

std::optional<RunState> read_state(Env& env, const std::string& directory, const std::string& source, bool& damaged) {
  damaged = false;
  const auto raw = env.read_file(path_of(directory, source, ".json"), kStateBytesMax);
  if (!raw) {
    damaged = raw.error().code != Code::not_found && raw.error().code != Code::not_a_directory;
    return std::nullopt;
  }
  auto state = parse_state(as_text(*raw));
  damaged = !state;
  return state;
}

Status write_state(Env& env, const std::string& directory, const std::string& source, const RunState& state) {
  HF_TRY(env.make_directories(directory));
  return env.write_file_atomically(path_of(directory, source, ".json"), as_bytes(text_of(state)));
}

Result<std::optional<SourceLock>> SourceLock::take(Env& env, const std::string& directory, const std::string& source) {
  HF_TRY(env.make_directories(directory));
  // The file stays: removing it would let two runs lock two files of one name.
  Fd file = HF_TRY(env.open(path_of(directory, source, ".lock"), O_RDWR | O_CREAT | O_NOFOLLOW, 0600));
  for (;;) {
    const int locked = env.sys_lock(file.get());
    if (locked == -EINTR) continue;
    if (locked == -EWOULDBLOCK) return std::optional<SourceLock>();
    return std::optional<SourceLock>(SourceLock(std::move(file)));
  }
}

}  // namespace hf
