#pragma once
// Where words go: standard output is for the answer, standard error for everything else. A verb writes its answer
// twice, as text (line) and as JSON (json, begin_list + item); only the form that was asked for is printed.
//
// With --json exactly one JSON object or array is on standard output when the program ends, also when it failed:
//   {"error": {"code": "wrong_secret", "message": "…", "detail": "…", "hint": "…", "object": "…"}}
// An answer that is already there keeps its members and gets "error" beside them; a list gets the error as last element.

#include <fmt/format.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/mutex.hpp"
#include "base/result.hpp"
#include "cli/terminal.hpp"
#include "platform/env.hpp"

namespace hf::cli {

using Json = nlohmann::ordered_json;  ///< include <nlohmann/json.hpp> to build one; members keep their order

enum class Color : std::uint8_t { automatic, always, never };
enum class Ink : std::uint8_t { bold, dim, red, green, yellow, cyan };

struct OutputMode {
  bool json = false, quiet = false, verbose = false;
  Color color = Color::automatic;
};

/// Threads: any method, any thread; lines never mix, and a progress line at the bottom is kept clear of them.
class Output {
 public:
  Output(Terminal& terminal, Env& env, OutputMode mode);
  ~Output();
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  // --- standard output: the answer ---
  /// One line of text; nothing with --json. Control characters in it become \xNN (names come from anywhere), except
  /// what paint() made. False once nobody reads any more: stop producing.
  bool line(std::string_view text);
  /// Our own text as it is, any number of lines: help, scripts. Also with --json.
  bool text(std::string_view text);
  /// Bytes as they are (`dump`). Also with --json. Code::io when they cannot be written.
  Status data(ByteView bytes);
  /// The answer in --json mode, printed at the end; the last call counts.
  void json(Json answer);
  /// The answer in --json mode is an array: its elements follow one by one and are printed as they come.
  void begin_list();
  bool item(const Json& element);

  // --- standard error: messages ---
  void note(std::string_view text);    ///< worth knowing; not with --quiet
  void detail(std::string_view text);  ///< only with --verbose
  void warn(std::string_view text);
  void warn(const Error& error);
  /// "error: …", "detail: …", "hint: …"; in --json mode also part of the answer.
  void error(const Error& error);

  // --- style ---
  bool json_mode() const { return mode_.json; }
  bool quiet() const { return mode_.quiet; }
  bool verbose() const { return mode_.verbose; }
  /// `text` in colour, for line(), where standard output shows colours.
  std::string paint(Ink ink, std::string_view text) const { return painted(data_color_, ink, text); }
  bool utf8() const { return utf8_; }  ///< may line-drawing characters be shown?

  // --- the line at the bottom that a running job redraws (ProgressView) ---
  bool can_redraw() const { return messages_redraw_; }  ///< messages go to a terminal that can move its cursor
  void show_status(std::string_view text);              ///< replaces the last one; "" takes it away
  std::size_t columns() { return terminal_.columns(); }

  // --- the end ---
  /// Prints the answer in --json mode and everything still buffered. The error of the first write that failed.
  Status finish();
  bool reader_gone() const;  ///< standard output is a pipe that nobody reads (SIGPIPE for others)

 private:
  static std::string painted(bool color, Ink ink, std::string_view text);
  std::string label(std::string_view word, Ink ink) const;
  std::string safe(std::string_view text) const;
  void message_locked(std::string_view text) HF_REQUIRES(mutex_);
  bool emit_locked(std::string_view bytes) HF_REQUIRES(mutex_);
  void flush_locked() HF_REQUIRES(mutex_);
  void clear_status_locked() HF_REQUIRES(mutex_);
  void draw_status_locked() HF_REQUIRES(mutex_);

  // Constant after construction
  Terminal& terminal_;
  const OutputMode mode_;
  bool data_color_ = false, messages_color_ = false, data_is_terminal_ = false, messages_redraw_ = false, utf8_ = false;

  mutable Mutex mutex_;
  std::string buffer_ HF_GUARDED_BY(mutex_);  ///< at most kBufferBytes of standard output
  std::string status_ HF_GUARDED_BY(mutex_);
  std::unique_ptr<Json> answer_ HF_GUARDED_BY(mutex_);
  bool list_begun_ HF_GUARDED_BY(mutex_) = false, list_has_item_ HF_GUARDED_BY(mutex_) = false;
  bool finished_ HF_GUARDED_BY(mutex_) = false;
  int write_errno_ HF_GUARDED_BY(mutex_) = 0;  ///< of the first write to standard output that failed
};

/// Puts the bytes of a name into `object`: "key" as text; where they are not UTF-8, "key" has \xNN for the bytes that
/// are not, and "key_hex" gives all of them exactly.
void put_name(Json& object, std::string_view key, std::string_view raw);
/// {"code": …, "message": …, "detail": …, "hint": …, "object": …}
Json json_of(const Error& error);

}  // namespace hf::cli
