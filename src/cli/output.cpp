#include "cli/output.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <cerrno>

#include "cli/text.hpp"

namespace hf::cli {
namespace {
constexpr std::size_t kBufferBytes = 64 * 1024;
// Select Graphic Rendition, ECMA-48 8.3.117. Only these ever leave the program, so no name can drive the terminal.
constexpr std::string_view kInkCodes[] = {"\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[36m"};
constexpr std::string_view kPlain = "\x1b[0m";
constexpr std::string_view kClearLine = "\r\x1b[K";

std::string dumped(const Json& json, int indent) { return json.dump(indent, ' ', false, Json::error_handler_t::replace); }

bool is_utf8_locale(Env& env) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = env.variable(name);
    if (!value || value->empty()) continue;  // the first one that is set decides (POSIX 8.2)
    return value->find("UTF-8") != std::string::npos || value->find("utf8") != std::string::npos ||
           value->find("UTF8") != std::string::npos || value->find("utf-8") != std::string::npos;
  }
  return false;
}

/// Each line made safe to show; the later ones stand under the first.
std::string printable_lines(std::string_view text, std::size_t indent) {
  std::string out;
  while (true) {
    const std::size_t end = text.find('\n');
    out += printable(text.substr(0, end));
    if (end == std::string_view::npos) return out;
    out += '\n';
    out.append(indent, ' ');
    text.remove_prefix(end + 1);
  }
}
}  // namespace

Output::Output(Terminal& terminal, Env& env, OutputMode mode) : terminal_(terminal), mode_(mode) {
  const std::string term = env.variable("TERM").value_or("");
  const bool capable = !term.empty() && term != "dumb";
  const bool wanted = capable && env.variable("NO_COLOR").value_or("").empty();
  data_is_terminal_ = terminal.is_terminal(Stream::data);
  const bool messages_are_terminal = terminal.is_terminal(Stream::messages);
  const auto color = [&](bool is_terminal) {
    return mode.color == Color::always || (mode.color == Color::automatic && is_terminal && wanted);
  };
  data_color_ = color(data_is_terminal_);
  messages_color_ = color(messages_are_terminal);
  messages_redraw_ = messages_are_terminal && capable;
  utf8_ = is_utf8_locale(env);
}

Output::~Output() {
  Lock lock(mutex_);
  clear_status_locked();
  flush_locked();
}

std::string Output::painted(bool color, Ink ink, std::string_view text) {
  if (!color) return std::string(text);
  return std::string(kInkCodes[static_cast<std::size_t>(ink)]) + std::string(text) + std::string(kPlain);
}

std::string Output::label(std::string_view word, Ink ink) const {
  return painted(messages_color_, ink, std::string(word) + ":") + " ";
}

std::string Output::safe(std::string_view text) const {
  std::string out;
  while (!text.empty()) {
    const std::size_t escape = text.find('\x1b');
    out += printable(text.substr(0, escape));
    if (escape == std::string_view::npos) break;
    text.remove_prefix(escape);
    std::size_t taken = 0;
    if (data_color_) {
      for (std::string_view code : kInkCodes)
        if (text.starts_with(code)) taken = code.size();
      if (text.starts_with(kPlain)) taken = kPlain.size();
    }
    out += taken > 0 ? std::string(text.substr(0, taken)) : printable(text.substr(0, 1));
    text.remove_prefix(taken > 0 ? taken : 1);
  }
  return out;
}

bool Output::emit_locked(std::string_view bytes) {
  if (write_errno_ != 0) return false;
  if (bytes.size() >= kBufferBytes) {  // large pieces go straight through
    flush_locked();
    if (write_errno_ == 0) write_errno_ = terminal_.write(Stream::data, bytes);
    return write_errno_ == 0;
  }
  buffer_ += bytes;
  if (buffer_.size() >= kBufferBytes || data_is_terminal_) flush_locked();
  return write_errno_ == 0;
}

void Output::flush_locked() {
  if (buffer_.empty()) return;
  if (data_is_terminal_) clear_status_locked();
  if (write_errno_ == 0) write_errno_ = terminal_.write(Stream::data, buffer_);
  buffer_.clear();
  if (data_is_terminal_) draw_status_locked();
}

bool Output::line(std::string_view text) {
  if (mode_.json) return true;
  const std::string whole = safe(text) + '\n';
  Lock lock(mutex_);
  return emit_locked(whole);
}

bool Output::text(std::string_view text) {
  Lock lock(mutex_);
  return emit_locked(text);
}

Status Output::data(ByteView bytes) {
  Lock lock(mutex_);
  if (!emit_locked(as_text(bytes))) return Error::from_errno(write_errno_, "writing to standard output");
  return {};
}

void Output::json(Json answer) {
  if (!mode_.json) return;
  Lock lock(mutex_);
  answer_ = std::make_unique<Json>(std::move(answer));
}

void Output::begin_list() {
  if (!mode_.json) return;
  Lock lock(mutex_);
  list_begun_ = true;
}

bool Output::item(const Json& element) {
  if (!mode_.json) return true;
  const std::string text = dumped(element, -1);
  Lock lock(mutex_);
  const char* before = list_has_item_ ? ",\n" : "[\n";
  list_begun_ = list_has_item_ = true;
  return emit_locked(before) && emit_locked(text);
}

void Output::message_locked(std::string_view text) {
  flush_locked();  // what was said first is read first, also where both streams are one terminal
  clear_status_locked();
  terminal_.write(Stream::messages, std::string(text) + '\n');
  draw_status_locked();
}

void Output::note(std::string_view text) {
  if (mode_.quiet) return;
  Lock lock(mutex_);
  message_locked(printable_lines(text, 0));
}

void Output::detail(std::string_view text) {
  if (!mode_.verbose || mode_.quiet) return;
  Lock lock(mutex_);
  message_locked(printable_lines(text, 0));
}

void Output::warn(std::string_view text) {
  Lock lock(mutex_);
  message_locked(label("warning", Ink::yellow) + printable_lines(text, 9));
}

void Output::warn(const Error& error) {
  std::string text = label("warning", Ink::yellow) + printable_lines(error.message, 9);
  if (!error.hint.empty()) text += "\n" + label("hint", Ink::cyan) + printable_lines(error.hint, 6);
  Lock lock(mutex_);
  message_locked(text);
}

void Output::error(const Error& error) {
  const auto part = [&](std::string_view word, Ink ink, std::string_view text) {
    return label(word, ink) + printable_lines(text, word.size() + 2);
  };
  std::string all = part("error", Ink::red, error.message);
  if (!error.detail.empty()) all += "\n" + part("detail", Ink::dim, error.detail);
  if (!error.hint.empty()) all += "\n" + part("hint", Ink::cyan, error.hint);
  Lock lock(mutex_);
  message_locked(all);
  if (!mode_.json) return;
  if (list_begun_) {
    Json last;
    last["error"] = json_of(error);
    emit_locked((list_has_item_ ? ",\n" : "[\n") + dumped(last, -1));
    list_has_item_ = true;
    return;
  }
  if (answer_ == nullptr || !answer_->is_object()) answer_ = std::make_unique<Json>(Json::object());
  (*answer_)["error"] = json_of(error);
}

void Output::show_status(std::string_view text) {
  Lock lock(mutex_);
  if (!messages_redraw_ || (text.empty() && status_.empty())) return;
  status_ = text;
  // Over the old line, then clear what is left of it: one write, so that nothing flickers.
  terminal_.write(Stream::messages, text.empty() ? std::string(kClearLine) : "\r" + status_ + "\x1b[K");
}

void Output::clear_status_locked() {
  if (!status_.empty()) terminal_.write(Stream::messages, kClearLine);
}
void Output::draw_status_locked() {
  if (!status_.empty()) terminal_.write(Stream::messages, status_);
}

Status Output::finish() {
  Lock lock(mutex_);
  clear_status_locked();
  status_.clear();
  if (!finished_) {
    finished_ = true;
    if (mode_.json && list_begun_)
      emit_locked(list_has_item_ ? "\n]\n" : "[]\n");
    else if (mode_.json && answer_ != nullptr)
      emit_locked(dumped(*answer_, 2) + '\n');
  }
  flush_locked();
  if (write_errno_ != 0 && write_errno_ != EPIPE) return Error::from_errno(write_errno_, "writing to standard output");
  return {};
}

bool Output::reader_gone() const {
  Lock lock(mutex_);
  return write_errno_ == EPIPE;
}

void put_name(Json& object, std::string_view key, std::string_view raw) {
  if (is_utf8(raw)) {
    object[std::string(key)] = std::string(raw);
    return;
  }
  object[std::string(key)] = printable(raw);
  object[std::string(key) + "_hex"] = to_hex(as_bytes(raw));
}

Json json_of(const Error& error) {
  Json json;
  json["code"] = std::string(name_of(error.code));
  json["message"] = error.message;
  json["detail"] = error.detail;
  json["hint"] = error.hint;
  json["object"] = printable(error.object);
  return json;
}

}  // namespace hf::cli
