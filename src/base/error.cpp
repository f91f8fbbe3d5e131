#include "base/error.hpp"

#include <cerrno>
#include <cstring>

namespace hf {
namespace {
struct Row {
  Code code;
  std::string_view name;
  int exit_status;
};
// The one table of codes. Exit statuses are documented in docs/reference/exit-codes.md.
constexpr Row kTable[] = {
    {Code::internal, "internal", 1},          {Code::usage, "usage", 2},
    {Code::not_found, "not_found", 1},        {Code::already_exists, "already_exists", 1},
    {Code::permission, "permission", 1},      {Code::no_space, "no_space", 1},
    {Code::io, "io", 1},                      {Code::corrupt, "corrupt", 5},
    {Code::unsupported, "unsupported", 1},    {Code::wrong_secret, "wrong_secret", 1},
    {Code::not_a_vault, "not_a_vault", 1},    {Code::changed, "changed", 3},
    {Code::cancelled, "cancelled", 130},      {Code::refused, "refused", 4},
    {Code::incomplete, "incomplete", 3},      {Code::conflict, "conflict", 3},
    {Code::not_a_directory, "not_a_directory", 1}, {Code::interrupted, "interrupted", 1},
    {Code::unreachable, "unreachable", 1},    {Code::too_many, "too_many", 1},
};
const Row& row(Code code) {
  for (const Row& r : kTable)
    if (r.code == code) return r;
  return kTable[0];
}
Code code_of_errno(int e) {
  switch (e) {
    case ENOENT: return Code::not_found;
    case EEXIST: return Code::already_exists;
    case ENOTEMPTY: return Code::already_exists;
    case EACCES:
    case EPERM:
    case EROFS: return Code::permission;
    case ENOSPC:
    case EDQUOT: return Code::no_space;
    case ENOTDIR: return Code::not_a_directory;
    case EINTR: return Code::interrupted;
    case EMFILE:
    case ENFILE: return Code::too_many;
    case EOPNOTSUPP: return Code::unsupported;
    default: return Code::io;
  }
}
}  // namespace

int exit_status(Code code) { return row(code).exit_status; }
std::string_view name_of(Code code) { return row(code).name; }

Error Error::from_errno(int os_error, std::string_view doing) {
  char text[128];
  const char* words = strerror_r(os_error, text, sizeof text);
  Error e(code_of_errno(os_error), std::string(doing) + ": " + words);
  e.os_error = os_error;
  return e;
}

}  // namespace hf
