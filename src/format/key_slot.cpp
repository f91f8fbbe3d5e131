#include "format/key_slot.hpp"

#include <algorithm>

#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {
constexpr std::string_view kMagic = "HFSLOT\r\n";
}

std::string_view name_of(SlotKind kind) {
  switch (kind) {
    case SlotKind::passphrase: return "passphrase";
    case SlotKind::key_file: return "key-file";
    case SlotKind::recovery_key: return "recovery-key";
    case SlotKind::shares: return "shares";
    case SlotKind::write_only: return "write-only";
  }
  return "unknown";
}

Buffer KeySlot::clear_part() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kMagic));
  w.u16(version);
  w.u8(static_cast<std::uint8_t>(kind));
  w.u8(static_cast<std::uint8_t>(cipher));
  w.id(id);
  w.id(vault);
  w.u32(argon2.memory_kib);
  w.u32(argon2.passes);
  w.u32(argon2.lanes);
  w.raw(salt);
  if (version >= 2) {
    w.u32(epoch);
    w.raw(public_key);
  }
  return b;
}

Buffer KeySlot::encode() const {
  Buffer b = clear_part();
  wire::Writer w(b);
  w.bytes(wrapped);
  w.bytes(label);
  add_check(b);
  return b;
}

Result<KeySlot> KeySlot::decode(ByteView in) {
  if (in.size() < 12 || as_text(in.first(8)) != kMagic) return Error(Code::corrupt, "it does not begin as a key slot does");
  if (!check_holds(in)) return Error(Code::corrupt, "the key slot is damaged");
  wire::Reader r(in.subspan(8, in.size() - 12));
  KeySlot s;
  s.version = r.u16();
  if (s.version == 0) return Error(Code::corrupt, "the key slot is damaged");
  if (s.version > kSlotVersion) return Error(Code::unsupported, "the key slot was written by a newer version of Holdfast", "use that version or a later one");
  s.kind = static_cast<SlotKind>(r.u8());
  s.cipher = static_cast<Cipher>(r.u8());
  s.id = r.id<SlotId>();
  s.vault = r.id<VaultId>();
  s.argon2.memory_kib = r.u32();
  s.argon2.passes = r.u32();
  s.argon2.lanes = r.u32();
  r.into(s.salt);
  if (s.version >= 2) {
    s.epoch = r.u32();
    r.into(s.public_key);
  }
  const ByteView wrapped = r.bytes(), label = r.bytes();
  s.wrapped.assign(wrapped.begin(), wrapped.end());
  s.label.assign(label.begin(), label.end());
  if (!r.at_end() || s.epoch == 0) return Error(Code::corrupt, "the key slot is damaged");
  const SlotKind last = s.version == 1 ? SlotKind::recovery_key : SlotKind::write_only;
  if (s.kind < SlotKind::passphrase || s.kind > last || (s.cipher != Cipher::aes_256_gcm && s.cipher != Cipher::chacha20_poly1305))
    return Error(Code::unsupported, "the key slot is of a kind that this version does not know", "use a newer version of Holdfast");
  return s;
}

Result<Digest> wrapping_key(const KeySlot& slot, ByteView secret) {
  if (slot.kind == SlotKind::passphrase) return argon2id(secret, slot.salt, slot.argon2);
  return hkdf(secret, slot.salt, std::string("holdfast slot ") + std::string(name_of(slot.kind)));
}

Digest slot_private_key(const KeySlot& slot, const Digest& wrapping) { return hkdf(wrapping, slot.id.view(), "holdfast slot agreement"); }

Buffer encode_root_keys(const std::vector<RootKey>& keys) {
  Buffer out;
  out.reserve(10 + 36 * keys.size());  // no copy stays behind when it grows
  wire::Writer w(out);
  w.varint(keys.size());
  for (const RootKey& k : keys) {
    w.u32(k.epoch);
    w.raw(k.key);
  }
  return out;
}

namespace {

std::vector<RootKey> read_keys(wire::Reader& r) {
  std::vector<RootKey> keys(r.count(r.left() / 36));
  for (RootKey& k : keys) {
    k.epoch = r.u32();
    r.into(k.key);
  }
  bool good = r.ok() && !keys.empty() && keys.back().epoch <= kEpochMax;
  for (std::size_t i = 0; good && i < keys.size(); ++i) good = keys[i].epoch > (i > 0 ? keys[i - 1].epoch : 0);
  if (!good) r.fail();
  return keys;
}

Error no_usable_key() { return {Code::corrupt, "the key slot holds no usable key"}; }

void wrap(KeySlot& slot, const Digest& wrapping, Buffer& plain) {
  Aead aead;
  aead.set_key(slot.cipher, wrapping);
  slot.wrapped.resize(plain.size() + Aead::kTagBytes);
  aead.seal(0, slot.clear_part(), plain, slot.wrapped);  // the salt, hence the key, is used for this one message
  wipe(plain);
}

Result<Buffer> unwrap(const KeySlot& slot, const Digest& wrapping) {
  const Error wrong(Code::wrong_secret, "the secret does not open this key slot");
  if (slot.wrapped.size() < Aead::kTagBytes) return wrong;
  Buffer plain(slot.wrapped.size() - Aead::kTagBytes);
  Aead aead;
  aead.set_key(slot.cipher, wrapping);
  if (!aead.open(0, slot.clear_part(), slot.wrapped, plain)) return wrong;
  return plain;
}

}  // namespace

Result<std::vector<RootKey>> decode_root_keys(ByteView in) {
  wire::Reader r(in);
  std::vector<RootKey> keys = read_keys(r);
  if (!r.at_end()) return no_usable_key();
  return keys;
}

void wrap_root_keys(KeySlot& slot, const Digest& wrapping, const std::vector<RootKey>& keys) {
  Buffer plain = encode_root_keys(keys);
  wrap(slot, wrapping, plain);
}

Result<std::vector<RootKey>> unwrap_root_keys(const KeySlot& slot, const Digest& wrapping) {
  Buffer plain = HF_TRY(unwrap(slot, wrapping));
  auto keys = decode_root_keys(plain);
  wipe(plain);
  return keys;
}

void wrap_writer_keys(KeySlot& slot, const Digest& wrapping, const std::vector<RootKey>& own, const WriterGrant& grant) {
  Buffer plain;
  plain.reserve(120 + 36 * own.size() + grant.params.size());  // no copy stays behind when it grows
  Buffer keys = encode_root_keys(own);
  append(plain, keys);
  wipe(keys);
  wire::Writer w(plain);
  w.raw(grant.chunk_key);
  w.raw(grant.cuts_key);
  w.raw(grant.vault_signer);
  w.bytes(grant.params);
  wrap(slot, wrapping, plain);
}

Result<WriterKeys> unwrap_writer_keys(const KeySlot& slot, const Digest& wrapping) {
  Buffer plain = HF_TRY(unwrap(slot, wrapping));
  wire::Reader r(plain);
  WriterKeys out;
  out.own = read_keys(r);
  r.into(out.grant.chunk_key);
  r.into(out.grant.cuts_key);
  r.into(out.grant.vault_signer);
  const ByteView params = r.bytes();
  out.grant.params.assign(params.begin(), params.end());
  const bool good = r.at_end();
  wipe(plain);
  if (!good) return no_usable_key();
  return out;
}

Buffer encode_label(const SlotLabel& label) {
  Buffer b;
  wire::Writer w(b);
  w.id(label.slot);
  w.text(label.name);
  w.u64(static_cast<std::uint64_t>(label.created_ns));
  if (label.epoch != 0) {
    w.u32(label.epoch);
    w.raw(label.public_key);
  }
  return b;
}
Result<SlotLabel> decode_label(ByteView in) {
  wire::Reader r(in);
  SlotLabel l;
  l.slot = r.id<SlotId>();
  l.name = r.text();
  l.created_ns = static_cast<std::int64_t>(r.u64());
  bool good = r.ok();
  if (good && r.left() > 0) {
    l.epoch = r.u32();
    r.into(l.public_key);
    good = l.epoch != 0;
  }
  if (!good || !r.at_end()) return Error(Code::corrupt, "the key slot's label is damaged");
  return l;
}

}  // namespace hf
