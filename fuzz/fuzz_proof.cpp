// What `verify` read back.
#include "format/point.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  hf::fuzz::canonical(hf::ByteView(data, size), hf::decode_proof, hf::encode_proof);
  return 0;
}
