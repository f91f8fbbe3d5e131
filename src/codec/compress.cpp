#include "codec/compress.hpp"

#include <zstd.h>

#include <array>
#include <new>

namespace hf {
namespace {
constexpr std::size_t kProbeBytes = 4096;
/// Below this size a probe costs as much as the attempt.
constexpr std::size_t kProbeFrom = 64 * 1024;
bool worthwhile(std::size_t plain, std::size_t packed) { return packed < plain - plain / 50; }
}  // namespace

struct Compressor::State {
  ZSTD_CCtx* zstd = ZSTD_createCCtx();
  ZSTD_CCtx* probe = ZSTD_createCCtx();
  std::array<char, 2 * kProbeBytes> scratch{};
  ~State() {
    ZSTD_freeCCtx(zstd);
    ZSTD_freeCCtx(probe);
  }
};

Compressor::Compressor(int level) : state_(std::make_unique<State>()) {
  if (state_->zstd == nullptr || state_->probe == nullptr) throw std::bad_alloc();
  ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_contentSizeFlag, 0);  // sizes are in the sealed segment header
  ZSTD_CCtx_setParameter(state_->zstd, ZSTD_c_checksumFlag, 0);     // every chunk is identified by its hash
}
Compressor::~Compressor() = default;
Compressor::Compressor(Compressor&&) noexcept = default;

bool Compressor::compress(ByteView plain, Buffer& out) {
  if (plain.size() < 16) return false;
  if (plain.size() >= kProbeFrom) {
    // Eight samples across the segment, level 1. Data that shrinks only in places is caught by any one of them.
    bool hopeless = true;
    for (std::size_t i = 0; i < 8 && hopeless; ++i) {
      const std::size_t at = (plain.size() - kProbeBytes) / 7 * i;
      const std::size_t n = ZSTD_compressCCtx(state_->probe, state_->scratch.data(), state_->scratch.size(), plain.data() + at, kProbeBytes, 1);
      hopeless = ZSTD_isError(n) != 0 || n >= kProbeBytes - kProbeBytes / 50;
    }
    if (hopeless) return false;
  }
  const std::size_t before = out.size(), bound = ZSTD_compressBound(plain.size());
  out.resize(before + bound);
  const std::size_t n = ZSTD_compress2(state_->zstd, out.data() + before, bound, plain.data(), plain.size());
  if (ZSTD_isError(n) != 0 || !worthwhile(plain.size(), n)) {
    out.resize(before);
    return false;
  }
  out.resize(before + n);
  return true;
}

struct Decompressor::State {
  ZSTD_DCtx* zstd = ZSTD_createDCtx();
  ~State() { ZSTD_freeDCtx(zstd); }
};
Decompressor::Decompressor() : state_(std::make_unique<State>()) {
  if (state_->zstd == nullptr) throw std::bad_alloc();
}
Decompressor::~Decompressor() = default;

Status Decompressor::decompress(ByteView frame, MutableBytes out) {
  const std::size_t n = ZSTD_decompressDCtx(state_->zstd, out.data(), out.size(), frame.data(), frame.size());
  if (ZSTD_isError(n) != 0) return Error(Code::corrupt, std::string("compressed data is damaged: ") + ZSTD_getErrorName(n));
  if (n != out.size()) return Error(Code::corrupt, "compressed data is shorter than its header says");
  return {};
}

}  // namespace hf
