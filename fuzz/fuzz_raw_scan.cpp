// Searching raw bytes for what belongs to vaults: the same is found wherever the windows end, each finding lies within the
// bytes, and an object that is handed over has its check. The first byte of an input is the length of the windows' steps.
// 0xF5 stands for a good frame header (of as many bytes as the next byte says), 0xF6 for a good beginning of a pack, 0xF7
// for a good end, so that the fuzzer can place them without knowing SHA-256.
#include "format/examples.hpp"
#include "format/key_slot.hpp"
#include "format/vault_config.hpp"
#include "fuzz/check.hpp"
#include "recovery/raw_scan.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  if (size == 0) return 0;
  const std::size_t step = std::size_t{data[0]} + 1;
  Buffer bytes;
  for (std::size_t i = 1; i < size; ++i) {
    if (data[i] == 0xF5 && i + 1 < size) {
      FrameHeader h = examples::frame(SealedKind::segment, static_cast<std::uint32_t>(i));
      h.stored_bytes = 16u + data[++i];
      bytes.resize(bytes.size() + FrameHeader::kBytes);
      h.encode(MutableBytes(bytes).last(FrameHeader::kBytes));
    } else if (data[i] == 0xF6) {
      append(bytes, examples::pack_header().encode());
    } else if (data[i] == 0xF7 && i + 1 < size) {
      PackTrailer t;
      t.directory_offset = data[++i];
      t.directory_stored_bytes = 64;
      append(bytes, t.encode());
    } else {
      bytes.push_back(data[i]);
    }
  }
  using Found = std::pair<FindingKind, std::uint64_t>;
  std::vector<Found> whole, pieces;
  const auto into = [&](std::vector<Found>& out) {
    return [&](const Finding& f) -> Status {
      HF_MUST(f.offset < bytes.size());
      HF_MUST(out.empty() || out.back().second < f.offset);
      if (f.kind == FindingKind::key_slot) HF_MUST(KeySlot::decode(f.object));
      if (f.kind == FindingKind::description) HF_MUST(VaultConfig::decode(f.object));
      HF_MUST(fuzz::same(f.object, ByteView(bytes).subspan(f.offset, f.object.size())));
      out.emplace_back(f.kind, f.offset);
      return {};
    };
  };
  const auto done = find_in(bytes, 0, true, 0, into(whole));
  HF_MUST(done && *done == bytes.size());
  std::size_t at = 0;
  for (std::size_t filled = 0; filled < bytes.size();) {
    filled = std::min(bytes.size(), filled + step);
    const auto decided = find_in(ByteView(bytes).subspan(at, filled - at), 0, filled == bytes.size(), at, into(pieces));
    HF_MUST(decided && *decided <= filled - at);
    at += *decided;
  }
  HF_MUST(at == bytes.size());
  HF_MUST(whole == pieces);
  return 0;
}
