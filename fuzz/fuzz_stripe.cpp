// Stripes: head, record, note and names; and what a pack becomes that is healed from a stripe of someone who can write to
// its place: itself, or nothing.
#include "format/stripe.hpp"
#include "fuzz/check.hpp"
#include "store/memory/memory_store.hpp"
#include "vault/stripe_heal.hpp"

namespace {
using namespace hf;

Stripe example() {
  std::vector<StripeMember> members;
  for (std::uint8_t i = 0; i < 3; ++i) members.push_back({PackId::from(Buffer(PackId::kBytes, i)), 70'000u - 30'000u * i});
  return Stripe::of(VaultId::from(Buffer(VaultId::kBytes, 7)), 2, std::move(members));
}

/// A stripe of two small packs, one of which is gone. The input is what its records hold; heads and seals are right.
void heal(ByteView in) {
  std::vector<Buffer> packs{Buffer(900, 1), Buffer(500, 2)};
  std::vector<StripeMember> members;
  const auto store = make_memory_store(), place = make_memory_store();
  for (const Buffer& b : packs) {
    members.push_back({PackId{content_name(b)}, b.size()});
    HF_MUST(store->put({ObjectKind::pack, members.back().pack.hex()}, b).has_value());
  }
  const Stripe stripe = Stripe::of(VaultId{}, 2, members);
  HF_MUST(make_stripe(*store, *place, stripe).has_value());
  for (unsigned row = 0; row < stripe.rows; ++row) {
    const ObjectName name{ObjectKind::parity, StripeObject{stripe.id(), row}.text()};
    auto record = *StripeReader::open(*place, stripe).record(row, 0);
    for (Digest& d : record.digests)
      for (std::size_t i = 0; i < d.size() && !in.empty(); ++i, in = in.subspan(1)) d[i] = static_cast<std::uint8_t>(d[i] ^ in[0]);
    for (std::size_t i = 0; i < record.parity.size() && !in.empty(); ++i, in = in.subspan(1)) record.parity[i] = static_cast<std::uint8_t>(record.parity[i] ^ in[0]);
    Buffer object = StripeHead{stripe, row}.encode();
    append(object, record.encode(stripe.id(), row, 0));
    append(object, StripeHead{stripe, row}.encode());
    HF_MUST(place->remove(name).has_value() && place->put(name, object).has_value());
  }
  const PackId lost = stripe.members[0].pack;
  const ObjectName name{ObjectKind::pack, lost.hex()};
  HF_MUST(store->remove(name).has_value());
  const auto done = heal_from_stripes(*store, *place, lost, {&stripe});
  const auto there = store->get(name, UINT64_MAX);
  HF_MUST(done.has_value() == there.has_value());
  if (there) HF_MUST(content_name(*there) == lost.bytes);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const fuzz::Choice in(data, size);
  switch (in.which % 5) {
    case 0: {
      if (in.rest.size() > Stripe::kHeadBytesMax) break;
      const Buffer b = fuzz::with_mended_check(in.rest);
      const auto head = StripeHead::decode(b);
      if (!head) break;
      HF_MUST(fuzz::same(head->encode(), ByteView(b).first(Stripe::head_bytes(head->stripe.members.size()))));
      const Stripe& s = head->stripe;
      const std::uint64_t last = s.blocks() - 1;
      HF_MUST(s.record_offset(last) + s.record_bytes(last) + Stripe::head_bytes(s.members.size()) == s.object_bytes());
      HF_MUST(s.members_at(last) >= 1 && s.parity_bytes(last) >= 1 && s.parity_bytes(last) <= Stripe::kBlockBytes);
      break;
    }
    case 1: {
      const Stripe s = example();
      const auto record = StripeRecord::decode(s, s.id(), 1, 1, in.rest);
      if (record) HF_MUST(fuzz::same(record->encode(s.id(), 1, 1), in.rest));
      break;
    }
    case 2: {
      fuzz::canonical(fuzz::with_mended_check(in.rest), StripesChoice::decode, [](const StripesChoice& c) { return c.encode(); });
      break;
    }
    case 3: {
      const std::string_view name = as_text(in.rest);
      if (const auto object = StripeObject::parse(name)) HF_MUST(object->text() == name);
      break;
    }
    case 4: heal(in.rest); break;
  }
  return 0;
}
