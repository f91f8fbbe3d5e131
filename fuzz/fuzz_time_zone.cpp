// Time zone files: any bytes are a zone or an error; a zone answers for every instant, and its local times lead back.
#include "base/time_zone.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto zone = TimeZone::parse("fuzz", {data, size});
  if (!zone) return 0;
  for (const std::int64_t instant : {std::int64_t{-5'000'000'000}, std::int64_t{0}, std::int64_t{1'792'890'000}, std::int64_t{9'000'000'000}}) {
    const auto back = zone->instants(zone->civil_at(instant));
    bool found = false;
    for (const std::int64_t b : back) found = found || b == instant;
    HF_MUST(found);
    const auto change = zone->next_change(instant);
    HF_MUST(!change || *change > instant);
  }
  return 0;
}
