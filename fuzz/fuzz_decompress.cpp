// zstd frames into exactly as much room as was promised: a bomb or a lie is Corrupt, never a byte too many. With and
// without a prefix, which is the first third of the input.
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
  const ByteView prefix = in.first(in.size() / 3), rest = in.subspan(in.size() / 3);
  static_cast<void>(decompressor.decompress(rest, out, prefix));
  if (const auto packed = compressor.compress_against(prefix, rest); packed.frame) {
    Buffer back(rest.size());
    HF_MUST(decompressor.decompress(*packed.frame, back, packed.against ? prefix : ByteView()) && fuzz::same(back, rest));
  } else {
    HF_MUST(!packed.against);
  }
  if (const auto frame = compressor.compress(in)) {
    Buffer back(in.size());
    HF_MUST(decompressor.decompress(*frame, back) && fuzz::same(back, in));
  }
  return 0;
}
