// Key slots: the slot, its label, and the keys inside the wrapping (sealed with a fixed key, as no fuzzer guesses one).
#include "format/key_slot.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice in(data, size);
  static const Digest key = sha256(as_bytes("fuzz"));
  switch (in.which % 3) {
    case 0: {
      const Buffer b = fuzz::with_mended_check(in.rest);
      const auto slot = KeySlot::decode(b);
      if (!slot) break;
      HF_MUST(slot->encode() == b);
      HF_MUST(!unwrap_root_keys(*slot, key));
      if (slot->kind != SlotKind::passphrase) HF_MUST(wrapping_key(*slot, as_bytes("secret")));
      break;
    }
    case 1: {
      fuzz::canonical(in.rest, decode_label, encode_label);
      break;
    }
    case 2: {
      KeySlot slot;
      Aead aead;
      aead.set_key(slot.cipher, key);
      slot.wrapped.resize(in.rest.size() + Aead::kTagBytes);
      aead.seal(0, slot.clear_part(), in.rest, slot.wrapped);
      const Buffer before = slot.wrapped;
      if (const auto keys = unwrap_root_keys(slot, key)) wrap_root_keys(slot, key, *keys);
      HF_MUST(slot.wrapped == before);
      if (const auto keys = unwrap_writer_keys(slot, key)) wrap_writer_keys(slot, key, keys->own, keys->grant);
      HF_MUST(slot.wrapped == before);
      break;
    }
  }
  return 0;
}
