// Copies of small objects inside packs. The check in front is mended, else a fuzzer would seldom get past it.
#include <algorithm>

#include "fuzz/check.hpp"
#include "vault/pack_writer.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const ByteView in(data, size);
  if (const auto as_it_is = decode_replica(in)) HF_MUST(std::ranges::equal(encode_replica(as_it_is->first, as_it_is->second), in));
  const Digest check = sha256(in);
  Buffer body(check.begin(), check.end());
  append(body, in);
  const auto replica = decode_replica(body);
  if (replica) HF_MUST(encode_replica(replica->first, replica->second) == body);
  return 0;
}
