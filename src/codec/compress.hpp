#pragma once
// zstd, one independent frame a call.

#include <memory>

#include "base/bytes.hpp"

namespace hf {

/// Compresses segment by segment, keeping its tables between calls. One per thread.
class Compressor {
 public:
  explicit Compressor(int level);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) = delete;
  /// Appends a zstd frame of `plain` to `out` and gives true; or, where a look at samples or the outcome says that
  /// compression saves less than 2 %, appends nothing and gives false (store it as it is).
  bool compress(ByteView plain, Buffer& out);

  enum class Packed : std::uint8_t {
    stored,   ///< nothing was appended: store it as it is
    alone,    ///< a frame as of compress()
    against,  ///< a frame that only who has `prefix` can decompress
  };
  /// As compress(), or where that is clearly smaller, with `prefix` before `plain` for the frame to refer to. Tables for
  /// it are made at the first call: who never asks pays nothing.
  Packed compress_against(ByteView prefix, ByteView plain, Buffer& out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// One per thread.
class Decompressor {
 public:
  Decompressor();
  ~Decompressor();
  /// Fills all of `out`, whose size the caller knows from an authenticated header; anything else is Corrupt. So no
  /// frame can make us write or allocate more than was promised.
  /// `prefix` is what the frame was compressed against, if anything; a wrong one gives wrong bytes or Corrupt, as zstd
  /// finds it, and never reads or writes outside of what is given: who decompresses identifies what comes out.
  Status decompress(ByteView frame, MutableBytes out, ByteView prefix = {});

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
