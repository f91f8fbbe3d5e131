// Walking over the frames of a pack that may be torn anywhere: it ends, and finds frames in order, apart, and whole.
// 0xF5 in the input stands for a good frame header, whose length is the next byte plus 16, so that the fuzzer can place
// frames without knowing SHA-256.
#include "fuzz/check.hpp"
#include "vault/pack_reader.hpp"

namespace {
class Memory final : public hf::ObjectReader {
 public:
  explicit Memory(hf::ByteView bytes) : bytes_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  hf::Status read(std::uint64_t offset, hf::MutableBytes out) override {
    if (offset > bytes_.size() || out.size() > bytes_.size() - offset) return hf::Error(hf::Code::corrupt, "shorter");
    std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
    return {};
  }

 private:
  hf::ByteView bytes_;
};
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  Buffer pack;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] != 0xF5 || i + 1 == size) {
      pack.push_back(data[i]);
      continue;
    }
    FrameHeader h;
    h.kind = SealedKind::replica;
    h.stored_bytes = 16u + data[++i];
    pack.resize(pack.size() + FrameHeader::kBytes);
    h.encode(MutableBytes(pack).last(FrameHeader::kBytes));
  }
  Memory object(pack);
  std::uint64_t free_from = 0;
  const Status done = scan_frames(object, [&](const FoundFrame& f, ByteView frame) -> Status {
    HF_MUST(f.offset >= free_from);
    HF_MUST(frame.size() == FrameHeader::kBytes + f.header.stored_bytes);
    HF_MUST(fuzz::same(frame, ByteView(pack).subspan(f.offset, frame.size())));
    free_from = f.offset + frame.size();
    return {};
  });
  HF_MUST(done);
  return 0;
}
