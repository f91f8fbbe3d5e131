#include "format/sealed.hpp"

#include <algorithm>

#include "base/assert.hpp"
#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {

WriterId writer_in(const Salt& salt) { return WriterId::from(salt); }

std::uint32_t epoch_code(std::uint32_t epoch, bool by_writer) {
  HF_ASSERT(epoch <= kEpochMax);
  return by_writer ? epoch | ~kEpochMax : epoch;
}

void FrameHeader::encode(MutableBytes out) const {
  HF_ASSERT(out.size() == kBytes);
  Buffer b;
  wire::Writer w(b);
  w.raw(kMagic);
  w.u8(static_cast<std::uint8_t>(kind));
  w.u8(static_cast<std::uint8_t>(cipher));
  w.u16(kFormatVersion);
  w.u32(epoch_code(epoch, by_writer));
  w.u32(ordinal);
  w.u32(stored_bytes);
  w.raw(salt);
  add_check(b);
  std::copy(b.begin(), b.end(), out.begin());
}

Result<FrameHeader> FrameHeader::decode(ByteView in) {
  if (in.size() < kBytes) return Error(Code::corrupt, "a frame header is cut off");
  in = in.first(kBytes);
  if (!std::equal(kMagic.begin(), kMagic.end(), in.begin())) return Error(Code::corrupt, "no frame begins here");
  if (!check_holds(in)) return Error(Code::corrupt, "a frame header is damaged");
  wire::Reader r(in.subspan(4));
  FrameHeader h;
  h.kind = static_cast<SealedKind>(r.u8());
  h.cipher = static_cast<Cipher>(r.u8());
  const std::uint16_t version = r.u16();
  const std::uint32_t code = r.u32();
  h.epoch = code & kEpochMax;
  h.by_writer = code > kEpochMax;
  h.ordinal = r.u32();
  h.stored_bytes = r.u32();
  r.into(h.salt);
  if (version == 0 || (h.by_writer && h.writer().is_zero())) return Error(Code::corrupt, "a frame header is damaged");
  if (version > kFormatVersion) return Error(Code::unsupported, "it was written by a newer version of Holdfast", "use that version or a later one");
  if (h.cipher != Cipher::aes_256_gcm && h.cipher != Cipher::chacha20_poly1305) return Error(Code::unsupported, "it uses a cipher that this version does not know");
  if (h.stored_bytes < Aead::kTagBytes) return Error(Code::corrupt, "a frame is too short");
  return h;
}

Buffer associated_data(const VaultId& vault, ByteView encoded_header) {
  Buffer out;
  append(out, vault.view());
  append(out, encoded_header);
  return out;
}

Buffer seal_object(FrameHeader header, const VaultId& vault, ByteView key, ByteView plain) {
  HF_ASSERT(plain.size() <= kSmallObjectPlainMax);
  header.stored_bytes = static_cast<std::uint32_t>(plain.size() + Aead::kTagBytes);
  Buffer out(FrameHeader::kBytes + header.stored_bytes);
  header.encode(MutableBytes(out).first(FrameHeader::kBytes));
  Aead aead;
  aead.set_key(header.cipher, key);
  aead.seal(header.ordinal, associated_data(vault, ByteView(out).first(FrameHeader::kBytes)), plain, MutableBytes(out).subspan(FrameHeader::kBytes));
  return out;
}

Result<FrameHeader> peek_object(ByteView object, SealedKind kind) {
  const FrameHeader h = HF_TRY(FrameHeader::decode(object));
  if (h.kind != kind) return Error(Code::corrupt, "it holds another kind of object than its name says");
  if (object.size() != FrameHeader::kBytes + h.stored_bytes) return Error(Code::corrupt, "its size is not what its header says");
  return h;
}

Result<Buffer> open_object(ByteView object, SealedKind kind, const VaultId& vault, ByteView key) {
  const FrameHeader h = HF_TRY(peek_object(object, kind));
  if (h.stored_bytes - Aead::kTagBytes > kSmallObjectPlainMax) return Error(Code::corrupt, "it is larger than any object of its kind");
  Buffer plain(h.stored_bytes - Aead::kTagBytes);
  Aead aead;
  aead.set_key(h.cipher, key);
  HF_TRY(aead.open(h.ordinal, associated_data(vault, object.first(FrameHeader::kBytes)), object.subspan(FrameHeader::kBytes), plain));
  return plain;
}

}  // namespace hf
