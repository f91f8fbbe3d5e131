#include "service/transfer.hpp"

#include <curl/curl.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/bytes.hpp"

namespace hf {
namespace {

constexpr std::size_t kAnswerBytesMax = 4096;

struct CurlEnd {
  void operator()(CURL* c) const { curl_easy_cleanup(c); }
  void operator()(curl_slist* l) const { curl_slist_free_all(l); }
  void operator()(CURLU* u) const { curl_url_cleanup(u); }
};
using Curl = std::unique_ptr<CURL, CurlEnd>;
using List = std::unique_ptr<curl_slist, CurlEnd>;

void add(List& list, const std::string& text) {
  curl_slist* longer = curl_slist_append(list.get(), text.c_str());
  if (longer == nullptr) return;  // out of memory: the request goes without it, and fails at the other end
  static_cast<void>(list.release());
  list.reset(longer);
}

std::string part_of(const std::string& url, CURLUPart part) {
  std::unique_ptr<CURLU, CurlEnd> parsed(curl_url());
  char* text = nullptr;
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK || curl_url_get(parsed.get(), part, &text, 0) != CURLUE_OK) return "";
  std::string out = text;
  curl_free(text);
  return out;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "[::1]" || host.starts_with("127."); }

std::size_t keep_answer(char* data, std::size_t, std::size_t n, void* to) {
  auto& answer = *static_cast<std::string*>(to);
  answer.append(data, std::min(n, kAnswerBytesMax - std::min(kAnswerBytesMax, answer.size())));
  return n;
}
std::size_t give_message(char* to, std::size_t, std::size_t room, void* from) {
  auto& rest = *static_cast<std::string_view*>(from);
  const std::size_t n = std::min(room, rest.size());
  std::memcpy(to, rest.data(), n);
  rest.remove_prefix(n);
  return n;
}

Result<Curl> prepared(const std::string& url, const TransferOptions& options, const char* schemes, char* error) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  Curl curl(ready == CURLE_OK ? curl_easy_init() : nullptr);
  if (!curl) return Error(Code::internal, "libcurl can't be used");
  CURL* c = curl.get();
  error[0] = '\0';
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, error);
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, schemes);
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, static_cast<long>(std::max<std::int64_t>(1, options.timeout_ns / 1'000'000)));
  curl_easy_setopt(c, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  curl_easy_setopt(c, CURLOPT_USERAGENT, "holdfast");
  if (!options.ca_file.empty()) curl_easy_setopt(c, CURLOPT_CAINFO, options.ca_file.c_str());
  if (is_loopback(part_of(url, CURLUPART_HOST))) curl_easy_setopt(c, CURLOPT_PROXY, "");
  return curl;
}

/// `c` has run with this result. Only the host is told: the rest of an address may be a secret.
Status outcome(CURL* c, CURLcode code, const std::string& url, const char* error, const std::string& answer) {
  const std::string host = part_of(url, CURLUPART_HOST);
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  if (code == CURLE_OK && status >= 200 && status < 300) return {};
  const std::string said = printable(answer.substr(0, 300));
  if (code == CURLE_OK || (code == CURLE_HTTP_RETURNED_ERROR)) {
    const bool again = status >= 500 || status == 429 || status == 408;
    return Error(again ? Code::unreachable : Code::refused, host + " answered with status " + std::to_string(status)).with_detail(said);
  }
  const std::string why = error[0] != '\0' ? error : curl_easy_strerror(code);
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE: return Error(Code::unreachable, host + " can't be reached").with_detail(printable(why));
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return Error(Code::refused, "the certificate of " + host + " is not trusted", "name the authority's certificate with ca-file").with_detail(printable(why));
    case CURLE_USE_SSL_FAILED: return Error(Code::refused, host + " offers no TLS", "use a server with STARTTLS or smtps://").with_detail(printable(why));
    case CURLE_LOGIN_DENIED: return Error(Code::refused, host + " did not accept user and password").with_detail(printable(why));
    // A mail server's 4xx means: later.
    default: return Error(status >= 400 && status < 500 && url.starts_with("smtp") ? Code::unreachable : Code::refused, host + " did not take it").with_detail(printable(why));
  }
}

}  // namespace

Status check_address(const std::string& url, std::initializer_list<std::string_view> schemes) {
  const std::string scheme = part_of(url, CURLUPART_SCHEME), host = part_of(url, CURLUPART_HOST);
  const bool known = std::find(schemes.begin(), schemes.end(), scheme) != schemes.end();
  const bool odd = std::any_of(url.begin(), url.end(), [](char c) { return c <= ' ' || c == 127; });
  if (host.empty() || !known || odd) {
    std::string list;
    for (const std::string_view s : schemes) list += (list.empty() ? "" : " or ") + std::string(s) + "://";
    return Error(Code::usage, "an address must begin with " + list, "copy it from the service that gave it");
  }
  if (scheme == "http" && !is_loopback(host)) return Error(Code::usage, "an address at " + printable(host) + " would be used without TLS", "write https://");
  return {};
}

Status send_http(const HttpRequest& request, const TransferOptions& options) {
  HF_TRY(check_address(request.url, {"https", "http"}));
  char error[CURL_ERROR_SIZE];
  Curl curl = HF_TRY(prepared(request.url, options, "https,http", error));
  CURL* c = curl.get();
  List headers;
  for (const std::string& header : request.headers) add(headers, header);
  add(headers, "Expect:");
  std::string answer;
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, keep_answer);
  curl_easy_setopt(c, CURLOPT_WRITEDATA, &answer);
  if (request.method == "GET") {
    curl_easy_setopt(c, CURLOPT_HTTPGET, 1L);
  } else {
    curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    curl_easy_setopt(c, CURLOPT_POSTFIELDS, request.body.c_str());
  }
  const CURLcode code = curl_easy_perform(c);
  return outcome(c, code, request.url, error, answer);
}

Status send_mail(const MailEnvelope& envelope, const std::string& message, const TransferOptions& options) {
  HF_TRY(check_address(envelope.server, {"smtps", "smtp"}));
  char error[CURL_ERROR_SIZE];
  Curl curl = HF_TRY(prepared(envelope.server, options, "smtps,smtp", error));
  CURL* c = curl.get();
  List to;
  for (const std::string& address : envelope.to) add(to, "<" + address + ">");
  std::string_view rest = message;
  // A server on this machine may do without; to every other one nothing is said before TLS.
  const bool here = is_loopback(part_of(envelope.server, CURLUPART_HOST)) && envelope.server.starts_with("smtp:");
  curl_easy_setopt(c, CURLOPT_USE_SSL, static_cast<long>(here ? CURLUSESSL_TRY : CURLUSESSL_ALL));
  curl_easy_setopt(c, CURLOPT_MAIL_FROM, ("<" + envelope.from + ">").c_str());
  curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to.get());
  if (!envelope.user.empty()) {
    curl_easy_setopt(c, CURLOPT_USERNAME, envelope.user.c_str());
    curl_easy_setopt(c, CURLOPT_PASSWORD, envelope.password.c_str());
  }
  curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
  curl_easy_setopt(c, CURLOPT_READFUNCTION, give_message);
  curl_easy_setopt(c, CURLOPT_READDATA, &rest);
  const CURLcode code = curl_easy_perform(c);
  if (code == CURLE_OK) return {};
  return outcome(c, code, envelope.server, error, "");
}

}  // namespace hf
