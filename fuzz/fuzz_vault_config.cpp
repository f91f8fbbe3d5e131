// The vault's description and its parameters.
#include "format/vault_config.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice in(data, size);
  if (in.which % 2 == 0) {
    const Buffer b = fuzz::with_mended_check(in.rest);
    fuzz::canonical(b, VaultConfig::decode, [](const VaultConfig& c) { return c.encode(); });
  } else {
    fuzz::canonical(in.rest, decode_params, encode_params);
    if (const auto p = decode_params(in.rest)) HF_MUST(p->cuts.valid());
  }
  return 0;
}
