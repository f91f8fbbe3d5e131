#include "codec/compress.hpp"

#include <zstd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <new>

#include "base/scratch_buffer.hpp"

namespace hf {
namespace {
constexpr std::size_t kProbeBytes = 4096;
/// Below this size a probe costs as much as the attempt.
constexpr std::size_t kProbeFrom = 64 * 1024;
bool worthwhile(std::size_t plain, std::size_t packed) { return packed < plain - plain / 50; }

// Against a prefix the tables of level 3 are a little small: they forget the beginning of a prefix of 2 MiB before the
// plaintext that needs it comes. Long-distance matching would save 10 % more of what is little, and cost twice the time.
// Measured: docs/decisions/0010-delta-segments.md.
constexpr int kPrefixHashLog = 18, kPrefixChainLog = 17;
/// Below this share of the plaintext no look at what it would be alone is needed.
constexpr std::size_t kSurelyPays = 10;
/// A delta costs whoever reads it the opening of its bases, so it must save a fifth.
bool pays(std::size_t against, std::size_t alone) { return against < alone - alone / 5; }
}  // namespace

struct Compressor::State {
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
  ZSTD_CCtx* probe = ZSTD_createCCtx();
  ZSTD_CCtx* delta = nullptr;  // made when first needed
  int level = 3;
  ScratchBuffer packed, packed_against;
  std::array<char, 2 * kProbeBytes> scratch{};
  /// Puts it into `out`; an error code of zstd's, or how many bytes it took.
  static std::size_t pack(ZSTD_CCtx* with, ByteView plain, ScratchBuffer& out) {
    const MutableBytes to = out.of(ZSTD_compressBound(plain.size()));
    return ZSTD_compress2(with, to.data(), to.size(), plain.data(), plain.size());
  }
  ~State() {
    ZSTD_freeCCtx(zstd);
    ZSTD_freeCCtx(probe);
    ZSTD_freeCCtx(delta);
  }
};

Compressor::Compressor(int level) : state_(std::make_unique<State>()) {
  if (state_->zstd == nullptr || state_->probe == nullptr) throw std::bad_alloc();
  state_->level = level;
  ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_contentSizeFlag, 0);  // sizes are in the sealed segment header
  ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_checksumFlag, 0);     // every chunk is identified by its hash
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;

std::optional<ByteView> Compressor::compress(ByteView plain) {
  if (plain.size() < 16) return std::nullopt;
  if (plain.size() >= kProbeFrom) {
    // Eight samples across the segment, level 1. Data that shrinks only in places is caught by any one of them.
    bool hopeless = true;
    for (std::size_t i = 0; i < 8 && hopeless; ++i) {
      const std::size_t at = (plain.size() - kProbeBytes) / 7 * i;
      const std::size_t n = ZSTD_compressCCtx(state_->probe, state_->scratch.data(), state_->scratch.size(), plain.data() + at, kProbeBytes, 1);
      hopeless = ZSTD_isError(n) != 0 || n >= kProbeBytes - kProbeBytes / 50;
    }
    if (hopeless) return std::nullopt;
  }
  const std::size_t n = State::pack(state_->zstd, plain, state_->packed);
  if (ZSTD_isError(n) != 0 || !worthwhile(plain.size(), n)) return std::nullopt;
  return ByteView(state_->packed.data(), n);
}

Compressor::Packed Compressor::compress_against(ByteView prefix, ByteView plain) {
  if (prefix.empty() || plain.size() < 16) return {compress(plain)};
  if (state_->delta == nullptr) {
    state_->delta = ZSTD_createCCtx();
    if (state_->delta == nullptr) throw std::bad_alloc();
    ZSTD_CCtx_setParameter(state_->delta, ZSTD_c_compressionLevel, state_->level);
    ZSTD_CCtx_setParameter(state_->delta, ZSTD_c_contentSizeFlag, 0);
    ZSTD_CCtx_setParameter(state_->delta, ZSTD_c_checksumFlag, 0);
    ZSTD_CCtx_setParameter(state_->delta, ZSTD_c_hashLog, kPrefixHashLog);
    ZSTD_CCtx_setParameter(state_->delta, ZSTD_c_chainLog, kPrefixChainLog);
  }
  // The window reaches from the last byte back to the first of the prefix: any reader that keeps the rule of RFC 8878 has
  // what a match refers to.
  const int window = std::clamp(static_cast<int>(std::bit_width(prefix.size() + plain.size())), 17, 27);
  ZSTD_CCtx_setParameter(state_->delta, ZSTD_c_windowLog, window);
  std::size_t n = ZSTD_CCtx_refPrefix(state_->delta, prefix.data(), prefix.size());
  if (ZSTD_isError(n) == 0) n = State::pack(state_->delta, plain, state_->packed_against);
  if (ZSTD_isError(n) != 0) ZSTD_CCtx_reset(state_->delta, ZSTD_reset_session_only);
  const bool good = ZSTD_isError(n) == 0;
  const auto against = [&]() -> Packed { return {ByteView(state_->packed_against.data(), n), true}; };
  if (good && n <= plain.size() / kSurelyPays) return against();
  const auto alone = compress(plain);
  return good && pays(n, alone ? alone->size() : plain.size()) ? against() : Packed{alone};
}

struct Decompressor::State {
  ZSTD_DCtx* zstd = ZSTD_createDCtx();
  ~State() { ZSTD_freeDCtx(zstd); }
};
Decompressor::Decompressor() : state_(std::make_unique<State>()) {
  if (state_->zstd == nullptr) throw std::bad_alloc();
}
Decompressor::~Decompressor() = default;

Status Decompressor::decompress(ByteView frame, MutableBytes out, ByteView prefix) {
  // For the next frame only, and as raw bytes, whatever they look like. Without one it takes away what an earlier call
  // that failed may have left.
  ZSTD_DCtx_refPrefix(state_->zstd, prefix.data(), prefix.size());
  const std::size_t n = ZSTD_decompressDCtx(state_->zstd, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) != 0) return Error(Code::corrupt, std::string("compressed data is damaged: ") + ZSTD_getErrorName(n));
  if (n != out.size()) return Error(Code::corrupt, "compressed data is shorter than its header says");
  return {};
}

}  // namespace hf
