#pragma once
// zstd, one independent frame a call.

#include <memory>
#include <optional>

#include "base/bytes.hpp"

namespace hf {

/// Compresses segment by segment, keeping its tables between calls. One per thread.
class Compressor {
 public:
  explicit Compressor(int level);
  ~Compressor();
  Compressor(Compressor&&) noexcept;
  Compressor& operator=(Compressor&&) = delete;
  /// A zstd frame of `plain`, a loan until the next call; nullopt where a look at samples or the outcome says that compression
  /// saves less than 2 %: store it as it is.
  std::optional<ByteView> compress(ByteView plain);

  struct Packed {
    std::optional<ByteView> frame;  ///< as of compress()
    bool against = false;           ///< only who has the prefix can decompress it
  };
  /// As compress(), or where that is clearly smaller, with `prefix` before `plain` for the frame to refer to. Tables for
  /// it are made at the first call: who never asks pays nothing.
  Packed compress_against(ByteView prefix, ByteView plain);

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
