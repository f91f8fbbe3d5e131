#include "codec/chunker.hpp"

#include <algorithm>
#include <bit>

#include "base/assert.hpp"
#include "codec/hash.hpp"

namespace hf {

bool ChunkerParams::valid() const {
  return size_min >= 64 && size_min <= size_avg && size_avg <= size_max && size_max <= (16u << 20) && std::has_single_bit(size_avg) &&
         size_avg >= 256;
}

bool is_zero(ByteView bytes) {
  if (bytes.empty()) return true;
  // Equal to itself shifted by one byte and starting with zero: memcmp runs at memory speed.
  return bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

Chunker::Chunker(ByteView key, ChunkerParams params) : params_(params) {
  HF_ASSERT(params.valid());
  const int bits = static_cast<int>(std::bit_width(params.size_avg)) - 1;
  bits_strict_ = bits + 2;  // normalisation level 2: strict before the average, loose after it
  bits_loose_ = bits - 2;
  const KeyedHash keyed(key);
  for (std::size_t i = 0; i < gear_.size(); ++i) {
    const std::uint8_t message[] = {'g', 'e', 'a', 'r', static_cast<std::uint8_t>(i)};
    const Digest d = keyed.digest(message);
    std::uint64_t value = 0;
    for (int b = 7; b >= 0; --b) value = value << 8 | d[static_cast<std::size_t>(b)];
    gear_[i] = value;
  }
  zero_run_cut_ = scan(Buffer(params_.size_max));
}

std::size_t Chunker::next_cut(ByteView stream) const {
  if (stream.size() >= params_.size_max && stream[0] == 0 && is_zero(stream.first(params_.size_max))) return zero_run_cut_;
  return scan(stream);
}

std::size_t Chunker::scan(ByteView stream) const {
  const std::size_t end = std::min<std::size_t>(stream.size(), params_.size_max);
  if (end <= params_.size_min) return end;
  const std::uint8_t* data = stream.data();
  std::uint64_t hash = 0;
  for (std::size_t at = params_.size_min - 64; at < params_.size_min; ++at) hash = (hash << 1) + gear_[data[at]];
  // From here `hash` covers the 64 bytes before `at`. A cut at `at` is allowed when the high bits are zero.
  const auto run = [&](std::size_t at, std::size_t stop, int bits) {
    const std::uint64_t limit = std::uint64_t{1} << (64 - bits);
    for (; at < stop; ++at) {
      hash = (hash << 1) + gear_[data[at]];
      if (hash < limit) [[unlikely]] return at + 1;
    }
    return std::size_t{0};
  };
  const std::size_t middle = std::clamp<std::size_t>(params_.size_avg, params_.size_min, end);
  if (const std::size_t cut = run(params_.size_min, middle, bits_strict_)) return cut;
  if (const std::size_t cut = run(middle, end, bits_loose_)) return cut;
  return end;
}

}  // namespace hf
