#pragma once
// A notice as a mail (RFC 5322, RFC 2045). Pure: nothing that comes from outside can add a header or a recipient.

#include "service/notice.hpp"

namespace hf {

/// One plain address: "anna@example.org". No names, comments or quotes: what is refused cannot be misread.
bool is_mail_address(std::string_view text);

/// Headers and body with CRLF, ready for DATA. `unique` makes the Message-ID.
std::string mail_of(const Notice& notice, const std::string& from, const std::vector<std::string>& to, std::string_view unique);

/// RFC 2045, section 6.7, with CRLF line ends.
std::string quoted_printable(std::string_view text);

}  // namespace hf
