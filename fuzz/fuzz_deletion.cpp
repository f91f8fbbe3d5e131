// Leases, tombstones, verdicts, fences, epochs, holds.
#include "format/deletion.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice c(data, size);
  switch (c.which % 6) {
    case 0: fuzz::canonical(c.rest, decode_lease, encode_lease); break;
    case 1: fuzz::canonical(c.rest, decode_tombstone, encode_tombstone); break;
    case 2: fuzz::canonical(c.rest, decode_verdict, encode_verdict); break;
    case 3: fuzz::canonical(c.rest, decode_fence, encode_fence); break;
    case 4: fuzz::canonical(c.rest, decode_epoch, encode_epoch); break;
    default: fuzz::canonical(c.rest, decode_hold, encode_hold);
  }
  return 0;
}
