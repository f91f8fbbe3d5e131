// Packs: header, trailer, directory, segment head.
#include "format/pack.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice in(data, size);
  switch (in.which % 4) {
    case 0: {
      const Buffer b = fuzz::with_mended_check(in.rest.first(std::min(in.rest.size(), PackHeader::kBytes)));
      fuzz::canonical(b, PackHeader::decode, [](const PackHeader& h) { return h.encode(); });
      break;
    }
    case 1: {
      const Buffer b = fuzz::with_mended_check(in.rest.last(std::min(in.rest.size(), PackTrailer::kBytes)));
      fuzz::canonical(b, PackTrailer::decode, [](const PackTrailer& t) { return t.encode(); });
      break;
    }
    case 2: {
      fuzz::canonical(in.rest, PackDirectory::decode, [](const PackDirectory& d) { return d.encode(); });
      break;
    }
    case 3: {
      const auto found = SegmentHead::decode(in.rest);
      if (!found) break;
      Buffer again;
      found->first.encode(again);
      HF_MUST(fuzz::same(again, in.rest.first(found->second)));
      HF_MUST(found->first.plain_bytes <= kSegmentPlainMax);
      break;
    }
  }
  return 0;
}
