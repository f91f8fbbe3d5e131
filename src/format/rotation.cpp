#include "format/rotation.hpp"

#include <algorithm>

#include "format/check.hpp"
#include "format/wire.hpp"

namespace hf {
namespace {

constexpr std::string_view kMagic = "HFROTAT\n";
constexpr std::size_t kEntryBytesMin = SlotId::kBytes + 32 + 1;

Buffer without_proof(const Rotation& r) {
  Buffer b = r.clear_part();
  wire::Writer w(b);
  w.varint(r.entries.size());
  for (const Rotation::Entry& e : r.entries) {
    w.id(e.slot);
    w.raw(e.ephemeral);
    w.bytes(e.sealed);
  }
  return b;
}

Buffer associated(const Rotation& r, const SlotId& slot, const Digest& ephemeral) {
  Buffer b = r.clear_part();
  wire::Writer w(b);
  w.id(slot);
  w.raw(ephemeral);
  return b;
}

/// The key of one seal: from what both sides agree on, and the root key that both have already.
Digest sealing_key(const Digest& shared, const RootKey& slot_newest, const Digest& ephemeral, const Digest& slot_public) {
  Buffer secret(shared.begin(), shared.end()), salt(ephemeral.begin(), ephemeral.end());
  secret.reserve(64);
  append(secret, slot_newest.key);
  append(salt, slot_public);
  const Digest key = hkdf(secret, salt, "holdfast rotation");
  wipe(secret);
  return key;
}

}  // namespace

Buffer Rotation::clear_part() const {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes(kMagic));
  w.u16(kFormatVersion);
  w.u8(static_cast<std::uint8_t>(cipher));
  w.id(vault);
  w.u32(epoch);
  w.u64(static_cast<std::uint64_t>(created_ns));
  return b;
}

Buffer Rotation::encode() const {
  Buffer b = without_proof(*this);
  wire::Writer w(b);
  w.raw(proof);
  add_check(b);
  return b;
}

Result<Rotation> Rotation::decode(ByteView in) {
  if (in.size() < 12 || !is_rotation(in)) return Error(Code::corrupt, "it does not begin as a rotation of keys does");
  const Error damaged(Code::corrupt, "the rotation of keys is damaged");
  if (!check_holds(in)) return damaged;
  wire::Reader r(in.subspan(8, in.size() - 12));
  Rotation out;
  const std::uint16_t version = r.u16();
  if (version == 0) return damaged;
  if (version > kFormatVersion) return Error(Code::unsupported, "the rotation of keys was written by a newer version of Holdfast", "use that version or a later one");
  out.cipher = static_cast<Cipher>(r.u8());
  out.vault = r.id<VaultId>();
  out.epoch = r.u32();
  out.created_ns = static_cast<std::int64_t>(r.u64());
  out.entries.resize(r.count(r.left() / kEntryBytesMin));
  const SlotId* last = nullptr;
  for (Entry& e : out.entries) {
    e.slot = r.id<SlotId>();
    r.into(e.ephemeral);
    const ByteView sealed = r.bytes();
    e.sealed.assign(sealed.begin(), sealed.end());
    if (last != nullptr && !(*last < e.slot)) r.fail();
    last = &e.slot;
  }
  r.into(out.proof);
  if (!r.at_end() || out.epoch < 2) return damaged;
  if (out.cipher != Cipher::aes_256_gcm && out.cipher != Cipher::chacha20_poly1305)
    return Error(Code::unsupported, "the rotation of keys uses a cipher that this version does not know", "use a newer version of Holdfast");
  return out;
}

const Rotation::Entry* Rotation::entry_of(const SlotId& slot) const {
  const auto at = std::lower_bound(entries.begin(), entries.end(), slot, [](const Entry& e, const SlotId& id) { return e.slot < id; });
  return at != entries.end() && at->slot == slot ? &*at : nullptr;
}

bool is_rotation(ByteView object) { return object.size() >= kMagic.size() && as_text(object.first(kMagic.size())) == kMagic; }

std::string rotation_name(const VaultId& vault, std::uint32_t epoch) {
  Buffer b;
  wire::Writer w(b);
  w.raw(as_bytes("holdfast rotation"));
  w.id(vault);
  w.u32(epoch);
  const Digest d = sha256(b);
  return to_hex(ByteView(d).first(SlotId::kBytes));
}

Result<Rotation::Entry> seal_entry(const Rotation& rotation, const KeySlot& slot, const RootKey& slot_newest, const Digest& ephemeral_private, const std::vector<RootKey>& keys) {
  auto shared = agree(ephemeral_private, slot.public_key);
  if (!shared) return Error(Code::corrupt, "the public key of key slot " + slot.id.brief() + " is none");
  Rotation::Entry entry;
  entry.slot = slot.id;
  entry.ephemeral = agreement_public_key(ephemeral_private);
  Digest key = sealing_key(*shared, slot_newest, entry.ephemeral, slot.public_key);
  Buffer plain = encode_root_keys(keys);
  entry.sealed.resize(plain.size() + Aead::kTagBytes);
  Aead aead;
  aead.set_key(rotation.cipher, key);
  aead.seal(0, associated(rotation, entry.slot, entry.ephemeral), plain, entry.sealed);  // the key is used for this one message
  wipe(plain);
  wipe(key);
  wipe(*shared);
  return entry;
}

Result<std::vector<RootKey>> open_entry(const Rotation& rotation, const KeySlot& slot, const RootKey& slot_newest, const Digest& slot_private) {
  const Error wrong(Code::corrupt, "what rotation " + std::to_string(rotation.epoch) + " sealed to key slot " + slot.id.brief() + " does not open");
  const Rotation::Entry* entry = rotation.entry_of(slot.id);
  if (entry == nullptr || entry->sealed.size() < Aead::kTagBytes) return wrong;
  auto shared = agree(slot_private, entry->ephemeral);
  if (!shared) return wrong;
  Digest key = sealing_key(*shared, slot_newest, entry->ephemeral, slot.public_key);
  Buffer plain(entry->sealed.size() - Aead::kTagBytes);
  Aead aead;
  aead.set_key(rotation.cipher, key);
  const bool opened = aead.open(0, associated(rotation, slot.id, entry->ephemeral), entry->sealed, plain).has_value();
  auto keys = opened ? decode_root_keys(plain) : Result<std::vector<RootKey>>(wrong);
  wipe(plain);
  wipe(key);
  wipe(*shared);
  if (!keys) return wrong;
  // Every epoch after the slot's own, up to the rotation's.
  for (std::size_t i = 0; i < keys->size(); ++i)
    if ((*keys)[i].epoch != slot_newest.epoch + 1 + i) return wrong;
  if (keys->back().epoch != rotation.epoch) return wrong;
  return keys;
}

Digest rotation_proof(const Rotation& rotation, const Digest& before) {
  return KeyedHash(hkdf(before, rotation.vault.view(), "holdfast rotation proof")).digest(without_proof(rotation));
}

}  // namespace hf
