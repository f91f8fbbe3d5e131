// zstd frames into exactly as much room as was promised: a bomb or a lie is Corrupt, never a byte too many.
#include "codec/compress.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  if (size < 3) return 0;
  static Decompressor decompressor;
  static Compressor compressor(1);
  const auto promised = static_cast<std::size_t>(data[0] | data[1] << 8 | (data[2] & 3) << 16);
  const ByteView in(data + 3, size - 3);
  Buffer out(promised);
  const bool good = decompressor.decompress(in, out).has_value();
  if (good && promised > 0) {  // the same frame, promised one byte less or more
    Buffer less(promised - 1), more(promised + 1);
    HF_MUST(!decompressor.decompress(in, less));
    HF_MUST(!decompressor.decompress(in, more));
  }
  Buffer frame;
  if (compressor.compress(in, frame)) {
    Buffer back(in.size());
    HF_MUST(decompressor.decompress(frame, back) && fuzz::same(back, in));
  }
  return 0;
}
