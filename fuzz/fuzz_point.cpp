// Recovery points: as they are, and with the input as a body that carries a good signature (else the fuzzer would never
// get past it).
#include "format/point.hpp"
#include "format/wire.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  static const Digest seed = sha256(as_bytes("fuzz"));
  static const PublicKey signer = public_key_of(seed);
  const ByteView in(data, size);
  HF_MUST(!decode_point(in, signer));
  Buffer object;
  wire::Writer w(object);
  w.bytes(in);
  w.raw(signer);
  w.raw(sign(seed, in));
  fuzz::canonical(object, [](ByteView b) { return decode_point(b, signer); }, [](const RecoveryPoint& p) { return encode_point(p, seed); });
  return 0;
}
