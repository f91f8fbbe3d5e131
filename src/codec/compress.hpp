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
  Status decompress(ByteView frame, MutableBytes out);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace hf
