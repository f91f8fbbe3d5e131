#pragma once
// One request to a web or mail server, through libcurl. TLS with verified certificates, except to this machine itself:
// a plain address elsewhere is refused. Redirections are not followed, since they could lead a secret elsewhere.
// Threads: any. Errors: Unreachable where another attempt may help (no connection, time-out, a busy server), else the
// code says what does not.

#include <string>
#include <vector>

#include "base/result.hpp"
#include "service/templates.hpp"

namespace hf {

struct TransferOptions {
  std::int64_t timeout_ns = 30'000'000'000;  ///< of everything from name look-up to answer
  std::string ca_file;                       ///< empty: the system's
};

/// Success is a status of 2xx. The address does not stand in errors, only its host: it may hold a secret.
Status send_http(const HttpRequest& request, const TransferOptions& options);

struct MailEnvelope {
  std::string server;  ///< smtp://HOST[:PORT], with STARTTLS; smtps://HOST[:PORT]
  std::string from, user, password;
  std::vector<std::string> to;
};
Status send_mail(const MailEnvelope& envelope, const std::string& message, const TransferOptions& options);

/// Usage where the address is none of these schemes, or would go out of this machine without TLS.
Status check_address(const std::string& url, std::initializer_list<std::string_view> schemes);

}  // namespace hf
