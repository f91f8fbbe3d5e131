// Frames: header, envelope, and opening with a key that is not the right one.
#include "format/sealed.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  static const Digest key = sha256(as_bytes("fuzz"));
  const ByteView in(data, size);
  Buffer b(in.begin(), in.end());
  if (b.size() >= FrameHeader::kBytes) {  // the check covers the header alone
    const Buffer head = fuzz::with_mended_check(in.first(FrameHeader::kBytes));
    std::copy(head.begin(), head.end(), b.begin());
  }
  const auto header = FrameHeader::decode(b);
  if (!header) return 0;
  Buffer again(FrameHeader::kBytes);
  header->encode(again);
  HF_MUST(fuzz::same(again, ByteView(b).first(FrameHeader::kBytes)));
  const VaultId vault = VaultId::from(key);
  HF_MUST(!open_object(b, header->kind, vault, key));
  // What we seal under this header opens, and opens as nothing else.
  if (in.size() > 4096) return 0;
  const Buffer sealed = seal_object(*header, vault, key, in);
  const auto opened = open_object(sealed, header->kind, vault, key);
  HF_MUST(opened && fuzz::same(*opened, in));
  HF_MUST(!open_object(sealed, static_cast<SealedKind>(static_cast<std::uint8_t>(header->kind) ^ 1), vault, key));
  return 0;
}
