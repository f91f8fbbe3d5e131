#include "codec/hash.hpp"

// The low-level calls let a midstate be kept; OpenSSL 3 marks them deprecated in favour of an interface that cannot.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace hf {
namespace {

using State = std::array<std::uint32_t, 8>;
constexpr State kInitial = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
constexpr std::size_t kBlock = 64;

#if defined(__x86_64__)
alignas(64) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be,
    0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa,
    0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85,
    0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
    0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f,
    0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

bool cpu_has_sha() {
  unsigned a, b, c, d;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) == 0 || (b & (1u << 29)) == 0) return false;
  return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & (1u << 19)) != 0;  // SSE4.1
}
const bool kHasSha = cpu_has_sha();

#define HF_SHA_TARGET __attribute__((target("sha,sse4.1,ssse3")))

/// `lanes` (1 or 2) messages of `blocks` blocks each, their instructions interleaved. The round function of the SHA
/// extensions works on (ABEF, CDGH); the loads below bring the plain order into that one.
template <std::size_t lanes>
HF_SHA_TARGET inline void compress_lanes(State* const (&states)[lanes], const std::uint8_t* const (&data)[lanes], std::size_t blocks) {
  const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  __m128i abef[lanes], cdgh[lanes];
  const std::uint8_t* at[lanes];
  for (std::size_t l = 0; l < lanes; ++l) {
    at[l] = data[l];
    const __m128i dcba = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(states[l]->data())), 0xB1);
    const __m128i efgh = _mm_shuffle_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(states[l]->data() + 4)), 0x1B);
    abef[l] = _mm_alignr_epi8(dcba, efgh, 8);
    cdgh[l] = _mm_blend_epi16(efgh, dcba, 0xF0);
  }
  for (std::size_t n = 0; n < blocks; ++n) {
    __m128i m[lanes][4], abef_before[lanes], cdgh_before[lanes];
    for (std::size_t l = 0; l < lanes; ++l) {
      abef_before[l] = abef[l];
      cdgh_before[l] = cdgh[l];
      for (std::size_t i = 0; i < 4; ++i)
        m[l][i] = _mm_shuffle_epi8(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at[l]) + i), swap);
      at[l] += kBlock;
    }
#pragma GCC unroll 16
    for (std::size_t i = 0; i < 16; ++i) {
      const __m128i k = _mm_load_si128(reinterpret_cast<const __m128i*>(kRound + 4 * i));
#pragma GCC unroll 2
      for (std::size_t l = 0; l < lanes; ++l) {
        const __m128i w = _mm_add_epi32(m[l][i & 3], k);
        cdgh[l] = _mm_sha256rnds2_epu32(cdgh[l], abef[l], w);
        if (i < 12) {  // the schedule: words 16 to 63 from the four groups before
          const __m128i next = _mm_add_epi32(_mm_sha256msg1_epu32(m[l][i & 3], m[l][(i + 1) & 3]),
                                             _mm_alignr_epi8(m[l][(i + 3) & 3], m[l][(i + 2) & 3], 4));
          m[l][i & 3] = _mm_sha256msg2_epu32(next, m[l][(i + 3) & 3]);
        }
        abef[l] = _mm_sha256rnds2_epu32(abef[l], cdgh[l], _mm_shuffle_epi32(w, 0x0E));
      }
    }
    for (std::size_t l = 0; l < lanes; ++l) {
      abef[l] = _mm_add_epi32(abef[l], abef_before[l]);
      cdgh[l] = _mm_add_epi32(cdgh[l], cdgh_before[l]);
    }
  }
  for (std::size_t l = 0; l < lanes; ++l) {
    const __m128i feba = _mm_shuffle_epi32(abef[l], 0x1B), dchg = _mm_shuffle_epi32(cdgh[l], 0xB1);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(states[l]->data()), _mm_blend_epi16(feba, dchg, 0xF0));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(states[l]->data() + 4), _mm_alignr_epi8(dchg, feba, 8));
  }
}
HF_SHA_TARGET void compress_one_sha(State* s, const std::uint8_t* d, std::size_t n) {
  State* const states[1] = {s};
  const std::uint8_t* const data[1] = {d};
  compress_lanes<1>(states, data, n);
}
HF_SHA_TARGET void compress_two_sha(State* s0, const std::uint8_t* d0, State* s1, const std::uint8_t* d1, std::size_t n) {
  State* const states[2] = {s0, s1};
  const std::uint8_t* const data[2] = {d0, d1};
  compress_lanes<2>(states, data, n);
}
#else
constexpr bool kHasSha = false;
void compress_one_sha(State*, const std::uint8_t*, std::size_t) {}
void compress_two_sha(State*, const std::uint8_t*, State*, const std::uint8_t*, std::size_t) {}
#endif

void compress_openssl(State& state, const std::uint8_t* data, std::size_t blocks) {
  SHA256_CTX context;
  SHA256_Init(&context);
  std::copy(state.begin(), state.end(), context.h);
  SHA256_Update(&context, data, blocks * kBlock);
  std::copy(context.h, context.h + 8, state.begin());
}

void compress(State& state, const std::uint8_t* data, std::size_t blocks) {
  if (blocks == 0) return;
  if (kHasSha) compress_one_sha(&state, data, blocks);
  else compress_openssl(state, data, blocks);
}
void compress_pair(State& s0, const std::uint8_t* d0, State& s1, const std::uint8_t* d1, std::size_t blocks) {
  if (kHasSha) {
    compress_two_sha(&s0, d0, &s1, d1, blocks);
  } else {
    compress_openssl(s0, d0, blocks);
    compress_openssl(s1, d1, blocks);
  }
}

void store_big_endian(std::uint32_t value, std::uint8_t* to) {
  for (int i = 0; i < 4; ++i) to[i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
}
Digest to_digest(const State& state) {
  Digest d;
  for (std::size_t i = 0; i < 8; ++i) store_big_endian(state[i], d.data() + 4 * i);
  return d;
}

/// Pads and hashes the last bytes (below one block); `total` counts all bytes since the initial state.
Digest finish(State state, ByteView rest, std::uint64_t total) {
  std::array<std::uint8_t, 2 * kBlock> last{};
  std::copy(rest.begin(), rest.end(), last.begin());
  last[rest.size()] = 0x80;
  const std::size_t blocks = rest.size() + 9 <= kBlock ? 1 : 2;
  for (std::size_t i = 0; i < 8; ++i) last[blocks * kBlock - 1 - i] = static_cast<std::uint8_t>((total * 8) >> (8 * i));
  compress(state, last.data(), blocks);
  return to_digest(state);
}

/// Hashes all messages from `start` (which has consumed `start_bytes`), pairing them in two lanes.
void hash_many(const State& start, std::uint64_t start_bytes, std::span<const ByteView> messages, std::span<Digest> out) {
  struct Lane {
    std::size_t message = 0;
    const std::uint8_t* at = nullptr;
    std::size_t blocks = 0;
    State state{};
    bool busy = false;
  } lanes[2];
  std::size_t next = 0;
  const auto refill = [&](Lane& lane) {
    while (next < messages.size()) {
      const ByteView m = messages[next];
      if (m.size() < kBlock) {  // nothing to run in lanes
        out[next] = finish(start, m, start_bytes + m.size());
        ++next;
        continue;
      }
      lane = {next++, m.data(), m.size() / kBlock, start, true};
      return;
    }
  };
  const auto retire = [&](Lane& lane) {
    const ByteView m = messages[lane.message];
    out[lane.message] = finish(lane.state, m.subspan(m.size() / kBlock * kBlock), start_bytes + m.size());
    lane.busy = false;
  };
  for (;;) {
    for (Lane& lane : lanes)
      if (!lane.busy) refill(lane);
    if (lanes[0].busy && lanes[1].busy) {
      const std::size_t n = std::min(lanes[0].blocks, lanes[1].blocks);
      compress_pair(lanes[0].state, lanes[0].at, lanes[1].state, lanes[1].at, n);
      for (Lane& lane : lanes) {
        lane.at += n * kBlock;
        lane.blocks -= n;
        if (lane.blocks == 0) retire(lane);
      }
      continue;
    }
    for (Lane& lane : lanes) {
      if (!lane.busy) continue;
      compress(lane.state, lane.at, lane.blocks);
      retire(lane);
    }
    if (next == messages.size()) return;
  }
}

}  // namespace

Digest sha256(ByteView message) {
  State state = kInitial;
  compress(state, message.data(), message.size() / kBlock);
  return finish(state, message.subspan(message.size() / kBlock * kBlock), message.size());
}

void sha256_many(std::span<const ByteView> messages, std::span<Digest> out) { hash_many(kInitial, 0, messages, out); }

Sha256::Sha256() : state_(kInitial) {}

void Sha256::update(ByteView bytes) {
  total_bytes_ += bytes.size();
  if (rest_bytes_ > 0) {
    const std::size_t n = std::min(bytes.size(), kBlock - rest_bytes_);
    std::copy_n(bytes.begin(), n, rest_.begin() + static_cast<std::ptrdiff_t>(rest_bytes_));
    rest_bytes_ += n;
    bytes = bytes.subspan(n);
    if (rest_bytes_ < kBlock) return;
    compress(state_, rest_.data(), 1);
    rest_bytes_ = 0;
  }
  compress(state_, bytes.data(), bytes.size() / kBlock);
  bytes = bytes.subspan(bytes.size() / kBlock * kBlock);
  std::copy(bytes.begin(), bytes.end(), rest_.begin());
  rest_bytes_ = bytes.size();
}

Digest Sha256::finish() { return hf::finish(state_, ByteView(rest_).first(rest_bytes_), total_bytes_); }

KeyedHash::KeyedHash(ByteView key) : inner_(kInitial), outer_(kInitial) {
  std::array<std::uint8_t, kBlock> block{};
  if (key.size() > kBlock) {
    const Digest d = sha256(key);
    std::copy(d.begin(), d.end(), block.begin());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (auto& b : block) b ^= 0x36;
  compress(inner_, block.data(), 1);
  for (auto& b : block) b ^= 0x36 ^ 0x5c;
  compress(outer_, block.data(), 1);
  wipe(block);
}

Digest KeyedHash::digest(ByteView message) const {
  State state = inner_;
  compress(state, message.data(), message.size() / kBlock);
  const Digest inner = finish(state, message.subspan(message.size() / kBlock * kBlock), kBlock + message.size());
  return finish(outer_, inner, kBlock + inner.size());
}

void KeyedHash::digest_many(std::span<const ByteView> messages, std::span<Digest> out) const {
  hash_many(inner_, kBlock, messages, out);
  for (Digest& d : out) d = finish(outer_, ByteView(d), kBlock + d.size());
}

Digest hkdf(ByteView secret, ByteView salt, std::string_view info) {
  const Digest extracted = KeyedHash(salt).digest(secret);
  Buffer message(info.begin(), info.end());
  message.push_back(1);
  return KeyedHash(extracted).digest(message);
}

}  // namespace hf
