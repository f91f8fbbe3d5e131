// What people type as numbers, times, hexadecimal and base32.
#include "base/units.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const std::string_view text = as_text({data, size});
  if (const auto n = parse_bytes(text)) HF_MUST(!human_bytes(*n).empty());
  if (const auto t = parse_time(text)) HF_MUST(parse_time(utc_time(*t)).value_or(*t + 1) == *t);
  if (const auto b = from_hex(text)) HF_MUST(*from_hex(to_hex(*b)) == *b);
  if (const auto b = from_base32(text)) HF_MUST(*from_base32(to_base32(*b)) == *b);
  HF_MUST(printable(printable(text)) == printable(text));
  return 0;
}
