// Calendar expressions: whatever is taken has one normal form, which means the same, and a next time that is later.
#include "fuzz/check.hpp"
#include "policy/calendar.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto parsed = CalendarExpression::parse(as_text({data, size}));
  if (!parsed) return 0;
  const std::string normal = parsed->text();
  const auto again = CalendarExpression::parse(normal);
  HF_MUST(again.has_value() && again->text() == normal);
  static const TimeZone berlin = *TimeZone::from_rule("test", "CET-1CEST,M3.5.0,M10.5.0/3");
  for (const std::int64_t from : {std::int64_t{-1}, std::int64_t{1'792'886'399'000'000'001}, std::int64_t{1'774'746'000'000'000'000}}) {
    const auto next = parsed->next_after(from, berlin);
    HF_MUST(!next || *next > from);
    HF_MUST(next == again->next_after(from, berlin));
  }
  return 0;
}
