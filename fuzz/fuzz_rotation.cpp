// Rotations of the keys: the object, and what is sealed to one slot (with a fixed key, as no fuzzer guesses one).
#include "format/rotation.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice in(data, size);
  static const Digest key = sha256(as_bytes("fuzz"));
  KeySlot slot;
  slot.version = 2;
  slot.epoch = 2;
  slot.public_key = agreement_public_key(key);
  switch (in.which % 2) {
    case 0: {
      const Buffer b = fuzz::with_mended_check(in.rest);
      HF_MUST(is_rotation(b) || !Rotation::decode(b));
      const auto rotation = Rotation::decode(b);
      if (!rotation) break;
      HF_MUST(rotation->encode() == b);
      HF_MUST(rotation_proof(*rotation, key) != rotation->proof);
      for (const Rotation::Entry& e : rotation->entries) {
        HF_MUST(rotation->entry_of(e.slot) == &e);
        slot.id = e.slot;
        HF_MUST(!open_entry(*rotation, slot, {2, key}, key));
      }
      break;
    }
    case 1: {
      const auto keys = decode_root_keys(in.rest);
      if (!keys) break;
      HF_MUST(encode_root_keys(*keys) == Buffer(in.rest.begin(), in.rest.end()));
      Rotation rotation;
      rotation.epoch = keys->back().epoch;
      auto entry = seal_entry(rotation, slot, {2, key}, sha256(key), *keys);
      HF_MUST(entry);
      rotation.entries = {*entry};
      const auto opened = open_entry(rotation, slot, {2, key}, key);
      HF_MUST(!opened || (opened->front().epoch == 3 && opened->back().epoch == rotation.epoch));
      break;
    }
  }
  return 0;
}
