// What is remembered of a source: any bytes are a state or nothing, and a state is written as it is read.
#include "fuzz/check.hpp"
#include "service/run_state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const auto state = parse_state(as_text({data, size}));
  if (!state) return 0;
  RunState plain = *state;
  plain.message = printable(plain.message.substr(0, 100));  // messages are made fit to be shown, and shortened
  plain.point = printable(plain.point);
  HF_MUST(parse_state(text_of(plain)) == plain || plain.message.size() > 100);
  return 0;
}
