#include "service/notify.hpp"

#include <algorithm>
#include <thread>

#include "service/hooks.hpp"
#include "service/mail.hpp"
#include "service/transfer.hpp"

namespace hf {
namespace {

constexpr std::int64_t kFirstPauseNs = 1'000'000'000;
constexpr std::size_t kSecretBytesMax = 64 * 1024;

Status deliver_by_command(Env& env, const NotifyChannel& channel, const Notice& notice) {
  const CommandResult ran = HF_TRY(env.run_command(channel.command, {.timeout_ns = channel.timeout_ns,
                                                                     .variables = {{"HOLDFAST_EVENT", std::string(name_of(notice.event))},
                                                                                   {"HOLDFAST_SOURCE", notice.source},
                                                                                   {"HOLDFAST_TITLE", title_of(notice)},
                                                                                   {"HOLDFAST_TEXT", text_of(notice)}},
                                                                     .input = json_of(notice) + "\n",
                                                                     .errors_too = true}));
  if (!ran.timed_out && ran.exit_status == 0) return {};
  return Error(ran.timed_out ? Code::unreachable : Code::refused,
               ran.timed_out ? "its command was not through in time and was ended" : "its command ended with status " + std::to_string(ran.exit_status))
      .with_detail(last_lines(ran.output, 1000));
}

Status attempt(Env& env, const NotifyChannel& channel, const Notice& notice) {
  const TransferOptions options{channel.timeout_ns, channel.ca_file};
  switch (channel.kind) {
    case NotifyChannel::Kind::command: return deliver_by_command(env, channel, notice);
    case NotifyChannel::Kind::webhook: {
      HttpRequest request = request_of(notice, channel.form, HF_TRY(read_secret(env, channel.url)));
      if (channel.token.given()) request.headers.push_back("Authorization: Bearer " + HF_TRY(read_secret(env, channel.token)));
      return send_http(request, options);
    }
    case NotifyChannel::Kind::email: {
      Buffer unique(16);
      env.random(unique);
      MailEnvelope envelope{channel.server, channel.from, channel.user, "", channel.to};
      if (channel.password.given()) envelope.password = HF_TRY(read_secret(env, channel.password));
      return send_mail(envelope, mail_of(notice, channel.from, channel.to, to_hex(unique)), options);
    }
  }
  return {};
}

}  // namespace

Pause real_pause() {
  return [](std::int64_t ns) { std::this_thread::sleep_for(std::chrono::nanoseconds(ns)); };
}

Result<std::string> read_secret(Env& env, const SecretRef& secret) {
  std::string text;
  switch (secret.kind) {
    case SecretRef::Kind::none: return std::string();
    case SecretRef::Kind::literal: return secret.value;
    case SecretRef::Kind::file: {
      const Buffer raw = HF_TRY(env.read_file(secret.value, kSecretBytesMax));
      text = as_text(raw);
      break;
    }
    case SecretRef::Kind::command: {
      CommandResult ran = HF_TRY(env.run_command(secret.value, {.timeout_ns = 30'000'000'000, .variables = {}, .input = {}, .errors_too = false}));
      if (ran.timed_out || ran.exit_status != 0)
        return Error(Code::usage, ran.timed_out ? "the command for a secret was not through within 30 seconds" : "the command for a secret ended with status " + std::to_string(ran.exit_status),
                     "run it yourself to see why");
      text = std::move(ran.output);
      break;
    }
  }
  text.resize(std::min(text.find('\n'), text.size()));
  if (text.ends_with('\r')) text.pop_back();
  // A control character in a header or an address would end it early.
  if (text.empty() || std::any_of(text.begin(), text.end(), [](char c) { return static_cast<std::uint8_t>(c) < ' ' || c == 127; }))
    return Error(Code::usage, "the first line of " + (secret.kind == SecretRef::Kind::file ? printable(secret.value) : "what a command printed") + " is empty or no text");
  return text;
}

Status deliver(Env& env, const NotifyChannel& channel, const Notice& notice, const Pause& pause) {
  std::int64_t wait = kFirstPauseNs;
  for (unsigned tried = 1;; ++tried) {
    auto done = attempt(env, channel, notice);
    if (done || done.error().code != Code::unreachable || tried >= channel.tries) return std::move(done).context([&] { return "telling " + channel.name; });
    pause(wait);
    wait *= 3;
  }
}

std::vector<Undelivered> notify(Env& env, const std::vector<NotifyChannel>& channels, const Notice& notice, const Pause& pause) {
  std::vector<Undelivered> out;
  for (const NotifyChannel& channel : channels) {
    if (!channel.events.has(notice.event)) continue;
    if (auto told = deliver(env, channel, notice, pause); !told) out.push_back({channel.name, std::move(told.error())});
  }
  return out;
}

}  // namespace hf
