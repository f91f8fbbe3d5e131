#pragma once
// A notice as the request that each service understands. Pure: everything that goes into a body, a header or an address
// is escaped here for that place.

#include "service/notice.hpp"

namespace hf {

struct HttpRequest {
  std::string method = "POST";
  std::string url;
  std::vector<std::string> headers;  ///< "Name: value", without line ends
  std::string body;
};

/// `url` is the address that the service gave. Services:
///   json          all members of the notice (json_of)
///   slack         {"text": …}; "&", "<", ">" escaped as Slack wants it, so nothing becomes a mention
///   discord       {"content": …} of at most 2000 characters, mentions off
///   teams         a message with an Adaptive Card, for a workflow that "posts to a channel when a webhook request is received"
///   ntfy          the text as body; title, priority and tags as headers
///   healthchecks  GET of the address after a success; POST to …/fail otherwise
HttpRequest request_of(const Notice& notice, Template form, const std::string& url);

/// RFC 2047: as it is where it is plain ASCII, else in base64 words. For headers of mail and of ntfy.
std::string header_text(std::string_view text);
/// At most `bytes_max` bytes, cut between characters, with "…" where it was cut.
std::string shortened(std::string_view utf8, std::size_t bytes_max);
std::string base64(std::string_view bytes);

}  // namespace hf
