// Parity of packs: head, table, the vault's choice, and what a builder makes of any pack.
#include "codec/erasure.hpp"
#include "format/parity.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice in(data, size);
  switch (in.which % 4) {
    case 0: {
      const Buffer b = fuzz::with_mended_check(in.rest.first(std::min(in.rest.size(), ParityHead::kBytes)));
      fuzz::canonical(b, ParityHead::decode, [](const ParityHead& h) { return h.encode(); });
      const auto head = ParityHead::decode(b);
      if (!head) break;
      const ParityShape& s = head->shape;
      HF_MUST(s.columns_of(0) + s.rows <= erasure::kBlocksMax);
      HF_MUST(s.columns_of(s.groups - 1) >= 1);
      HF_MUST(s.bytes_of(s.blocks() - 1) >= 1 && s.bytes_of(s.blocks() - 1) <= s.block_bytes());
      HF_MUST(s.parity_offset(s.parity_blocks()) + s.table_bytes() + ParityHead::kBytes == s.object_bytes());
      HF_MUST(s.parity_blocks() <= ParityShape::kBlocksMax);
      break;
    }
    case 1: {
      if (in.rest.size() < ParityHead::kBytes) break;
      Buffer b = fuzz::with_mended_check(in.rest.first(ParityHead::kBytes));
      auto head = ParityHead::decode(b);
      if (!head) break;
      const ByteView table = in.rest.subspan(ParityHead::kBytes);
      head->table = sha256(table);  // the fuzzer gets past the check
      const auto decoded = ParityTable::decode(*head, table);
      if (decoded) HF_MUST(fuzz::same(decoded->encode(), table));
      break;
    }
    case 2: {
      fuzz::canonical(fuzz::with_mended_check(in.rest), ParityChoice::decode, [](const ParityChoice& c) { return c.encode(); });
      break;
    }
    case 3: {
      // Any pack, in pieces of any size: its parity is an object of the size that its head says.
      if (in.rest.size() < 2) break;
      const std::size_t piece = 1u + in.rest[0];
      const unsigned percent = 1 + in.rest[1] % kParityPercentMax;
      const ByteView pack = in.rest.subspan(2);
      std::vector<Digest> blocks;
      ContentName name(&blocks);
      ParityBuilder builder(pack.size(), percent);
      for (std::size_t at = 0; at < pack.size(); at += piece) {
        const ByteView bytes = pack.subspan(at, std::min(piece, pack.size() - at));
        name.update(bytes);
        builder.update(bytes);
      }
      Buffer object;
      const auto made = builder.finish(PackId{name.finish()}, blocks, [&](ByteView b) -> Status {
        append(object, b);
        return {};
      });
      HF_MUST(made.has_value() && *made == !pack.empty());
      if (!*made) break;
      const auto head = ParityHead::decode(object);
      HF_MUST(head.has_value() && head->shape.object_bytes() == object.size());
      HF_MUST(ParityTable::decode(*head, ByteView(object).subspan(ParityHead::kBytes, head->shape.table_bytes())).has_value());
      break;
    }
  }
  return 0;
}
