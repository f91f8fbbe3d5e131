// Index runs: table, trailer, entries, filter.
#include "format/index_run.hpp"
#include "fuzz/check.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  const fuzz::Choice in(data, size);
  switch (in.which % 3) {
    case 0: {
      fuzz::canonical(in.rest, [](ByteView b) { return IndexTable::decode(b, 1 << 20); }, [](const IndexTable& t) { return t.encode(); });
      break;
    }
    case 1: {
      const Buffer b = fuzz::with_mended_check(in.rest.last(std::min(in.rest.size(), IndexTrailer::kBytes)));
      fuzz::canonical(b, IndexTrailer::decode, [](const IndexTrailer& t) { return t.encode(); });
      break;
    }
    case 2: {
      if (in.rest.size() < IndexEntry::kBytes) break;
      const IndexEntry e = decode_index_entry(in.rest.first(IndexEntry::kBytes));
      Buffer again(IndexEntry::kBytes);
      encode_index_entry(e, again);
      HF_MUST(fuzz::same(again, in.rest.first(IndexEntry::kBytes)));
      const std::uint64_t blocks = filter_block_count(e.pack);
      if (blocks > 0) HF_MUST(filter_block_of(e.key, blocks) < blocks);
      Buffer block(kFilterBlockBytes);
      filter_set(block, e.key);
      HF_MUST(filter_has(block, e.key));
      break;
    }
  }
  return 0;
}
