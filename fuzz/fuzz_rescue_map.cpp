// The map file of a rescue program: any text is refused or gives areas in order, and gaps that are apart.
#include "fuzz/check.hpp"
#include "recovery/rescue_map.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto areas = parse_rescue_map(as_text(ByteView(data, size)));
  if (!areas) {
    HF_MUST(!areas.error().message.empty());
    return 0;
  }
  std::string again = "0 + 1\n";
  std::uint64_t free_from = 0, unread = 0;
  for (const RescueArea& a : *areas) {
    HF_MUST(a.offset >= free_from);
    free_from = a.offset + a.bytes;
    if (a.status != '+') unread += a.bytes;
    again += std::to_string(a.offset) + " " + std::to_string(a.bytes) + " " + a.status + "\n";
  }
  const auto gaps = gaps_of(*areas);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < gaps.size(); ++i) {
    HF_MUST(gaps[i].offset < gaps[i].end);
    HF_MUST(i == 0 || gaps[i].offset > end);
    end = gaps[i].end;
    unread -= gaps[i].end - gaps[i].offset;
  }
  HF_MUST(unread == 0);
  const auto same = parse_rescue_map(again);
  HF_MUST(same && same->size() == areas->size() && gaps_of(*same) == gaps);
  return 0;
}
