#include "recovery/raw_scan.hpp"

#include <algorithm>
#include <optional>

#include "format/index_run.hpp"
#include "format/key_slot.hpp"
#include "format/vault_config.hpp"
#include "format/wire.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace hf {
namespace {

constexpr std::size_t kWindowBytes = 4u << 20;
constexpr std::size_t kHeadBytesMax = 64;  // of all that is decided by a header alone
static_assert(PackHeader::kBytes <= kHeadBytesMax && FrameHeader::kBytes <= kHeadBytesMax && PackTrailer::kBytes <= kHeadBytesMax && IndexTrailer::kBytes <= kHeadBytesMax);
static_assert(kWindowBytes > 2 * kSearchedObjectMax);

/// How long the object is that begins here: 0 for none, nothing where more bytes must tell.
template <class Layout>
std::optional<std::size_t> length_of(ByteView rest, bool is_end, Layout&& layout) {
  const ByteView in = rest.first(std::min(rest.size(), kSearchedObjectMax));
  wire::Reader r(in);
  layout(r);
  r.raw(4);  // the check
  if (r.ok()) return in.size() - r.left();
  if (is_end || rest.size() >= kSearchedObjectMax) return 0;
  return std::nullopt;
}
void skip_slot(wire::Reader& r) {
  r.raw(8);  // the magic; then the rest of the clear part
  const std::uint16_t version = r.u16();
  r.raw(1 + 1 + SlotId::kBytes + VaultId::kBytes + 3 * 4 + 32);
  if (version >= 2) r.raw(4 + 32);
  r.bytes();
  r.bytes();
}
void skip_description(wire::Reader& r) {
  r.raw(8 + 2 + VaultId::kBytes + 8);
  r.bytes();
}

}  // namespace

std::size_t find_magic_start(ByteView window, std::size_t from) {
  const std::size_t size = window.size();
  std::size_t at = from;
#if defined(__SSE2__)
  const __m128i h = _mm_set1_epi8('H'), f = _mm_set1_epi8('F');
  const auto load = [&](std::size_t i) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(window.data() + i)); };
  const auto hits = [&](std::size_t i) { return _mm_and_si128(_mm_cmpeq_epi8(load(i), h), _mm_cmpeq_epi8(load(i + 1), f)); };
  for (; at + 65 <= size; at += 64) {
    const __m128i any = _mm_or_si128(_mm_or_si128(hits(at), hits(at + 16)), _mm_or_si128(hits(at + 32), hits(at + 48)));
    if (_mm_movemask_epi8(any) != 0) break;  // the loop below says where
  }
#endif
  for (; at + 1 < size; ++at)
    if (window[at] == 'H' && window[at + 1] == 'F') return at;
  return size;
}

Result<std::size_t> find_in(ByteView window, std::size_t from, bool is_end, std::uint64_t base, const FindingSink& sink) {
  for (std::size_t at = from;; ++at) {
    at = find_magic_start(window, at);
    if (at == window.size()) return is_end || window.size() == from || window.back() != 'H' ? window.size() : window.size() - 1;
    const ByteView rest = window.subspan(at);
    if (rest.size() < kHeadBytesMax && !is_end) return at;
    Finding found;
    found.offset = base + at;
    const std::string_view magic = as_text(rest.first(std::min<std::size_t>(8, rest.size())));
    if (rest.size() > 3 && rest[2] == FrameHeader::kMagic[2] && rest[3] == FrameHeader::kMagic[3]) {
      auto header = FrameHeader::decode(rest);
      if (!header) continue;
      found.kind = FindingKind::frame;
      found.frame = *header;
    } else if (magic == "HFPACK\r\n") {
      auto header = PackHeader::decode(rest);
      if (!header) continue;
      found.kind = FindingKind::pack_header;
      found.pack = *header;
    } else if (magic == "HFPKEND\n") {
      if (rest.size() < PackTrailer::kBytes) continue;
      auto trailer = PackTrailer::decode(rest.first(PackTrailer::kBytes));
      if (!trailer) continue;
      found.kind = FindingKind::pack_trailer;
      found.trailer = *trailer;
    } else if (magic == "HFIXEND\n") {
      if (rest.size() < IndexTrailer::kBytes || !IndexTrailer::decode(rest.first(IndexTrailer::kBytes))) continue;
      found.kind = FindingKind::index_trailer;
    } else if (magic == "HFSLOT\r\n" || magic == "HFVAULT\n") {
      const bool slot = magic[2] == 'S';
      const auto bytes = slot ? length_of(rest, is_end, skip_slot) : length_of(rest, is_end, skip_description);
      if (!bytes) return at;
      found.object = rest.first(*bytes);
      if (*bytes == 0 || !(slot ? KeySlot::decode(found.object).has_value() : VaultConfig::decode(found.object).has_value())) continue;
      found.kind = slot ? FindingKind::key_slot : FindingKind::description;
    } else {
      continue;
    }
    HF_TRY(sink(found));
  }
}

Status scan_source(RawSources& sources, std::size_t source, Progress& progress, const FindingSink& sink) {
  Buffer window(kWindowBytes);
  std::uint64_t base = 0;   // of the window's first byte
  std::size_t filled = 0;
  std::size_t decided = 0;  // in the window
  for (;;) {
    if (progress.stop_requested) return Error(Code::cancelled, "stopped");
    // What is not decided yet moves to the front.
    std::copy(window.begin() + static_cast<std::ptrdiff_t>(decided), window.begin() + static_cast<std::ptrdiff_t>(filled), window.begin());
    base += decided;
    filled -= decided;
    decided = 0;
    const RawSources::Piece piece = HF_TRY(sources.read_some(source, base + filled, MutableBytes(window).subspan(filled)));
    filled += piece.bytes;
    progress.bytes_done += piece.bytes + piece.skip;
    const bool is_end = piece.bytes == 0;  // of these bytes: the source ends, or a gap begins
    decided = HF_TRY(find_in(ByteView(window).first(filled), 0, is_end, base, sink));
    if (!is_end) continue;
    if (piece.skip == 0) return {};
    // A hole is zeros: an object may have some at its end, but none that is decided by its bytes has 4 KiB of them.
    base += filled + piece.skip;
    filled = decided = 0;
  }
}

}  // namespace hf
