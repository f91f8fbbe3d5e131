#pragma once
// A person for tests: keeps what was written and types what the test told.

#include <cerrno>
#include <deque>
#include <string>

#include "cli/terminal.hpp"

namespace hf::cli {

class FakeTerminal final : public Terminal {
 public:
  std::string data, messages;  ///< what was written to the two streams
  bool data_is_terminal = false, messages_are_terminal = false;
  std::size_t width = 80;
  bool somebody_there = false;
  std::deque<std::string> will_type;      ///< answers to the next questions
  std::string asked;                      ///< all prompts
  std::size_t data_bytes_max = SIZE_MAX;  ///< standard output breaks after so many bytes …
  int data_errno = EPIPE;                 ///< … in this way

  int write(Stream stream, std::string_view bytes) override {
    Lock lock(mutex_);
    std::string& to = stream == Stream::data ? data : messages;
    if (stream == Stream::data && data.size() + bytes.size() > data_bytes_max) return data_errno;
    to += bytes;
    return 0;
  }
  bool is_terminal(Stream stream) override { return stream == Stream::data ? data_is_terminal : messages_are_terminal; }
  std::size_t columns() override { return width; }
  bool can_ask() override { return somebody_there; }
  Result<Secret> ask_secret(std::string_view prompt) override {
    const std::string answer = HF_TRY(ask_line(prompt));
    return Secret(answer);
  }
  Result<std::string> ask_line(std::string_view prompt) override {
    if (!somebody_there) return Error(Code::not_found, "there is no terminal to ask on");
    asked += prompt;
    if (will_type.empty()) return Error(Code::cancelled, "the question was not answered");
    std::string answer = will_type.front();
    will_type.pop_front();
    return answer;
  }

 private:
  Mutex mutex_;
};

}  // namespace hf::cli
